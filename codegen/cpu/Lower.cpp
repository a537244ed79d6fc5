// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Passes.h"
#include "codegen/kernels/Optimise.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace smelt::cpu {

void buildCpuPipeline(OpPassManager &manager, const kernel::Machine &machine, StringRef target) {
  manager.addPass(createEmitKernelsPass(machine, target));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createExpandMathPass(machine));
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(options));
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
}

void registerTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

/// NAME.on_stack, for a thread that got no scratch memory: calls the kernel with a block of its own as the last
/// operand.
static llvm::Function *makeOnStack(llvm::Function &kernel, unsigned operands, uint64_t bytes) {
  llvm::Function *function = llvm::Function::Create(kernel.getFunctionType(), llvm::GlobalValue::InternalLinkage,
                                                    kernel.getName() + ".on_stack", kernel.getParent());
  function->addFnAttr(llvm::Attribute::NoInline); // a kernel called with scratch memory has a small frame
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(kernel.getContext(), "", function));
  auto *pointer = llvm::PointerType::getUnqual(kernel.getContext());
  llvm::Value *table = builder.CreateAlloca(pointer, builder.getInt32(operands));
  llvm::AllocaInst *block = builder.CreateAlloca(builder.getInt8Ty(), builder.getInt64(bytes));
  block->setAlignment(llvm::Align(64));
  for (unsigned index = 0; index < operands; ++index) {
    llvm::Value *from = builder.CreateConstGEP1_64(pointer, function->getArg(0), index);
    llvm::Value *operand = block;
    if (index + 1 < operands)
      operand = builder.CreateLoad(pointer, from);
    builder.CreateStore(operand, builder.CreateConstGEP1_64(pointer, table, index));
  }
  builder.CreateCall(&kernel, {table, function->getArg(1), function->getArg(2)})->setIsNoInline();
  builder.CreateRetVoid();
  return function;
}

/// Leaves the kernel, at the builder's place, where it got no scratch memory.
static void leaveWithoutScratch(llvm::IRBuilder<> &builder, llvm::Value *scratch, llvm::Function *onStack) {
  llvm::Function *kernel = builder.GetInsertBlock()->getParent();
  auto *without = llvm::BasicBlock::Create(kernel->getContext(), "", kernel);
  auto *with = llvm::BasicBlock::Create(kernel->getContext(), "", kernel);
  builder.CreateCondBr(builder.CreateIsNull(scratch), without, with);
  builder.SetInsertPoint(without);
  builder.CreateCall(onStack, {kernel->getArg(0), kernel->getArg(1), kernel->getArg(2)});
  builder.CreateRetVoid();
  builder.SetInsertPoint(with);
}

/// void NAME(ptr operands, i64 first, i64 last) around the body that takes each buffer as an argument.
static void wrap(llvm::Function &body) {
  llvm::Module &module = *body.getParent();
  std::string name = body.getName().str();
  body.setName(name + ".body");
  body.setLinkage(llvm::GlobalValue::InternalLinkage);
  body.addFnAttr(llvm::Attribute::AlwaysInline);
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  auto *integer = llvm::Type::getInt64Ty(context);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, integer, integer}, false);
  llvm::Function *kernel = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", kernel));
  llvm::SmallVector<llvm::Value *> arguments;
  unsigned buffers = body.arg_size() - 2;
  for (unsigned index = 0; index < buffers; ++index) {
    llvm::Value *slot = builder.CreateConstGEP1_64(pointer, kernel->getArg(0), index);
    arguments.push_back(builder.CreateLoad(pointer, slot));
  }
  uint64_t scratch = 0;
  if (!body.getFnAttribute(kScratchAttribute).getValueAsString().getAsInteger(10, scratch))
    leaveWithoutScratch(builder, arguments.back(), makeOnStack(*kernel, buffers, scratch));
  arguments.append({kernel->getArg(1), kernel->getArg(2)});
  builder.CreateCall(&body, arguments);
  builder.CreateRetVoid();
}

llvm::Expected<std::unique_ptr<llvm::Module>> translateKernels(ModuleOp module, llvm::LLVMContext &context,
                                                               llvm::TargetMachine &machine) {
  // The plan stays behind: it has no code.
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  for (Operation &op : *module.getBody())
    if (isa<LLVM::LLVMFuncOp, LLVM::GlobalOp>(op))
      kernels->push_back(op.clone());
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(*kernels, context, "kernels");
  if (!result)
    return llvm::createStringError("the kernels could not be translated to LLVM IR");
  result->setDataLayout(machine.createDataLayout());
  result->setTargetTriple(machine.getTargetTriple());
  llvm::SmallVector<llvm::Function *> bodies;
  for (llvm::Function &function : *result)
    if (!function.isDeclaration())
      bodies.push_back(&function);
  for (llvm::Function *body : bodies)
    wrap(*body);
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("no-builtins"); // there is no libc on the device: a loop must not become a call of memset
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  codegen::optimise(*result, machine, /*unrolls=*/false); // unrolled code is larger, not faster
  return result;
}

} // namespace smelt::cpu

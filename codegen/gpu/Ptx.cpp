// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Ptx.h"
#include "codegen/kernels/Optimise.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;

extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

namespace smelt::gpu {

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makePtxMachine(const Profile &profile) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast; // contraction to FMA, as for processors
  std::unique_ptr<llvm::TargetMachine> machine(
      backend->createTargetMachine(triple, "sm_" + std::to_string(profile.architecture), profile.features, options,
                                   std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (!machine)
    return llvm::createStringError("LLVM has no code generator for " + triple.str());
  return machine;
}

namespace {
/// Keeps the first error of LLVM's backend, which would end the process otherwise.
struct FirstError : llvm::DiagnosticHandler {
  explicit FirstError(std::string &text) : text(text) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() == llvm::DS_Error && text.empty()) {
      llvm::raw_string_ostream os(text);
      llvm::DiagnosticPrinterRawOStream printer(os);
      info.print(printer);
    }
    return true;
  }
  std::string &text;
};
} // namespace

/// Loops over tiles in shared memory are as long as they should be. ptxas would unroll them, and spill.
static void keepLoops(llvm::Module &module) {
  constexpr unsigned kShared = 3;
  if (llvm::none_of(module.globals(), [](const auto &variable) { return variable.getAddressSpace() == kShared; }))
    return;
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    llvm::DominatorTree dominators(function);
    llvm::LoopInfo loops(dominators);
    for (llvm::Loop *loop : loops.getLoopsInPreorder())
      loop->setLoopAlreadyUnrolled();
  }
}

/// Names of variables hold for the whole assembly: here they begin with that of their kernel.
static void nameGlobals(llvm::Module &module) {
  StringRef kernel;
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      kernel = function.getName();
  for (auto [number, variable] : llvm::enumerate(module.globals()))
    variable.setName(kernel + "_" + llvm::Twine(number));
}

/// The name that a line like ".extern .func (.param .b32 r) name" declares; functions of a library are not there.
static std::string calledFunction(StringRef text) {
  auto [before, after] = text.split(".extern .func");
  if (after.empty())
    return "";
  StringRef line = after.split('\n').first.trim();
  if (line.starts_with("("))
    line = line.split(')').second.trim();
  return line.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '$'; }).str();
}

/// Up to the line of .address_size, and what is behind it. Comments are left out.
static Ptx split(StringRef text) {
  Ptx result;
  bool isBody = false;
  for (StringRef rest = text; !rest.empty();) {
    auto [line, next] = rest.split('\n');
    rest = next;
    StringRef code = line.split("//").first.rtrim();
    if (code.trim().empty())
      continue;
    (isBody ? result.body : result.head) += (code + "\n").str();
    isBody |= code.starts_with(".address_size");
  }
  return result;
}

llvm::Expected<Ptx> emitPtx(ModuleOp module, llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  std::string error;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "kernels");
  if (!code)
    return llvm::createStringError("the kernel could not be translated to LLVM IR");
  context.setDiagnosticHandler(std::make_unique<FirstError>(error));
  code->setDataLayout(machine.createDataLayout());
  code->setTargetTriple(machine.getTargetTriple());
  for (llvm::Function &function : *code)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.getTargetCPU());
      function.addFnAttr("target-features", machine.getTargetFeatureString());
      function.addFnAttr(llvm::Attribute::NoUnwind);
    }
  keepLoops(*code);
  codegen::optimise(*code, machine, /*unrolls=*/true);
  nameGlobals(*code);
  SmallString<0> text;
  llvm::raw_svector_ostream os(text);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM emits no PTX");
  passes.run(*code);
  if (!error.empty())
    return llvm::createStringError(error);
  if (std::string name = calledFunction(text); !name.empty())
    return llvm::createStringError("calls '" + name + "', which devices lack");
  return split(text);
}

} // namespace smelt::gpu

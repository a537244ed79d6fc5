// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// emit-kernels: kernel.func → func.func over one-dimensional memrefs, with loops and register-wide vectors:
//   func @k(%buffer0: memref<?>, …, %first: index, %last: index) attributes {kernel.tiles = N}

#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace smelt::cpu {

static func::FuncOp declare(kernel::FuncOp kernel, OpBuilder &builder) {
  constexpr int64_t kMostElements = std::numeric_limits<int64_t>::max() / 64; // bits of the widest: only the run knows
  SmallVector<Type> types;
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    types.push_back(
        type ? MemRefType::get({kernel::spanOf(type).value_or(kMostElements)}, storageType(type.getElementType()))
             : MemRefType::get({1}, builder.getI64Type()));
  }
  if (kernel.getScratch())
    types.push_back(MemRefType::get({static_cast<int64_t>(*kernel.getScratch())}, builder.getI8Type()));
  types.append(2, builder.getIndexType());
  auto function =
      func::FuncOp::create(builder, kernel.getLoc(), kernel.getSymName(), builder.getFunctionType(types, {}));
  function.setPrivate();
  function.addEntryBlock();
  // A result overlaps nothing else; operands may overlap one another, which no one writes.
  for (unsigned index = 0; index < types.size() - 2; ++index)
    function.setArgAttr(index, "llvm.noalias", builder.getUnitAttr());
  if (kernel.getScratch())
    function->setAttr("passthrough", builder.getArrayAttr(builder.getStrArrayAttr(
                                         {kScratchAttribute, std::to_string(*kernel.getScratch())})));
  return function;
}

static FailureOr<graph::Extent> emitRoot(Body &body, TileRange range, const kernel::Machine &machine) {
  Block &ops = body.kernel().getBody().front();
  if (std::optional<kernel::AttentionOps> attention = kernel::findAttention(ops))
    return emitAttention(body, *attention, range, machine);
  for (Operation &op : ops) {
    if (auto contract = dyn_cast<kernel::ContractOp>(op))
      return emitContraction(body, contract, range, machine);
    if (auto winograd = dyn_cast<kernel::WinogradOp>(op))
      return emitWinograd(body, winograd, range, machine);
    if (auto conv = dyn_cast<graph::ConvOp>(op); conv && isDepthwise(conv))
      return emitDepthwise(body, conv, range, machine);
    if (auto custom = dyn_cast<graph::CustomOp>(op))
      return emitCustom(body, custom);
    if (auto loops = dyn_cast<graph::LoopInterface>(op))
      return emitLoops(body, loops, range, machine);
  }
  return emitPointwise(body, range, machine);
}

namespace {
struct EmitKernels : PassWrapper<EmitKernels, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitKernels)
  EmitKernels(const kernel::Machine &machine, StringRef target) : machine(machine), target(target) {}
  StringRef getArgument() const override { return "emit-kernels"; }
  StringRef getDescription() const override { return "kernels → loops over register-wide vectors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, func::FuncDialect, graph::GraphDialect, LLVM::LLVMDialect, math::MathDialect,
                    memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    bool allEmitted = true;
    for (auto kernel : llvm::make_early_inc_range(getOperation()->getRegion(0).getOps<kernel::FuncOp>()))
      allEmitted &= succeeded(emit(kernel));
    if (!allEmitted)
      signalPassFailure();
  }

private:
  LogicalResult emit(kernel::FuncOp kernel) {
    int64_t scratch = kernel::scratchBytes(kernel.getBody().front(), machine);
    if (kernel.getScratch() && static_cast<int64_t>(*kernel.getScratch()) != scratch)
      return kernel.emitError("needs ") << scratch << " bytes of scratch memory on this target";
    OpBuilder outer(kernel);
    func::FuncOp function = declare(kernel, outer);
    Block &entry = function.getBody().front();
    ImplicitLocOpBuilder builder(kernel.getLoc(), &getContext());
    builder.setInsertionPointToStart(&entry);
    auto end = func::ReturnOp::create(builder);
    builder.setInsertionPoint(end);
    TileRange range{entry.getArgument(entry.getNumArguments() - 2), entry.getArguments().back()};
    Body body(kernel, function, builder, machine);
    FailureOr<graph::Extent> tiles = emitRoot(body, range, machine);
    if (failed(tiles)) {
      reportUnsupported(kernel);
      return failure();
    }
    function->setAttr("kernel.tiles", graph::ExtentsAttr::get(&getContext(), *tiles));
    kernel.erase();
    return success();
  }

  /// At the first of its ops, which the others were fused to.
  void reportUnsupported(kernel::FuncOp kernel) const {
    llvm::SetVector<StringRef> operators;
    llvm::SetVector<Type> types;
    Operation *first = nullptr;
    for (Operation &op : kernel.getBody().front()) {
      if (!isa<kernel::LoadOp, kernel::StoreOp, graph::ConstantOp>(op)) {
        operators.insert(op.getName().stripDialect());
        first = first ? first : &op;
      }
      for (Type type : op.getResultTypes())
        if (auto tensor = dyn_cast<RankedTensorType>(type))
          types.insert(tensor.getElementType());
    }
    if (!first)
      return;
    InFlightDiagnostic error = first->emitError("a kernel of ");
    llvm::interleave(operators, error, [&](StringRef name) { error << name; }, " and ");
    error << " on elements of ";
    llvm::interleave(types, error, [&](Type type) { error << type; }, " and ");
    error << " has no code for the target " << target
          << "; cast what it takes to f32 in the model, or compile for another target";
  }

  kernel::Machine machine;
  std::string target;
};
} // namespace

std::unique_ptr<Pass> createEmitKernelsPass(const kernel::Machine &machine, StringRef target) {
  return std::make_unique<EmitKernels>(machine, target);
}

} // namespace smelt::cpu

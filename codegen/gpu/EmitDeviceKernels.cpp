// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// emit-device-kernels: kernel.func → func.func over one-dimensional memrefs, the work of one invocation:
//   func @k(%buffer0: memref<?>, …, %invocation: index) attributes {gpu.invocations = N}
// Invocations from number N on, which the last workgroup has, do nothing.

#include "codegen/cpu/Emitters.h"
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Passes.h"
#include "dialects/Graph/Ops/Expression.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using smelt::graph::Extent;

namespace smelt::gpu {

/// Whether only the run knows how far a buffer reaches.
static bool isOpen(MemRefType type) { return isa<kernel::LayoutAttr>(type.getLayout()); }

/// Null where a buffer can't be one of a device.
static func::FuncOp declare(kernel::FuncOp kernel, OpBuilder &builder) {
  constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max(); // which indices of 32 bits count
  if (kernel.getScratch() || (kernel.getSizes() && kernel.getSizes()->size() > kMostSizes))
    return nullptr;
  SmallVector<Type> types;
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type) {
      types.push_back(builder.getI32Type());
      continue;
    }
    std::optional<int64_t> span = kernel::spanOf(type);
    if (!span && isOpen(type))
      span = kMostElements;
    if (!span || *span > kMostElements)
      return nullptr;
    types.push_back(MemRefType::get({*span}, codegen::storageType(type.getElementType())));
  }
  types.push_back(builder.getIndexType());
  auto function =
      func::FuncOp::create(builder, kernel.getLoc(), kernel.getSymName(), builder.getFunctionType(types, {}));
  function.setPrivate();
  function.addEntryBlock();
  if (Attribute aligned = kernel->getAttr(kAlignedOperands))
    function->setAttr(kAlignedOperands, aligned);
  if (kernel.getSizes())
    function->setAttr(kSizes, *kernel.getSizes());
  return function;
}

/// Takes back what an emitter left at the builder's place, the end of a block of its own.
static void takeBack(Body &body, func::FuncOp function) {
  Block *block = body.builder().getInsertionBlock();
  while (&block->front() != block->getTerminator())
    block->getTerminator()->getPrevNode()->erase();
  body.startPoint();
  for (auto shared : llvm::make_early_inc_range(function->getParentRegion()->getOps<memref::GlobalOp>()))
    shared.erase();
}

/// By groups that share a tile, or K, where that can be; else each invocation by itself.
static FailureOr<Extent> emitProduct(Body &body, kernel::ContractOp root, func::FuncOp function, Value invocation,
                                     const Profile &profile) {
  if (profile.sharesTiles) {
    FailureOr<Extent> shared = emitMmaContraction(body, root, function, invocation, profile);
    if (succeeded(shared))
      return shared;
    takeBack(body, function);
    shared = emitTiledContraction(body, root, function, invocation, profile);
    if (succeeded(shared))
      return shared;
    takeBack(body, function);
    shared = emitSplitContraction(body, root, function, invocation, profile);
    if (succeeded(shared))
      return shared;
    takeBack(body, function);
  }
  return emitContraction(body, root, function, invocation, profile);
}

static FailureOr<Extent> emitRoot(Body &body, func::FuncOp function, Value invocation, const Profile &profile) {
  Block &ops = body.kernel().getBody().front();
  if (std::optional<kernel::AttentionOps> attention = kernel::findAttention(ops))
    return emitTiledAttention(body, *attention, function, invocation, profile);
  for (Operation &op : ops) {
    if (isa<kernel::WinogradOp, graph::CustomOp>(op))
      return failure();
    if (auto contract = dyn_cast<kernel::ContractOp>(op))
      return emitProduct(body, contract, function, invocation, profile);
    if (auto conv = dyn_cast<graph::ConvOp>(op); conv && cpu::isDepthwise(conv))
      return emitDepthwise(body, conv, invocation, profile);
    if (auto loops = dyn_cast<graph::LoopInterface>(op))
      return emitLoops(body, loops, function, invocation, profile);
  }
  return emitPointwise(body, invocation);
}

/// Indices have 32 bits: what a tensor of 64 has beyond them counts as the nearest, as it is limited to a dim later.
static void limitIndices(func::FuncOp function) {
  function.walk([](arith::IndexCastOp cast) {
    Operation *source = cast.getIn().getDefiningOp();
    if (!cast.getIn().getType().isInteger(64) || isa_and_nonnull<arith::IndexCastOp, arith::ConstantOp>(source))
      return;
    OpBuilder b(cast);
    Location loc = cast.getLoc();
    auto limit = [&](int64_t value) { return arith::ConstantIntOp::create(b, loc, value, 64).getResult(); };
    Value most = arith::MinSIOp::create(b, loc, cast.getIn(), limit(std::numeric_limits<int32_t>::max()));
    cast.setOperand(arith::MaxSIOp::create(b, loc, most, limit(std::numeric_limits<int32_t>::min())));
  });
}

namespace {
struct EmitDeviceKernels : PassWrapper<EmitDeviceKernels, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitDeviceKernels)
  explicit EmitDeviceKernels(const Profile &profile) : profile(profile) {}
  StringRef getArgument() const override { return "emit-device-kernels"; }
  StringRef getDescription() const override { return "kernels → the work of one invocation"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, func::FuncDialect, graph::GraphDialect, math::MathDialect,
                    memref::MemRefDialect, LLVM::LLVMDialect, nvgpu::NVGPUDialect, NVVM::NVVMDialect, scf::SCFDialect,
                    spirv::SPIRVDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    for (auto kernel : llvm::make_early_inc_range(getOperation()->getRegion(0).getOps<kernel::FuncOp>()))
      if (failed(emit(kernel))) {
        kernel.emitError("has no code for devices");
        return signalPassFailure();
      }
  }

private:
  LogicalResult emit(kernel::FuncOp kernel) {
    OpBuilder outer(kernel);
    func::FuncOp function = declare(kernel, outer);
    if (!function)
      return failure();
    Block &entry = function.getBody().front();
    ImplicitLocOpBuilder builder(kernel.getLoc(), &getContext());
    builder.setInsertionPointToStart(&entry);
    builder.setInsertionPoint(func::ReturnOp::create(builder));
    Value invocation = entry.getArguments().back();
    if (profile.api == Api::Vulkan)
      function->setAttr(graph::kRoundsProducts, outer.getUnitAttr());
    Body body(kernel, function, builder, machineOf(profile));
    auto count = arith::ConstantIndexOp::create(builder, 0); // as many as there turn out to be
    Value isOne = arith::CmpIOp::create(builder, arith::CmpIPredicate::ult, invocation, count);
    auto guard = scf::IfOp::create(builder, isOne, /*withElseRegion=*/false);
    builder.setInsertionPointToStart(guard.thenBlock());
    FailureOr<Extent> invocations = emitRoot(body, function, invocation, profile);
    if (failed(invocations))
      return failure();
    limitIndices(function);
    if (failed(setInvocations(function, *invocations, guard, body)))
      return failure();
    kernel.erase();
    return success();
  }

  /// Says how many there are, and lets the others do nothing.
  LogicalResult setInvocations(func::FuncOp function, const Extent &count, scf::IfOp guard, Body &body) {
    ImplicitLocOpBuilder &b = body.builder();
    const bool isOpen = function->hasAttr(kSizes);
    if (isOpen)
      function->setAttr(kMeasures, graph::ExtentsAttr::get(&getContext(), {count, Extent(0)}));
    auto isOne = guard.getCondition().getDefiningOp<arith::CmpIOp>();
    if (count.isNumber() && (count.number() <= 0 || count.number() > std::numeric_limits<int32_t>::max() / 2))
      return failure();
    // Where the last workgroup has no others; a grid of two dims may have more groups than one that the run counts.
    if (count.dividedBy(profile.groupSize) && (count.isNumber() || profile.api == Api::Cuda)) {
      b.setInsertionPoint(guard);
      guard->setOperand(0, arith::ConstantOp::create(b, b.getBoolAttr(true)));
    } else if (count.isNumber()) {
      isOne.getRhs().getDefiningOp()->setAttr("value", b.getIndexAttr(count.number()));
    } else {
      isOne.setOperand(1, body.value(count));
    }
    if (!isOpen)
      function->setAttr(kInvocations, b.getI64IntegerAttr(count.number()));
    return success();
  }

  Profile profile;
};
} // namespace

std::unique_ptr<Pass> createEmitDeviceKernelsPass(const Profile &profile) {
  return std::make_unique<EmitDeviceKernels>(profile);
}

} // namespace smelt::gpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// check-capabilities: fails where a kernel needs what the profile lacks. What comes after takes types for ones that the
// device has, and would turn others silently into wrong code.

#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::gpu {

constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

/// A number that `value` is never above (`isUpper`), or never below; nothing where none is known.
static std::optional<int64_t> boundOf(Value value, bool isUpper) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  if (value.getDefiningOp<arith::RemUIOp>() || value.getDefiningOp<arith::DivUIOp>()) // of numbers of invocations
    return isUpper ? std::nullopt : std::optional<int64_t>(0);
  if (auto product = value.getDefiningOp<arith::MulIOp>(); product && !isUpper) {
    std::optional<int64_t> left = boundOf(product.getLhs(), isUpper), right = boundOf(product.getRhs(), isUpper);
    return left && right && *left >= 0 && *right >= 0 ? std::optional(*left * *right) : std::nullopt;
  }
  const bool isMin = value.getDefiningOp<arith::MinSIOp>(), isMax = value.getDefiningOp<arith::MaxSIOp>();
  if (!isMin && !isMax)
    return std::nullopt;
  std::optional<int64_t> left = boundOf(value.getDefiningOp()->getOperand(0), isUpper),
                         right = boundOf(value.getDefiningOp()->getOperand(1), isUpper);
  if (left && right)
    return isMin ? std::min(*left, *right) : std::max(*left, *right);
  return isMin != isUpper ? std::nullopt : left ? left : right; // one is enough where the other only goes its way
}

/// How often a loop's body runs, at most.
static uint64_t tripsOf(scf::ForOp loop) {
  std::optional<int64_t> first = boundOf(loop.getLowerBound(), /*isUpper=*/false),
                         last = boundOf(loop.getUpperBound(), /*isUpper=*/true),
                         step = getConstantIntValue(loop.getStep());
  if (!first || !last || !step || *step <= 0)
    return kUnknown;
  return *last <= *first ? 0 : llvm::divideCeil(static_cast<uint64_t>(*last) - static_cast<uint64_t>(*first), *step);
}

static uint64_t stepsOf(Region &region);

/// How many steps of loops an op takes, at most; kUnknown where the run tells.
static uint64_t stepsOf(Operation *op) {
  uint64_t inner = 0;
  for (Region &region : op->getRegions())
    inner = llvm::SaturatingAdd(inner, stepsOf(region));
  if (isa<scf::WhileOp>(op))
    return kUnknown;
  auto loop = dyn_cast<scf::ForOp>(op);
  if (!loop)
    return inner;
  return llvm::SaturatingMultiply(tripsOf(loop), llvm::SaturatingAdd<uint64_t>(inner, 1));
}

static uint64_t stepsOf(Region &region) {
  uint64_t steps = 0;
  for (Operation &op : region.getOps())
    steps = llvm::SaturatingAdd(steps, stepsOf(&op));
  return steps;
}

namespace {
struct CheckCapabilities : PassWrapper<CheckCapabilities, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckCapabilities)
  explicit CheckCapabilities(const Profile &profile) : profile(profile) {}
  StringRef getArgument() const override { return "check-capabilities"; }
  StringRef getDescription() const override { return "fail where a kernel needs what the device lacks"; }

  void runOnOperation() override {
    getOperation()->walk([&](func::FuncOp function) {
      int64_t stack = 0;
      WalkResult walked = function.walk([&](Operation *op) {
        if (isa<func::FuncOp, nvgpu::LdMatrixOp, NVVM::MmaOp>(op)) // fragments of matrices are no vectors of a device
          return WalkResult::advance();
        if (auto local = dyn_cast<memref::AllocaOp>(op))
          stack += local.getType().getNumElements() * local.getType().getElementTypeBitWidth() / 8;
        for (Type type : op->getResultTypes())
          if (failed(check(op, type)))
            return WalkResult::interrupt();
        return WalkResult::advance();
      });
      if (walked.wasInterrupted())
        return signalPassFailure();
      for (BlockArgument argument : function.getArguments())
        if (failed(check(function, argument.getType())))
          return signalPassFailure();
      if (stepsOf(function.getBody()) > profile.loopSteps) {
        function.emitError("takes more steps of loops than devices do");
        signalPassFailure();
      }
      int64_t shared = 0;
      for (auto array : function->getParentRegion()->getOps<memref::GlobalOp>())
        shared += array.getType().getNumElements() * array.getType().getElementTypeBitWidth() / 8;
      if (shared > profile.sharedBytes) {
        function.emitError("needs ") << shared << " bytes of memory that a workgroup shares";
        signalPassFailure();
      }
      if (stack > profile.stackBytes) {
        function.emitError("needs ") << stack << " bytes of local arrays";
        signalPassFailure();
      }
    });
  }

private:
  LogicalResult check(Operation *op, Type type) {
    if (auto vector = dyn_cast<VectorType>(type)) {
      if (vector.getRank() != 1 || vector.getNumElements() < 2 || vector.getNumElements() > kLanes)
        return op->emitError("needs vectors of ") << vector << ", which devices lack";
    }
    if (isa<nvgpu::DeviceAsyncTokenType>(type) && profile.hasAsyncCopies)
      return success();
    Type element = getElementTypeOrSelf(type);
    const bool isOfWords = op->hasAttr(kWords) || (isa<func::FuncOp>(op) && profile.usesWords);
    if (isOfWords && (element.isInteger(8) || element.isInteger(16) || element.isF16() || element.isBF16()))
      return success();
    bool isInMemory = isa<MemRefType>(type);
    bool isThere =
        element.isF32() || element.isInteger(32) || element.isIndex() || (element.isInteger(64) && profile.hasInt64) ||
        (element.isInteger(1) && !isInMemory) ||
        (profile.hasNarrow && (element.isInteger(8) || element.isInteger(16) || element.isF16() || element.isF64()));
    return isThere ? success() : op->emitError("needs elements of ") << element << ", which the profile lacks";
  }

  Profile profile;
};
} // namespace

std::unique_ptr<Pass> createCheckCapabilitiesPass(const Profile &profile) {
  return std::make_unique<CheckCapabilities>(profile);
}

} // namespace smelt::gpu

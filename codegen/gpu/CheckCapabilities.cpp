// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// check-capabilities: fails where a kernel needs what the profile lacks. What comes after takes types for ones that the
// device has, and would turn others silently into wrong code.

#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/LoopSteps.h"
#include "codegen/gpu/Parts.h"
#include "codegen/gpu/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace smelt::gpu {

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
      if (failed(checkSteps(function)))
        signalPassFailure();
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
  /// Where only the run knows how many there are, it checks them.
  LogicalResult checkSteps(func::FuncOp function) {
    if (profile.loopSteps == std::numeric_limits<uint64_t>::max())
      return success();
    std::optional<graph::Extent> steps = loopSteps(function);
    if (!steps || (steps->isNumber() && static_cast<uint64_t>(steps->number()) > profile.loopSteps))
      return function.emitError("takes more steps of loops than devices do");
    if (auto measures = function->getAttrOfType<graph::ExtentsAttr>(kMeasures))
      function->setAttr(kMeasures, graph::ExtentsAttr::get(&getContext(), {measures.extents().front(), *steps}));
    return success();
  }

  LogicalResult check(Operation *op, Type type) {
    if (auto vector = dyn_cast<VectorType>(type)) {
      if (vector.getRank() != 1 || vector.getNumElements() < 2 || vector.getNumElements() > kLanes)
        return op->emitError("needs vectors of ") << vector << ", which devices lack";
    }
    if (isa<nvgpu::DeviceAsyncTokenType>(type) && profile.hasAsyncCopies)
      return success();
    Type element = getElementTypeOrSelf(type);
    const bool isOfWords = op->hasAttr(kWords) || (isa<func::FuncOp>(op) && !profile.hasNarrow);
    if (isOfWords && isPart(element))
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

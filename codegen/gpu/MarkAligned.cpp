// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mark-aligned: vector.load and vector.store of four elements that begin at a multiple of four, in an operand that
// does, get gpu.aligned: they are one access to memory.

#include "codegen/gpu/Accesses.h"
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"
#include <numeric>

using namespace mlir;

namespace smelt::gpu {

/// A number that divides `value` whatever the run; 0 divides 0 alone.
static int64_t divisorOf(Value value, int depth = 0) {
  constexpr int kDeepest = 16;
  if (depth > kDeepest)
    return 1;
  auto of = [&](Value operand) { return divisorOf(operand, depth + 1); };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && loop.getInductionVar() == value ? std::gcd(of(loop.getLowerBound()), of(loop.getStep())) : 1;
  }
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      return std::abs(number.getInt());
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    return std::gcd(of(op->getOperand(0)), of(op->getOperand(1)));
  if (isa<arith::SelectOp>(op))
    return std::gcd(of(op->getOperand(1)), of(op->getOperand(2)));
  if (isa<arith::MulIOp>(op)) // remainders by a large number would not do
    return std::gcd<int64_t>(of(op->getOperand(0)), kLanes) * std::gcd<int64_t>(of(op->getOperand(1)), kLanes);
  return 1;
}

static bool beginsAtVector(Value index) { return divisorOf(index) % kLanes == 0; }

namespace {
struct MarkAligned : PassWrapper<MarkAligned, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MarkAligned)
  StringRef getArgument() const override { return "mark-aligned"; }
  StringRef getDescription() const override { return "which accesses of four elements are aligned"; }

  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      Value written = storedTo(op), buffer = written ? written : loadedFrom(op);
      if (!buffer)
        return;
      auto type = dyn_cast<VectorType>(written ? op->getOperand(0).getType() : op->getResult(0).getType());
      if (type && type.getNumElements() == kLanes)
        mark(op, buffer, placeOf(op).front());
    });
  }

private:
  static void mark(Operation *op, Value base, Value index) {
    auto argument = dyn_cast<BlockArgument>(base);
    auto function = op->getParentOfType<func::FuncOp>();
    if (!argument || !function || !beginsAtVector(index))
      return;
    auto aligned = function->getAttrOfType<DenseBoolArrayAttr>(kAlignedOperands);
    if (aligned && argument.getArgNumber() < static_cast<size_t>(aligned.size()) && aligned[argument.getArgNumber()])
      op->setAttr(kAligned, UnitAttr::get(op->getContext()));
  }
};
} // namespace

std::unique_ptr<Pass> createMarkAlignedPass() { return std::make_unique<MarkAligned>(); }

} // namespace smelt::gpu

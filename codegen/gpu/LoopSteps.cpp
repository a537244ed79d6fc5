// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/LoopSteps.h"
#include "codegen/gpu/Bindings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using smelt::graph::Extent;

namespace smelt::gpu {

namespace {

using Bound = std::optional<Extent>;

/// Bounds of the values of one function.
class Bounds {
public:
  explicit Bounds(func::FuncOp function) : function_(function) {
    if (auto sizes = function->getAttrOfType<ArrayAttr>(kSizes))
      sizes_ = sizes.getValue();
  }

  /// A number that `value` is never above (`isUpper`), or never below; nothing where none is known.
  Bound of(Value value, bool isUpper, int depth = 0);
  Bound stepsOf(Region &region);

private:
  Bound find(Value value, bool isUpper, int depth);
  Bound ofArgument(BlockArgument argument, bool isUpper, int depth);
  Bound ofSum(Operation *op, bool isUpper, int depth);
  Bound ofProduct(Operation *op, bool isUpper, int depth);
  Bound ofExtreme(Operation *op, bool isUpper, int depth);
  Bound ofQuotient(Operation *op, bool isUpper, int depth);
  bool isNeverNegative(const Bound &lower) const { return lower && lower->isAtLeast(0); }
  Bound tripsOf(scf::ForOp loop);
  Bound stepsOf(Operation *op);

  func::FuncOp function_;
  ArrayRef<Attribute> sizes_;
  llvm::DenseMap<Value, Bound> known_[2]; // lower and upper ones: each is asked for by many
};

} // namespace

/// A size, or the index of a loop.
Bound Bounds::ofArgument(BlockArgument argument, bool isUpper, int depth) {
  if (argument.getOwner() == &function_.getBody().front()) {
    const unsigned first = function_.getNumArguments() - 1 - sizes_.size(), number = argument.getArgNumber();
    if (number >= first && number < first + sizes_.size())
      return Extent::symbol(function_.getContext(), cast<StringAttr>(sizes_[number - first]).getValue());
    return isUpper ? std::nullopt : Bound(Extent(0)); // the invocation's number
  }
  auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
  if (!loop || loop.getInductionVar() != argument)
    return std::nullopt;
  if (!isUpper)
    return of(loop.getLowerBound(), false, depth);
  Bound end = of(loop.getUpperBound(), true, depth);
  return end ? Bound(*end - 1) : std::nullopt;
}

Bound Bounds::ofSum(Operation *op, bool isUpper, int depth) {
  const bool isDifference = isa<arith::SubIOp>(op);
  Bound left = of(op->getOperand(0), isUpper, depth), right = of(op->getOperand(1), isUpper != isDifference, depth);
  if (!left || !right)
    return std::nullopt;
  return isDifference ? *left - *right : *left + *right;
}

Bound Bounds::ofProduct(Operation *op, bool isUpper, int depth) {
  Bound left = of(op->getOperand(0), false, depth), right = of(op->getOperand(1), false, depth);
  if (!isNeverNegative(left) || !isNeverNegative(right))
    return std::nullopt;
  if (isUpper) {
    left = of(op->getOperand(0), true, depth);
    right = of(op->getOperand(1), true, depth);
  }
  return left && right ? Bound(*left * *right) : std::nullopt;
}

Bound Bounds::ofExtreme(Operation *op, bool isUpper, int depth) {
  const bool isMin = isa<arith::MinSIOp>(op);
  Bound left = of(op->getOperand(0), isUpper, depth), right = of(op->getOperand(1), isUpper, depth);
  if (left && right)
    return isMin ? Extent::min(*left, *right) : Extent::max(*left, *right);
  return isMin != isUpper ? std::nullopt : left ? left : right; // one is enough where the other only goes its way
}

/// Of what is divided, or rounded down, by a positive number.
Bound Bounds::ofQuotient(Operation *op, bool isUpper, int depth) {
  std::optional<int64_t> divisor = getConstantIntValue(op->getOperand(1));
  Bound lower = of(op->getOperand(0), false, depth);
  if (!isUpper || !divisor)
    return isNeverNegative(lower) && (!divisor || *divisor != 0) ? Bound(Extent(0)) : std::nullopt;
  Bound upper = of(op->getOperand(0), true, depth);
  if (!upper || !isNeverNegative(lower))
    return std::nullopt;
  if (isa<arith::AndIOp>(op))
    return upper;
  return *divisor > 0 ? Bound(upper->floorDiv(*divisor)) : std::nullopt;
}

Bound Bounds::of(Value value, bool isUpper, int depth) {
  constexpr int kDeepest = 256; // of calls within one another: kernels' indices do not come near it
  if (depth == kDeepest)
    return std::nullopt;
  if (auto found = known_[isUpper].find(value); found != known_[isUpper].end())
    return found->second;
  Bound bound = find(value, isUpper, depth + 1);
  known_[isUpper].try_emplace(value, bound);
  return bound;
}

Bound Bounds::find(Value value, bool isUpper, int depth) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return Extent(*constant);
  if (auto argument = dyn_cast<BlockArgument>(value))
    return ofArgument(argument, isUpper, depth);
  Operation *op = value.getDefiningOp();
  if (isa<arith::IndexCastOp>(op))
    return of(op->getOperand(0), isUpper, depth);
  if (isa<arith::RemUIOp, arith::DivUIOp>(op) && !isUpper) // of numbers of invocations
    return Extent(0);
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    return ofSum(op, isUpper, depth);
  if (isa<arith::MulIOp>(op))
    return ofProduct(op, isUpper, depth);
  if (isa<arith::MinSIOp, arith::MaxSIOp>(op))
    return ofExtreme(op, isUpper, depth);
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::AndIOp>(op))
    return ofQuotient(op, isUpper, depth);
  if (isa<arith::SelectOp>(op)) {
    Bound left = of(op->getOperand(1), isUpper, depth), right = of(op->getOperand(2), isUpper, depth);
    if (left && right)
      return isUpper ? Extent::max(*left, *right) : Extent::min(*left, *right);
  }
  return std::nullopt;
}

/// How often a loop's body runs, at most.
Bound Bounds::tripsOf(scf::ForOp loop) {
  Bound first = of(loop.getLowerBound(), /*isUpper=*/false), last = of(loop.getUpperBound(), /*isUpper=*/true);
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!first || !last || !step || *step <= 0)
    return std::nullopt;
  return Extent::max(*last - *first, 0).ceilDiv(*step);
}

Bound Bounds::stepsOf(Operation *op) {
  Extent inner = 0;
  for (Region &region : op->getRegions()) {
    Bound steps = stepsOf(region);
    if (!steps)
      return std::nullopt;
    inner += *steps;
  }
  if (isa<scf::WhileOp>(op))
    return std::nullopt;
  auto loop = dyn_cast<scf::ForOp>(op);
  if (!loop)
    return inner;
  Bound trips = tripsOf(loop);
  return trips ? Bound(*trips * (inner + 1)) : std::nullopt;
}

Bound Bounds::stepsOf(Region &region) {
  Extent steps = 0;
  for (Operation &op : region.getOps()) {
    Bound one = stepsOf(&op);
    if (!one)
      return std::nullopt;
    steps += *one;
  }
  return steps.isTooLarge() ? std::nullopt : Bound(steps);
}

std::optional<Extent> loopSteps(func::FuncOp function) { return Bounds(function).stepsOf(function.getBody()); }

} // namespace smelt::gpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Checks checks{location};
  auto axis = static_cast<int64_t>(adaptor.getAxis());
  if (failed(checks.axis(axis, type)) || failed(checks.element(type.getElementType(), Domain::Numbers)))
    return failure();
  Extents shape = extentsOf(type);
  if (shape[axis] == Extent(0))
    return emitOptionalError(location, "axis ", axis, " of [", joined(shape), "] has no elements to choose from");
  shape[axis] = 1;
  types.push_back(tensorOf(shape, IntegerType::get(context, 64)));
  return success();
}

/// Whether x takes the place of what was best so far. NaN is beyond all numbers, as in NumPy.
template <typename T> static bool isBetter(T x, T best, bool minimum, bool last) {
  if (x != x)
    return last || best == best;
  if (x == best)
    return last;
  return minimum ? x < best : x > best;
}

LogicalResult ArgReduceOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis());
  return onNumbers(operands[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> elements = elementsOf<T>(operands[0]);
    MutableArrayRef<int64_t> result = results[0].asMutable<int64_t>();
    for (int64_t outer = 0; outer < lines.outer; ++outer)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        int64_t best = 0;
        for (int64_t i = 1; i < lines.extent; ++i)
          if (isBetter(elements[lines.at(outer, i, inner)], elements[lines.at(outer, best, inner)], getMinimum(),
                       getLast()))
            best = i;
        result[outer * lines.inner + inner] = best;
      }
  });
}

// Emission.

static Expr isBetter(Expr x, Expr best, bool minimum, bool last) {
  if (last) {
    Expr better = minimum ? x <= best : x >= best;
    return x.isFloat() ? better | (x != x) : better;
  }
  if (!x.isFloat())
    return minimum ? x < best : x > best;
  return !(minimum ? x >= best : x <= best) & (best == best); // what is no number is better than all numbers
}

/// Lanes lie across lines: each goes through its own.
static LogicalResult emitAcrossLanes(ArgReduceOp op, TileAccess &access) {
  ImplicitLocOpBuilder &b = access.builder();
  RankedTensorType type = typeOf(op.getInput());
  bool isUnsigned = isUnsignedElement(type.getElementType());
  size_t axis = op.getAxis();
  return forLines(access, op.getInput(), axis, [&](ArrayRef<LaneIndex> at, unsigned lanes) -> LogicalResult {
    Value first = access.fetch(op.getInput(), at, lanes);
    if (!first)
      return failure();
    Value zero = repeat(b, numberOf(b.getI64Type(), 0), lanes).value();
    SmallVector<Value> best =
        forRange(b, 1, access.count(extentsOf(type)[axis]), 1, {first, zero}, [&](Value index, ValueRange carried) {
          Expr x(b, access.fetch(op.getInput(), moved(at, axis, index), lanes), isUnsigned);
          Expr better = isBetter(x, {b, carried[0], isUnsigned}, op.getMinimum(), op.getLast());
          Expr number = repeat({b, arith::IndexCastOp::create(b, b.getI64Type(), index)}, {b, carried[1]});
          return SmallVector<Value>{select(better, x, {b, carried[0]}).value(),
                                    select(better, number, {b, carried[1]}).value()};
        });
    return access.store(0, best[1], at);
  });
}

namespace {
/// Lanes lie along the line: first its best element is found, then where it stands.
class ArgLine {
public:
  ArgLine(ArgReduceOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()),
        line_{access, op.getInput(), tileCoordinates(access, typeOf(op.getInput()).getRank()), op.getAxis()},
        team_(access.teamAlong(extentsOf(op.getInput())[op.getAxis()])),
        fold_(access, line_.extent(), lanesOf(team_, line_.extent(), line_.lanes()), kVectors, team_) {}

  LogicalResult emit() {
    auto better = [&](Expr a, Expr b) { return op_.getMinimum() ? smallest(a, b) : largest(a, b); };
    TypedAttr worst = op_.getMinimum() ? greatestOf(line_.compute(), line_.isUnsigned())
                                       : leastOf(line_.compute(), line_.isUnsigned());
    SmallVector<Value> partials = fold_.add(fold_.start(worst), [&](Value partial, Value base, unsigned lanes) {
      Expr x = line_.read(base, lanes);
      readable_ &= static_cast<bool>(x.value());
      return x.value() ? better({b_, partial, line_.isUnsigned()}, x).value() : partial;
    });
    if (!readable_)
      return failure();
    Expr best = fold_.finish(partials, better, line_.isUnsigned());
    Value index = arith::ExtSIOp::create(b_, b_.getI64Type(), indexOf(best).value());
    return access_.once(team_, [&] { return access_.store(0, index, line_.at); });
  }

private:
  /// The first, or last, index whose element is `best`.
  Expr indexOf(Expr best) {
    auto further = [&](Expr a, Expr b) { return op_.getLast() ? select(a > b, a, b) : select(a < b, a, b); };
    Type i32 = b_.getI32Type();
    constexpr int64_t kAfterAll = std::numeric_limits<int32_t>::max();
    int64_t none = op_.getLast() ? -1 : kAfterAll;
    SmallVector<Value> partials =
        fold_.add(fold_.start(numberOf(i32, none)), [&](Value partial, Value base, unsigned lanes) {
          Expr x = line_.read(base, lanes), target = repeat(best, x), index = indices(base, lanes);
          Expr isBest = x == target;
          if (x.isFloat())
            isBest = isBest | ((x != x) & (target != target));
          return further({b_, partial}, select(isBest, index, index.integer(none))).value();
        });
    return fold_.finish(partials, further, false);
  }

  /// base, base + 1, … as i32
  Expr indices(Value base, unsigned lanes) {
    Expr first(b_, arith::IndexCastOp::create(b_, b_.getI32Type(), base));
    if (lanes == 1)
      return first;
    auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(lanes)));
    auto type = VectorType::get({lanes}, b_.getI32Type());
    Expr steps(b_, arith::ConstantOp::create(b_, DenseElementsAttr::get(type, ArrayRef<int32_t>(numbers))));
    return repeat(first, steps) + steps;
  }

  static constexpr unsigned kVectors = 4; // at a time

  ArgReduceOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Line line_;
  Team team_;
  LaneFold fold_;
  bool readable_ = true;
};
} // namespace

unsigned ArgReduceOp::tiledDims() { return getAxis(); }

LogicalResult ArgReduceOp::emitTile(TileAccess &access) {
  Extents shape = extentsOf(getInput());
  bool isInnermost =
      innermostDim(shape) <= getAxis() && shape[getAxis()].asNumber().value_or(0) < std::numeric_limits<int32_t>::max();
  return isInnermost ? ArgLine(*this, access).emit() : emitAcrossLanes(*this, access);
}

} // namespace smelt::graph

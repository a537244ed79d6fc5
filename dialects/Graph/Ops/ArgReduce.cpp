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
  if (type.getDimSize(axis) == 0)
    return emitOptionalError(location, "axis ", axis, " of ", inWords(type.getShape()),
                             " has no elements to choose from");
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] = 1;
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
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

// Emission. Lanes lie across lines; along the innermost dim it is one element at a time.

static Expr isBetter(Expr x, Expr best, bool minimum, bool last) {
  if (last) {
    Expr better = minimum ? x <= best : x >= best;
    return x.isFloat() ? better | (x != x) : better;
  }
  if (!x.isFloat())
    return minimum ? x < best : x > best;
  return !(minimum ? x >= best : x <= best) & (best == best); // what is no number is better than all numbers
}

unsigned ArgReduceOp::tiledDims() { return getAxis(); }

LogicalResult ArgReduceOp::emitTile(TileAccess &access) {
  ImplicitLocOpBuilder &b = access.builder();
  RankedTensorType type = typeOf(getInput());
  bool isUnsigned = isUnsignedElement(type.getElementType());
  return forLines(access, getInput(), getAxis(), [&](ArrayRef<LaneIndex> at, unsigned lanes) -> LogicalResult {
    Value first = access.fetch(getInput(), at, lanes);
    if (!first)
      return failure();
    Value zero = repeat(b, numberOf(b.getI64Type(), 0), lanes).value();
    int64_t rest = type.getDimSize(getAxis()) - 1;
    SmallVector<Value> best = access.loop(rest, {first, zero}, [&](Value before, ValueRange carried) {
      Value index = offset(access, before, 1);
      Expr x(b, access.fetch(getInput(), moved(at, getAxis(), index), lanes), isUnsigned);
      Expr better = isBetter(x, {b, carried[0], isUnsigned}, getMinimum(), getLast());
      Expr number = repeat({b, arith::IndexCastOp::create(b, b.getI64Type(), index)}, {b, carried[1]});
      return SmallVector<Value>{select(better, x, {b, carried[0]}).value(),
                                select(better, number, {b, carried[1]}).value()};
    });
    return access.store(0, best[1], at);
  });
}

} // namespace smelt::graph

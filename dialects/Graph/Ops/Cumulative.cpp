// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult CumulativeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  Checks checks{location};
  return success(succeeded(checks.axis(adaptor.getAxis(), type)) &&
                 succeeded(checks.element(type.getElementType(), Domain::Numbers)));
}

LogicalResult CumulativeOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis());
  return onNumbers(operands[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> elements = elementsOf<T>(operands[0]);
    for (int64_t outer = 0; outer < lines.outer; ++outer)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        T sum = getProduct() ? 1 : 0;
        for (int64_t step = 0; step < lines.extent; ++step) {
          T &element = elements[lines.at(outer, getReverse() ? lines.extent - 1 - step : step, inner)];
          T next = getProduct() ? formula::product(sum, element) : formula::sum(sum, element);
          element = getExclusive() ? sum : next;
          sum = next;
        }
      }
    setElements<T>(results[0], elements);
  });
}

// Emission. Lanes lie across lines; along the innermost dim it is one element at a time, for each waits for the last.

unsigned CumulativeOp::tiledDims() { return getAxis(); }

LogicalResult CumulativeOp::emitTile(TileAccess &access) {
  ImplicitLocOpBuilder &b = access.builder();
  RankedTensorType type = getType();
  Count extent = access.count(extentsOf(type)[getAxis()]);
  Value last = offset(access, extent.in(b), -1);
  TypedAttr initial = numberOf(computeType(type.getElementType()), getProduct() ? 1 : 0);
  return forLines(access, getInput(), getAxis(), [&](ArrayRef<LaneIndex> at, unsigned lanes) -> LogicalResult {
    bool done = true;
    access.loop(extent, repeat(b, initial, lanes).value(), [&](Value step, ValueRange carried) {
      Value index = step;
      if (getReverse())
        index = arith::SubIOp::create(b, last, step);
      Coordinates here = moved(at, getAxis(), index);
      Value x = access.fetch(getInput(), here, lanes);
      done = done && x;
      if (!done)
        return SmallVector<Value>{carried[0]};
      Expr sum(b, carried[0]), next = getProduct() ? sum * Expr(b, x) : sum + Expr(b, x);
      done = succeeded(access.store(0, getExclusive() ? carried[0] : next.value(), here));
      return SmallVector<Value>{next.value()};
    });
    return success(done);
  });
}

} // namespace smelt::graph

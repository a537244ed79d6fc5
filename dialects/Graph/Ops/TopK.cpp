// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"
#include <numeric>

using namespace mlir;

namespace smelt::graph {

LogicalResult TopKOp::verify() {
  RankedTensorType input = typeOf(getInput()), values = typeOf(getValues()), indices = typeOf(getIndices());
  auto axis = static_cast<int64_t>(getAxis());
  if (failed(Checks{getLoc()}.axis(axis, input)) ||
      failed(Checks{getLoc()}.element(input.getElementType(), Domain::Numbers)))
    return failure();
  if (values.getElementType() != input.getElementType() || !indices.getElementType().isSignlessInteger(64) ||
      values.getShape() != indices.getShape())
    return emitOpError("has results of types ") << values << " and " << indices << " for an input of type " << input;
  SmallVector<int64_t> shape(input.getShape());
  if (values.getRank() == input.getRank())
    shape[axis] = std::min(shape[axis], values.getDimSize(axis));
  if (values.getShape() != ArrayRef<int64_t>(shape))
    return emitOpError("has results of shape ")
           << inWords(values.getShape()) << ", which is no part of " << inWords(input.getShape()) << " along its axis";
  return success();
}

/// Whether x stands before y where both are not equal. NaN is beyond all numbers.
template <typename T> static bool precedes(T x, T y, bool smallest) {
  if (x != x || y != y)
    return smallest ? x == x && y != y : x != x && y == y;
  return smallest ? x < y : x > y;
}

LogicalResult TopKOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis()), first(results[0].shape(), getAxis());
  return onNumbers(operands[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> elements = elementsOf<T>(operands[0]);
    MutableArrayRef<int64_t> indices = results[1].asMutable<int64_t>();
    for (int64_t outer = 0; outer < lines.outer; ++outer)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        std::vector<int64_t> order(lines.extent);
        std::iota(order.begin(), order.end(), 0);
        llvm::sort(order, [&](int64_t a, int64_t b) {
          T x = elements[lines.at(outer, a, inner)], y = elements[lines.at(outer, b, inner)];
          return precedes(x, y, getSmallest()) || (!precedes(y, x, getSmallest()) && a < b);
        });
        for (int64_t k = 0; k < first.extent; ++k) {
          indices[first.at(outer, k, inner)] = order[k];
          results[0].copyElement(first.at(outer, k, inner), operands[0], lines.at(outer, order[k], inner));
        }
      }
  });
}

unsigned TopKOp::tiledDims() { return 0; }
LogicalResult TopKOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph

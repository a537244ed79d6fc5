// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

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

unsigned CumulativeOp::tiledDims() { return 0; }
LogicalResult CumulativeOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph

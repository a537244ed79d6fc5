// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  return Checks{location}.axis(adaptor.getAxis(), type);
}

LogicalResult SoftmaxOp::verify() { return Checks{getLoc()}.element(getType().getElementType(), Domain::Floats); }

LogicalResult SoftmaxOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis());
  std::vector<double> elements = elementsOf<double>(operands[0]);
  for (int64_t outer = 0; outer < lines.outer; ++outer)
    for (int64_t inner = 0; inner < lines.inner; ++inner) {
      auto each = [&](auto function) {
        for (int64_t i = 0; i < lines.extent; ++i)
          function(elements[lines.at(outer, i, inner)]);
      };
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      each([&](double x) { most = formula::larger(most, x); });
      each([&](double x) { sum += std::exp(x - most); });
      each([&](double &x) { x = getLog() ? x - most - std::log(sum) : std::exp(x - most) / sum; });
    }
  setElements<double>(results[0], elements);
  return success();
}

unsigned SoftmaxOp::tiledDims() { return 0; }
LogicalResult SoftmaxOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph

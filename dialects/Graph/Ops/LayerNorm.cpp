// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  return Checks{location}.axis(adaptor.getAxis(), type);
}

LogicalResult LayerNormOp::verify() { return Checks{getLoc()}.element(getType().getElementType(), Domain::Floats); }

/// A row in place.
static void normalise(MutableArrayRef<double> row, double epsilon, bool rms) {
  double mean = 0, square = 0;
  if (!rms)
    for (double x : row)
      mean += x / row.size();
  for (double x : row)
    square += (x - mean) * (x - mean) / row.size();
  for (double &x : row)
    x = (x - mean) / std::sqrt(square + epsilon);
}

LogicalResult LayerNormOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  std::vector<double> elements = elementsOf<double>(operands[0]);
  int64_t extent = elementCount(operands[0].shape().drop_front(getAxis())).value_or(0);
  for (size_t row = 0; extent > 0 && row < elements.size(); row += extent)
    normalise(MutableArrayRef<double>(elements).slice(row, extent), getEpsilon().convertToDouble(), getRms());
  setElements<double>(results[0], elements);
  return success();
}

unsigned LayerNormOp::tiledDims() { return 0; }
LogicalResult LayerNormOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph

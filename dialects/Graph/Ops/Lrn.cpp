// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult LrnOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  if (type.getRank() < 2)
    return emitOptionalError(location, "the input ", inWords(type.getShape()), " needs batch and channels");
  if (static_cast<int64_t>(adaptor.getSize()) < 1)
    return emitOptionalError(location, "needs a size of 1 or more, not ", static_cast<int64_t>(adaptor.getSize()));
  return Checks{location}.element(type.getElementType(), Domain::Floats);
}

/// How many channels before and after a channel count in its sum.
static std::pair<int64_t, int64_t> neighbours(int64_t size) { return {(size - 1) / 2, size / 2}; }

LogicalResult LrnOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), 1);
  auto [before, after] = neighbours(getSize());
  double alpha = getAlpha().convertToDouble(), beta = getBeta().convertToDouble(), bias = getBias().convertToDouble();
  std::vector<double> elements = elementsOf<double>(operands[0]), output(elements.size());
  for (int64_t outer = 0; outer < lines.outer; ++outer)
    for (int64_t channel = 0; channel < lines.extent; ++channel)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        int64_t first = std::max<int64_t>(0, channel - before), last = std::min(lines.extent - 1, channel + after);
        double sum = 0;
        for (int64_t c = first; c <= last; ++c)
          sum += elements[lines.at(outer, c, inner)] * elements[lines.at(outer, c, inner)];
        int64_t at = lines.at(outer, channel, inner);
        output[at] = elements[at] / std::pow(bias + alpha / double(getSize()) * sum, beta);
      }
  setElements<double>(results[0], output);
  return success();
}

unsigned LrnOp::tiledDims() { return 0; }
LogicalResult LrnOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph

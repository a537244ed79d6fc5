// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"

using namespace mlir;

namespace smelt::graph {

static constexpr int64_t kPoints = 6; // of a 4 + 3 - 1 wide tile

LogicalResult WinogradFilterOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                 Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType filter = typeOf(adaptor.getFilter());
  if (filter.getRank() != 4 || filter.getDimSize(0) != 3 || filter.getDimSize(1) != 3)
    return emitOptionalError(location, "the filter must be [3, 3, channels, channels], not ", filter);
  if (!filter.getElementType().isF32())
    return emitOptionalError(location, "the filter must be of f32, not ", filter.getElementType());
  types.push_back(filter.clone({kPoints * kPoints, filter.getDimSize(2), filter.getDimSize(3)}));
  return success();
}

// U = G g Gᵀ, with G of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.3.
LogicalResult WinogradFilterOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  constexpr double kG[kPoints][3] = {{1.0 / 4, 0, 0},
                                     {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                     {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                     {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                     {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                     {0, 0, 1}};
  ArrayRef<float> filter = operands[0].as<float>();
  MutableArrayRef<float> result = results[0].asMutable<float>();
  int64_t size = operands[0].shape()[2] * operands[0].shape()[3];
  SmallVector<double> sum(size);
  for (int64_t row = 0; row < kPoints; ++row)
    for (int64_t column = 0; column < kPoints; ++column) {
      llvm::fill(sum, 0.0);
      for (int64_t tap = 0; tap < 9; ++tap) {
        double factor = kG[row][tap / 3] * kG[column][tap % 3];
        for (int64_t i = 0; factor != 0 && i < size; ++i)
          sum[i] += factor * filter[tap * size + i];
      }
      float *to = result.data() + (row * kPoints + column) * size;
      for (int64_t i = 0; i < size; ++i)
        to[i] = static_cast<float>(sum[i]);
    }
  return success();
}

} // namespace smelt::graph

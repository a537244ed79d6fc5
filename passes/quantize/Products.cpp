// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/Products.h"

using namespace mlir;

namespace smelt::quantize {

graph::HostTensor sumsOf(const graph::HostTensor &tensor, int64_t first, int64_t count) {
  SmallVector<int64_t> shape(tensor.shape());
  int64_t extent = 1, inner = 1;
  for (int64_t dim = first; dim < first + count; ++dim)
    extent *= std::exchange(shape[dim], 1);
  for (int64_t dim = first + count; dim < tensor.rank(); ++dim)
    inner *= shape[dim];
  Type i32 = IntegerType::get(tensor.elementType().getContext(), 32);
  graph::HostTensor sums = graph::HostTensor::zeros(RankedTensorType::get(shape, i32));
  const int8_t *number = tensor.as<int8_t>().data(), *end = number + tensor.size();
  for (uint32_t *totals = sums.asMutable<uint32_t>().data(); number != end; totals += inner)
    for (int64_t row = 0; row < extent; ++row)
      for (int64_t column = 0; column < inner; ++column)
        totals[column] += static_cast<uint32_t>(*number++);
  return sums;
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Ops/Windows.h"

using llvm::Twine;
using smelt::graph::Extent, smelt::graph::Extents;

namespace smelt::frontend::tflite {

bool isSame(int8_t padding) {
  if (padding != static_cast<int8_t>(Padding::Same) && padding != static_cast<int8_t>(Padding::Valid))
    malformed("has padding " + Twine(static_cast<int>(padding)) + ", which there is not");
  return padding == static_cast<int8_t>(Padding::Same);
}

void Windows::check() const {
  for (const Integers &numbers : {kernel, strides, dilations})
    if (numbers.size() != dims() || llvm::any_of(numbers, [](int64_t number) { return number < 1; }))
      malformed("has windows of " + inWords(kernel) + " at strides " + inWords(strides) + " and dilations " +
                inWords(dilations));
}

/// What SAME adds in all: so that there are ceil(extent / stride) windows.
static Extent sameTotal(const Extent &extent, int64_t stride, int64_t reach) {
  const Extent count = extent.ceilDiv(stride);
  Extent total = Extent::max((count - 1) * stride + reach - extent, 0);
  if (total.isTooLarge())
    malformed("its padding overflows");
  return total;
}

Value Windows::pad(GraphBuilder &b, Value input, Value number) {
  low.assign(dims(), 0);
  high.assign(dims(), 0);
  for (size_t dim = 0; isSame && dim < dims(); ++dim) {
    const auto at = static_cast<int64_t>(dim) + 1;
    const Extent total = sameTotal(extentsOf(input)[at], strides[dim], reach(dim)), before = total.floorDiv(2);
    if (total.isNumber()) {
      low[dim] = before.number();
      high[dim] = total.number() - before.number();
    } else {
      input = b.padDim(input, at, before, total - before, number);
    }
  }
  return input;
}

} // namespace smelt::frontend::tflite

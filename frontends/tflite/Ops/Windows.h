// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPS_WINDOWS_H
#define SMELT_FRONTENDS_TFLITE_OPS_WINDOWS_H

#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

/// What convolutions and pools say of their windows, one value a spatial dim.
struct Windows {
  Integers kernel, strides, dilations;
  bool isSame = false;
  // Filled in by pad():
  Integers low = {}, high = {};

  size_t dims() const { return kernel.size(); }
  /// Elements from the first to the last of a window.
  int64_t reach(size_t dim) const { return checkedAdd(checkedMul(kernel[dim] - 1, dilations[dim]), 1); }
  /// Refuses what is no window.
  void check() const;
  /// The padding for an input [n, s…, c]; where only the run knows it, the input gets it here, of `number`.
  Value pad(GraphBuilder &builder, Value input, Value number);
};

bool isSame(int8_t padding);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPS_WINDOWS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPS_PRODUCTS_H
#define SMELT_FRONTENDS_TFLITE_OPS_PRODUCTS_H

#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

/// How a product of 8-bit tensors, inputs 0 and 1 with the bias 2, is computed in integers: exact sums, scaled and
/// rounded once.
struct IntegerProduct {
  Quantisation input, weights, result;
  mlir::Type type; // of the result

  /// What sums in i32, whose channels are dim `channels`, become with the bias and an activation.
  Value finish(OperatorReader &node, Value sums, int64_t channels, int8_t activation) const;
};

/// Nothing where the operands or the result are no such tensors: then the product is of what they stand for. The
/// weights are quantised along dim 0 of their output channels, or as a whole.
std::optional<IntegerProduct> integerProduct(OperatorReader &node);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPS_PRODUCTS_H

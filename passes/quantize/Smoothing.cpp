// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/Smoothing.h"

using namespace mlir;

namespace smelt::quantize {

Value SmoothedInputs::of(const WeightedProduct &product, ArrayRef<float> factors) {
  Value x = product.input();
  if (factors.empty())
    return x;
  Value &known = known_[{x, rewriter_.getDenseF32ArrayAttr(factors)}];
  if (!known) {
    OpBuilder::InsertionGuard guard(rewriter_);
    rewriter_.setInsertionPointAfterValue(x);
    SmallVector<float> inverse(llvm::map_range(factors, [](float factor) { return 1 / factor; }));
    Value factor = perChannel<float>(rewriter_, x, product.inputDim(), rewriter_.getF32Type(), inverse);
    known = graph::MulOp::create(rewriter_, x.getLoc(), x, factor);
  }
  return known;
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_SMOOTHING_H
#define SMELT_PASSES_QUANTIZE_SMOOTHING_H

#include "mlir/IR/PatternMatch.h"
#include "passes/quantize/Weights.h"
#include "llvm/ADT/DenseMap.h"

namespace smelt::quantize {

/// A constant with a number for each channel, which lie along a dim of a tensor that it broadcasts to.
template <typename T>
mlir::Value perChannel(mlir::RewriterBase &rewriter, mlir::Value tensor, int64_t dim, mlir::Type element,
                       llvm::ArrayRef<T> numbers) {
  llvm::SmallVector<int64_t> shape(graph::typeOf(tensor).getRank() - dim, 1);
  shape.front() = static_cast<int64_t>(numbers.size());
  auto constant = graph::HostTensor::zeros(mlir::RankedTensorType::get(shape, element));
  llvm::copy(numbers, constant.asMutable<T>().begin());
  return graph::makeConstant(rewriter, tensor.getLoc(), constant);
}

/// Inputs of products whose channels were evened out, each computed once.
class SmoothedInputs {
public:
  explicit SmoothedInputs(mlir::RewriterBase &rewriter) : rewriter_(rewriter) {}

  /// x / f, of a product's input and a factor for each of its channels; x where there are none.
  mlir::Value of(const WeightedProduct &product, llvm::ArrayRef<float> factors);

private:
  mlir::RewriterBase &rewriter_;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Attribute>, mlir::Value> known_; // by value, and factors
};

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_SMOOTHING_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_WEIGHTS_H
#define SMELT_PASSES_QUANTIZE_WEIGHTS_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/BuiltinOps.h"
#include <vector>

namespace smelt::quantize {

/// A convolution or matrix product of an f32 tensor by constant f32 weights, which is what gets quantised.
class WeightedProduct {
public:
  /// Nothing for other ops, and for products by a batch of matrices.
  static std::optional<WeightedProduct> of(mlir::Operation *op);

  mlir::Operation *op() const { return op_; }
  mlir::Value input() const { return op_->getOperand(0); }
  const graph::HostTensor &weights() const { return weights_; }
  /// Channels of the result, and along which of its dims they lie.
  int64_t channels() const { return channels_; }
  int64_t resultDim() const { return resultDim_; }
  /// The same of the input.
  int64_t inputChannels() const { return weights_.shape()[depthDim_] * groups_; }
  int64_t inputDim() const { return inputDim_; }
  /// Multiply-adds of one inference, symbolic dims taken as typical ones.
  int64_t multiplyAdds() const;
  /// Whether all weights are numbers, and none infinite: others have no scale, and their product stays in f32.
  bool isFinite() const;
  /// The source node's name.
  std::string name() const;

  /// Calls `function` with each weight's position, in row-major order, and its channels of the input and the result.
  template <typename Function> void forWeights(Function function) const {
    const int64_t inputs = weights_.shape()[depthDim_], perGroup = channels_ / groups_;
    const int64_t taps = weights_.size() / (inputs * channels_);
    int64_t position = 0;
    if (depthDim_ < channelDim_) { // [taps…, inputs, channels]
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t depth = 0; depth < inputs; ++depth)
          for (int64_t group = 0; group < groups_; ++group)
            for (int64_t output = group * perGroup, end = output + perGroup; output < end; ++output)
              function(position++, group * inputs + depth, output);
      return;
    }
    for (int64_t output = 0; output < channels_; ++output) // [channels, inputs, taps…]
      for (int64_t depth = 0; depth < inputs; ++depth)
        for (int64_t tap = 0; tap < taps; ++tap)
          function(position++, output / perGroup * inputs + depth, output);
  }

private:
  WeightedProduct(mlir::Operation *op, graph::HostTensor weights) : op_(op), weights_(std::move(weights)) {}

  mlir::Operation *op_;
  graph::HostTensor weights_;
  int64_t depthDim_ = 0, channelDim_ = 0; // of the weights
  int64_t inputDim_ = 0, resultDim_ = 0;
  int64_t channels_ = 0, groups_ = 1;
};

/// Those of a module's main function, in the order in which they are computed; in parts that run under a condition or
/// in a loop nothing is quantised.
std::vector<WeightedProduct> weightedProducts(mlir::ModuleOp module);

/// A product by constant weights that runs in a loop or under a condition.
struct PartProduct {
  std::string name;
  int64_t
      multiplyAdds; // of an inference: of a branch as if it were taken, of a loop's rounds one where nobody knows more
};

/// Those of all parts that a module's main function runs. What several run counts for each of them.
std::vector<PartProduct> productsInParts(mlir::ModuleOp module);

/// Why a module has none of them: "it has no product by constant weights of f32", and what products it has instead.
std::string whyNoProducts(mlir::ModuleOp module);

/// Weights rounded to signed 8-bit integers, symmetrically, with a scale for each channel of the result.
struct QuantisedWeights {
  graph::HostTensor integers;
  std::vector<float> scales;
  std::vector<int64_t> sums; // of each channel's integers
};

/// To nearest, each channel's largest weight at ±127 (Krishnamoorthi, "Quantizing deep convolutional networks for
/// efficient inference", 2018, 2.3), save where the product's attribute `graph.rounding` says otherwise. Where there
/// are `factors`, one for each channel of the input, weights are multiplied by those first.
QuantisedWeights roundWeights(const WeightedProduct &product, llvm::ArrayRef<float> factors = {});

/// What rounded weights add to each output channel on average, where the means of the input's channels are known (Nagel
/// et al., "Data-free quantization through weight equalization and bias correction", 2019, 4.2). `smoothing` and
/// `means` are of the input's channels, or empty.
std::vector<double> addedBy(const WeightedProduct &product, const QuantisedWeights &weights,
                            llvm::ArrayRef<float> smoothing, llvm::ArrayRef<float> means);

/// The numbers that an attribute has for each channel of the input; empty without it, nothing where it has others.
std::optional<llvm::ArrayRef<float>> perInputChannel(const WeightedProduct &product, llvm::StringRef name);

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_WEIGHTS_H

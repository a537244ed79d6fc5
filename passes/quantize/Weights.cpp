// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/Weights.h"
#include "dialects/Graph/Location.h"
#include "dialects/Kernel/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/RoundingSteps.h"
#include <cmath>

using namespace mlir;
using namespace smelt;

namespace smelt::quantize {

std::optional<WeightedProduct> WeightedProduct::of(Operation *op) {
  if (!isa<graph::ConvOp, graph::MatMulOp>(op) || !graph::typeOf(op->getOperand(0)).getElementType().isF32())
    return std::nullopt;
  std::optional<graph::HostTensor> weights = graph::constantOf(op->getOperand(1));
  if (!weights || !weights->elementType().isF32() || weights->size() == 0)
    return std::nullopt;
  WeightedProduct product(op, *std::move(weights));
  int64_t rank = product.weights_.rank(), resultRank = graph::typeOf(op->getResult(0)).getRank();
  bool isLast = true;
  if (auto conv = dyn_cast<graph::ConvOp>(op)) {
    isLast = conv.getLayout() == graph::Layout::ChannelsLast;
    product.groups_ = static_cast<int64_t>(conv.getGroups());
  } else {
    // Of batches of weights, one scale would have to serve them all.
    for (int64_t extent : product.weights_.shape().drop_back(2))
      if (extent != 1)
        return std::nullopt;
  }
  product.depthDim_ = isLast ? rank - 2 : 1;
  product.channelDim_ = isLast ? rank - 1 : 0;
  product.inputDim_ = isLast ? graph::typeOf(product.input()).getRank() - 1 : 1;
  product.resultDim_ = isLast ? resultRank - 1 : 1;
  product.channels_ = product.weights_.shape()[product.channelDim_];
  return product;
}

int64_t WeightedProduct::multiplyAdds() const {
  int64_t count = weights_.size() / channels_;
  for (const graph::Extent &extent : graph::extentsOf(op_->getResult(0)))
    if (llvm::MulOverflow(count, kernel::typicalLength(extent), count))
      return std::numeric_limits<int64_t>::max();
  return count;
}

bool WeightedProduct::isFinite() const {
  return llvm::all_of(weights_.as<float>(), [](float weight) { return std::isfinite(weight); });
}

std::string WeightedProduct::name() const { return graph::sourceNames(op_->getLoc()); }

std::vector<WeightedProduct> weightedProducts(ModuleOp module) {
  std::vector<WeightedProduct> products;
  if (auto main = module.lookupSymbol<func::FuncOp>("main"))
    main.walk([&](Operation *op) {
      if (std::optional<WeightedProduct> product = WeightedProduct::of(op))
        products.push_back(*std::move(product));
    });
  return products;
}

std::string whyNoProducts(ModuleOp module) {
  size_t inParts = 0, ofOthers = 0;
  module.walk([&](func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (WeightedProduct::of(op))
        inParts += function.isPrivate();
      else if (isa<graph::ConvOp, graph::MatMulOp>(op) && graph::constantOf(op->getOperand(1)))
        ofOthers += !graph::typeOf(op->getOperand(1)).getElementType().isF32();
    });
  });
  std::string why = "the model has no product by constant weights of f32";
  if (ofOthers > 0)
    why += "; of " + std::to_string(ofOthers) + " products the weights have another type";
  if (inParts > 0)
    why += (ofOthers > 0 ? ", and " : "; ") + std::to_string(inParts) + " run in a loop or under a condition";
  return why;
}

/// By which each weight is to be off the nearest integer; nothing: by 0.
static std::vector<int8_t> givenSteps(const WeightedProduct &product) {
  auto text = product.op()->getAttrOfType<StringAttr>(kRounding);
  std::optional<std::vector<int8_t>> steps;
  if (text)
    steps = stepsOf(text, static_cast<size_t>(product.weights().size()));
  return steps.value_or(std::vector<int8_t>());
}

QuantisedWeights roundWeights(const WeightedProduct &product, ArrayRef<float> factors) {
  constexpr float kMost = 127;
  const graph::HostTensor &weights = product.weights();
  ArrayRef<float> numbers = weights.as<float>();
  auto weight = [&](int64_t position, int64_t input) {
    return factors.empty() ? numbers[position] : numbers[position] * factors[input];
  };
  std::vector<float> largest(product.channels(), 0);
  product.forWeights([&](int64_t position, int64_t input, int64_t channel) {
    largest[channel] = std::max(largest[channel], std::abs(weight(position, input)));
  });
  QuantisedWeights result;
  result.integers = graph::HostTensor::zeros(
      RankedTensorType::get(weights.shape(), IntegerType::get(weights.type().getContext(), 8)));
  result.sums.assign(product.channels(), 0);
  for (float most : largest) // a channel of zeros, or of what is no number
    result.scales.push_back(std::isnormal(most / kMost) ? most / kMost : 1);
  MutableArrayRef<int8_t> integers = result.integers.asMutable<int8_t>();
  const std::vector<int8_t> steps = givenSteps(product);
  product.forWeights([&](int64_t position, int64_t input, int64_t channel) {
    float scaled = std::nearbyint(weight(position, input) / result.scales[channel]);
    if (!steps.empty())
      scaled += steps[position];
    integers[position] = static_cast<int8_t>(std::isnan(scaled) ? 0 : std::clamp(scaled, -kMost, kMost));
    result.sums[channel] += integers[position];
  });
  return result;
}

std::vector<double> addedBy(const WeightedProduct &product, const QuantisedWeights &weights, ArrayRef<float> smoothing,
                            ArrayRef<float> means) {
  std::vector<double> added(product.channels(), 0);
  ArrayRef<float> numbers = product.weights().as<float>();
  ArrayRef<int8_t> integers = weights.integers.as<int8_t>();
  if (!means.empty())
    product.forWeights([&](int64_t position, int64_t input, int64_t channel) {
      double exact = static_cast<double>(numbers[position]) * (smoothing.empty() ? 1 : smoothing[input]);
      added[channel] += (static_cast<double>(weights.scales[channel]) * integers[position] - exact) * means[input];
    });
  return added;
}

std::optional<ArrayRef<float>> perInputChannel(const WeightedProduct &product, StringRef name) {
  auto attribute = product.op()->getAttrOfType<DenseF32ArrayAttr>(name);
  if (attribute && attribute.size() != product.inputChannels())
    return std::nullopt;
  return attribute ? attribute.asArrayRef() : ArrayRef<float>();
}

} // namespace smelt::quantize

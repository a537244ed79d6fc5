// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Smoothing.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace smelt::quantize {

namespace {
/// Of a product's weights, what its noise depends on.
struct WeightMoments {
  std::vector<double> squares;     // of each input channel's weights, summed up
  std::vector<float> largest;      // of each input channel's
  std::vector<double> outputsTaps; // how many weights each input channel has
  const WeightedProduct *product;

  explicit WeightMoments(const WeightedProduct &product)
      : squares(product.inputChannels(), 0), largest(product.inputChannels(), 0),
        outputsTaps(product.inputChannels(), 0), product(&product) {
    ArrayRef<float> numbers = product.weights().as<float>();
    product.forWeights([&](int64_t position, int64_t input, int64_t) {
      const float weight = numbers[position];
      squares[input] += static_cast<double>(weight) * weight;
      largest[input] = std::max(largest[input], std::abs(weight));
      ++outputsTaps[input];
    });
  }
};
} // namespace

static double squared(double x) { return x * x; }

/// The squared error, relative to the results' squares, that rounding the weights to 8 bits makes, and noise of the
/// mean square `rounding` in each number of `statistics`' tensor.
static double noiseOf(const WeightMoments &moments, const Statistics &statistics, ArrayRef<float> factors,
                      double rounding) {
  const WeightedProduct &product = *moments.product;
  auto factor = [&](size_t input) { return factors.empty() ? 1.0 : static_cast<double>(factors[input]); };
  ArrayRef<float> numbers = product.weights().as<float>();
  std::vector<double> steps(product.channels(), 0); // of each output channel's weights
  product.forWeights([&](int64_t position, int64_t input, int64_t channel) {
    steps[channel] = std::max(steps[channel], std::abs(numbers[position]) * factor(input) / 127);
  });
  double weightNoise = 0; // of one weight, on average
  for (double weightStep : steps)
    weightNoise += squared(weightStep) / 12 / static_cast<double>(steps.size());
  double noise = 0, signal = 0;
  for (size_t input = 0; input < moments.squares.size(); ++input) {
    const double square = statistics.meanSquare(input);
    noise += rounding * squared(factor(input)) * moments.squares[input];
    noise += square / squared(factor(input)) * moments.outputsTaps[input] * weightNoise;
    signal += square * moments.squares[input];
  }
  return signal > 0 ? noise / signal : 0;
}

/// f = |x|^strength / |w|^(1 - strength) of the largest of each channel, over all products.
static std::vector<float> factorsOf(ArrayRef<WeightMoments> moments, const Statistics &statistics, double strength) {
  constexpr double kLeast = 1e-6;
  std::vector<float> factors;
  for (size_t input = 0; input < statistics.channels(); ++input) {
    double weight = 0, magnitude = std::max(-statistics.low(input), statistics.high(input));
    for (const WeightMoments &of : moments)
      weight = std::max<double>(weight, of.largest[input]);
    const double factor = std::pow(magnitude, strength) / std::pow(std::max(weight, kLeast), 1 - strength);
    factors.push_back(magnitude > kLeast && weight > kLeast ? static_cast<float>(factor) : 0);
  }
  // Channels of zeros take what is in the middle.
  std::vector<float> sorted;
  for (float factor : factors)
    if (factor > 0)
      sorted.push_back(factor);
  llvm::sort(sorted);
  const float middle = sorted.empty() ? 1 : sorted[sorted.size() / 2];
  for (float &factor : factors)
    factor = factor > 0 ? factor / middle : 1;
  return factors;
}

constexpr double kSteps = 255, kGain = 0.7; // less is not worth a multiplication for each element

/// Of factors that leave more or less to the weights, those of the least noise; `rounding` tells how much of it there
/// is in the input for given factors.
static Scaling chooseFactors(ArrayRef<WeightedProduct> products, const Statistics &statistics, Scaling best,
                             double lost, function_ref<double(const Scaling &)> rounding) {
  const auto channels = static_cast<int64_t>(statistics.channels());
  if (llvm::any_of(products, [&](const WeightedProduct &product) { return product.inputChannels() != channels; })) {
    best.noise = std::numeric_limits<double>::infinity();
    return best;
  }
  std::vector<WeightMoments> moments(products.begin(), products.end());
  auto noise = [&](const Scaling &scaling, double more) {
    double sum = 0, rounded = rounding(scaling) + more;
    for (const WeightMoments &of : moments)
      sum += noiseOf(of, statistics, scaling.factors, rounded);
    return sum;
  };
  best.noise = noise(best, lost);
  double least = kGain * best.noise;
  for (double strength = 0.3; strength < 1.05; strength += 0.1) {
    Scaling scaling{{}, factorsOf(moments, statistics, strength)};
    for (int64_t input = 0; input < channels; ++input) {
      scaling.range.low = std::min<double>(scaling.range.low, statistics.low(input) / scaling.factors[input]);
      scaling.range.high = std::max<double>(scaling.range.high, statistics.high(input) / scaling.factors[input]);
    }
    scaling.noise = noise(scaling, 0);
    if (scaling.noise < least) {
      least = scaling.noise;
      best = std::move(scaling);
    }
  }
  return best;
}

Scaling chooseScaling(ArrayRef<WeightedProduct> products, const Statistics &statistics, RangeMethod method) {
  Range range = statistics.histogram().range(method);
  return chooseFactors(
      products, statistics, {range, {}}, statistics.histogram().meanClamped(range),
      [](const Scaling &scaling) { return squared((scaling.range.high - scaling.range.low) / kSteps) / 12; });
}

/// The mean square of rounding, of all parts: each in steps as wide as its own numbers ask for.
static double roundingOfParts(ArrayRef<ChannelExtents> parts, ArrayRef<float> factors) {
  double sum = 0;
  for (const ChannelExtents &part : parts) {
    double low = 0, high = 0;
    for (size_t channel = 0; channel < part.low.size(); ++channel) {
      const double factor = factors.empty() ? 1 : factors[channel];
      low = std::min(low, part.low[channel] / factor);
      high = std::max(high, part.high[channel] / factor);
    }
    sum += squared((high - low) / kSteps) / 12;
  }
  return sum / static_cast<double>(parts.size());
}

Scaling chooseDynamicScaling(ArrayRef<WeightedProduct> products, const Statistics &statistics) {
  Scaling plain{statistics.histogram().range(RangeMethod::MinMax), {}, std::numeric_limits<double>::infinity()};
  if (statistics.parts().empty())
    return plain;
  return chooseFactors(products, statistics, std::move(plain), 0,
                       [&](const Scaling &scaling) { return roundingOfParts(statistics.parts(), scaling.factors); });
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Smoothing.h"
#include <cmath>

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

/// The squared error, relative to the results' squares, that rounding `statistics`' tensor in steps of `step` and the
/// weights to 8 bits makes; `lost` is the mean square of what clamping takes from the input beside.
static double noiseOf(const WeightMoments &moments, const Statistics &statistics, ArrayRef<float> factors, double step,
                      double lost) {
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
    noise += (squared(step) / 12 + lost) * squared(factor(input)) * moments.squares[input];
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

Scaling chooseScaling(ArrayRef<WeightedProduct> products, const Statistics &statistics, RangeMethod method) {
  constexpr double kSteps = 255, kGain = 0.7; // less is not worth a multiplication for each element
  Scaling best{statistics.histogram().range(method), {}};
  const auto channels = static_cast<int64_t>(statistics.channels());
  if (llvm::any_of(products, [&](const WeightedProduct &product) { return product.inputChannels() != channels; }))
    return best;
  std::vector<WeightMoments> moments(products.begin(), products.end());
  auto noise = [&](const Scaling &scaling, double lost) {
    double sum = 0;
    for (const WeightMoments &of : moments)
      sum += noiseOf(of, statistics, scaling.factors, (scaling.range.high - scaling.range.low) / kSteps, lost);
    return sum;
  };
  double least = kGain * noise(best, statistics.histogram().meanClamped(best.range));
  for (double strength = 0.3; strength < 1.05; strength += 0.1) {
    Scaling scaling{{}, factorsOf(moments, statistics, strength)};
    for (int64_t input = 0; input < channels; ++input) {
      scaling.range.low = std::min<double>(scaling.range.low, statistics.low(input) / scaling.factors[input]);
      scaling.range.high = std::max<double>(scaling.range.high, statistics.high(input) / scaling.factors[input]);
    }
    const double here = noise(scaling, 0);
    if (here < least) {
      least = here;
      best = std::move(scaling);
    }
  }
  return best;
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Smoothing.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace smelt::quantize {

static double squared(double x) { return x * x; }

namespace {
/// Of a product's weights, what its noise depends on.
struct WeightMoments {
  std::vector<double> squares;     // of each input channel's weights, summed up
  std::vector<float> largest;      // of each input channel's
  std::vector<double> outputsTaps; // how many weights each input channel has
  double signal = 0;               // the square of the results
  const WeightedProduct *product;

  WeightMoments(const WeightedProduct &product, const Statistics &statistics)
      : squares(product.inputChannels(), 0), largest(product.inputChannels(), 0),
        outputsTaps(product.inputChannels(), 0), product(&product) {
    ArrayRef<float> numbers = product.weights().as<float>();
    product.forWeights([&](int64_t position, int64_t input, int64_t) {
      const float weight = numbers[position];
      squares[input] += static_cast<double>(weight) * weight;
      largest[input] = std::max(largest[input], std::abs(weight));
      ++outputsTaps[input];
    });
    for (size_t input = 0; input < squares.size(); ++input)
      signal += statistics.meanSquare(input) * squares[input];
  }
};

/// What is expected of the results of all products that read a tensor, in samples that were not seen: squared errors,
/// relative to the results' squares.
class Expectation {
public:
  Expectation(ArrayRef<WeightedProduct> products, const Statistics &statistics);

  ArrayRef<WeightMoments> moments() const { return moments_; }
  const Statistics &statistics() const { return statistics_; }
  /// Of noise in each number of the tensor that has the mean square 1 once its channels are divided by `factors`.
  double ofInput(ArrayRef<float> factors) const;
  /// Of rounding the weights to 8 bits.
  double ofWeights(ArrayRef<float> factors) const;
  /// Of clamping what lies beyond a range, of all that was not seen.
  double ofClamping(Range range, ArrayRef<float> factors) const;

private:
  double ofWeights(const WeightMoments &moments, ArrayRef<float> factors) const;

  const Statistics &statistics_;
  std::vector<WeightMoments> moments_;
  std::vector<double> shares_; // what a mean square of 1 in a channel adds
  std::vector<Tail> low_, high_;
};
} // namespace

static double factorOf(ArrayRef<float> factors, size_t input) { return factors.empty() ? 1.0 : factors[input]; }

Expectation::Expectation(ArrayRef<WeightedProduct> products, const Statistics &statistics)
    : statistics_(statistics), shares_(statistics.channels(), 0), low_(statistics.lowTails()),
      high_(statistics.highTails()) {
  for (const WeightedProduct &product : products) {
    const WeightMoments &moments = moments_.emplace_back(product, statistics);
    for (size_t input = 0; input < shares_.size() && moments.signal > 0; ++input)
      shares_[input] += moments.squares[input] / moments.signal;
  }
}

double Expectation::ofInput(ArrayRef<float> factors) const {
  double sum = 0;
  for (size_t input = 0; input < shares_.size(); ++input)
    sum += squared(factorOf(factors, input)) * shares_[input];
  return sum;
}

double Expectation::ofWeights(const WeightMoments &moments, ArrayRef<float> factors) const {
  const WeightedProduct &product = *moments.product;
  ArrayRef<float> numbers = product.weights().as<float>();
  std::vector<double> steps(product.channels(), 0); // of each output channel's weights
  product.forWeights([&](int64_t position, int64_t input, int64_t channel) {
    steps[channel] = std::max(steps[channel], std::abs(numbers[position]) * factorOf(factors, input) / 127);
  });
  double weightNoise = 0; // of one weight, on average
  for (double weightStep : steps)
    weightNoise += squared(weightStep) / 12 / static_cast<double>(steps.size());
  double noise = 0;
  for (size_t input = 0; input < shares_.size(); ++input)
    noise +=
        statistics_.meanSquare(input) / squared(factorOf(factors, input)) * moments.outputsTaps[input] * weightNoise;
  return noise / moments.signal;
}

double Expectation::ofWeights(ArrayRef<float> factors) const {
  double sum = 0;
  for (const WeightMoments &moments : moments_)
    sum += moments.signal > 0 ? ofWeights(moments, factors) : 0;
  return sum;
}

double Expectation::ofClamping(Range range, ArrayRef<float> factors) const {
  double sum = 0;
  for (size_t input = 0; input < shares_.size(); ++input) {
    const double factor = factorOf(factors, input);
    sum += shares_[input] * (low_[input].beyond(-range.low * factor) + high_[input].beyond(range.high * factor));
  }
  return sum > 0 ? sum / statistics_.perSample() : 0;
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

static double roundingOf(Range range) { return squared((range.high - range.low) / kSteps) / 12; }

static Range times(Range range, double factor) { return {range.low * factor, range.high * factor}; }

/// The range of what was seen, once channels are divided.
static Range rangeOf(const Statistics &statistics, ArrayRef<float> factors) {
  Range range;
  for (size_t input = 0; input < factors.size(); ++input) {
    range.low = std::min<double>(range.low, statistics.low(input) / factors[input]);
    range.high = std::max<double>(range.high, statistics.high(input) / factors[input]);
  }
  return range;
}

/// Widens a range as long as that takes more from what is expected to be clamped than it adds by rounding.
static void widen(Scaling &scaling, const Expectation &expected) {
  constexpr double kMore = 1.0625;
  constexpr int kMost = 45; // times: 15 in all
  const double ofInput = expected.ofInput(scaling.factors);
  auto noiseOf = [&](Range range) { return roundingOf(range) * ofInput + expected.ofClamping(range, scaling.factors); };
  const Range seen = scaling.range;
  double least = noiseOf(seen);
  double factor = 1;
  for (int trial = 0; trial < kMost; ++trial) {
    factor *= kMore;
    const Range wider = times(seen, factor);
    const double noise = noiseOf(wider);
    if (noise >= least)
      return;
    least = noise;
    scaling.range = wider;
  }
}

static bool fits(ArrayRef<WeightedProduct> products, const Statistics &statistics) {
  const auto channels = static_cast<int64_t>(statistics.channels());
  return llvm::all_of(products, [&](const WeightedProduct &product) { return product.inputChannels() == channels; });
}

/// Of factors that leave more or less to the weights, those of the least noise. `complete` finds the range for given
/// factors, and the noise that the input has then.
static Scaling chooseFactors(const Expectation &expected, Scaling best, function_ref<double(Scaling &)> complete) {
  constexpr double kFirst = 0.3, kStep = 0.1;
  constexpr int kStrengths = 8; // up to 1
  double least = kGain * best.noise, strength = kFirst - kStep;
  for (int trial = 0; trial < kStrengths; ++trial) {
    strength += kStep;
    Scaling scaling{{}, factorsOf(expected.moments(), expected.statistics(), strength)};
    scaling.range = rangeOf(expected.statistics(), scaling.factors);
    scaling.noise = complete(scaling) + expected.ofWeights(scaling.factors);
    if (scaling.noise < least) {
      least = scaling.noise;
      best = std::move(scaling);
    }
  }
  return best;
}

Scaling chooseScaling(ArrayRef<WeightedProduct> products, const Statistics &statistics, RangeMethod method) {
  Scaling plain{statistics.histogram().range(method), {}, std::numeric_limits<double>::infinity()};
  if (!fits(products, statistics))
    return plain;
  const Expectation expected(products, statistics);
  auto complete = [&](Scaling &scaling) {
    if (method == RangeMethod::Expected || (method != RangeMethod::MinMax && !scaling.factors.empty()))
      widen(scaling, expected);
    return roundingOf(scaling.range) * expected.ofInput(scaling.factors) +
           expected.ofClamping(scaling.range, scaling.factors);
  };
  const double lost = statistics.histogram().meanClamped(plain.range) * expected.ofInput({});
  plain.noise = complete(plain) + lost + expected.ofWeights({});
  return chooseFactors(expected, std::move(plain), complete);
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
  if (statistics.parts().empty() || !fits(products, statistics))
    return plain;
  const Expectation expected(products, statistics);
  auto complete = [&](Scaling &scaling) {
    return roundingOfParts(statistics.parts(), scaling.factors) * expected.ofInput(scaling.factors);
  };
  plain.noise = complete(plain) + expected.ofWeights({});
  return chooseFactors(expected, std::move(plain), complete);
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Histogram.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace smelt::quantize {

constexpr size_t kBins = 4096;
constexpr double kSteps = 255; // between the numbers of 8 bits

static constexpr std::array<std::pair<std::string_view, RangeMethod>, 6> kMethods{
    {{"min-max", RangeMethod::MinMax},
     {"expected", RangeMethod::Expected},
     {"percentile", RangeMethod::Percentile},
     {"entropy", RangeMethod::Entropy},
     {"mse", RangeMethod::Mse},
     {"dynamic", RangeMethod::Dynamic}}};

std::vector<RangeMethod> rangeMethodsOf(std::string_view name) {
  if (name == "auto")
    return {RangeMethod::Expected, RangeMethod::Entropy, RangeMethod::Mse, RangeMethod::Dynamic};
  for (const auto &[known, method] : kMethods)
    if (known == name)
      return {method};
  return {};
}

std::string_view rangeMethodNames() { return "auto, min-max, expected, percentile, entropy, mse, dynamic"; }

Histogram::Histogram() : bins_(kBins, 0) {}

/// Bins twice as wide, as often as it takes: two neighbours become one.
void Histogram::widen(float magnitude) {
  if (limit_ == 0) {
    limit_ = std::ldexp(1.0, std::ilogb(magnitude) + 1);
    bins_[kBins / 2] = zeros_;
    return;
  }
  while (magnitude >= limit_) {
    std::vector<uint64_t> merged(kBins, 0);
    for (size_t bin = 0; bin < kBins; ++bin)
      merged[kBins / 4 + bin / 2] += bins_[bin];
    bins_ = std::move(merged);
    limit_ *= 2;
  }
}

/// The least and the largest of numbers and 0, whatever is not finite left out. In lanes, which become a vector's.
static Range extentsOf(const float *numbers, uint64_t count) {
  constexpr uint64_t kLanes = 16;
  std::array<float, kLanes> low{}, high{};
  auto take = [&](uint64_t lane, float given) {
    const float number = given - given == 0 ? given : 0;
    low[lane] = number < low[lane] ? number : low[lane];
    high[lane] = number > high[lane] ? number : high[lane];
  };
  uint64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (uint64_t lane = 0; lane < kLanes; ++lane)
      take(lane, numbers[i + lane]);
  for (; i < count; ++i)
    take(0, numbers[i]);
  return {*std::min_element(low.begin(), low.end()), *std::max_element(high.begin(), high.end())};
}

void Histogram::add(const float *numbers, uint64_t count) {
  constexpr uint64_t kAtOnce = 4096; // that the first cache holds while they are looked at twice
  for (uint64_t first = 0; first < count; first += kAtOnce)
    addBlock(numbers + first, std::min(kAtOnce, count - first));
}

void Histogram::addBlock(const float *numbers, uint64_t count) {
  const Range extents = extentsOf(numbers, count);
  low_ = std::min(low_, static_cast<float>(extents.low));
  high_ = std::max(high_, static_cast<float>(extents.high));
  if (const float magnitude = std::max(-low_, high_); magnitude > 0 && magnitude >= limit_)
    widen(magnitude);
  const double half = static_cast<double>(kBins) / 2, scale = limit_ > 0 ? half / limit_ : 0;
  uint64_t zeros = 0, notFinite = 0; // there are many zeros behind a ReLU
  for (uint64_t i = 0; i < count; ++i) {
    const float number = numbers[i];
    if (number == 0)
      ++zeros;
    else if (!std::isfinite(number))
      ++notFinite;
    else
      ++bins_[std::min(kBins - 1, static_cast<size_t>(number * scale + half))];
  }
  count_ += count - notFinite;
  notFinite_ += notFinite;
  (limit_ > 0 ? bins_[kBins / 2] : zeros_) += zeros;
}

void Histogram::merge(const Histogram &other) {
  Histogram more = other;
  const auto magnitude = static_cast<float>(std::max({-low_, high_, -more.low_, more.high_}));
  for (Histogram *each : {this, &more})
    if (magnitude > 0 && magnitude >= each->limit_)
      each->widen(magnitude);
  for (size_t bin = 0; bin < kBins; ++bin)
    bins_[bin] += more.bins_[bin];
  zeros_ += more.limit_ > 0 ? 0 : more.zeros_;
  low_ = std::min(low_, more.low_);
  high_ = std::max(high_, more.high_);
  count_ += more.count_;
  notFinite_ += more.notFinite_;
}

double Histogram::centre(size_t bin) const {
  return ((static_cast<double>(bin) + 0.5) / (static_cast<double>(kBins) / 2) - 1) * limit_;
}

Range Histogram::percentile(double share) const {
  auto beyond = static_cast<uint64_t>(share * static_cast<double>(count_));
  uint64_t below = 0, above = 0;
  size_t first = 0, last = kBins - 1;
  while (first < last && below + bins_[first] <= beyond)
    below += bins_[first++];
  while (last > first && above + bins_[last] <= beyond)
    above += bins_[last--];
  const double half = limit_ / static_cast<double>(kBins);
  return {std::max<double>(low_, centre(first) - half), std::min<double>(high_, centre(last) + half)};
}

double Histogram::meanClamped(Range range) const {
  double sum = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    const double number = centre(bin), beyond = number - std::clamp(number, range.low, range.high);
    sum += static_cast<double>(bins_[bin]) * beyond * beyond;
  }
  return count_ ? sum / static_cast<double>(count_) : 0;
}

/// Of what rounding to kSteps and clamping add to each number.
double Histogram::squaredError(Range range) const {
  const double step = (range.high - range.low) / kSteps, rounding = step * step / 12;
  double sum = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    if (bins_[bin] == 0)
      continue;
    const double number = centre(bin), beyond = number - std::clamp(number, range.low, range.high);
    sum += static_cast<double>(bins_[bin]) * (beyond == 0 ? rounding : beyond * beyond);
  }
  return sum;
}

/// The Kullback-Leibler divergence of the numbers' distribution from what it is after rounding and clamping.
double Histogram::lostInformation(Range range) const {
  const double step = (range.high - range.low) / kSteps;
  std::vector<double> sums(static_cast<size_t>(kSteps) + 1, 0), occupied(sums.size(), 0);
  auto stepOf = [&](double number) {
    return static_cast<size_t>(std::lround((std::clamp(number, range.low, range.high) - range.low) / step));
  };
  for (size_t bin = 0; bin < kBins; ++bin) {
    const double number = centre(bin);
    sums[stepOf(number)] += static_cast<double>(bins_[bin]);
    if (bins_[bin] != 0 && number >= range.low && number <= range.high)
      ++occupied[stepOf(number)];
  }
  double divergence = 0, all = static_cast<double>(count_);
  for (size_t bin = 0; bin < kBins; ++bin) {
    if (bins_[bin] == 0)
      continue;
    // What lies beyond the range has no place of its own in the rounded distribution: it shares the last one.
    const size_t place = stepOf(centre(bin));
    const double p = static_cast<double>(bins_[bin]) / all, q = sums[place] / (std::max(1.0, occupied[place]) * all);
    divergence += p * std::log(p / q);
  }
  return std::abs(divergence);
}

/// Of ranges that end closer and closer to 0, on both sides or on one.
Range Histogram::leastLoss(double (Histogram::*loss)(Range) const) const {
  constexpr int kTrials = 96;
  constexpr double kLeastShare = 0.01;
  Range best{low_, high_};
  double least = (this->*loss)(best);
  auto attempt = [&](Range range) {
    const double lost = (this->*loss)(range);
    if (lost < least) {
      least = lost;
      best = range;
    }
  };
  auto share = [](int trial) { return std::pow(kLeastShare, static_cast<double>(trial) / kTrials); };
  for (int trial = 1; trial <= kTrials; ++trial)
    attempt({low_ * share(trial), high_ * share(trial)});
  const Range both = best;
  for (int trial = 1; trial <= kTrials; ++trial) {
    attempt({low_ * share(trial), both.high});
    attempt({both.low, high_ * share(trial)});
  }
  return best;
}

Range Histogram::range(RangeMethod method) const {
  constexpr double kOutliers = 1e-5;
  if (low_ == high_)
    return {low_, high_};
  switch (method) {
  case RangeMethod::MinMax:
  case RangeMethod::Expected:
  case RangeMethod::Dynamic:
    return {low_, high_};
  case RangeMethod::Percentile:
    return percentile(kOutliers);
  case RangeMethod::Entropy:
    return leastLoss(&Histogram::lostInformation);
  case RangeMethod::Mse:
    return leastLoss(&Histogram::squaredError);
  }
  return {low_, high_};
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Statistics.h"
#include <algorithm>
#include <cmath>

namespace smelt::quantize {

Statistics::Statistics(int64_t channels, int64_t within)
    : extents_{std::vector<float>(channels, 0), std::vector<float>(channels, 0)}, sums_(channels, 0),
      squares_(channels, 0), within_(within) {}

void Statistics::add(const float *numbers, uint64_t count, uint64_t parts) {
  constexpr uint64_t kMostAtOnce = 4, kMostParts = 512; // what more would tell is not worth the memory
  histogram_.add(numbers, count);
  const uint64_t run = within_ * channels(), runs = count / run;
  addChannels(numbers, runs);
  if (parts == 0 || runs % parts != 0)
    return;
  const uint64_t inPart = runs / parts, taken = std::min(parts, kMostAtOnce);
  for (uint64_t i = 0; i < taken && parts_.size() < kMostParts; ++i)
    addPart(numbers + i * parts / taken * inPart * run, inPart);
}

/// What is not finite counts as 0, which is in every channel's extent.
static float finiteOf(float number) { return number - number == 0 ? number : 0; }

void Statistics::extend(ChannelExtents &extents, const float *numbers, uint64_t runs) const {
  float *low = extents.low.data(), *high = extents.high.data();
  for (uint64_t run = 0; run < runs; ++run)
    for (uint64_t i = 0; i < within_; ++i) {
      const float *first = numbers + run * channels() * within_ + i;
      for (size_t channel = 0; channel < channels(); ++channel) {
        const float number = finiteOf(first[channel * within_]);
        low[channel] = number < low[channel] ? number : low[channel];
        high[channel] = number > high[channel] ? number : high[channel];
      }
    }
}

void Statistics::addChannels(const float *numbers, uint64_t runs) {
  extend(extents_, numbers, runs);
  runs_ += runs;
  double *sums = sums_.data(), *squares = squares_.data();
  for (uint64_t run = 0; run < runs; ++run)
    for (uint64_t i = 0; i < within_; ++i) {
      const float *first = numbers + run * channels() * within_ + i;
      for (size_t channel = 0; channel < channels(); ++channel) {
        const double number = finiteOf(first[channel * within_]);
        sums[channel] += number;
        squares[channel] += number * number;
      }
    }
}

void Statistics::addPart(const float *numbers, uint64_t runs) {
  ChannelExtents part{std::vector<float>(channels(), 0), std::vector<float>(channels(), 0)};
  extend(part, numbers, runs);
  parts_.push_back(std::move(part));
}

double Statistics::mean(size_t channel) const {
  return runs_ ? sums_[channel] / static_cast<double>(runs_ * within_) : 0;
}

double Statistics::meanSquare(size_t channel) const {
  return runs_ ? squares_[channel] / static_cast<double>(runs_ * within_) : 0;
}

} // namespace smelt::quantize

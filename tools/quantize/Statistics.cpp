// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Statistics.h"
#include <algorithm>
#include <cmath>

namespace smelt::quantize {

Statistics::Statistics(int64_t channels, int64_t within)
    : low_(channels, 0), high_(channels, 0), sums_(channels, 0), squares_(channels, 0), within_(within) {}

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

void Statistics::addChannels(const float *numbers, uint64_t runs) {
  const size_t channels = low_.size();
  for (uint64_t run = 0; run < runs; ++run, ++runs_)
    for (size_t channel = 0; channel < channels; ++channel)
      for (uint64_t i = 0; i < within_; ++i) {
        const float number = numbers[(run * channels + channel) * within_ + i];
        if (!std::isfinite(number))
          continue;
        low_[channel] = std::min(low_[channel], number);
        high_[channel] = std::max(high_[channel], number);
        sums_[channel] += number;
        squares_[channel] += static_cast<double>(number) * number;
      }
}

void Statistics::addPart(const float *numbers, uint64_t runs) {
  ChannelExtents part{std::vector<float>(channels(), 0), std::vector<float>(channels(), 0)};
  for (uint64_t run = 0; run < runs; ++run)
    for (size_t channel = 0; channel < channels(); ++channel)
      for (uint64_t i = 0; i < within_; ++i, ++numbers)
        if (std::isfinite(*numbers)) {
          part.low[channel] = std::min(part.low[channel], *numbers);
          part.high[channel] = std::max(part.high[channel], *numbers);
        }
  parts_.push_back(std::move(part));
}

double Statistics::mean(size_t channel) const {
  return runs_ ? sums_[channel] / static_cast<double>(runs_ * within_) : 0;
}

double Statistics::meanSquare(size_t channel) const {
  return runs_ ? squares_[channel] / static_cast<double>(runs_ * within_) : 0;
}

} // namespace smelt::quantize

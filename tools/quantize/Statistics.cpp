// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Statistics.h"
#include <algorithm>
#include <cmath>

namespace smelt::quantize {

Statistics::Statistics(int64_t channels, int64_t within)
    : low_(channels, 0), high_(channels, 0), sums_(channels, 0), squares_(channels, 0), within_(within) {}

void Statistics::add(const float *numbers, uint64_t count) {
  histogram_.add(numbers, count);
  const size_t channels = low_.size();
  for (uint64_t run = 0; (run + 1) * within_ * channels <= count; ++run, ++runs_)
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

double Statistics::mean(size_t channel) const {
  return runs_ ? sums_[channel] / static_cast<double>(runs_ * within_) : 0;
}

double Statistics::meanSquare(size_t channel) const {
  return runs_ ? squares_[channel] / static_cast<double>(runs_ * within_) : 0;
}

} // namespace smelt::quantize

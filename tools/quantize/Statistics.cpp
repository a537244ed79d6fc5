// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Statistics.h"
#include <algorithm>
#include <cmath>

namespace smelt::quantize {

Statistics::Statistics(int64_t channels, int64_t within)
    : extents_{std::vector<float>(channels, 0), std::vector<float>(channels, 0)}, sums_(channels, 0),
      squares_(channels, 0), lowTails_(channels), highTails_(channels), within_(within) {}

constexpr size_t kMostParts = 512; // what more would tell is not worth the memory

void Statistics::add(const float *numbers, uint64_t count, uint64_t parts) {
  constexpr uint64_t kMostAtOnce = 4;
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

static void widen(ChannelExtents &extents, const ChannelExtents &by) {
  for (size_t channel = 0; channel < extents.low.size(); ++channel) {
    extents.low[channel] = std::min(extents.low[channel], by.low[channel]);
    extents.high[channel] = std::max(extents.high[channel], by.high[channel]);
  }
}

void Statistics::addChannels(const float *numbers, uint64_t runs) {
  ChannelExtents sample{std::vector<float>(channels(), 0), std::vector<float>(channels(), 0)};
  extend(sample, numbers, runs);
  widen(extents_, sample);
  highTails_.add(sample.high);
  for (float &low : sample.low)
    low = -low;
  lowTails_.add(sample.low);
  runs_ += runs;
  ++samples_;
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

void Statistics::merge(const Statistics &other) {
  histogram_.merge(other.histogram_);
  widen(extents_, other.extents_);
  lowTails_.merge(other.lowTails_);
  highTails_.merge(other.highTails_);
  for (size_t channel = 0; channel < channels(); ++channel) {
    sums_[channel] += other.sums_[channel];
    squares_[channel] += other.squares_[channel];
  }
  runs_ += other.runs_;
  samples_ += other.samples_;
  const size_t more = std::min(other.parts_.size(), kMostParts - std::min(kMostParts, parts_.size()));
  parts_.insert(parts_.end(), other.parts_.begin(), other.parts_.begin() + static_cast<ptrdiff_t>(more));
}

double Statistics::perSample() const {
  return samples_ ? static_cast<double>(runs_ * within_) / static_cast<double>(samples_) : 0;
}

double Statistics::mean(size_t channel) const {
  return runs_ ? sums_[channel] / static_cast<double>(runs_ * within_) : 0;
}

double Statistics::meanSquare(size_t channel) const {
  return runs_ ? squares_[channel] / static_cast<double>(runs_ * within_) : 0;
}

} // namespace smelt::quantize

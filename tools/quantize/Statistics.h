// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_STATISTICS_H
#define SMELT_TOOLS_QUANTIZE_STATISTICS_H

#include "tools/quantize/Histogram.h"
#include "tools/quantize/Tails.h"
#include <vector>

namespace smelt::quantize {

/// The least and the largest numbers of all channels, and of 0, in a part of a tensor.
struct ChannelExtents {
  std::vector<float> low, high;
};

/// What a tensor was seen to hold: all of it, each of its channels, and, for some of its parts, each of their channels.
class Statistics {
public:
  /// A channel's numbers lie in runs of `within`, one channel behind the other, again and again.
  Statistics(int64_t channels, int64_t within);

  /// A sample's numbers. `parts` are of one size, one behind the other: rows, or images.
  void add(const float *numbers, uint64_t count, uint64_t parts);
  /// What was seen of the same tensor in other samples.
  void merge(const Statistics &other);

  const Histogram &histogram() const { return histogram_; }
  size_t channels() const { return extents_.low.size(); }
  /// The least and the largest number of a channel, and of 0; the mean of its numbers, and of their squares.
  float low(size_t channel) const { return extents_.low[channel]; }
  float high(size_t channel) const { return extents_.high[channel]; }
  double mean(size_t channel) const;
  double meanSquare(size_t channel) const;
  /// Of each channel, what its numbers below 0, and those above, may reach in samples that were not seen.
  std::vector<Tail> lowTails() const { return lowTails_.find(); }
  std::vector<Tail> highTails() const { return highTails_.find(); }
  /// How many numbers a channel has in a sample, on average.
  double perSample() const;
  /// A few parts of each sample.
  const std::vector<ChannelExtents> &parts() const { return parts_; }

private:
  void extend(ChannelExtents &extents, const float *numbers, uint64_t runs) const;
  void addChannels(const float *numbers, uint64_t runs);
  void addPart(const float *numbers, uint64_t runs);

  Histogram histogram_;
  ChannelExtents extents_;
  std::vector<double> sums_, squares_;
  Tails lowTails_, highTails_;
  uint64_t within_, runs_ = 0, samples_ = 0;
  std::vector<ChannelExtents> parts_;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_STATISTICS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_HISTOGRAM_H
#define SMELT_TOOLS_QUANTIZE_HISTOGRAM_H

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace smelt::quantize {

/// The least and the largest number that 8 bits are made to reach.
struct Range {
  double low = 0, high = 0;
};

/// How a range is chosen from the numbers that a tensor was seen to hold.
enum class RangeMethod {
  MinMax,     // all of them
  Expected,   // all of them, and what samples that were not seen are expected to have beyond (Smoothing.h); here as
              // MinMax
  Percentile, // all but one in 100,000 at either end
  Entropy,    // the one that loses least information (Migacz, "8-bit inference with TensorRT", 2017)
  Mse,        // the one of the least squared error of rounding and clamping together
  Dynamic     // that of what the tensor holds in a run, found in each run; here as MinMax
};
/// The methods that a name stands for: itself, or, for "auto", those of which the best is worth finding out; none for
/// an unknown name.
std::vector<RangeMethod> rangeMethodsOf(std::string_view name);
/// "auto, min-max, expected, percentile, entropy, mse, dynamic"
std::string_view rangeMethodNames();

/// Counts numbers in bins of one width, which doubles when a number lies beyond the last: one pass over data of which
/// nothing is known before. NaN and infinities are counted, and otherwise left out.
class Histogram {
public:
  Histogram();

  void add(const float *numbers, uint64_t count);

  void merge(const Histogram &other);

  uint64_t count() const { return count_; }
  uint64_t notFinite() const { return notFinite_; }
  /// Of no numbers at all, [0, 0].
  Range range(RangeMethod method) const;
  /// The mean square of what clamping to a range takes from the numbers.
  double meanClamped(Range range) const;

private:
  void addBlock(const float *numbers, uint64_t count);
  void widen(float magnitude);
  Range percentile(double share) const;
  Range leastLoss(double (Histogram::*loss)(Range) const) const;
  double squaredError(Range range) const;
  double lostInformation(Range range) const;
  double centre(size_t bin) const;

  std::vector<uint64_t> bins_; // of [-limit_, limit_)
  double limit_ = 0;           // 0 before the first number that is not 0
  uint64_t zeros_ = 0;         // seen before that
  float low_ = 0, high_ = 0;
  uint64_t count_ = 0, notFinite_ = 0;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_HISTOGRAM_H

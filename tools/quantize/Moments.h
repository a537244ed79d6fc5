// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_MOMENTS_H
#define SMELT_TOOLS_QUANTIZE_MOMENTS_H

#include <cstdint>
#include <optional>
#include <vector>

namespace smelt::quantize {

/// Σ xᵀx over rows x of an input: which of its channels go together.
class Moments {
public:
  explicit Moments(int64_t channels) : channels_(channels), sums_(channels * channels, 0) {}

  int64_t channels() const { return channels_; }
  /// Adds rows that lie one behind the other.
  void add(const float *rows, int64_t count);
  /// The upper triangular U, row-major, of inverse(H) = UᵀU; H are the sums, and a hundredth of their mean diagonal
  /// added to it, so that there is one. Nothing where numbers were not finite, or all are zero.
  std::optional<std::vector<float>> inverseFactors() const;

private:
  int64_t channels_;
  std::vector<float> sums_; // the upper triangle
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_MOMENTS_H

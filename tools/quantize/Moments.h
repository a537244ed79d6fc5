// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_MOMENTS_H
#define SMELT_TOOLS_QUANTIZE_MOMENTS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace smelt::quantize {

/// Σ xᵀx over rows x of an input: which of its channels go together.
class Moments {
public:
  explicit Moments(int64_t channels) : channels_(channels), sums_(channels * channels, 0), totals_(channels, 0) {}

  int64_t channels() const { return channels_; }
  /// Adds rows that lie one behind the other.
  void add(const float *rows, int64_t count);
  /// Adds `most` of them, evenly spread.
  void addSome(const float *rows, int64_t count, int64_t most);

  /// Σ (x - mean)ᵀ(x - mean) of rows whose channels are divided by `factors`, one for each; none: 1.
  Moments aroundMeans(llvm::ArrayRef<float> factors) const;
  /// d H dᵀ of each column d of a matrix [channels, columns]: what such weights make of the rows, squared and summed
  /// up.
  std::vector<double> squaresOf(llvm::ArrayRef<float> matrix, int64_t columns) const;
  /// The upper triangular U, row-major, of inverse(H) = UᵀU; H are the sums, and a hundredth of their mean diagonal
  /// added to it, so that there is one. Nothing where numbers were not finite, or all are zero.
  std::optional<std::vector<float>> inverseFactors() const;

private:
  int64_t channels_;
  int64_t rows_ = 0;
  std::vector<float> sums_;    // the upper triangle
  std::vector<double> totals_; // of each channel
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_MOMENTS_H

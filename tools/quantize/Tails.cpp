// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Tails.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>

namespace smelt::quantize {

double Tail::beyond(double end) const {
  if (!(decay > 0))
    return 0;
  return share * 2 * decay * decay * std::exp(-std::max(0.0, end - largest) / decay);
}

void Tails::add(const std::vector<float> &magnitudes) {
  ++samples_;
  for (size_t channel = 0; channel < largest_.size(); ++channel) {
    const double magnitude = magnitudes[channel];
    largest_[channel] = std::max(largest_[channel], magnitude);
    sums_[channel] += magnitude;
    squares_[channel] += magnitude * magnitude;
  }
}

void Tails::merge(const Tails &other) {
  samples_ += other.samples_;
  for (size_t channel = 0; channel < largest_.size(); ++channel) {
    largest_[channel] = std::max(largest_[channel], other.largest_[channel]);
    sums_[channel] += other.sums_[channel];
    squares_[channel] += other.squares_[channel];
  }
}

std::vector<Tail> Tails::find() const {
  std::vector<Tail> tails(largest_.size());
  if (samples_ < 2)
    return tails;
  const auto count = static_cast<double>(samples_);
  std::vector<double> variances; // times count - 1
  double all = 0, magnitudes = 0;
  for (size_t channel = 0; channel < tails.size(); ++channel) {
    variances.push_back(std::max(0.0, squares_[channel] - sums_[channel] * sums_[channel] / count));
    all += variances[channel] / (count - 1);
    magnitudes += largest_[channel] * largest_[channel];
  }
  const double usual = magnitudes > 0 ? all / magnitudes : 0;
  for (size_t channel = 0; channel < tails.size(); ++channel) {
    const double largest = largest_[channel], variance = (variances[channel] + usual * largest * largest) / count;
    tails[channel] = {largest, 1 / (count + 1), std::sqrt(6 * variance) / llvm::numbers::pi};
  }
  return tails;
}

} // namespace smelt::quantize

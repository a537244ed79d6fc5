// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_TAILS_H
#define SMELT_TOOLS_QUANTIZE_TAILS_H

#include <cstdint>
#include <vector>

namespace smelt::quantize {

/// What numbers of one sign may reach in samples that were not seen.
struct Tail {
  double largest = 0; // magnitude that was seen
  double share = 0;   // of samples, whose largest lies beyond that
  double decay = 0;   // by how much on average; no less where it is beyond by so much already

  /// The mean over samples of the square of what a sample's largest has beyond `end`, of all that none had that were
  /// seen.
  double beyond(double end) const;
};

/// The largest magnitudes of several channels, of each sample one.
class Tails {
public:
  explicit Tails(size_t channels) : largest_(channels, 0), sums_(channels, 0), squares_(channels, 0) {}

  /// A sample's largest magnitude of each channel.
  void add(const std::vector<float> &magnitudes);
  void merge(const Tails &other);

  /// One of n + 1 samples has the largest magnitude of all, and each is as likely as any other: a new one lies beyond
  /// what n had with probability 1 / (n + 1). By how much is taken for exponentially distributed, as far beyond what is
  /// usual most distributions are (Gumbel, "Statistics of extremes", 1958), and its mean is that of the largest
  /// numbers' own distribution, by its standard deviation. Few samples tell little of that: how it is to the largest,
  /// over all channels, counts as one sample more.
  std::vector<Tail> find() const;

private:
  uint64_t samples_ = 0;
  std::vector<double> largest_, sums_, squares_;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_TAILS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Distance.h"
#include "tools/runner/Compare.h"
#include <algorithm>
#include <cmath>

namespace smelt::quantize {

static runner::TensorView viewOf(const runner::Tensor &tensor) {
  return {tensor.dtype, tensor.shape, tensor.bytes.data()};
}

namespace {
/// Of one output of one sample.
struct Apart {
  double square = 0, norm = 0;
  uint64_t differing = 0, integers = 0;

  Apart(const runner::Tensor &got, const runner::Tensor &want, double (*scale)(double));
};
} // namespace

Apart::Apart(const runner::Tensor &got, const runner::Tensor &want, double (*scale)(double)) {
  const runner::TensorView a = viewOf(got), b = viewOf(want);
  const bool isAlike = a.shape == b.shape;
  for (uint64_t at = 0, count = b.count(); at < count; ++at) {
    double wanted = b.at(at), found = isAlike ? a.at(at) : 0;
    if (!b.isFloat()) {
      ++integers;
      differing += !isAlike || found != wanted;
    } else if (std::isfinite(wanted)) {
      const bool isNumber = std::isfinite(found);
      wanted = scale(wanted);
      norm += wanted * wanted;
      const double difference = isNumber ? scale(found) - wanted : wanted;
      square += difference * difference;
    }
  }
}

static double share(uint64_t part, uint64_t all) {
  return all ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

void OutputDistance::add(const std::vector<runner::Tensor> &got, const std::vector<runner::Tensor> &want) {
  for (size_t i = 0; i < want.size(); ++i) {
    const Apart apart(got[i], want[i], [](double number) { return number; });
    apart_ += apart.square;
    norm_ += apart.norm;
    differing_ += apart.differing;
    integers_ += apart.integers;
  }
}

double OutputDistance::relative() const { return norm_ > 0 ? std::sqrt(apart_ / norm_) : share(differing_, integers_); }

/// Whether all elements are floats in [0, 1].
static bool areProbabilities(const runner::TensorView &tensor) {
  for (uint64_t at = 0, count = tensor.count(); at < count; ++at)
    if (const double number = tensor.at(at); !(number >= 0 && number <= 1))
      return false;
  return tensor.isFloat();
}

/// log((p + ε) / (1 - p + ε)) less its value for 0: near 0 and 1, where a softmax or a sigmoid is flat, it is not.
static double logOdds(double p) {
  constexpr double kUnsure = 1e-3;
  p = std::clamp(p, 0.0, 1.0);
  return std::log((p + kUnsure) / (1 - p + kUnsure)) - std::log(kUnsure / (1 + kUnsure));
}

constexpr double kLeast = 1e-7; // what a sample is off by, or not at all

void DecisionDistance::add(const std::vector<runner::Tensor> &got, const std::vector<runner::Tensor> &want) {
  double sum = 0, outputs = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const Apart apart(
        got[i], want[i], areProbabilities(viewOf(want[i])) ? logOdds : [](double number) { return number; });
    differing_ += apart.differing;
    integers_ += apart.integers;
    if (apart.norm > 0) {
      sum += apart.square / apart.norm;
      ++outputs;
    }
  }
  if (outputs > 0) {
    logarithms_ += std::log(std::max(std::sqrt(sum / outputs), kLeast));
    ++samples_;
  }
}

void DecisionDistance::add(const DecisionDistance &other) {
  logarithms_ += other.logarithms_;
  samples_ += other.samples_;
  differing_ += other.differing_;
  integers_ += other.integers_;
}

double DecisionDistance::relative() const {
  if (samples_ == 0)
    return share(differing_, integers_);
  const double mean = std::exp(logarithms_ / static_cast<double>(samples_));
  return mean > kLeast * 1.001 ? mean : 0;
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_DISTANCE_H
#define SMELT_TOOLS_QUANTIZE_DISTANCE_H

#include "tools/runner/Tensor.h"
#include <cstdint>
#include <vector>

namespace smelt::quantize {

/// How far outputs are from those in f32: sqrt(Σ (got - want)² / Σ want²) over all elements of floats of all samples;
/// outputs of other types count where a model has no floats, as the share of elements that differ. Elements that are no
/// numbers in one of both count as wholly wrong.
class OutputDistance {
public:
  void add(const std::vector<runner::Tensor> &got, const std::vector<runner::Tensor> &want);
  double relative() const;

private:
  double apart_ = 0, norm_ = 0;
  uint64_t differing_ = 0, integers_ = 0;
};

/// How likely decisions that are made of outputs are to change. Of a sample, the root of the mean square of what each
/// of its outputs of floats is apart by, as OutputDistance has it, but that probabilities count by their logarithmic
/// odds; of several samples the geometric mean, so that a few of which the model is unsure do not drown all others.
/// Outputs of other types count as there.
class DecisionDistance {
public:
  /// The outputs of a sample.
  void add(const std::vector<runner::Tensor> &got, const std::vector<runner::Tensor> &want);
  /// Other samples.
  void add(const DecisionDistance &other);
  double relative() const;

private:
  double logarithms_ = 0; // of the samples' distances
  uint64_t samples_ = 0;
  uint64_t differing_ = 0, integers_ = 0;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_DISTANCE_H

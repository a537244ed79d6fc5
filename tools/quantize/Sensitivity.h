// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_SENSITIVITY_H
#define SMELT_TOOLS_QUANTIZE_SENSITIVITY_H

#include "tools/quantize/Trial.h"

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

/// What mixtures of a configuration's layers with f32 do to a model's outputs, on some samples.
class Sensitivity {
public:
  /// `trial` and `samples` must outlive it. Throws runner::Error.
  Sensitivity(const Trial &trial, const std::vector<std::string> &samples);

  double distance(const std::vector<bool> &lowered) const;

private:
  const Trial &trial_;
  const std::vector<std::string> &samples_;
  std::vector<std::vector<runner::Tensor>> exact_; // of each sample
};

/// Of each layer, whether it has another precision than f32.
std::vector<bool> allLowered(const Configuration &layers);

/// What is asked of a mixture.
struct Budget {
  double distance = 0.01;         // OutputDistance::relative
  double mostMultiplyAdds = 0.15; // that may be left in more digits, of all
};

/// Of several configurations of a model's layers, the one whose outputs are nearest to those in f32; then gives layers
/// back to `fallback`, a precision that counts as exact here, those first that add most to the distance for each
/// multiply-add, until the distance is in the budget, or the multiply-adds are spent. Throws runner::Error.
llvm::Expected<Configuration> chooseMixture(const Budget &budget, const std::string &fallback,
                                            const driver::CompileOptions &options,
                                            const std::vector<std::string> &samples,
                                            std::vector<Configuration> candidates);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_SENSITIVITY_H

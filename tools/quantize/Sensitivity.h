// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_SENSITIVITY_H
#define SMELT_TOOLS_QUANTIZE_SENSITIVITY_H

#include "tools/quantize/Distance.h"
#include "tools/quantize/Trial.h"
#include <map>
#include <memory>

namespace smelt::quantize {

/// A model's outputs in f32 for samples, each computed once.
using ExactOutputs = std::map<std::string, std::vector<runner::Tensor>>;

/// What mixtures of a configuration's layers with f32 do to a model's outputs, on some samples, which run on `threads`
/// at once; results do not depend on how many.
class Sensitivity {
public:
  /// `trial` and `samples` must outlive it. What `exact` lacks is added to it. Throws runner::Error.
  Sensitivity(const Trial &trial, const std::vector<std::string> &samples, unsigned threads = 1,
              std::shared_ptr<ExactOutputs> exact = std::make_shared<ExactOutputs>());

  /// DecisionDistance::relative
  double distance(const std::vector<bool> &lowered) const;
  /// The same with one layer lowered.
  double distanceOf(size_t layer, size_t layers) const;

private:
  const Trial &trial_;
  const std::vector<std::string> &samples_;
  unsigned threads_;
  std::shared_ptr<ExactOutputs> exact_;
};

/// Of each layer, whether it has another precision than f32.
std::vector<bool> allLowered(const Configuration &layers);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_SENSITIVITY_H

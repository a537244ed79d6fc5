// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_INPUTMOMENTS_H
#define SMELT_TOOLS_QUANTIZE_INPUTMOMENTS_H

#include "passes/quantize/Weights.h"
#include "tools/driver/Compile.h"
#include "tools/quantize/Moments.h"
#include "tools/runner/Artifact.h"

namespace smelt::quantize {

/// The moments of what some of a model's products read, in f32, on samples.
class InputMoments {
public:
  /// For each of a module's products, in order, whether its input is looked at. Channels of that are its last dim.
  using Choose = llvm::function_ref<std::vector<bool>(mlir::ModuleOp, llvm::ArrayRef<WeightedProduct>)>;

  /// Some rows of each sample are looked at, and inputs until a gigabyte is used. Throws runner::Error.
  static llvm::Expected<InputMoments> find(const driver::CompileOptions &options,
                                           const std::vector<std::string> &samples, Choose choose);

  /// Of the i-th product; null where none are known.
  const Moments *of(size_t product) const { return observed_[product] ? &moments_[*observed_[product]] : nullptr; }

private:
  void observe(mlir::ModuleOp module, Choose choose);
  void run(const runner::Artifact &artifact, const std::string &sample, int64_t rows, unsigned threads);

  std::vector<std::optional<size_t>> observed_; // of each product, which of the inputs below
  std::vector<Moments> moments_;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_INPUTMOMENTS_H

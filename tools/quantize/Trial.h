// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_TRIAL_H
#define SMELT_TOOLS_QUANTIZE_TRIAL_H

#include "tools/driver/Compile.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/Configuration.h"
#include "tools/runner/Artifact.h"
#include "tools/runner/Tensor.h"
#include <memory>

namespace smelt::quantize {

/// A model that has every layer twice, in f32 and in the precision that a configuration gives it, and an input more
/// that says for each layer which of them counts: compiled once, it tries any mixture. Results are those of an artefact
/// that is compiled for the mixture alone, but for how sums are ordered.
class Trial {
public:
  /// Throws runner::Error where the machine cannot load it. With `isObserved`, what goes into each layer and what comes
  /// out of it are outputs as well, two of each layer after the model's own.
  static llvm::Expected<Trial> compile(const driver::CompileOptions &options, const Configuration &layers,
                                       bool isObserved = false);

  /// The model's outputs for a sample, where layer i is lowered if `lowered[i]`. Throws runner::Error.
  std::vector<runner::Tensor> run(const std::string &sample, const std::vector<bool> &lowered) const;

private:
  Trial(TemporaryFolder folder, std::unique_ptr<runner::Artifact> artifact)
      : folder_(std::move(folder)), artifact_(std::move(artifact)) {}

  TemporaryFolder folder_;
  std::unique_ptr<runner::Artifact> artifact_;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_TRIAL_H

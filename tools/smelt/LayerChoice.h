// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_LAYERCHOICE_H
#define SMELT_TOOLS_SMELT_LAYERCHOICE_H

#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/Configuration.h"
#include "tools/quantize/WeightRounding.h"
#include "tools/smelt/CompileFlags.h"
#include <optional>

namespace smelt {

/// Which layers are computed in what: as data shows, or as the file says that --precision names.
class LayerChoice {
public:
  /// What a compilation with the flags does: of int8, layers that suffer most are in more digits. Throws runner::Error.
  llvm::Error choose(const CompileFlags &flags);
  /// The same, but that all layers of int8 are in integers, whatever that costs.
  llvm::Error lowerAll(const CompileFlags &flags);

  /// Has compilations do so. `this` must outlive them.
  void applyTo(driver::CompileOptions &options) const;

  /// Whether layers are marked one by one; else all are in the precision of the flags.
  bool isMixed() const { return isMixed_; }
  const quantize::Configuration &layers() const { return layers_; }
  /// How weights of few bits were rounded, which the file of layers then has.
  void keepRounding(const quantize::WeightRounding &rounding) { rounding.writeTo(layers_); }
  /// Where integers were asked for and there is no layer, says why.
  llvm::Error explainNone(const CompileFlags &flags);

private:
  llvm::Error find(const CompileFlags &flags, bool keepsWorst);
  llvm::Error findDynamic(const CompileFlags &flags);
  void shareKernels(driver::CompileOptions &options) const;
  llvm::Error fit(const CompileFlags &flags);
  llvm::Error list(const CompileFlags &flags);

  quantize::Configuration layers_;
  bool isMixed_ = false;
  std::optional<TemporaryFolder> kernels_; // of the compilations that layers are tried in, which share most of them
};

/// Says on stderr where samples of --calibration cannot tell what the model sees in use. Throws runner::Error.
llvm::Error warnOfSamples(const CompileFlags &flags);

/// bf16 where the target of the flags multiplies that, else f32: what counts as exact beside integers.
quantize::Precision fallbackOf(const CompileFlags &flags);

/// The text of a file of layers, for --precision.
std::string fileOf(const CompileFlags &flags, const quantize::Configuration &layers);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_LAYERCHOICE_H

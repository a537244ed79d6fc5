// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_LAYERERRORS_H
#define SMELT_TOOLS_QUANTIZE_LAYERERRORS_H

#include "tools/quantize/Sensitivity.h"

namespace smelt::quantize {

/// What one layer has to do with a model's error, each relative to f32 as OutputDistance::relative is.
struct LayerError {
  double alone = 0;    // of the model's outputs, where this layer alone is lowered
  double received = 0; // of the layer's input, where all layers are lowered
  double passedOn = 0; // of its result then
};

struct LayerErrors {
  std::vector<LayerError> layers; // as in the configuration
  double all = 0;                 // of the outputs, where all layers are lowered

  /// Lowered layers of a configuration, those first that alone add most.
  std::vector<size_t> worstFirst(const Configuration &configuration) const;
};

/// Measures a model's layers in the precisions of a configuration, on a few of the samples. Throws runner::Error.
llvm::Expected<LayerErrors> measureLayers(const driver::CompileOptions &options, const Configuration &configuration,
                                          const std::vector<std::string> &samples);

/// How many of the first layers of `order` have to stay in f32 so that the outputs are at most `budget` off; all of
/// them where that is not enough. `distance` is what they are off then. Throws runner::Error.
llvm::Expected<size_t> fewestToKeep(const driver::CompileOptions &options, const Configuration &configuration,
                                    const std::vector<std::string> &samples, const std::vector<size_t> &order,
                                    double budget, double &distance);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_LAYERERRORS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_CALIBRATE_H
#define SMELT_TOOLS_QUANTIZE_CALIBRATE_H

#include "tools/driver/Compile.h"
#include "tools/quantize/Configuration.h"

namespace smelt::quantize {

/// A model's layers with ranges that one method found.
struct Calibrated {
  Configuration layers; // by all samples
  Configuration half;   // by the first of them, the third, and so on: judgesOf tells what these ranges are worth
};

/// The samples that do not count in Calibrated::half; where there is but one sample, that.
std::vector<std::string> judgesOf(const std::vector<std::string> &samples);

/// Runs a model in f32 on samples, and finds the ranges of all products' inputs, by each of the methods. All layers are
/// of `options.precision` then, save for those whose input was no number somewhere. `samples` are .npz files; an empty
/// name is seeded inputs. Throws runner::Error.
llvm::Expected<std::vector<Calibrated>> calibrate(const driver::CompileOptions &options,
                                                  const std::vector<std::string> &samples,
                                                  llvm::ArrayRef<RangeMethod> methods);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_CALIBRATE_H

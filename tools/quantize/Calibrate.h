// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_CALIBRATE_H
#define SMELT_TOOLS_QUANTIZE_CALIBRATE_H

#include "tools/driver/Compile.h"
#include "tools/quantize/Configuration.h"

namespace smelt::quantize {

/// Runs a model in f32 on samples, and finds the ranges of all products' inputs, by each of the methods. All layers are
/// of `options.precision` then, save for those whose input was no number somewhere. `samples` are .npz files; an empty
/// name is seeded inputs. Throws runner::Error.
llvm::Expected<std::vector<Configuration>> calibrate(const driver::CompileOptions &options,
                                                     const std::vector<std::string> &samples,
                                                     llvm::ArrayRef<RangeMethod> methods);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_CALIBRATE_H

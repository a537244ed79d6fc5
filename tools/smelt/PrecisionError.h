// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_PRECISIONERROR_H
#define SMELT_TOOLS_SMELT_PRECISIONERROR_H

#include "tools/driver/Compile.h"

namespace smelt {

/// The error of the precision that `options` ask for: the model is compiled for this machine in f32 and in that one,
/// and both run on the same inputs, those of `calibration` (a .npz or .npy file, or a folder of such) or seeded ones.
/// Fails where the files do not fit the model; what else keeps it from running is in the report.
llvm::Expected<driver::PrecisionReport> measurePrecision(const driver::CompileOptions &options,
                                                         const std::string &calibration);

/// "bf16 against f32 on seeded inputs x=1x64x8: output 'y' was off by 0.31 % of its largest value at most, cosine
/// 0.99998"
std::string inWords(const driver::PrecisionReport &report, llvm::StringRef precision);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_PRECISIONERROR_H

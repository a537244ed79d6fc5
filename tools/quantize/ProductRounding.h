// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_PRODUCTROUNDING_H
#define SMELT_TOOLS_QUANTIZE_PRODUCTROUNDING_H

#include "passes/quantize/Weights.h"
#include "tools/quantize/Configuration.h"
#include "tools/quantize/Moments.h"
#include <string>

namespace smelt::quantize {

/// Which weights of a product in 8 bits are rounded up or down and not to nearest, as `graph.rounding` has it, so that
/// what rounding adds to the results is least: what one channel of the input adds is taken off by those behind it, as
/// far as they go together (Frantar et al., "GPTQ", 2023; that no weight leaves its two neighbours: Nagel et al., "Up
/// or down? Adaptive rounding for post-training quantization", 2020). Each tap of a convolution is a matrix of its own.
/// Means are left out: what they add is taken off the bias. `plain` are the weights rounded to nearest, multiplied by
/// `smoothing`; `moments` are of the input, before it is divided by that. Empty where nothing is gained, or there is no
/// telling.
std::string roundingOf(const WeightedProduct &product, const QuantisedWeights &plain, llvm::ArrayRef<float> smoothing,
                       const Moments &moments);

/// Gives all layers of int8 and int8-dynamic such a rounding, that have none from a file. Throws runner::Error.
llvm::Error roundProducts(const driver::CompileOptions &options, const std::vector<std::string> &samples,
                          Configuration &configuration);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_PRODUCTROUNDING_H

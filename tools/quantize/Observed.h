// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_OBSERVED_H
#define SMELT_TOOLS_QUANTIZE_OBSERVED_H

#include "smelt/smelt.h"
#include <optional>
#include <string>
#include <vector>

namespace smelt::quantize {

/// What the number-th value that is looked at is called as an output.
std::string observedName(size_t number);

/// For each output of a model, which of so many such values it is; nothing for the model's own.
std::vector<std::optional<size_t>> observedOutputs(const smelt_model &model, size_t count);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_OBSERVED_H

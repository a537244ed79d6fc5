// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_ROUNDINGSTEPS_H
#define SMELT_PASSES_QUANTIZE_ROUNDINGSTEPS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace smelt::quantize {

/// How far weights are rounded away from the nearest integers: -1, 0 or 1 each, as text, four to a character that JSON
/// holds as it is.
std::string textOfSteps(llvm::ArrayRef<int8_t> steps);
/// So many of them; nothing where the text is of another number, or is none.
std::optional<std::vector<int8_t>> stepsOf(llvm::StringRef text, size_t count);

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_ROUNDINGSTEPS_H

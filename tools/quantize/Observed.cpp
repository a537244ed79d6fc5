// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Observed.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::quantize {

std::string observedName(size_t number) { return "smelt.observed." + std::to_string(number); }

std::vector<std::optional<size_t>> observedOutputs(const smelt_model &model, size_t count) {
  llvm::StringMap<size_t> numbers;
  for (size_t number = 0; number < count; ++number)
    numbers[observedName(number)] = number;
  std::vector<std::optional<size_t>> observed;
  for (uint32_t i = 0; i < model.output_count; ++i) {
    auto number = numbers.find(model.outputs[i].name);
    observed.push_back(number == numbers.end() ? std::nullopt : std::optional(number->second));
  }
  return observed;
}

} // namespace smelt::quantize

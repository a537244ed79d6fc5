// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/RoundingSteps.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace smelt::quantize {

constexpr size_t kInCharacter = 4;
constexpr int kCharacters = 81; // 3 ^ 4
constexpr char kFirst = '#';    // behind the quotation mark

/// The backslash is left out.
static char characterOf(int value) { return static_cast<char>(kFirst + value + (kFirst + value >= '\\')); }

std::string textOfSteps(ArrayRef<int8_t> steps) {
  std::string text;
  for (size_t at = 0; at < steps.size(); at += kInCharacter) {
    int value = 0;
    for (size_t i = kInCharacter; i-- > 0;)
      value = 3 * value + (at + i < steps.size() ? steps[at + i] + 1 : 0);
    text += characterOf(value);
  }
  return text;
}

std::optional<std::vector<int8_t>> stepsOf(StringRef text, size_t count) {
  if (text.size() != divideCeil(count, kInCharacter))
    return std::nullopt;
  std::vector<int8_t> steps;
  steps.reserve(text.size() * kInCharacter);
  for (char character : text) {
    int value = character - kFirst - (character > '\\');
    if (value < 0 || value >= kCharacters || character == '\\')
      return std::nullopt;
    for (size_t i = 0; i < kInCharacter; ++i, value /= 3)
      steps.push_back(static_cast<int8_t>(value % 3 - 1));
  }
  steps.resize(count);
  return steps;
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/Identifiers.h"

#include "codegen/artifact/Artifact.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace smelt::artifact {

// Keywords of C and C++, and what the C headers and compilers define as macros.
static constexpr StringLiteral kReserved = " alignas alignof and and_eq asm assert auto bitand bitor bool break case "
                                           "catch char class co_await co_return co_yield compl "
                                           "complex concept const const_cast consteval constexpr constinit continue "
                                           "decltype default delete do double dynamic_cast else "
                                           "enum errno explicit export extern false float for friend goto i386 if "
                                           "imaginary inline int linux long main mutable namespace "
                                           "new noexcept noreturn not not_eq nullptr operator or or_eq private "
                                           "protected public register reinterpret_cast requires "
                                           "restrict return short signed sizeof static static_assert static_cast "
                                           "stderr stdin stdout struct switch template this "
                                           "thread_local throw true try typedef typeid typename typeof typeof_unqual "
                                           "union unix unsigned using virtual void volatile "
                                           "wchar_t while xor xor_eq EOF I INFINITY NAN NULL ";

static bool isReserved(StringRef identifier) {
  if (kReserved.contains((" " + identifier + " ").str()) || identifier.ends_with("_t") ||
      identifier.starts_with_insensitive("smelt_"))
    return true;
  // A model of this name would replace the function in the whole program.
  LibFunc function;
  return TargetLibraryInfoImpl(Triple("x86_64-unknown-linux-gnu")).getLibFunc(identifier, function);
}

std::string sanitise(StringRef name) {
  std::string result;
  for (unsigned char c : name)
    if (c >= 0x80) // of another alphabet, in which all names would be the same underscores
      result += utohexstr(c, /*LowerCase=*/true);
    else
      result += isAlnum(static_cast<char>(c)) ? static_cast<char>(c) : '_';
  return result;
}

std::string modelSymbol(StringRef name) {
  std::string symbol = sanitise(name);
  if (symbol.empty() || isDigit(symbol.front()))
    return "model_" + symbol;
  if (symbol.front() == '_')
    return "model" + symbol;
  return isReserved(symbol) ? symbol + "_model" : symbol;
}

std::string MacroNames::add(StringRef name) {
  const std::string word = StringRef(sanitise(name)).upper();
  std::string unique = word;
  for (unsigned number = 2; !taken_.insert(unique).second; ++number)
    unique = word + "_" + utostr(number);
  return unique;
}

} // namespace smelt::artifact

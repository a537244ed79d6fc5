// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that a C function of the user's computes: what a file of declarations says of them.
//
//   # one declaration a line
//   com.acme::Scale(f32[..., n], f32[n], factor: float = 1.0) -> f32[..., n] = acme_scale
//
//   declaration = [domain "::"] name "(" [item {"," item}] ")" "->" tensor {"," tensor} "=" function
//   item        = tensor ["?"] | name ":" ("int" | "ints" | "float" | "floats" | "string") ["=" value]
//   tensor      = type "[" ["..." [","]] [dim {"," dim}] "]"
//
// A type is an element type, or a name that begins with a capital: any type, the same wherever the name is. "..." is
// any dims, the same wherever it is. A dim is an extent (see dialects/Graph/ExtentText.cpp) of numbers, names and int
// attributes; a name alone stands, where it is first, for whatever extent there is, "?" for any.

#ifndef SMELT_FRONTENDS_COMMON_CUSTOMOPERATORS_H
#define SMELT_FRONTENDS_COMMON_CUSTOMOPERATORS_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace smelt::frontend {

struct CustomTensor {
  static constexpr llvm::StringLiteral kAnyDim = "?";

  std::string elements;          // "f32", "ui8"; or a name for any type
  bool hasLeading = false;       // begins with any dims
  std::vector<std::string> dims; // extents as text
  bool isOptional = false;
};

/// What an attribute is: integers, floats or text; of an int or a float, one.
using CustomValue = std::variant<std::vector<int64_t>, std::vector<double>, std::string>;

struct CustomAttribute {
  enum class Kind { Int, Ints, Float, Floats, String };
  std::string name;
  Kind kind = Kind::Int;
  std::optional<CustomValue> fallback;
};

struct CustomOperator {
  std::string function;
  std::vector<CustomTensor> inputs, outputs;
  std::vector<CustomAttribute> attributes;
};

/// By domain and name.
using CustomOperators = std::map<std::pair<std::string, std::string>, CustomOperator>;

/// The element type of such a name; null for others.
mlir::Type customElementType(llvm::StringRef name, mlir::MLIRContext *context);

/// Adds the declarations of a file. Fails with an ImportError that names the line: of kind Environment where the file
/// cannot be read, else Usage.
llvm::Error readCustomOperators(llvm::StringRef path, CustomOperators &operators);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_CUSTOMOPERATORS_H

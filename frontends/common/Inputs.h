// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a model's inputs are declared to be, and what --shape makes of it.

#ifndef SMELT_FRONTENDS_COMMON_INPUTS_H
#define SMELT_FRONTENDS_COMMON_INPUTS_H

#include "frontends/common/Import.h"

namespace smelt::frontend {

/// A dim as the file has it: a number, or what it calls one that stays open; a name may be an expression of others.
struct DeclaredDim {
  std::optional<int64_t> number;
  std::string name; // "": it has none
  int64_t least = 0, most = INT64_MAX;
};

struct DeclaredInput {
  std::string name;
  bool isOptional = false, isSequence = false;
  /// Its elements' type, or that of a sequence's tensors; refuses what Smelt lacks in a message that begins with
  /// `where`.
  std::function<mlir::Type(const llvm::Twine &where)> element;
  std::optional<std::vector<DeclaredDim>> dims; // nothing where their number is not stated
};

/// A tensor that a compiled model takes: an input, or a part of one that is a sequence.
struct ModelInput {
  std::string name;
  mlir::RankedTensorType type;
};
/// What an input of the graph is.
struct GivenInput {
  enum class Kind { Tensor, Sequence, Absent };
  std::string name;
  Kind kind;
  size_t first, count;    // of its tensors among all
  mlir::Type elementType; // of a sequence
};
struct ModelInputs {
  std::vector<ModelInput> tensors;
  std::vector<GivenInput> inputs;
  mlir::DictionaryAttr bounds; // symbol → [least, most], as file and options give them; null where there are none
};
/// The types of inputs: dims that the file leaves open are taken from `options`. Refuses (Usage) what does not fit or
/// is missing.
ModelInputs resolveInputs(llvm::ArrayRef<DeclaredInput> inputs, const ImportOptions &options,
                          mlir::MLIRContext *context);

/// "[batch, 3, ?, ?]"
std::string inWords(const std::optional<std::vector<DeclaredDim>> &dims);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_INPUTS_H

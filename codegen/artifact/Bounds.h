// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_BOUNDS_H
#define SMELT_CODEGEN_ARTIFACT_BOUNDS_H

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/SizeProgram.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <optional>

namespace smelt::artifact {

/// The symbols of the inputs' extents, with the bounds that the module has for them (symbol → [least, most]; may be
/// null). Adds the rows that refuse other values to `sizes`, which must know the symbols.
llvm::Expected<std::vector<Symbol>> symbolsOf(llvm::ArrayRef<graph::Extents> inputs, mlir::DictionaryAttr bounds,
                                              SizeProgram &sizes);

/// What the runtime keeps at the beginning of the arena: smelt_head_bytes.
uint64_t headBytes(const Model &model);

/// An arena of so many bytes is enough for all shapes that the model takes; nothing where there is no such number.
std::optional<uint64_t> mostArenaBytes(const Model &model);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_BOUNDS_H

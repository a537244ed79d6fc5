// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H
#define SMELT_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H

#include "codegen/artifact/Artifact.h"

namespace llvm {
class raw_ostream;
class Triple;
} // namespace llvm

namespace smelt::artifact {

/// Writes an ELF64 relocatable object that defines `symbol`, hidden, as the model's weights, from the segments straight
/// to the stream: weights are too many bytes to pass through LLVM's constants and assembler. The target is x86-64 or
/// little-endian AArch64. The table of model.work becomes a section that is not loaded.
llvm::Error writeWeightsObject(const Model &model, llvm::StringRef symbol, const llvm::Triple &target,
                               llvm::raw_ostream &os);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H

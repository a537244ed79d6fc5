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

class OutputFile;

/// Whether an object holds the weights or has only room for them, which a linked file then has as well.
enum class WeightsForm { Whole, Reserved };

/// Writes an ELF64 relocatable object that defines `symbol`, hidden, as the model's weights, from the segments straight
/// to the stream: weights are too many bytes to pass through LLVM's constants and assembler. The target is x86-64 or
/// little-endian AArch64. The table of model.work becomes a section that is not loaded.
llvm::Error writeWeightsObject(const Model &model, llvm::StringRef symbol, const llvm::Triple &target, WeightsForm form,
                               llvm::raw_ostream &os);

/// Writes the weights to their room in what has been linked from an object that reserves it: a linker would read and
/// write all of them once more.
llvm::Error fillWeights(const Model &model, llvm::StringRef symbol, OutputFile &linked);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_WEIGHTSOBJECT_H

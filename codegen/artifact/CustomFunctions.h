// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_CUSTOMFUNCTIONS_H
#define SMELT_CODEGEN_ARTIFACT_CUSTOMFUNCTIONS_H

#include "codegen/artifact/Artifact.h"

namespace llvm {
class Triple;
}

namespace smelt::artifact {

/// Fails (Usage) where a custom function of the model has the name of something else in the artefact; `taken` are such
/// names.
llvm::Error checkNames(const Model &model, llvm::ArrayRef<std::string> taken);

/// Fails (Usage, Environment) unless each library of the model is an object, an archive or a shared object for the
/// target, and each custom function is defined in one of them.
llvm::Error checkLibraries(const Model &model, const llvm::Triple &target);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_CUSTOMFUNCTIONS_H

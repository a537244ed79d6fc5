// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_PLANTABLE_H
#define SMELT_CODEGEN_ARTIFACT_PLANTABLE_H

#include "codegen/artifact/Artifact.h"

namespace smelt::artifact {

/// Adds the model's descriptor to the module as the constant `modelSymbol`, with exactly the layout of smelt.h's
/// structures. The weights become a reference to `weightsSymbol`. Everything else that the module defines becomes
/// internal.
llvm::Error addPlanTable(const Model &model, llvm::StringRef modelSymbol, llvm::StringRef weightsSymbol,
                         llvm::Module &module);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_PLANTABLE_H

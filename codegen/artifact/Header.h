// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_HEADER_H
#define SMELT_CODEGEN_ARTIFACT_HEADER_H

#include "codegen/artifact/Artifact.h"

namespace llvm {
class raw_ostream;
}

namespace smelt::artifact {

/// The C header of a static artefact: declares modelSymbol(model.name), and its sizes as macros.
void writeHeader(const Model &model, llvm::raw_ostream &os);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_HEADER_H

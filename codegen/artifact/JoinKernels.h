// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_JOINKERNELS_H
#define SMELT_CODEGEN_ARTIFACT_JOINKERNELS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Triple;
}

namespace smelt::artifact {

/// Joins the plan's object with the objects of the kernels that it refers to into one, in which the kernels' symbols
/// are local: two models in one program may have kernels of one name. `plan` holds the result. `path` says which folder
/// has room for temporary files.
llvm::Error joinKernels(llvm::ArrayRef<llvm::StringRef> kernels, const llvm::Triple &target, llvm::StringRef path,
                        llvm::SmallVectorImpl<char> &plan);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_JOINKERNELS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_LINK_H
#define SMELT_CODEGEN_ARTIFACT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace llvm {
class Triple;
}

namespace smelt::artifact {

class OutputFile;

enum class LinkResult { Shared, Relocatable };

/// Links the files `objects`, all members where one is an archive, into `output` with LLD; and what they need of
/// `libraries`, where there are any: these may need what whoever loads the output has. The linker is the one found when
/// Smelt was configured, else ld.lld on PATH. The output has so many `reserved` bytes that no object holds.
llvm::Error link(LinkResult result, const llvm::Triple &target, llvm::ArrayRef<llvm::StringRef> objects,
                 OutputFile &output, llvm::ArrayRef<std::string> libraries = {}, uint64_t reserved = 0);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_LINK_H

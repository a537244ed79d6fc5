// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_IDENTIFIERS_H
#define SMELT_CODEGEN_ARTIFACT_IDENTIFIERS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include <string>

namespace smelt::artifact {

/// `name` with everything that no C identifier may hold as an underscore.
std::string sanitise(llvm::StringRef name);

/// Makes upper-case words for macros out of tensor names, no two of them equal.
class MacroNames {
public:
  std::string add(llvm::StringRef name);

private:
  llvm::StringSet<> taken_;
};

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_IDENTIFIERS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_COMPARELAYERS_H
#define SMELT_TOOLS_SMELT_COMPARELAYERS_H

#include "tools/smelt/CompileFlags.h"

namespace smelt {

/// smelt compare MODEL --precision P --layers: which layers cost a lower precision its accuracy.
struct CompareLayers {
  std::string keep;   // "3", layers; "1%", of the outputs; empty: none
  std::string keepIn; // a precision; empty: fallbackOf
  std::string output; // the configuration's path; empty: none
  bool json = false;

  /// Prints the table. `flags` have been parsed, and ask for less than f32. Throws runner::Error.
  llvm::Error run(const CompileFlags &flags) const;
};

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_COMPARELAYERS_H

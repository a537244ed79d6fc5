// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_USES_H
#define SMELT_FRONTENDS_PT2_USES_H

#include "frontends/pt2/Operators.h"
#include "frontends/pt2/Program.h"
#include "llvm/ADT/StringSet.h"

namespace smelt::frontend::pt2 {

/// What a program's nodes do with its tensors, before they are imported.
class Uses {
public:
  Uses(const Program &program, const OperatorTable &operators);

  /// Whether a node or a result of the main graph names it.
  bool isUsed(llvm::StringRef name) const { return used_.contains(name); }
  /// Whether the module changes a buffer or a user's input: its signature says so, or, in a graph that is not
  /// functional, a node changes it in place.
  bool isChanged(llvm::StringRef name) const { return changed_.contains(name); }

private:
  llvm::StringSet<> used_, changed_;
};

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_USES_H

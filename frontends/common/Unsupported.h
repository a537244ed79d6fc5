// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How an import says which nodes it lacks something for: all at once.

#ifndef SMELT_FRONTENDS_COMMON_UNSUPPORTED_H
#define SMELT_FRONTENDS_COMMON_UNSUPPORTED_H

#include "frontends/common/Import.h"

namespace smelt::frontend {

/// Why a node is refused whose operator is in no table.
constexpr llvm::StringLiteral kUnknownOperator = "unsupported operator";
/// So many refused nodes are remembered.
constexpr size_t kMostRefused = 1000;

/// Refuses where there is such a node. Nodes of one reason stand together, in the order of the first of each.
void refuseUnsupported(llvm::ArrayRef<UnsupportedNode> nodes);

/// Ends an import that refused nodes: tells `onUnsupported`, which may be null, of each, and refuses with all reasons.
void reportRefused(llvm::ArrayRef<UnsupportedNode> refused,
                   const std::function<void(const UnsupportedNode &node)> &onUnsupported);

/// What `build` makes where no node is `unknown`. Else it builds all the same, to learn what else is refused
/// (`refused`, to which it adds), and refuses all of it at once.
mlir::OwningOpRef<mlir::ModuleOp> buildOrRefuse(std::vector<UnsupportedNode> unknown,
                                                const std::vector<UnsupportedNode> &refused,
                                                llvm::function_ref<mlir::OwningOpRef<mlir::ModuleOp>()> build);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_UNSUPPORTED_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_BRANCHES_H
#define SMELT_FRONTENDS_COMMON_BRANCHES_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// What chooses a branch, or goes on with a loop, as a size: 1 or 0. Refuses what is not one bool.
graph::Extent conditionFrom(GraphBuilder &builder, mlir::Value condition);

/// Makes graph.if: what one of two branches makes, of which `condition`, 1 or 0, chooses the first or the second.
llvm::SmallVector<mlir::Value> buildBranches(GraphBuilder &builder, const graph::Extent &condition,
                                             llvm::function_ref<llvm::SmallVector<mlir::Value>()> first,
                                             llvm::function_ref<llvm::SmallVector<mlir::Value>()> second);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_BRANCHES_H

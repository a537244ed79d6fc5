// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_GRAPH_PASSES_H
#define SMELT_PASSES_GRAPH_PASSES_H

#include <memory>

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace smelt::graph {

/// Ops whose operands are all constant → their value, where that costs no more than the op saves.
std::unique_ptr<mlir::Pass> createFoldConstantsPass();

/// A graph as imported → an equal, cheaper one: all passes of this folder, in order, on each func.func.
void buildGraphPipeline(mlir::OpPassManager &manager);
void registerGraphPasses();

} // namespace smelt::graph

#endif // SMELT_PASSES_GRAPH_PASSES_H

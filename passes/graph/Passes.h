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

/// Ops whose operands are all constant → their value, where that costs no more than the op saves. Run on a module, it
/// also frees the bytes of constants that nothing uses any more.
std::unique_ptr<mlir::Pass> createFoldConstantsPass();

/// Algebra that is exact for every value, NaN and signed zeros included; views of views; what nothing uses.
std::unique_ptr<mlir::Pass> createSimplifyPass();

/// Products by a constant after (or before) a convolution or matrix product → a change of its weights.
std::unique_ptr<mlir::Pass> createFoldScalesPass();

/// What exporters took apart → the op it was: normalisations, softmax, activations.
std::unique_ptr<mlir::Pass> createRecognisePass();

/// A graph as imported → an equal, cheaper one: all passes of this folder, in order. For a module.
void buildGraphPipeline(mlir::OpPassManager &manager);
void registerGraphPasses();

} // namespace smelt::graph

#endif // SMELT_PASSES_GRAPH_PASSES_H

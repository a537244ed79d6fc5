// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The patterns of recognise, by family.

#ifndef SMELT_PASSES_GRAPH_RECOGNISE_RECOGNISE_H
#define SMELT_PASSES_GRAPH_RECOGNISE_RECOGNISE_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace smelt::graph {

void addActivationPatterns(mlir::RewritePatternSet &patterns);
void addEmbeddingPatterns(mlir::RewritePatternSet &patterns);
void addGeluPatterns(mlir::RewritePatternSet &patterns);
void addNormalisationPatterns(mlir::RewritePatternSet &patterns);

} // namespace smelt::graph

#endif // SMELT_PASSES_GRAPH_RECOGNISE_RECOGNISE_H

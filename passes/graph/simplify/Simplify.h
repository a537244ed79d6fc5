// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The patterns of simplify, by family.

#ifndef SMELT_PASSES_GRAPH_SIMPLIFY_SIMPLIFY_H
#define SMELT_PASSES_GRAPH_SIMPLIFY_SIMPLIFY_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace smelt::graph {

void addArithmeticPatterns(mlir::RewritePatternSet &patterns);
void addConversionPatterns(mlir::RewritePatternSet &patterns);
void addViewPatterns(mlir::RewritePatternSet &patterns);
void addPiecePatterns(mlir::RewritePatternSet &patterns);

} // namespace smelt::graph

#endif // SMELT_PASSES_GRAPH_SIMPLIFY_SIMPLIFY_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices of few bits (graph.dequantize_blocks) in the forms that kernels read them in.

#ifndef SMELT_PASSES_PLAN_CODES_H
#define SMELT_PASSES_PLAN_CODES_H

#include "dialects/Graph/Graph.h"

namespace smelt::plan {

/// The right-hand side of a product in panels, as kernel.contract takes it.
struct PackedCodes {
  mlir::Value codes;
  llvm::SmallVector<mlir::Value> scales; // and zero points
  int64_t width = 0, block = 0, fraction = 1;
};

/// Constant codes [k, n] of blocks along k; nothing for others.
std::optional<PackedCodes> packCodes(mlir::OpBuilder &builder, graph::DequantizeBlocksOp matrix, int64_t width);

/// gather(dequantize_blocks(…), i) along dim 0, whose blocks lie along dim 1: codes are gathered, and become numbers
/// then. Null for a table that is not constant.
mlir::Value gatherRows(mlir::OpBuilder &builder, graph::GatherOp op, graph::DequantizeBlocksOp table);

/// gather(transpose(dequantize_blocks(…)), i) along dim 0, from the panels that the matrix was packed in for products.
mlir::Value gatherColumns(mlir::OpBuilder &builder, graph::GatherOp op, graph::DequantizeBlocksOp matrix,
                          const PackedCodes &packed);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_CODES_H

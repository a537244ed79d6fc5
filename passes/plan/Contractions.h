// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What passes that make contractions build: operands in the forms that kernels take. Each returns its operand where it
// has that form already.

#ifndef SMELT_PASSES_PLAN_CONTRACTIONS_H
#define SMELT_PASSES_PLAN_CONTRACTIONS_H

#include "dialects/Graph/Extent.h"
#include "mlir/IR/Builders.h"

namespace smelt::plan {

/// [b…, k, n] → [b…, ceil(n / width), k, width], zero where n ends.
mlir::Value packPanels(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, int64_t width);

/// [b…, k, n] → [b…, ceil(k / together), n · together]: neighbours along k side by side, zero where k ends.
mlir::Value groupRows(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, int64_t together);

/// What a value was before it was rounded to a narrower float; itself where it was not.
mlir::Value unrounded(mlir::Value value);

/// [n, s…, c] with `low` and `high` zeros around each spatial dim.
mlir::Value padSpatial(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value input, llvm::ArrayRef<int64_t> low,
                       llvm::ArrayRef<int64_t> high);

/// Whether an operand of elementwise work on tensors of `shape` is one number, or a constant with one for each channel
/// (the last dim).
bool isPerChannel(mlir::Value operand, llvm::ArrayRef<graph::Extent> shape);

/// Such an operand for tensors that have `factor` times the channels, the same ones again and again.
mlir::Value repeatChannels(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value operand, int64_t factor);

/// The elementwise ops that follow a value, each the only reader of what comes before it, whose results have the
/// value's shape and whose other operands are isPerChannel.
llvm::SmallVector<mlir::Operation *> epilogueOf(mlir::Value value);

/// Elementwise work that takes dozens of instructions.
bool isCostly(mlir::Operation *op);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_CONTRACTIONS_H

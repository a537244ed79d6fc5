// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A long dim as parts of equal length and what is left behind them, so that several groups of a device's threads go
// through it at once.

#ifndef SMELT_PASSES_PLAN_PARTS_H
#define SMELT_PASSES_PLAN_PARTS_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/Builders.h"

namespace smelt::plan {

constexpr int64_t kGroupsOfDevice = 256; // that keep a large one busy
constexpr int64_t kLinesOfGroup = 32;    // side by side, which read a line of the cache together

struct Parts {
  int64_t count = 1, length = 0, tail = 0; // extent = count · length + tail

  int64_t pieces() const { return count + (tail > 0 ? 1 : 0); }
};

/// About `wanted` parts of a dim that has more elements; without a tail where some number from half of that on divides
/// it.
Parts cutInto(int64_t extent, int64_t wanted);

/// The shape with the dims [first, end) replaced.
llvm::SmallVector<int64_t> replaceDims(llvm::ArrayRef<int64_t> shape, int64_t first, int64_t end,
                                       llvm::ArrayRef<int64_t> by);

/// [b…, extent, a…] → [b…, count, length, a…]
mlir::Value wholeParts(mlir::OpBuilder &builder, mlir::Value tensor, int64_t dim, const Parts &parts);
/// [b…, extent, a…] → [b…, tail, a…], of parts that have one.
mlir::Value tailOf(mlir::OpBuilder &builder, mlir::Value tensor, int64_t dim, const Parts &parts);
/// The elements [first, end) along a dim.
mlir::Value sliceOf(mlir::OpBuilder &builder, mlir::Value tensor, int64_t dim, int64_t first, int64_t end);
/// [b…, count, a…] and, where it is there, [b…, 1, a…] side by side.
mlir::Value besideEachOther(mlir::OpBuilder &builder, mlir::Value whole, mlir::Value tail, int64_t dim);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_PARTS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which rows of its operands an op reads for some rows of its results, and the same op on no more than these. Rows are
// one dim of a tensor: of an image in channels last, the first of its two.

#ifndef SMELT_PASSES_PLAN_ROWS_H
#define SMELT_PASSES_PLAN_ROWS_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace smelt::plan {

/// Rows [first, last) of a tensor.
struct Rows {
  int64_t first = 0, last = 0;

  int64_t count() const { return last - first; }
  bool operator==(const Rows &other) const { return first == other.first && last == other.last; }
};

/// How an operand is read: for row r of the result, rows [r · stride - low, r · stride - low + window), of which those
/// outside of the operand are padding.
struct RowUse {
  int64_t dim = -1; // the operand's rows; -1 where the whole operand is read for any row
  int64_t stride = 1, low = 0, window = 1;
  int64_t tile = 1; // rows that are computed together: a part begins at a multiple, and is padded to one

  bool isWhole() const { return dim < 0; }
  bool isSame() const { return !isWhole() && stride == 1 && low == 0 && window == 1 && tile == 1; }
  bool operator==(const RowUse &other) const;
  /// What is read for `rows` of the result, of an operand of so many rows.
  Rows read(Rows rows, int64_t extent) const;
};

/// One for each operand of an op, a dispatch or a view, whose results all have rows along `dim`; nothing where rows
/// depend on one another, or may.
std::optional<llvm::SmallVector<RowUse>> rowUses(mlir::Operation *op, int64_t dim);

/// The op for `rows` of its results, along `dim`, on operands that have just the rows that are read for them.
mlir::Operation *cloneRows(mlir::OpBuilder &builder, mlir::Operation *op, int64_t dim, Rows rows,
                           mlir::ValueRange operands);

/// Which of the dims of an op's results are rows, where nobody asks for others: of images in channels last, and what
/// views make of these.
std::optional<int64_t> rowDimOf(mlir::Operation *op);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_ROWS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Neighbouring ops computed in strips of rows, all ops for one strip before the next, so that what lies between them is
// never there as a whole. No row is computed twice: of a strip that windows reach back to, the last rows are kept.

#ifndef SMELT_PASSES_PLAN_STRIPS_H
#define SMELT_PASSES_PLAN_STRIPS_H

#include "passes/plan/Rows.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace smelt::plan {

/// What one strip has of an op: the rows that a dispatch computes in it, and those that other ops read in it.
struct StripRows {
  Rows computed;
  llvm::SmallVector<Rows, 2> read;
};

/// An op of those that are computed in strips.
struct StripOp {
  mlir::Operation *op;
  int64_t dim = 0;    // of the results' rows
  int64_t extent = 0; // of these
  int64_t tile = 1;   // rows that are computed together
  llvm::SmallVector<RowUse> uses;
  llvm::SmallVector<int> producers; // of each operand, among these ops; -1 for others
  bool isView = false;
  bool isReadHere = false;
  bool isReadOutside = false; // as a whole
  llvm::SmallVector<StripRows> strips;
};

/// Ops that follow one another in a block, constants left out.
class Strips {
public:
  /// Nothing where rows of one of them depend on one another.
  static std::optional<Strips> of(llvm::ArrayRef<mlir::Operation *> ops);

  /// Cuts them into `count` strips; false where that is not possible.
  bool cut(int64_t count);
  llvm::ArrayRef<StripOp> ops() const { return ops_; }
  int64_t count() const { return count_; }
  /// Puts the strips in the ops' place.
  void emit();

private:
  bool addOp(mlir::Operation *op);
  bool findRows();
  void markReaders();
  bool cutStrip(int64_t strip);
  void computeStrip(StripOp &op, int64_t strip);
  bool readOperands(const StripOp &op, int64_t strip, Rows rows);

  mlir::Value rowsOf(mlir::Value value, int64_t dim, Rows rows, int64_t strip);
  mlir::Value rowsOfStrips(int number, unsigned result, Rows rows, int64_t strip);
  mlir::Operation *partOf(int number, Rows rows, int64_t strip);
  void keepRows(int number, int64_t strip);
  mlir::Value sliceOf(mlir::Value value, int64_t dim, Rows rows);
  mlir::Value joined(mlir::ArrayRef<mlir::Value> values, int64_t dim);
  void emitStrip(int64_t strip);
  void replaceWholes();

  llvm::SmallVector<StripOp> ops_;
  llvm::DenseMap<mlir::Operation *, int> numbers_;
  int64_t count_ = 0;

  // While strips are emitted:
  std::optional<mlir::OpBuilder> builder_;
  llvm::SmallVector<llvm::SmallVector<mlir::Operation *>> parts_;                        // of each dispatch, by strip
  llvm::DenseMap<std::pair<int, std::pair<int64_t, int64_t>>, mlir::Operation *> views_; // by op and rows
  /// Rows of strips before this one, for what is read in this one: by op, result and rows.
  llvm::DenseMap<std::pair<std::pair<int, unsigned>, std::pair<int64_t, int64_t>>, llvm::SmallVector<mlir::Value>>
      kept_;
};

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_STRIPS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results that have as many elements as the run finds.

#ifndef SMELT_FRONTENDS_COMMON_SELECTION_H
#define SMELT_FRONTENDS_COMMON_SELECTION_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// i1: elements that are not 0; NaN is not.
mlir::Value isSet(GraphBuilder &builder, mlir::Value x);

/// The places, i64 [n], at which a list of bools holds.
mlir::Value placesOf(GraphBuilder &builder, mlir::Value isChosen);

/// For each dim, or one where there is none, the coordinates, i64 [1, n], of the elements that are not 0, in row-major
/// order.
llvm::SmallVector<mlir::Value> coordinatesOfSet(GraphBuilder &builder, mlir::Value x);

/// The distinct rows of a matrix. Equal rows are neighbours once they are sorted, by one column after another from the
/// last to the first; each sort leaves equals in the order in which they are.
class Distinct {
public:
  Distinct(GraphBuilder &builder, mlir::Value rows) : b_(builder), rows_(rows), count_(extentsOf(rows)[0]) { find(); }

  /// Where each distinct row comes first, which of them each row is, and how many there are of each.
  mlir::Value first, which, counts;

  /// Gives the rows the order in which they come.
  void sortByPlace();

private:
  void find();
  mlir::Value sorted();
  mlir::Value startsOfRuns(mlir::Value order);
  mlir::Value order(mlir::Value list);
  mlir::Value take(mlir::Value list, mlir::Value places);

  GraphBuilder &b_;
  mlir::Value rows_;
  graph::Extent count_;
};

/// ONNX NonMaxSuppression, of boxes [n, s, 4] and scores [n, c, s]: rows of example, class and box, i64 [r, 3]. `most`,
/// `overlap` and `threshold` are scalars, or null.
mlir::Value suppressed(GraphBuilder &builder, mlir::Value boxes, mlir::Value scores, mlir::Value most,
                       mlir::Value overlap, mlir::Value threshold, bool isCenter);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_SELECTION_H

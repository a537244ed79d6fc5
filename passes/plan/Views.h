// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Strided views: how an op that moves no data relates the place of its result to that of its operand.

#ifndef SMELT_PASSES_PLAN_VIEWS_H
#define SMELT_PASSES_PLAN_VIEWS_H

#include "dialects/Graph/Extent.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace smelt::graph {
class ConcatOp;
} // namespace smelt::graph

namespace smelt::plan {

/// Where the elements of a tensor lie in a buffer; in elements.
struct View {
  int buffer = -1;
  graph::Extent offset = 0;
  graph::Extents strides;
};

/// Whether the op only names elements of its operands, or puts operands side by side: its result may need no kernel.
bool isView(mlir::Operation *op);

/// The result's place, given that of the first operand (reshape, transpose, bit_cast, slice, broadcast). Nothing when
/// no strides express it.
std::optional<View> forwardView(mlir::Operation *op, const View &operand);

/// The place where operand number `operand` must be written so that the result is at `result` (reshape, transpose,
/// bit_cast, pad). Nothing when no strides express it, or when the operand doesn't cover the result's elements
/// (slice, broadcast).
std::optional<View> backwardView(mlir::Operation *op, unsigned operand, const View &result);
/// The same of all operands of a concatenation, of which there may be thousands.
llvm::SmallVector<View> concatViews(graph::ConcatOp concat, const View &result);

/// The dim in which two shapes differ, where it is the only one. As numbers of elements are equal, so are these extents
/// when the kernels run.
std::optional<size_t> differingDim(llvm::ArrayRef<graph::Extent> from, llvm::ArrayRef<graph::Extent> to);

/// Strides of the same elements under another shape; nothing when there are none.
std::optional<graph::Extents> reshapeStrides(llvm::ArrayRef<graph::Extent> from, llvm::ArrayRef<graph::Extent> strides,
                                             llvm::ArrayRef<graph::Extent> to);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_VIEWS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What can be done with sequences: bookkeeping where their number and the positions are known, arithmetic on tables of
// tensors where the run finds them.
//
//     Sequence three = sequenceOf(b, {x, y, z}), four = inserted(b, three, node.extentsInput(2).front(), w);
//     Value last = at(b, four, -1);

#ifndef SMELT_FRONTENDS_COMMON_SEQUENCES_H
#define SMELT_FRONTENDS_COMMON_SEQUENCES_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Item.h"

namespace smelt::frontend {

constexpr size_t kMostInSequence = 4096; // tensors, where their number is known: each is a value by itself

/// Refuses unlike element types, and too many.
Sequence sequenceOf(GraphBuilder &builder, llvm::ArrayRef<mlir::Value> elements, mlir::Type elementType = nullptr);

graph::Extent lengthOf(const Sequence &sequence);

// Positions count from the end where they are negative; those known to lie outside are refused, others fail in the run.
mlir::Value at(GraphBuilder &builder, const Sequence &sequence, const graph::Extent &position);
Sequence inserted(GraphBuilder &builder, const Sequence &sequence, const graph::Extent &position, mlir::Value element);
Sequence appended(GraphBuilder &builder, const Sequence &sequence, mlir::Value element);
Sequence erased(GraphBuilder &builder, const Sequence &sequence, const graph::Extent &position);

/// All tensors side by side along a dim, or along a new one.
mlir::Value joined(GraphBuilder &builder, const Sequence &sequence, int64_t axis, bool isNewAxis);

/// Parts of `extent` elements of a dim, of which the last may be smaller.
Sequence split(GraphBuilder &builder, mlir::Value value, int64_t axis, const graph::Extent &extent);
/// Parts of as many elements as a list of unknown length says; the run finds whether they make up the dim.
Sequence splitInto(GraphBuilder &builder, mlir::Value value, int64_t axis, mlir::Value widths);
/// Each element of a dim by itself; the dim stays as one of 1, or goes.
Sequence unstacked(GraphBuilder &builder, mlir::Value value, int64_t axis, bool keepsDim);

/// The sequence as a table with rows of so many dims, or of as many as its tensors have.
Sequence asTable(GraphBuilder &builder, const Sequence &sequence, int64_t least = 0);
/// The dims in a row of a table of its tensors; nothing where there are none to tell.
std::optional<int64_t> rowOf(const Sequence &sequence);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_SEQUENCES_H

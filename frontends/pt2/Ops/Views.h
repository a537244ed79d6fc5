// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_VIEWS_H
#define SMELT_FRONTENDS_PT2_OPS_VIEWS_H

#include "frontends/common/Places.h"
#include "frontends/pt2/Ops/Operands.h"

namespace smelt::frontend::pt2 {

/// A shape of which one dim may be -1: what is left of the elements of `x`.
Extents completed(Value x, Extents shape);

/// What start, end and step of a node mean for a dim.
struct SliceRange {
  Extent start, extent;
  int64_t step = 1;
};
SliceRange rangeOf(NodeReader &node, const Extent &size);

/// How many elements of its operand's storage lie before those that a view takes, given the operand's strides, which
/// are too large where they are not known.
Extent startInStorage(NodeReader &view, llvm::ArrayRef<Extent> strides);

/// Indices in i64.
Value wideIndices(GraphBuilder &builder, Value indices);
/// A list of places along a dim as indices of all elements of `like`.
Value placesAlong(GraphBuilder &builder, Value list, Value like, int64_t dim);

/// The diagonal of `x` that a node's offset and dims name.
Value diagonalOf(NodeReader &node, Value x);
/// `x` with that diagonal replaced.
Value withDiagonal(NodeReader &node, Value x, Value part);

/// `base` with the elements that a node takes from it, whose operator makes views, replaced by `part`.
Value writtenBack(NodeReader &view, Value base, Value part);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_VIEWS_H

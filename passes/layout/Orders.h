// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Orders of dims: how a tensor is stored, as a permutation of the dims that the model gives it. Stored in `order`, dim
// i in memory is the tensor's dim order[i]; channels last is [0, 2, 3, 1].

#ifndef SMELT_PASSES_LAYOUT_ORDERS_H
#define SMELT_PASSES_LAYOUT_ORDERS_H

#include "dialects/Graph/Extent.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace smelt::layout {

using Order = llvm::SmallVector<int64_t, 6>;
using OrderRef = llvm::ArrayRef<int64_t>;

Order identityOrder(int64_t rank);
Order channelsLast(int64_t rank);
Order inverse(OrderRef order);
bool isIdentity(OrderRef order);
/// Where a dim is stored.
int64_t positionOf(OrderRef order, int64_t dim);

/// The entries of `values`, one a dim, as they are stored.
template <typename T> llvm::SmallVector<T> inOrder(llvm::ArrayRef<T> values, OrderRef order) {
  llvm::SmallVector<T> result;
  for (int64_t dim : order)
    result.push_back(values[dim]);
  return result;
}
inline graph::Extents inOrder(const graph::Extents &extents, OrderRef order) {
  return inOrder(llvm::ArrayRef<graph::Extent>(extents), order);
}

/// The permutation of a transpose that turns what is stored as `from` into what is stored as `to`.
Order between(OrderRef from, OrderRef to);

/// Of result = transpose(operand, permutation): the order of the one whose bytes are those of the other.
Order throughTranspose(OrderRef operandOrder, OrderRef permutation);
Order beforeTranspose(OrderRef resultOrder, OrderRef permutation);

/// Whether both orders store the same sequence of elements: they differ in the place of dims of 1.
bool areSameBytes(llvm::ArrayRef<graph::Extent> shape, OrderRef a, OrderRef b);

/// For a reshape between two shapes, the order of the one for which the other's elements stay in sequence under
/// `order`. Both split into the finest groups of dims with equal products; groups may move, what is inside one stays.
/// Nothing where `order` takes a group apart.
std::optional<Order> acrossReshape(llvm::ArrayRef<graph::Extent> shape, OrderRef order,
                                   llvm::ArrayRef<graph::Extent> other);

} // namespace smelt::layout

#endif // SMELT_PASSES_LAYOUT_ORDERS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/layout/Orders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"

using namespace llvm;
using smelt::graph::Extent;

namespace smelt::layout {

Order identityOrder(int64_t rank) { return to_vector<6>(seq<int64_t>(0, rank)); }

Order channelsLast(int64_t rank) {
  Order order = identityOrder(rank);
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

Order inverse(OrderRef order) {
  Order result(order.size());
  for (auto [position, dim] : enumerate(order))
    result[dim] = static_cast<int64_t>(position);
  return result;
}

bool isIdentity(OrderRef order) { return equal(order, seq<int64_t>(0, static_cast<int64_t>(order.size()))); }

int64_t positionOf(OrderRef order, int64_t dim) { return find(order, dim) - order.begin(); }

Order between(OrderRef from, OrderRef to) {
  Order places = inverse(from), permutation;
  for (int64_t dim : to)
    permutation.push_back(places[dim]);
  return permutation;
}

// Result dim i is operand dim permutation[i].
Order throughTranspose(OrderRef operandOrder, OrderRef permutation) { return between(permutation, operandOrder); }

Order beforeTranspose(OrderRef resultOrder, OrderRef permutation) {
  Order order;
  for (int64_t dim : resultOrder)
    order.push_back(permutation[dim]);
  return order;
}

/// The dims other than those of 1, as they are stored.
static Order sequence(ArrayRef<Extent> shape, OrderRef order) {
  Order dims;
  for (int64_t dim : order)
    if (shape[dim] != Extent(1))
      dims.push_back(dim);
  return dims;
}

bool areSameBytes(ArrayRef<Extent> shape, OrderRef a, OrderRef b) { return sequence(shape, a) == sequence(shape, b); }

namespace {
/// Dims of both shapes, neither of 1, whose extents have the same product.
struct Group {
  Order dims, others;
};
} // namespace

/// Whether more dims have to follow the product `a` for it to become as large as `b`; where that can't be told of two
/// symbolic ones, either may be taken.
static bool isBehind(const Extent &a, const Extent &b) {
  return a.isNumber() && b.isNumber() ? a.number() < b.number() : b.dividedBy(a).has_value();
}

/// Nothing for tensors without elements.
static std::optional<SmallVector<Group>> groupsOf(ArrayRef<Extent> shape, ArrayRef<Extent> other) {
  if (is_contained(shape, Extent(0)))
    return std::nullopt;
  Order dims = sequence(shape, identityOrder(static_cast<int64_t>(shape.size())));
  Order others = sequence(other, identityOrder(static_cast<int64_t>(other.size())));
  SmallVector<Group> groups;
  size_t i = 0, j = 0;
  while (i < dims.size() && j < others.size()) {
    Group group{{dims[i]}, {others[j]}};
    Extent product = shape[dims[i++]], otherProduct = other[others[j++]];
    // Both shapes have the same number of elements, so the one that is behind has dims left.
    while (product != otherProduct) {
      if (i < dims.size() && (j == others.size() || isBehind(product, otherProduct))) {
        group.dims.push_back(dims[i]);
        product *= shape[dims[i++]];
      } else if (j < others.size()) {
        group.others.push_back(others[j]);
        otherProduct *= other[others[j++]];
      } else {
        return std::nullopt; // too large to be told
      }
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

/// Puts each dim of 1 behind the dim before it.
static Order withUnits(ArrayRef<Extent> shape, Order order) {
  for (auto [dim, extent] : enumerate(shape)) {
    if (extent != Extent(1))
      continue;
    auto *place = dim == 0 ? order.begin() : find(order, static_cast<int64_t>(dim) - 1) + 1;
    order.insert(place, static_cast<int64_t>(dim));
  }
  return order;
}

/// Such dims are equal when the model runs: the others make the same number of elements.
static bool differInOneDim(ArrayRef<Extent> a, ArrayRef<Extent> b) {
  return a.size() == b.size() && count_if(zip(a, b), [](auto pair) { return get<0>(pair) != get<1>(pair); }) == 1;
}

std::optional<Order> acrossReshape(ArrayRef<Extent> shape, OrderRef order, ArrayRef<Extent> other) {
  if (isIdentity(order))
    return identityOrder(static_cast<int64_t>(other.size()));
  if (differInOneDim(shape, other))
    return Order(order);
  std::optional<SmallVector<Group>> groups = groupsOf(shape, other);
  if (!groups)
    return std::nullopt;
  Order dims = sequence(shape, order), result;
  for (size_t next = 0; next < dims.size();) {
    const Group *group = find_if(*groups, [&](const Group &group) { return group.dims.front() == dims[next]; });
    if (group == groups->end() || dims.size() - next < group->dims.size() ||
        OrderRef(dims).slice(next, group->dims.size()) != OrderRef(group->dims))
      return std::nullopt;
    append_range(result, group->others);
    next += group->dims.size();
  }
  return withUnits(other, result);
}

} // namespace smelt::layout

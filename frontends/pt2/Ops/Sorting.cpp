// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Order: sorting and the largest elements.

#include "frontends/pt2/Operators.h"

using namespace mlir;

namespace smelt::frontend::pt2 {

/// The first `count` along a dim and their places.
static Values ordered(NodeReader &node, Value x, int64_t axis, const Extent &count, bool descending) {
  GraphBuilder &b = node.builder();
  if (rankOf(x) == 0)
    return {x, b.number(0)};
  Extents shape = extentsOf(x);
  shape[axis] = count;
  const bool isBool = elementOf(x).isInteger(1);
  Value wide = isBool ? b.cast(x, b.builder().getI32Type()) : x;
  Type types[] = {checkedType(shape, elementOf(wide)), checkedType(shape, b.builder().getI64Type())};
  Values results = b.makeMany<graph::TopKOp>(types, wide, axis, /*smallest=*/!descending);
  results[0] = b.cast(results[0], elementOf(x));
  return results;
}

static Values topK(NodeReader &node) {
  node.ignore("sorted");
  Value x = node.tensor("self");
  return ordered(node, x, node.axis("dim", x), node.extent("k"), node.flag("largest"));
}

static Values sorted(NodeReader &node) {
  node.ignore("stable");
  Value x = node.tensor("self");
  int64_t axis = node.axis("dim", x);
  return ordered(node, x, axis, rankOf(x) == 0 ? Extent(1) : extentsOf(x)[axis], node.flag("descending"));
}

static Values argsorted(NodeReader &node) { return {sorted(node)[1]}; }

static constexpr Operator kOperators[] = {
    {"aten.argsort.default", argsorted}, {"aten.argsort.stable", argsorted}, {"aten.sort.default", sorted},
    {"aten.sort.stable", sorted},        {"aten.topk.default", topK},
};

ArrayRef<Operator> sortingOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

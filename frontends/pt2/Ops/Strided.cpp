// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements by where they lie in memory: taken by strides, and replaced.

#include "frontends/pt2/Ops/Math.h"
#include "frontends/pt2/Ops/Views.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

/// Whether sizes and strides are those of all elements of a tensor in row-major order, with dims in another order; then
/// `stored` has the dims as they lie, and `back` where each one of the result is among them.
static bool isPermuted(Value x, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides, Integers &stored, Integers &back) {
  Integers order; // dims of more than one element by falling strides, the others behind them
  for (int64_t dim = 0; dim < static_cast<int64_t>(sizes.size()); ++dim)
    order.push_back(dim);
  llvm::stable_sort(order, [&](int64_t one, int64_t other) {
    auto key = [&](int64_t dim) { return sizes[dim] == 1 ? int64_t(0) : strides[dim]; };
    return key(one) > key(other);
  });
  int64_t expected = 1;
  bool isDense = true;
  for (int64_t dim : llvm::reverse(order)) {
    isDense &= sizes[dim] == 1 || strides[dim] == expected;
    expected = checkedMul(expected, sizes[dim]);
  }
  back.resize(sizes.size());
  for (auto [place, dim] : llvm::enumerate(order)) {
    stored.push_back(sizes[dim]);
    back[dim] = static_cast<int64_t>(place);
  }
  return isDense && elementsOf(extentsOf(x)) == Extent(expected);
}

namespace {
/// What a node takes from the memory of its operand.
struct Strided {
  Value x;
  Integers sizes, strides;
  int64_t first; // element of x that is taken first
};
} // namespace

static Strided readStrided(NodeReader &node) {
  Strided strided{node.tensor("self"), node.integers("size"), node.integers("stride"), 0};
  if (strided.sizes.size() != strided.strides.size())
    malformed("takes " + Twine(strided.sizes.size()) + " dims by " + Twine(strided.strides.size()) + " strides");
  const Extent own = node.storageOffset("self");
  if (!node.isRowMajor("self") || !own.isNumber())
    unsupported("takes elements by strides " + inWords(strided.strides) +
                " of a tensor that does not lie in row-major order; call .contiguous() before");
  strided.first = node.optionalInteger("storage_offset").value_or(own.number()) - own.number();
  return strided;
}

/// The place in the flat operand of each element that is taken, i64.
static Value placesOf(GraphBuilder &b, const Strided &strided) {
  int64_t all = 1, count = 1, last = strided.first;
  for (int64_t dim = 0; dim < rankOf(strided.x); ++dim)
    all = checkedMul(all, fixedDim(strided.x, dim));
  for (auto [size, stride] : llvm::zip_equal(strided.sizes, strided.strides)) {
    if (size < 0 || stride < 0)
      malformed("takes " + inWords(strided.sizes) + " elements by strides " + inWords(strided.strides));
    count = checkedMul(count, size);
    last = checkedAdd(last, checkedMul(std::max<int64_t>(size - 1, 0), stride));
  }
  if (count > 0 && (strided.first < 0 || last >= all))
    unsupported("takes elements " + Twine(strided.first) + " to " + Twine(last) + " of a tensor of " + Twine(all) +
                ", which lie in what it is a view of");
  b.countComputed(checkedMul(count, 8));
  Integers places(count, strided.first);
  int64_t repeats = count;
  for (auto [size, stride] : llvm::zip_equal(strided.sizes, strided.strides)) {
    repeats /= std::max<int64_t>(size, 1); // elements of one index of this dim
    for (auto [element, place] : llvm::enumerate(places))
      place += static_cast<int64_t>(element) / repeats % size * stride;
  }
  return b.integers(places);
}

static Value asStrided(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const Strided strided = readStrided(node);
  Integers stored, back;
  if (strided.first == 0 && isPermuted(strided.x, strided.sizes, strided.strides, stored, back))
    return b.transpose(b.reshape(strided.x, stored), back);
  return b.reshape(b.make<graph::GatherOp>(b.flat(strided.x), placesOf(b, strided), int64_t(0)), strided.sizes);
}

/// x with elements at places of the flat tensor, i64, replaced.
static Value replacedAt(GraphBuilder &b, Value x, Value places, Value elements) {
  elements = b.flat(b.broadcast(b.cast(elements, elementOf(x)), extentsOf(places)));
  return b.reshape(
      b.make<graph::ScatterElementsOp>(b.flat(x), b.flat(places), elements, int64_t(0), graph::ScatterReduction::None),
      extentsOf(x));
}

static Value asStridedScatter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const Strided strided = readStrided(node);
  return replacedAt(b, strided.x, b.reshape(placesOf(b, strided), strided.sizes), node.tensor("src"));
}

/// The place in the flat tensor of each of its elements.
static Value ownPlaces(GraphBuilder &b, Value x) {
  return b.reshape(b.countAlong(Extents{elementsOf(extentsOf(x))}, 0), extentsOf(x));
}

Value withDiagonal(NodeReader &node, Value x, Value part) {
  GraphBuilder &b = node.builder();
  return replacedAt(b, x, diagonalOf(node, ownPlaces(b, x)), part);
}
static Value diagonalScatter(NodeReader &node) { return withDiagonal(node, node.tensor("self"), node.tensor("src")); }

/// One number where all places are the same; where `wrap`, also after the end of a matrix's columns.
static Value fillDiagonal(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), number = operandAs(node, "fill_value", elementOf(x));
  if (rankOf(x) < 2)
    malformed("fills a diagonal of " + Twine(rankOf(x)) + " dims");
  int64_t least = INT64_MAX, step = 0, all = 1;
  for (int64_t dim = rankOf(x); dim-- > 0;) {
    const int64_t extent = fixedDim(x, dim);
    least = std::min(least, extent);
    step = checkedAdd(step, all);
    all = checkedMul(all, extent);
  }
  if (node.flag("wrap") && rankOf(x) == 2)
    least = all / step + (all % step != 0);
  Extents count{least};
  Value places = Math(b).mul(b.countAlong(count, 0), static_cast<double>(step));
  return replacedAt(b, x, places, number);
}

static constexpr Operator kOperators[] = {
    {"aten.as_strided.default", asStrided},
    {"aten.as_strided_scatter.default", asStridedScatter},
    {"aten.diagonal_scatter.default", diagonalScatter},
    {"aten.fill_diagonal.default", fillDiagonal},
};

ArrayRef<Operator> stridedOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that change, or tell, a tensor's shape.

#include "frontends/common/Axes.h"
#include "frontends/common/TargetShape.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent;
using graph::Extents;

// Reshape: 0 keeps the input's dim (unless allowzero), -1 is what is left                ONNX Reshape, versions 5–25

static Values reshape(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  Extents target = node.extentsInput(1), from = extentsOf(x);
  bool allowZero = node.opset() >= 14 && node.flag("allowzero", false);
  if (llvm::any_of(target, [](const Extent &extent) { return !extent.isNumber() && !extent.isAtLeast(0); }))
    return {b.reshape(x, foundShape(b, from, target, allowZero))};
  std::optional<size_t> open;
  Extent known = 1, elements = elementsOf(from);
  for (auto [dim, extent] : llvm::enumerate(target)) {
    if (extent == Extent(0) && !allowZero) {
      if (dim >= from.size())
        malformed("its shape " + inWords(target) + " keeps dim " + Twine(dim) + " of " + Twine(from.size()));
      extent = from[dim];
    }
    if (extent == Extent(-1) && !open)
      open = dim;
    else if (extent.isNumber() && extent.number() < 0)
      malformed("cannot reshape to " + inWords(target));
    else
      known *= extent;
  }
  if (open && known == Extent(0))
    malformed("an extent of its shape " + inWords(target) + " cannot be told, since another is 0");
  if (open)
    target[*open] = elements.floorDiv(known);
  if (!mayEqual(elementsOf(target), elements))
    malformed("its input has " + elements.str() + " elements, which the shape " + inWords(target) + " does not hold");
  return {b.reshape(x, target)};
}

static Values flatten(NodeReader &node) {
  Value x = node.input(0);
  Extents shape = extentsOf(x);
  int64_t axis = node.integer("axis", 1), rank = rankOf(x);
  axis = axis == rank ? rank : normalAxis(axis, rank);
  ArrayRef<Extent> dims = shape;
  return {node.builder().reshape(x, {elementsOf(dims.take_front(axis)), elementsOf(dims.drop_front(axis))})};
}

/// The extent, as an expression that says that it is not 1: there alone, (extent - 1)² - 1 is negative.
static Extent butNotOne(const Extent &extent) {
  return Extent::equal(extent, extent + Extent::min((extent - 1) * (extent - 1) - 1, 0));
}

static Values squeeze(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  std::optional<Extents> axes = node.extentsOf("axes", 1, 13);
  Extents shape = extentsOf(x);
  if (!axes) {
    llvm::erase(shape, Extent(1));
    // The result has as many dims as are not 1. Those that are open are taken not to be; the run fails where one is.
    for (Extent &extent : shape)
      if (!extent.isNumber())
        extent = butNotOne(extent);
    return {b.reshape(x, shape)};
  }
  Extents removed = areNamed(b, *axes, rankOf(x));
  auto count = static_cast<int64_t>(axes->size());
  if (count > rankOf(x))
    malformed("has more axes than the " + Twine(rankOf(x)) + " dims of its input");
  for (auto [axis, isRemoved] : llvm::enumerate(removed)) {
    if (isRemoved == Extent(1))
      x = b.withDim(x, static_cast<int64_t>(axis), 1);
    if (isRemoved == Extent(1) && extentsOf(x)[axis] != Extent(1))
      malformed("cannot remove axis " + Twine(axis) + " of " + inWords(shape));
  }
  // Where the run tells the axes, it finds that a dim is not 1 from the number of elements.
  return {b.reshape(x, unmarked(b, extentsOf(x), removed, rankOf(x) - count))};
}

static Values unsqueeze(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  std::optional<Extents> axes = node.extentsOf("axes", 1, 13);
  if (!axes)
    malformed("lacks its axes");
  Extents added = areNamed(b, *axes, rankOf(x) + static_cast<int64_t>(axes->size()));
  return {b.reshape(x, withOnes(b, extentsOf(x), added))};
}

static Values transpose(NodeReader &node) {
  Value x = node.input(0);
  auto reversed = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rankOf(x))));
  Integers permutation = node.integers("perm").value_or(reversed);
  SmallVector<int64_t> sorted = permutation;
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, rankOf(x))))
    malformed("perm " + inWords(permutation) + " is no order of " + Twine(rankOf(x)) + " dims");
  return {node.builder().transpose(x, permutation)};
}

// Shape: the dims in [start, end)                                                          ONNX Shape, versions 1–25
static Values shape(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Extents shape = extentsOf(node.input(0));
  auto rank = static_cast<int64_t>(shape.size());
  auto bound = [&](StringRef name, int64_t fallback) {
    int64_t at = node.opset() < 15 ? fallback : node.integer(name, fallback);
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = bound("start", 0), count = std::max<int64_t>(bound("end", rank) - start, 0);
  ArrayRef<Extent> part = ArrayRef<Extent>(shape).slice(start, count);
  return {b.sizes(part, checkedType({count}, b.builder().getI64Type()))};
}

static Values size(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return {b.sizes(elementsOf(extentsOf(node.input(0))), checkedType(ArrayRef<Extent>(), b.builder().getI64Type()))};
}

static Values expand(NodeReader &node) {
  Value x = node.input(0);
  Extents target = node.extentsInput(1, GraphBuilder::Sign::NotNegative), from = extentsOf(x);
  checkedType(target, elementOf(x));
  FailureOr<Extents> shape = graph::broadcastExtents(from, target);
  if (failed(shape))
    malformed(inWords(from) + " does not broadcast to " + inWords(target));
  return {node.builder().broadcast(x, *shape)};
}

// Tile                                                                                    ONNX Tile, versions 6–13
static Values tile(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  Extents repeats = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  if (static_cast<int64_t>(repeats.size()) != rankOf(x))
    malformed("has " + Twine(repeats.size()) + " repeats for " + Twine(rankOf(x)) + " dims");
  for (const Extent &count : repeats)
    if (count.isNumber() && count.number() < 0)
      malformed("repeats " + inWords(repeats) + " are negative");
  return {b.repeat(x, repeats)};
}

// [n, c, h, w] ↔ blocks of s × s elements of one channel                   ONNX DepthToSpace, SpaceToDepth, 1–13

static Value blocked(NodeReader &node, int64_t &block) {
  Value x = node.input(0);
  block = node.integer("blocksize");
  if (rankOf(x) != 4 || block < 1)
    malformed("needs an input of four dims and a positive blocksize");
  return x;
}

static Values depthToSpace(NodeReader &node) {
  GraphBuilder &b = node.builder();
  int64_t s = 0;
  Value x = blocked(node, s);
  bool columnsFirst = node.choice<bool>("mode", "DCR", {{"DCR", false}, {"CRD", true}});
  Extents from = extentsOf(x);
  Extent n = from[0], h = from[2], w = from[3], depth = dividedBy(dividedBy(from[1], s), s);
  Value blocks = columnsFirst ? b.transpose(b.reshape(x, {n, depth, s, s, h, w}), {0, 1, 4, 2, 5, 3})
                              : b.transpose(b.reshape(x, {n, s, s, depth, h, w}), {0, 3, 4, 1, 5, 2});
  return {b.reshape(blocks, {n, depth, h * s, w * s})};
}

/// The same value with a dim whose extent is written as a multiple, where it is not known to be none.
static Value multipleOf(GraphBuilder &b, Value x, int64_t dim, int64_t factor) {
  const Extent extent = extentsOf(x)[dim];
  return extent.isNumber() ? x : b.withDim(x, dim, extent.floorDiv(factor) * factor);
}

static Values spaceToDepth(NodeReader &node) {
  GraphBuilder &b = node.builder();
  int64_t s = 0;
  Value x = blocked(node, s);
  // Whether height and width are multiples is for the run to find out, where only it knows.
  x = multipleOf(node.builder(), multipleOf(node.builder(), x, 2, s), 3, s);
  Extents from = extentsOf(x);
  Extent n = from[0], c = from[1], h = dividedBy(from[2], s), w = dividedBy(from[3], s);
  bool columnsFirst = node.opset() >= 28 && node.choice<bool>("mode", "DCR", {{"DCR", false}, {"CRD", true}});
  SmallVector<int64_t> order = {0, 3, 5, 1, 2, 4}, channelsFirst = {0, 1, 3, 5, 2, 4};
  Value blocks = b.transpose(b.reshape(x, {n, c, h, s, w, s}), columnsFirst ? channelsFirst : order);
  return {b.reshape(blocks, {n, c * s * s, h, w})};
}

static constexpr llvm::StringLiteral kOpenDims =
    "Without axes, dims that are left open are taken not to be 1, as a result has one rank; a run where one is fails.";

static constexpr Operator kOperators[] = {
    {"DepthToSpace", 1, depthToSpace},
    {"Expand", 8, expand},
    {"Flatten", 1, flatten},
    {"Reshape", 5, reshape},
    {"Shape", 1, shape},
    {"Size", 1, size},
    {"SpaceToDepth", 1, spaceToDepth},
    {"Squeeze", 1, squeeze, "", 0, kOpenDims},
    {"Tile", 6, tile},
    {"Transpose", 1, transpose},
    {"Unsqueeze", 1, unsqueeze},
};

ArrayRef<Operator> shapeOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators whose result has as many elements as the run finds: NonZero, Compress, NonMaxSuppression,
// Unique.

#include "frontends/common/Selection.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents;

// NonZero: a row of coordinates for each dim                                             ONNX NonZero, versions 9–13
static Values nonZero(NodeReader &node) {
  return {node.builder().concat(coordinatesOfSet(node.builder(), node.input(0, Numbers | Bools)), 0)};
}

// Compress: the elements, or slices along an axis, whose condition holds                ONNX Compress, versions 9–28
static Values compress(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0), condition = node.input(1, Bools);
  bool isFlat = !node.has("axis");
  if (isFlat)
    x = b.flat(x);
  int64_t axis = normalAxis(isFlat ? 0 : node.integer("axis"), rankOf(x));
  if (rankOf(condition) != 1)
    malformed("needs a list of conditions");
  if (extentsOf(x)[axis] == Extent(0))
    return {x};
  // What says something of no element says nothing, as in ONNX Runtime.
  condition = b.sliceDim(condition, 0, 0, Extent::min(extentsOf(condition)[0], extentsOf(x)[axis]));
  return {b.make<graph::GatherOp>(x, placesOf(b, condition), axis)};
}

/// A threshold as a scalar; null where there is none.
static Value optionalScalar(NodeReader &node, unsigned index, unsigned elements) {
  Value value = node.optionalInput(index, elements);
  if (!value)
    return value;
  if (rankOf(value) == 1 && !extentsOf(value)[0].isNumber())
    value = node.builder().expect(value, Extent(1), "a threshold");
  if (!isSingle(value))
    malformed("input " + Twine(index) + " holds one number, not " + inWords(extentsOf(value)));
  return node.builder().reshape(value, Extents());
}

// NonMaxSuppression: rows of example, class and box                              ONNX NonMaxSuppression, versions 10–11
static Values nonMaxSuppression(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value boxes = node.input(0, Floats), scores = node.input(1, Floats);
  Value most = optionalScalar(node, 2, SignedIntegers), overlap = optionalScalar(node, 3, Floats);
  Value threshold = optionalScalar(node, 4, Floats);
  int64_t center = node.integer("center_point_box", 0);
  if (rankOf(boxes) != 3 || rankOf(scores) != 3 || center < 0 || center > 1)
    malformed("needs boxes [n, s, 4], scores [n, c, s] and a center_point_box of 0 or 1");
  boxes = b.expect(boxes, {extentsOf(scores)[0], extentsOf(scores)[2], 4}, "boxes");
  return {suppressed(b, boxes, scores, most, overlap, threshold, center == 1)};
}

// Unique: of elements, or of slices along an axis                                        ONNX Unique, versions 11–28
static Values unique(NodeReader &node) {
  constexpr int64_t kMostColumns = 1024; // of a slice
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers | Bools);
  bool isFlat = !node.has("axis");
  if (isFlat)
    x = b.flat(x);
  int64_t axis = normalAxis(isFlat ? 0 : node.integer("axis"), rankOf(x));
  SmallVector<int64_t> axisFirst = {axis};
  for (int64_t dim = 0; dim < rankOf(x); ++dim)
    if (dim != axis)
      axisFirst.push_back(dim);
  Value slices = b.transpose(x, axisFirst);
  Extents shape = extentsOf(slices);
  Extent columns = graph::productOf(ArrayRef<Extent>(shape).drop_front());
  if (!columns.isNumber() || columns.number() > kMostColumns)
    unsupported("compares slices of " + columns.str() + " elements; Smelt takes fixed ones of up to " +
                Twine(kMostColumns));
  Distinct distinct(b, b.reshape(slices, {shape[0], columns}));
  if (!node.flag("sorted", true))
    distinct.sortByPlace();
  return {b.make<graph::GatherOp>(x, distinct.first, axis), distinct.first, distinct.which, distinct.counts};
}

// com.microsoft.Unique: the elements of a list in the order in which they come, which of them each is, and how many
static Values uniqueOfList(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  if (rankOf(x) != 1)
    malformed("needs a list");
  Distinct distinct(b, b.reshape(x, {extentsOf(x)[0], 1}));
  distinct.sortByPlace();
  return {b.make<graph::GatherOp>(x, distinct.first, int64_t(0)), distinct.which, distinct.counts};
}

static constexpr Operator kOperators[] = {
    {"Compress", 9, compress}, {"NonMaxSuppression", 10, nonMaxSuppression}, {"NonZero", 9, nonZero},
    {"Unique", 11, unique},    {"Unique", 1, uniqueOfList, "com.microsoft"},
};

ArrayRef<Operator> selectionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

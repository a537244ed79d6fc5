// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators whose result has as many elements as the run finds: NonZero, Compress, NonMaxSuppression,
// Unique.

#include "frontends/onnx/Ops/Selection.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents;

/// i1: elements that are not 0; NaN is not.
static Value isSet(GraphBuilder &b, Value x) {
  if (elementOf(x).isInteger(1))
    return x;
  return b.make<graph::NotOp>(b.make<graph::EqualOp>(x, b.scalarLike(x, 0)));
}

///   before = cumulative sum of the list; places[before[i]] = i, where it holds; the others go behind the last
Value placesOf(GraphBuilder &b, Value isChosen) {
  Type wide = b.builder().getI64Type();
  Extent count = extentsOf(isChosen)[0];
  Value ones = b.cast(isChosen, wide);
  Value before =
      b.make<graph::CumulativeOp>(ones, int64_t(0), /*exclusive=*/true, /*reverse=*/false, /*product=*/false);
  Value total = b.make<graph::ReduceOp>(ones, graph::ReduceKind::Sum, ArrayRef<int64_t>{0});
  Value to = b.make<graph::SelectOp>(isChosen, before, b.number(count));
  Value room = b.broadcast(b.number(0), count + 1);
  Value places =
      b.make<graph::ScatterElementsOp>(room, to, b.countAlong(count, 0), int64_t(0), graph::ScatterReduction::None);
  return b.sliceDim(places, 0, 0, b.countFrom(total, count));
}

// NonZero: a row of coordinates for each dim                                             ONNX NonZero, versions 9–13
static Values nonZero(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers | Bools);
  if (rankOf(x) == 0)
    x = b.reshape(x, {1});
  Value places = placesOf(b, b.flat(isSet(b, x)));
  Extents shape = extentsOf(x), strides = graph::rowMajorStrides(shape);
  Values rows;
  for (auto [dim, stride] : llvm::enumerate(strides)) {
    Value at = stride == Extent(1) ? places : b.make<graph::DivOp>(places, b.number(Extent::max(stride, 1)));
    if (dim > 0)
      at = b.make<graph::ModOp>(at, b.number(Extent::max(shape[dim], 1)), /*fmod=*/false);
    rows.push_back(b.reshape(at, {1, extentsOf(at)[0]}));
  }
  return {rows.size() == 1 ? rows.front() : b.make<graph::ConcatOp>(rows, int64_t(0))};
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
  // What says something of no element says nothing, as in ONNX Runtime.
  condition = b.sliceDim(condition, 0, 0, Extent::min(extentsOf(condition)[0], extentsOf(x)[axis]));
  return {b.make<graph::GatherOp>(x, placesOf(b, condition), axis)};
}

/// A threshold as a scalar; null where there is none.
static Value optionalScalar(NodeReader &node, unsigned index, unsigned elements) {
  Value value = node.optionalInput(index, elements);
  if (value && !isSingle(value))
    malformed("input " + Twine(index) + " holds one number, not " + inWords(extentsOf(value)));
  return value ? node.builder().reshape(value, Extents()) : value;
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
  if (!most)
    most = b.number(0);
  if (!overlap)
    overlap = b.scalarLike(boxes, 0);
  Extents shape = extentsOf(scores), room = shape;
  if (std::optional<Extents> known = knownExtents(most); known && known->front().isNumber())
    room[2] = Extent::min(room[2], std::clamp<int64_t>(known->front().number(), 0, graph::kMostExtent));
  if (graph::productOf(room) == Extent(0))
    return {b.constant(graph::HostTensor::zeros(checkedType({0, 3}, b.builder().getI64Type())))};
  Type types[] = {checkedType(room, b.builder().getI64Type()), checkedType(shape, b.builder().getI32Type())};
  Value all = b.makeMany<graph::NonMaxSuppressionOp>(types, boxes, scores, most, overlap, threshold, center == 1)[0];
  Value chosen = b.flat(all), places = placesOf(b, b.make<graph::NotOp>(b.make<graph::LessOp>(chosen, b.number(0))));
  auto column = [&](Value x) { return b.reshape(x, {extentsOf(places)[0], 1}); };
  auto over = [&](const Extent &divisor) { return b.make<graph::DivOp>(places, b.number(Extent::max(divisor, 1))); };
  Value example = over(room[1] * room[2]);
  Value number = b.make<graph::ModOp>(over(room[2]), b.number(Extent::max(room[1], 1)), /*fmod=*/false);
  Value box = b.make<graph::GatherOp>(chosen, places, int64_t(0));
  return {b.make<graph::ConcatOp>(Values{column(example), column(number), column(box)}, int64_t(1))};
}

namespace {
/// The distinct rows of a matrix. Equal rows are neighbours once they are sorted, by one column after another from the
/// last to the first; each sort leaves equals in the order in which they are.
class Distinct {
public:
  Distinct(GraphBuilder &b, Value rows) : b_(b), rows_(rows), count_(extentsOf(rows)[0]) { find(); }

  /// Where each distinct row comes first, which of them each row is, and how many there are of each.
  Value first, which, counts;

  /// Gives the rows the order in which they come.
  void sortByPlace();

private:
  void find();
  Value sorted();
  Value startsOfRuns(Value order);
  Value order(Value list) {
    Type types[] = {list.getType(), graph::tensorOf(extentsOf(list), b_.builder().getI64Type())};
    return b_.makeMany<graph::TopKOp>(types, list, int64_t(0), /*smallest=*/true)[1];
  }
  Value take(Value list, Value places) { return b_.make<graph::GatherOp>(list, places, int64_t(0)); }

  GraphBuilder &b_;
  Value rows_;
  Extent count_;
};
} // namespace

/// The rows' numbers in the rows' order.
Value Distinct::sorted() {
  Value order;
  for (int64_t column = extentsOf(rows_)[1].number() - 1; column >= 0; --column) {
    Value keys = b_.reshape(b_.sliceDim(rows_, 1, column, 1), count_);
    if (elementOf(keys).isInteger(1))
      keys = b_.cast(keys, b_.builder().getI32Type());
    Value next = this->order(order ? take(keys, order) : keys);
    order = order ? take(order, next) : next;
  }
  return order ? order : b_.countAlong(count_, 0);
}

/// i1: a row differs from the one before it; the first does.
Value Distinct::startsOfRuns(Value order) {
  Value sorted = take(rows_, order), before = b_.make<graph::SubOp>(b_.countAlong(count_, 0), b_.number(1));
  Value previous = take(sorted, b_.make<graph::MaxOp>(before, b_.number(0)));
  Value same = b_.make<graph::EqualOp>(sorted, previous);
  if (isa<FloatType>(elementOf(sorted))) {
    auto isNan = [&](Value x) { return b_.make<graph::NotOp>(b_.make<graph::EqualOp>(x, x)); };
    same = b_.make<graph::OrOp>(same, b_.make<graph::AndOp>(isNan(sorted), isNan(previous)));
  }
  Value allSame = b_.make<graph::ReduceOp>(same, graph::ReduceKind::Min, ArrayRef<int64_t>{1});
  Value isFirst = b_.make<graph::LessOp>(before, b_.number(0));
  return b_.make<graph::OrOp>(isFirst, b_.make<graph::NotOp>(b_.reshape(allSame, count_)));
}

void Distinct::find() {
  Value order = sorted(), starts = startsOfRuns(order), places = placesOf(b_, starts);
  first = take(order, places);
  Value run = b_.make<graph::CumulativeOp>(b_.cast(starts, b_.builder().getI64Type()), int64_t(0), false, false, false);
  Value number = b_.make<graph::SubOp>(run, b_.number(1));
  Value room = b_.broadcast(b_.number(0), count_);
  which = b_.make<graph::ScatterElementsOp>(room, order, number, int64_t(0), graph::ScatterReduction::None);
  Value found = b_.broadcast(b_.number(0), extentsOf(first)), ones = b_.broadcast(b_.number(1), count_);
  counts = b_.make<graph::ScatterElementsOp>(found, which, ones, int64_t(0), graph::ScatterReduction::Add);
}

void Distinct::sortByPlace() {
  Value order = this->order(first);
  Value room = b_.broadcast(b_.number(0), extentsOf(first));
  Value newPlace = b_.make<graph::ScatterElementsOp>(room, order, b_.countAlong(extentsOf(first)[0], 0), int64_t(0),
                                                     graph::ScatterReduction::None);
  first = take(first, order);
  counts = take(counts, order);
  which = take(newPlace, which);
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

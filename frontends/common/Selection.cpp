// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Selection.h"

using namespace mlir;

namespace smelt::frontend {

using graph::Extent, graph::Extents;
using Values = SmallVector<Value>;

Value isSet(GraphBuilder &b, Value x) {
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

Values coordinatesOfSet(GraphBuilder &b, Value x) {
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
  return rows;
}

Value Distinct::order(Value list) {
  Type types[] = {list.getType(), graph::tensorOf(extentsOf(list), b_.builder().getI64Type())};
  return b_.makeMany<graph::TopKOp>(types, list, int64_t(0), /*smallest=*/true)[1];
}
Value Distinct::take(Value list, Value places) { return b_.make<graph::GatherOp>(list, places, int64_t(0)); }

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

Value suppressed(GraphBuilder &b, Value boxes, Value scores, Value most, Value overlap, Value threshold,
                 bool isCenter) {
  if (!most)
    most = b.number(0);
  if (!overlap)
    overlap = b.scalarLike(boxes, 0);
  Extents shape = extentsOf(scores), room = shape;
  if (std::optional<Extents> known = knownExtents(most); known && known->front().isNumber())
    room[2] = Extent::min(room[2], std::clamp<int64_t>(known->front().number(), 0, graph::kMostExtent));
  if (graph::productOf(room) == Extent(0))
    return b.constant(graph::HostTensor::zeros(checkedType({0, 3}, b.builder().getI64Type())));
  Type types[] = {checkedType(room, b.builder().getI64Type()), checkedType(shape, b.builder().getI32Type())};
  Value all = b.makeMany<graph::NonMaxSuppressionOp>(types, boxes, scores, most, overlap, threshold, isCenter)[0];
  Value chosen = b.flat(all), places = placesOf(b, b.make<graph::NotOp>(b.make<graph::LessOp>(chosen, b.number(0))));
  auto column = [&](Value x) { return b.reshape(x, {extentsOf(places)[0], 1}); };
  auto over = [&](const Extent &divisor) { return b.make<graph::DivOp>(places, b.number(Extent::max(divisor, 1))); };
  Value example = over(room[1] * room[2]);
  Value number = b.make<graph::ModOp>(over(room[2]), b.number(Extent::max(room[1], 1)), /*fmod=*/false);
  Value box = b.make<graph::GatherOp>(chosen, places, int64_t(0));
  return b.make<graph::ConcatOp>(Values{column(example), column(number), column(box)}, int64_t(1));
}

} // namespace smelt::frontend

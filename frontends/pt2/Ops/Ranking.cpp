// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What depends on the order of elements: medians and quantiles, running extrema, counts of what lies where.

#include "frontends/common/Requirement.h"
#include "frontends/common/Selection.h"
#include "frontends/pt2/Ops/Lines.h"
#include "frontends/pt2/Ops/Math.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind;

namespace {
/// Elements along a dim in ascending order, and where they were.
struct Ordered {
  Value values, places;
};
} // namespace

static Ordered ascending(GraphBuilder &b, Value x, int64_t axis) {
  Type types[] = {checkedType(extentsOf(x), elementOf(x)), checkedType(extentsOf(x), b.builder().getI64Type())};
  Values made = b.makeMany<graph::TopKOp>(types, x, axis, /*smallest=*/true);
  return {made[0], made[1]};
}

static Value withoutDim(NodeReader &node, Value x, int64_t axis) {
  return node.flag("keepdim") ? x : node.builder().dropDim(x, axis);
}

/// NaN where a row has one.
static Value orNan(const Math &m, Value result, Value x, int64_t axis) {
  if (!isa<FloatType>(elementOf(x)))
    return result;
  return m.where(m.kept(ReduceKind::Max, m.isNan(x), axis), NAN, result);
}

/// Where a row's first NaN is, and where it has none, `otherwise`.
static Value placeOfNan(GraphBuilder &b, Value x, int64_t axis, Value otherwise) {
  constexpr double kBeyond = 1e15; // all places
  Math m(b);
  Value isNone = m.isNan(x), places = b.countAlong(extentsOf(x), axis);
  Value first = m.kept(ReduceKind::Min, m.where(isNone, places, kBeyond), axis);
  return m.where(m.kept(ReduceKind::Max, isNone, axis), first, otherwise);
}

/// The lower one of the two in the middle. Where `ignoresNan`, among those that are numbers; else a row's first NaN.
static Ordered median(GraphBuilder &b, Value x, int64_t axis, bool ignoresNan) {
  Math m(b);
  const bool isFloat = isa<FloatType>(elementOf(x));
  Value isNone = isFloat ? m.isNan(x) : Value();
  Value numbers = isFloat ? m.where(isNone, HUGE_VAL, x) : x; // last in order
  Ordered sorted = ascending(b, numbers, axis);
  Type i64 = b.builder().getI64Type();
  Extents shape = extentsOf(x);
  shape[axis] = 1;
  Value count = b.broadcast(b.number(extentsOf(x)[axis]), shape);
  if (isFloat && ignoresNan)
    count = m.sub(count, m.kept(ReduceKind::Sum, b.cast(isNone, i64), axis));
  Value place = b.make<graph::ShiftRightOp>(m.max(m.add(count, -1), 0), b.number(1));
  Ordered found{b.make<graph::GatherElementsOp>(sorted.values, place, axis),
                b.make<graph::GatherElementsOp>(sorted.places, place, axis)};
  if (isFloat && ignoresNan) {
    found.values = m.where(m.equal(count, 0), NAN, found.values);
  } else if (isFloat) {
    found.values = orNan(m, found.values, x, axis);
    found.places = placeOfNan(b, x, axis, found.places);
  }
  return found;
}

template <bool ignoresNan> static Value medianOfAll(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return b.reshape(median(b, b.flat(node.tensor("self")), 0, ignoresNan).values, Extents());
}
template <bool ignoresNan> static Values medianAlong(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const int64_t axis = node.axis("dim", x);
  Ordered found = median(b, x, axis, ignoresNan);
  return {withoutDim(node, found.values, axis), withoutDim(node, found.places, axis)};
}

static Values kthValue(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const int64_t axis = node.axis("dim", x), k = node.integer("k");
  const Extent size = extentsOf(x)[axis];
  if (k < 1 || (size.isNumber() && k > size.number()))
    malformed("takes element " + Twine(k) + " of " + size.str());
  Ordered sorted = ascending(b, x, axis);
  Values results;
  for (Value part : {sorted.values, sorted.places})
    results.push_back(withoutDim(node, b.sliceDim(part, axis, k - 1, 1), axis));
  return results;
}

/// The number that a row holds most often, the least of several, and where it is last. No NaN is equal to another: a
/// row of nothing else has NaN, and its first place.
static Values mode(NodeReader &node) {
  constexpr int64_t kMostCompared = 1 << 12; // each with each
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self");
  const int64_t axis = node.axis("dim", x), last = rankOf(x) - 1;
  const Extent size = extentsOf(x)[axis];
  if (size.isNumber() && (size.number() < 1 || size.number() > kMostCompared))
    unsupported("compares each of " + size.str() + " elements with each; Smelt takes 1 to " + Twine(kMostCompared));
  Value rows = b.moveDim(x, axis, last);
  Value isSame = m.equal(m.withDim(rows, last), m.withDim(rows, last + 1));
  Value counts = m.sum(b.cast(isSame, b.builder().getI64Type()), last + 1);
  Value isMost = m.equal(counts, m.kept(ReduceKind::Max, counts, last));
  Value most = isa<FloatType>(elementOf(rows)) ? m.number(rows, HUGE_VAL) : m.kept(ReduceKind::Max, rows, last);
  Value found = m.kept(ReduceKind::Min, m.where(isMost, rows, most), last);
  Value isThere = m.equal(rows, found), places = b.countAlong(extentsOf(rows), last);
  Value place = m.kept(ReduceKind::Max, m.where(isThere, places, 0), last);
  Values results;
  for (Value part : {found, place})
    results.push_back(withoutDim(node, b.moveDim(part, last, axis), axis));
  return results;
}

static Value sortedFirst(NodeReader &node) {
  Value x = node.tensor("self");
  return rankOf(x) == 0 ? x : ascending(node.builder(), x, 0).values;
}

/// Of ranks q (n - 1), q a scalar or a list: between the elements on both sides.
static Value quantileOf(NodeReader &node, Value ranksOf) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self");
  const bool keep = node.flag("keepdim"), isWhole = !node.has("dim");
  const std::string how = node.text("interpolation");
  const int64_t rank = rankOf(x), axis = isWhole ? 0 : node.axis("dim", x);
  if (isWhole || rank == 0)
    x = b.flat(x);
  const int64_t last = rankOf(x) - 1, isList = rankOf(ranksOf);
  x = b.moveDim(x, axis, last);
  Value count = b.cast(b.number(extentsOf(x)[last]), elementOf(x));
  Value ranks = m.mul(b.cast(b.flat(ranksOf), elementOf(x)), m.add(count, -1));
  if (how == "nearest")
    ranks = m.round(ranks);
  else if (how == "lower" || how == "higher")
    ranks = how == "lower" ? m.floor(ranks) : Value(b.make<graph::CeilOp>(ranks));
  else if (how != "linear" && how != "midpoint")
    malformed("has interpolation '" + printable(how) + "'");
  Value low = m.floor(ranks), high = b.make<graph::CeilOp>(ranks);
  Value weight = how == "midpoint" ? b.broadcast(m.number(x, 0.5), extentsOf(ranks)) : m.sub(ranks, low);
  Value sorted = ascending(b, x, last).values;
  auto at = [&](Value places) {
    return b.make<graph::GatherOp>(sorted, b.cast(places, b.builder().getI64Type()), last);
  };
  Value below = at(low), found = m.add(below, m.mul(m.sub(at(high), below), weight));
  found = m.where(m.equal(weight, 0), below, found); // both may be infinite
  found = orNan(m, found, x, last);
  // [… q] → [q …]
  found = b.moveDim(found, last, 0);
  Extents shape(ArrayRef(extentsOf(found)).drop_front());
  if (keep)
    shape = isWhole ? Extents(rank, Extent(1)) : (shape.insert(shape.begin() + axis, Extent(1)), shape);
  if (isList)
    shape.insert(shape.begin(), extentsOf(found)[0]);
  return b.reshape(found, shape);
}
static Value quantile(NodeReader &node) { return quantileOf(node, node.tensor("q")); }
static Value quantileScalar(NodeReader &node) {
  return quantileOf(node, node.builder().scalar(node.builder().builder().getF64Type(), node.number("q")));
}

// Running results of what CumulativeOp lacks, in log2(n) steps (Hillis and Steele 1986): after each, an element stands
// for twice as many.

template <typename Function> static Values scanned(NodeReader &node, Values values, int64_t axis, Function combine) {
  GraphBuilder &b = node.builder();
  const int64_t size = fixedDim(values.front(), axis);
  for (int64_t step = 1; step < size; step *= 2) {
    Values before, after;
    for (Value value : values) {
      before.push_back(b.sliceDim(value, axis, 0, size - step));
      after.push_back(b.sliceDim(value, axis, step, size - step));
    }
    Values joined = combine(before, after);
    for (auto [value, part] : llvm::zip_equal(values, joined))
      value = b.concat({b.sliceDim(value, axis, 0, step), part}, axis);
  }
  return values;
}

template <bool isMax> static Values runningExtremum(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self");
  const int64_t axis = node.axis("dim", x);
  Value places = b.broadcast(b.countAlong(extentsOf(x), axis), extentsOf(x));
  return scanned(node, {x, places}, axis, [&](ArrayRef<Value> before, ArrayRef<Value> after) -> Values {
    // The last of equals; NaN stays.
    Value isLater = isMax ? m.lessEqual(before[0], after[0]) : m.lessEqual(after[0], before[0]);
    if (isa<FloatType>(elementOf(x)))
      isLater = m.either(isLater, m.isNan(after[0]));
    return {m.where(isLater, after[0], before[0]), m.where(isLater, after[1], before[1])};
  });
}

static Value runningLogSumExp(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = b.cast(node.tensor("self"), floatOf(elementOf(node.tensor("self"))));
  return scanned(node, {x}, node.axis("dim", x),
                 [&](ArrayRef<Value> before, ArrayRef<Value> after) -> Values {
                   Value most = m.max(before[0], after[0]), apart = m.neg(m.abs(m.sub(before[0], after[0])));
                   return {m.where(m.isInf(most), most, m.add(most, m.softplus(apart)))};
                 })
      .front();
}

// Counts.

/// Σ of weights at places of a list of zeros; others than [0, count) are to weigh nothing.
static Value summedAt(GraphBuilder &b, Value places, Value weights, const Extent &count) {
  Value zeros = b.broadcast(b.scalarLike(weights, 0), Extents{count});
  return b.make<graph::ScatterElementsOp>(zeros, places, weights, int64_t(0), graph::ScatterReduction::Add);
}

static Value histogram(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = b.flat(node.tensor("self"));
  const int64_t bins = node.integer("bins");
  const double least = node.number("min"), most = node.number("max");
  constexpr int64_t kMostBins = 1 << 24;
  if (bins < 1 || bins > kMostBins || least > most)
    malformed("counts in " + Twine(bins) + " parts of an empty range");
  Value low = m.number(x, least), high = m.number(x, most);
  if (least == most) {
    low = m.whole(ReduceKind::Min, x);
    high = m.whole(ReduceKind::Max, x);
    Value isNone = m.equal(low, high);
    low = m.where(isNone, m.add(low, -1), low);
    high = m.where(isNone, m.add(high, 1), high);
  }
  Value isInside = m.both(m.lessEqual(low, x), m.lessEqual(x, high));
  Value place = m.floor(m.mul(m.sub(x, low), m.div(static_cast<double>(bins), m.sub(high, low))));
  place = m.where(isInside, m.min(place, static_cast<double>(bins - 1)), 0.0);
  return summedAt(b, b.cast(place, b.builder().getI64Type()), b.cast(isInside, elementOf(x)), bins);
}

/// As many as the largest number and one, and `minlength` at least.
static Value binCount(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = b.cast(node.tensor("self"), b.builder().getI64Type()), weights = node.optionalTensor("weights");
  const int64_t least = node.integer("minlength");
  if (rankOf(x) != 1 || least < 0)
    malformed("counts numbers of " + Twine(rankOf(x)) + " dims");
  Value most = m.add(m.whole(ReduceKind::Max, x), 1);
  const Extent count = b.sizesFrom(m.max(most, static_cast<double>(least)), GraphBuilder::Sign::NotNegative).front();
  Value weight = weights ? weights : b.broadcast(b.number(1), extentsOf(x));
  if (weights && !elementOf(weights).isF32())
    weight = b.cast(weights, b.builder().getF64Type());
  constexpr int64_t kMostCounts = 1 << 28; // 2 GiB; a stray number near 2^32 would take all memory there is
  requireNotNegative(b, kMostCounts - count,
                     {"counts numbers up to {}, of which Smelt takes " + std::to_string(kMostCounts), {count}});
  return summedAt(b, x, weight, count);
}

/// The distinct elements in ascending order, where each element is among them, and how many there are of each.
static Values unique(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("sorted");
  const bool withPlaces = node.flag("return_inverse"), withCounts = node.flag("return_counts");
  Value x = node.tensor("self"), flat = b.flat(x);
  Distinct distinct(b, b.reshape(flat, Extents{extentsOf(flat)[0], 1}));
  Value nothing = b.broadcast(b.number(0), Extents{0});
  return {b.make<graph::GatherOp>(flat, distinct.first, int64_t(0)),
          withPlaces ? b.reshape(distinct.which, extentsOf(x)) : nothing, withCounts ? distinct.counts : nothing};
}

/// The same of what lies behind one another along a dim.
static Values uniqueAlong(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("sorted");
  node.ignore("return_inverse");
  node.ignore("return_counts");
  Value x = node.tensor("self");
  if (rankOf(x) == 0)
    malformed("compares parts of a scalar");
  const int64_t dim = node.axis("dim", x);
  Value first = b.moveDim(x, dim, 0);
  Extents shape = extentsOf(first), part(ArrayRef(shape).drop_front());
  Distinct distinct(b, b.reshape(first, Extents{shape[0], elementsOf(part)}));
  return {b.moveDim(b.make<graph::GatherOp>(first, distinct.first, int64_t(0)), 0, dim), distinct.which,
          distinct.counts};
}

/// Neighbours that are equal taken as one: the elements, where each is among them, and how many there are of each.
static Values uniqueNeighbours(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self");
  const bool withPlaces = node.flag("return_inverse"), withCounts = node.flag("return_counts");
  if (node.has("dim") && rankOf(x) != 1)
    unsupported("compares neighbours along a dim of " + Twine(rankOf(x)));
  Value flat = b.flat(x);
  const Extent count = extentsOf(flat)[0];
  if (!count.isAtLeast(1))
    unsupported("compares neighbours among " + count.str() +
                ", of which there may be none; give the shape with --shape");
  Value isOther = m.no(m.equal(b.sliceDim(flat, 0, 1, count - 1), b.sliceDim(flat, 0, 0, count - 1)));
  Value isFirst = b.concat({b.broadcast(b.scalar(b.builder().getI1Type(), 1.0), Extents{1}), isOther}, 0);
  Value places = placesOf(b, isFirst), nothing = b.broadcast(b.number(0), Extents{0});
  Values results{b.make<graph::GatherOp>(flat, places, int64_t(0)), nothing, nothing};
  Value which =
      m.add(b.make<graph::CumulativeOp>(b.cast(isFirst, b.builder().getI64Type()), int64_t(0), false, false), -1);
  if (withPlaces)
    results[1] = b.reshape(which, extentsOf(x));
  if (withCounts)
    results[2] = summedAt(b, which, b.broadcast(b.number(1), Extents{count}), extentsOf(places)[0]);
  return results;
}

/// Which element each place of a result is of, where elements come as often as a list says.
static Value repeatedPlaces(GraphBuilder &b, Value counts) {
  Math m(b);
  if (rankOf(counts) != 1)
    malformed("repeats by counts of " + Twine(rankOf(counts)) + " dims");
  counts = b.cast(counts, b.builder().getI64Type());
  Value ends = b.make<graph::CumulativeOp>(counts, int64_t(0), false, false);
  const Extent total = b.sizesFrom(m.sum(counts), GraphBuilder::Sign::NotNegative).front();
  Value isPast = m.lessEqual(m.withDim(ends, 0), m.withDim(b.countAlong(Extents{total}, 0), 1));
  return m.sum(b.cast(isPast, b.builder().getI64Type()), 1);
}
static Value repeatedBy(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("output_size");
  return repeatedPlaces(b, node.tensor("repeats"));
}
static Value repeatedElements(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("output_size");
  Value x = node.tensor("self"), counts = node.tensor("repeats");
  if (!node.has("dim") || rankOf(x) == 0)
    x = b.flat(x);
  const int64_t axis = node.has("dim") ? node.axis("dim", x) : 0;
  if (rankOf(counts) == 0 || isSingle(counts))
    counts = b.broadcast(b.reshape(counts, Extents{1}), Extents{extentsOf(x)[axis]});
  return b.make<graph::GatherOp>(x, repeatedPlaces(b, counts), axis);
}

static constexpr Operator kOperators[] = {
    {"aten._unique2.default", unique},
    {"aten.bincount.default", binCount},
    {"aten.cummax.default", alongLine<runningExtremum<true>>},
    {"aten.cummin.default", alongLine<runningExtremum<false>>},
    {"aten.histc.default", histogram},
    {"aten.kthvalue.default", alongLine<kthValue>},
    {"aten.logcumsumexp.default", alongLine<runningLogSumExp>},
    {"aten.median.default", medianOfAll<false>},
    {"aten.median.dim", alongLine<medianAlong<false>>},
    {"aten.mode.default", alongLine<mode>},
    {"aten.msort.default", sortedFirst},
    {"aten.nanmedian.default", medianOfAll<true>},
    {"aten.nanmedian.dim", alongLine<medianAlong<true>>},
    {"aten.quantile.default", quantile},
    {"aten.quantile.scalar", quantileScalar},
    {"aten.repeat_interleave.Tensor", repeatedBy},
    {"aten.repeat_interleave.self_Tensor", repeatedElements},
    {"aten.unique_consecutive.default", uniqueNeighbours},
    {"aten.unique_dim.default", uniqueAlong},
};

ArrayRef<Operator> rankingOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

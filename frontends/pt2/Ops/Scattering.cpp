// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements that go to places of a tensor, and meet what is there or one another.

#include "frontends/pt2/Ops/Lines.h"
#include "frontends/pt2/Ops/Math.h"
#include "frontends/pt2/Ops/Views.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ScatterReduction;

namespace {
/// Elements, and where they go along a dim.
struct Scattered {
  Value x, places, source;
  int64_t axis = 0;

  Value made(GraphBuilder &b, Value onto, Value elements, ScatterReduction how) const {
    return b.make<graph::ScatterElementsOp>(onto, places, elements, axis, how);
  }
};
} // namespace

/// The source may be a scalar, or longer than the places along any dim.
static Scattered readScattered(NodeReader &node, Value source) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), places = wideIndices(b, node.tensor("index"));
  source = b.cast(source, elementOf(x));
  if (rankOf(source) == 0)
    source = b.broadcast(source, extentsOf(places));
  for (int64_t dim = 0; dim < rankOf(source) && rankOf(source) == rankOf(places); ++dim)
    if (extentsOf(source)[dim] != extentsOf(places)[dim])
      source = b.sliceDim(source, dim, 0, extentsOf(places)[dim]);
  return {x, places, source, node.axis("dim", x)};
}

static Value scattered(NodeReader &node, Value source, ScatterReduction how) {
  Scattered given = readScattered(node, source);
  return given.made(node.builder(), given.x, given.source, how);
}
static Value valueOf(NodeReader &node) { return operandAs(node, "value", elementOf(node.tensor("self"))); }

static Value scatterSource(NodeReader &node) { return scattered(node, node.tensor("src"), ScatterReduction::None); }
static Value scatterAdd(NodeReader &node) { return scattered(node, node.tensor("src"), ScatterReduction::Add); }
static Value scatterValue(NodeReader &node) { return scattered(node, valueOf(node), ScatterReduction::None); }

/// "add", "multiply"
static ScatterReduction meeting(NodeReader &node) {
  const std::string kind = node.text("reduce");
  if (kind != "add" && kind != "multiply")
    malformed("has reduce '" + printable(kind) + "'");
  return kind == "add" ? ScatterReduction::Add : ScatterReduction::Mul;
}
static Value scatterMeeting(NodeReader &node) { return scattered(node, node.tensor("src"), meeting(node)); }
static Value scatterValueMeeting(NodeReader &node) { return scattered(node, valueOf(node), meeting(node)); }

/// The sum by how many there are; where none come, and what was there is left out, that stays.
static Value scatteredMean(GraphBuilder &b, const Scattered &given, bool withOwn) {
  Math m(b);
  Value ones = b.broadcast(m.number(given.x, 1), extentsOf(given.source));
  Value none = b.broadcast(m.number(given.x, 0), extentsOf(given.x));
  Value counts = given.made(b, withOwn ? b.broadcast(m.number(given.x, 1), extentsOf(given.x)) : none, ones,
                            ScatterReduction::Add);
  Value sums = given.made(b, withOwn ? given.x : none, given.source, ScatterReduction::Add);
  Value divisor = m.max(counts, 1);
  Value mean = isa<FloatType>(elementOf(sums)) ? m.div(sums, divisor) : floorDivided(b, sums, divisor);
  return m.where(m.equal(counts, 0), given.x, mean);
}

/// What meets anything without a change to it.
static Value neutral(GraphBuilder &b, Value like, ScatterReduction how) {
  Type type = elementOf(like);
  if (how == ScatterReduction::Add || how == ScatterReduction::Mul)
    return b.scalarLike(like, how == ScatterReduction::Mul);
  if (isa<FloatType>(type))
    return b.scalarLike(like, how == ScatterReduction::Max ? -HUGE_VAL : HUGE_VAL);
  Value least = b.leastLike(like);
  return how == ScatterReduction::Max ? least : b.make<graph::BitwiseNotOp>(least);
}

static Value reducedOnto(NodeReader &node, const Scattered &given) {
  GraphBuilder &b = node.builder();
  const std::string kind = node.text("reduce");
  const bool withOwn = node.flag("include_self");
  if (kind == "mean")
    return scatteredMean(b, given, withOwn);
  const ScatterReduction how = kind == "sum"    ? ScatterReduction::Add
                               : kind == "prod" ? ScatterReduction::Mul
                               : kind == "amax" ? ScatterReduction::Max
                                                : ScatterReduction::Min;
  if (kind != "sum" && kind != "prod" && kind != "amax" && kind != "amin")
    malformed("has reduce '" + printable(kind) + "'");
  Value onto = given.x;
  if (!withOwn) // what is met is forgotten before
    onto = given.made(b, onto, b.broadcast(neutral(b, onto, how), extentsOf(given.source)), ScatterReduction::None);
  return given.made(b, onto, given.source, how);
}
static Value scatterReduce(NodeReader &node) { return reducedOnto(node, readScattered(node, node.tensor("src"))); }
static Value indexReduce(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), source = b.cast(node.tensor("source"), elementOf(x));
  Value list = wideIndices(b, node.tensor("index"));
  if (rankOf(x) == 0 || rankOf(source) != rankOf(x))
    malformed("reduces " + Twine(rankOf(source)) + " dims onto " + Twine(rankOf(x)));
  const int64_t axis = node.axis("dim", x);
  return reducedOnto(node, {x, placesAlong(b, list, source, axis), source, axis});
}

/// Places in the flat tensor.
static Value put(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self"), flat = b.flat(x), places = b.flat(wideIndices(b, node.tensor("index")));
  Value count = b.number(extentsOf(flat)[0]), source = b.flat(b.cast(node.tensor("source"), elementOf(x)));
  places = m.where(m.less(places, 0), m.add(places, count), places);
  const auto how = node.flag("accumulate") ? ScatterReduction::Add : ScatterReduction::None;
  return b.reshape(b.make<graph::ScatterElementsOp>(flat, places, source, int64_t(0), how), extentsOf(x));
}

static Value take(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return b.make<graph::GatherOp>(b.flat(node.tensor("self")), wideIndices(b, node.tensor("index")), int64_t(0));
}

/// The source's elements one after the other, where the mask holds.
static Value maskedScatter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self"), mask = node.tensor("mask"),
        source = b.flat(b.cast(node.tensor("source"), elementOf(x)));
  Extents shape = extentsOf(m.where(mask, x, x));
  Value isSet = b.flat(b.broadcast(mask, shape));
  Value counts = b.make<graph::CumulativeOp>(b.cast(isSet, b.builder().getI64Type()), int64_t(0), false, false);
  Value taken = b.make<graph::GatherOp>(source, m.max(m.add(counts, -1), 0), int64_t(0));
  return b.reshape(m.where(isSet, taken, b.flat(b.broadcast(x, shape))), shape);
}

/// What pooling took, back in its place among zeros: the last dims are flat in the indices.
template <int64_t dims> static Value unpooled(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), places = wideIndices(b, node.tensor("indices"));
  Extents size = node.extents("output_size");
  node.ignore("stride");
  node.ignore("padding");
  if (static_cast<int64_t>(size.size()) != dims || rankOf(x) < dims || extentsOf(x) != extentsOf(places))
    malformed("has " + Twine(size.size()) + " dims of its result, or indices of other dims than its input");
  Extents outer(ArrayRef(extentsOf(x)).drop_back(dims)), shape = outer, flat = outer, whole = outer;
  shape.append(size.begin(), size.end());
  flat.push_back(elementsOf(ArrayRef(extentsOf(x)).take_back(dims)));
  whole.push_back(elementsOf(size));
  Value zeros = b.broadcast(b.scalarLike(x, 0), whole);
  return b.reshape(b.make<graph::ScatterElementsOp>(zeros, b.reshape(places, flat), b.reshape(x, flat),
                                                    static_cast<int64_t>(outer.size()), ScatterReduction::None),
                   shape);
}

static constexpr Operator kOperators[] = {
    {"aten.index_reduce.default", alongLine<indexReduce>},
    {"aten.masked_scatter.default", maskedScatter},
    {"aten.max_unpool2d.default", unpooled<2>},
    {"aten.max_unpool3d.default", unpooled<3>},
    {"aten.put.default", put},
    {"aten.scatter.reduce", alongLine<scatterMeeting>},
    {"aten.scatter.src", alongLine<scatterSource>},
    {"aten.scatter.value", alongLine<scatterValue>},
    {"aten.scatter.value_reduce", alongLine<scatterValueMeeting>},
    {"aten.scatter_add.default", alongLine<scatterAdd>},
    {"aten.scatter_reduce.two", alongLine<scatterReduce>},
    {"aten.take.default", take},
};

ArrayRef<Operator> scatteringOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

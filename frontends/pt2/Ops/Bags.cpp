// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of a table that are summed up, or of which the mean or the maximum is taken, bag by bag.

#include "frontends/pt2/Ops/Math.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind, graph::ScatterReduction;

namespace {
struct Bags {
  Value rows;      // [n, width]
  Value counts;    // [n], 1 where a row counts
  Value places;    // [n, width], each row's bag
  Value perBag;    // [bags]: how many count
  Value isPast;    // [n]: the last bag ends before; null where it ends with the last row
  Extents results; // [bags, width]
};
} // namespace

/// Which bag each of `count` rows is in: the last that begins at it or before. `offsets` are where bags begin.
static Value bagsOf(GraphBuilder &b, Value offsets, const Extent &count) {
  Math m(b);
  Value places = b.countAlong(Extents{count}, 0);
  Value begins = m.lessEqual(m.withDim(offsets, 0), m.withDim(places, 1));
  return m.max(m.add(m.sum(b.cast(begins, b.builder().getI64Type()), 1), -1), 0);
}

static Bags readBags(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Type i64 = b.builder().getI64Type();
  Value table = node.tensor("weight"), indices = b.cast(node.tensor("indices"), i64);
  Value offsets = b.cast(node.tensor("offsets"), i64), weights = node.optionalTensor("per_sample_weights");
  if (rankOf(table) != 2 || rankOf(indices) != 1 || rankOf(offsets) != 1)
    malformed("takes bags of " + Twine(rankOf(indices)) + " dims from a table of " + Twine(rankOf(table)));
  const Extent count = extentsOf(indices)[0], width = extentsOf(table)[1];
  Bags bags;
  if (node.flag("include_last_offset")) {
    const Extent last = extentsOf(offsets)[0] - 1;
    bags.isPast = m.lessEqual(b.sliceDim(offsets, 0, last, 1), b.countAlong(Extents{count}, 0));
    offsets = b.sliceDim(offsets, 0, 0, last);
  }
  bags.rows = b.make<graph::GatherOp>(table, indices, int64_t(0));
  if (weights)
    bags.rows = m.mul(bags.rows, m.withDim(weights, 1));
  std::optional<int64_t> skipped = node.hasArgument("padding_idx") ? node.optionalInteger("padding_idx") : std::nullopt;
  if (skipped && *skipped < 0 && node.operatorName().ends_with("padding_idx"))
    skipped = checkedAdd(*skipped, fixedDim(table, 0));
  Value isSkipped = skipped ? m.equal(indices, b.number(*skipped))
                            : b.broadcast(b.scalar(b.builder().getI1Type(), 0.0), Extents{count});
  bags.counts = b.cast(m.no(isSkipped), elementOf(table));
  Value places = bagsOf(b, offsets, count);
  bags.places = b.broadcast(m.withDim(places, 1), Extents{count, width});
  bags.results = {extentsOf(offsets)[0], width};
  Value zeros = b.broadcast(m.number(table, 0), Extents{extentsOf(offsets)[0]});
  bags.perBag = b.make<graph::ScatterElementsOp>(zeros, places, bags.counts, int64_t(0), ScatterReduction::Add);
  return bags;
}

static Value embeddingBag(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  constexpr int64_t kSum = 0, kMax = 2; // the mean lies between
  const int64_t mode = node.integer("mode");
  if (mode < kSum || mode > kMax)
    malformed("has mode " + Twine(mode));
  Bags bags = readBags(node);
  auto met = [&](Value rows, double start, ScatterReduction how) {
    Value results = b.broadcast(m.number(rows, start), bags.results);
    return b.make<graph::ScatterElementsOp>(results, bags.places, rows, int64_t(0), how);
  };
  Value isCounted = m.withDim(m.equal(bags.counts, 1), 1), perBag = m.withDim(bags.perBag, 1);
  if (mode == kMax) {
    Value most = met(m.where(isCounted, bags.rows, -HUGE_VAL), -HUGE_VAL, ScatterReduction::Max);
    return m.where(m.equal(perBag, 0), 0, most);
  }
  // Rows past the last bag's end are not added up, though a mean counts them, and a maximum takes them: as in PyTorch.
  Value isAdded = bags.isPast ? m.both(isCounted, m.withDim(m.no(bags.isPast), 1)) : isCounted;
  Value sums = met(m.where(isAdded, bags.rows, 0.0), 0, ScatterReduction::Add);
  return mode == kSum ? sums : m.div(sums, m.max(perBag, 1));
}
static Values embeddingBags(NodeReader &node) { return {embeddingBag(node)}; }

/// Sums, means, … of so many rows each, one behind the other.
static Value segmentReduce(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Type i64 = b.builder().getI64Type();
  node.ignore("unsafe");
  Value data = node.tensor("data");
  const bool byOffsets = node.has("offsets");
  if (node.has("indices") || (!byOffsets && !node.has("lengths")))
    malformed("needs lengths or offsets");
  Value given = b.cast(node.tensor(byOffsets ? "offsets" : "lengths"), i64);
  if (rankOf(data) < 1 || rankOf(given) != 1 || node.axis("axis", data) != 0)
    unsupported("takes segments of " + Twine(rankOf(given)) + " dims, or along another dim than the first");
  if (byOffsets) {
    const Extent count = extentsOf(given)[0] - 1;
    given = m.sub(b.sliceDim(given, 0, 1, count), b.sliceDim(given, 0, 0, count));
  }
  const std::string kind = node.text("reduce");
  const bool isMean = kind == "mean", isMax = kind == "max", isMin = kind == "min", isProduct = kind == "prod";
  if (!isMean && !isMax && !isMin && !isProduct && kind != "sum")
    malformed("has reduce '" + printable(kind) + "'");
  const std::optional<double> initial = node.optionalNumber("initial");
  const double start = initial.value_or(isMax ? -HUGE_VAL : isMin ? HUGE_VAL : isProduct ? 1 : 0);
  Extents shape = extentsOf(data), part(ArrayRef(shape).drop_front());
  Value rows = b.reshape(data, Extents{shape[0], elementsOf(part)});
  Value ends = b.make<graph::CumulativeOp>(given, int64_t(0), false, false);
  Value isPast = m.lessEqual(m.withDim(ends, 0), m.withDim(b.countAlong(Extents{shape[0]}, 0), 1));
  Value segments = b.broadcast(m.withDim(m.sum(b.cast(isPast, i64), 1), 1), extentsOf(rows));
  Value results = b.broadcast(m.number(data, start), Extents{extentsOf(given)[0], extentsOf(rows)[1]});
  const ScatterReduction how = isMax       ? ScatterReduction::Max
                               : isMin     ? ScatterReduction::Min
                               : isProduct ? ScatterReduction::Mul
                                           : ScatterReduction::Add;
  results = b.make<graph::ScatterElementsOp>(results, segments, rows, int64_t(0), how);
  if (isMean) {
    Value counts = m.withDim(b.cast(given, elementOf(data)), 1), isEmpty = m.equal(counts, 0);
    results = m.where(isEmpty, initial.value_or(NAN), m.div(results, m.max(counts, 1)));
  }
  shape[0] = extentsOf(given)[0];
  return b.reshape(results, shape);
}

static constexpr Operator kOperators[] = {
    {"aten._embedding_bag.default", embeddingBags}, {"aten._embedding_bag_forward_only.default", embeddingBags},
    {"aten.embedding_bag.default", embeddingBags},  {"aten.embedding_bag.padding_idx", embeddingBags},
    {"aten.segment_reduce.default", segmentReduce},
};

ArrayRef<Operator> bagOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

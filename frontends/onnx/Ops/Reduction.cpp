// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Axes.h"
#include "frontends/common/Places.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::ReduceKind;

/// Over axes that the run tells: each dim is split in what is kept and what is reduced, of which one is 1.
static Value reduceFound(GraphBuilder &b, Value x, ReduceKind kind, ArrayRef<graph::Extent> axes, bool keep) {
  graph::Extents shape = extentsOf(x), reduced = areNamed(b, axes, rankOf(x)), kept, split;
  SmallVector<int64_t> odd;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    constexpr auto kCount = GraphBuilder::Sign::NotNegative;
    kept.push_back(b.named(graph::Extent::select(reduced[dim], 1, extent), kCount));
    split.append({kept.back(), b.named(graph::Extent::select(reduced[dim], extent, 1), kCount)});
    odd.push_back(static_cast<int64_t>(2 * dim + 1));
  }
  auto count = static_cast<int64_t>(axes.size());
  Value result = b.make<graph::ReduceOp>(b.reshape(x, split), kind, odd);
  return b.reshape(result, keep ? kept : unmarked(b, shape, reduced, rankOf(x) - count));
}

/// Axes are an attribute, and an input from version 18 (of ReduceSum: 13) on. None given means all, or no reduction
/// where noop_with_empty_axes says so.
template <ReduceKind kind, int64_t inputSince = 18, unsigned elements = Numbers>
static Values reduce(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, elements);
  bool keep = node.flag("keepdims", true),
       noop = node.opset() >= inputSince && node.flag("noop_with_empty_axes", false);
  graph::Extents given = node.extentsOf("axes", 1, inputSince).value_or(graph::Extents());
  if (static_cast<int64_t>(given.size()) > rankOf(x))
    malformed("has more axes than the " + Twine(rankOf(x)) + " dims of its input");
  std::optional<SmallVector<int64_t>> axes = graph::asNumbers(given);
  if (!axes)
    return {reduceFound(b, x, kind, given, keep)};
  if (axes->empty() && !noop)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  axes = normalAxes(*axes, rankOf(x));
  Value result = b.make<graph::ReduceOp>(x, kind, *axes);
  return {keep ? result : withoutDims(b, result, *axes)};
}

template <bool minimum> static Values argReduce(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(x));
  bool keep = node.flag("keepdims", true), last = node.flag("select_last_index", false);
  Value result = b.make<graph::ArgReduceOp>(x, axis, minimum, last);
  return {keep ? result : withoutDims(b, result, axis)};
}

// TopK: k is an attribute, and an input from version 10 on                                 ONNX TopK, versions 1–24
static Values topK(NodeReader &node) {
  Value x = node.input(0, Numbers);
  int64_t axis = normalAxis(node.integer("axis", -1), rankOf(x));
  graph::Extent k = 0;
  if (node.opset() < 10) {
    k = node.integer("k");
  } else {
    graph::Extents given = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
    if (given.size() != 1)
      malformed("needs one number of elements to find");
    k = given.front();
  }
  bool largest = node.flag("largest", true);
  node.ignore("sorted"); // they always are
  graph::Extents shape = extentsOf(x);
  shape[axis] = countWithin(node.builder(), k, shape[axis]);
  Type types[] = {checkedType(shape, elementOf(x)), checkedType(shape, node.builder().builder().getI64Type())};
  return node.builder().makeMany<graph::TopKOp>(types, x, axis, !largest);
}

/// x as [outer, extent, inner] around an axis that the run tells.
static graph::Extents aroundAxis(GraphBuilder &b, Value x, const graph::Extent &axis) {
  using graph::Extent;
  Extent at = b.named(axis + isNegative(axis) * rankOf(x));
  graph::Extents parts(3, 1);
  graph::Extents isAxis = areNamed(b, at, rankOf(x));
  for (auto [dim, extent] : llvm::enumerate(extentsOf(x))) {
    Extent isBefore = Extent::min(1, Extent::max(0, at - static_cast<int64_t>(dim)));
    Extent isBehind = Extent(1) - isBefore - isAxis[dim];
    graph::Extents belongs = {isBefore, isAxis[dim], isBehind};
    for (auto [part, isOfPart] : llvm::zip_equal(parts, belongs))
      part = b.named(part * b.named(Extent::select(isOfPart, extent, 1), GraphBuilder::Sign::NotNegative));
  }
  return parts;
}

template <bool product> static Values cumulative(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  graph::Extents given = node.extentsInput(1);
  bool exclusive = node.flag("exclusive", false), reverse = node.flag("reverse", false);
  if (given.size() != 1)
    malformed("needs one axis");
  if (!given.front().isNumber()) {
    Value around = b.reshape(x, aroundAxis(b, x, given.front()));
    return {b.reshape(b.make<graph::CumulativeOp>(around, int64_t(1), exclusive, reverse, product), extentsOf(x))};
  }
  int64_t axis = normalAxis(given.front().number(), rankOf(x));
  return {b.make<graph::CumulativeOp>(x, axis, exclusive, reverse, product)};
}

static constexpr Operator kOperators[] = {
    {"ArgMax", 1, argReduce<false>},
    {"ArgMin", 1, argReduce<true>},
    {"CumProd", 26, cumulative<true>},
    {"CumSum", 11, cumulative<false>},
    {"ReduceL1", 1, reduce<ReduceKind::L1>},
    {"ReduceL2", 1, reduce<ReduceKind::L2>},
    {"ReduceLogSum", 1, reduce<ReduceKind::LogSum>},
    {"ReduceLogSumExp", 1, reduce<ReduceKind::LogSumExp>},
    {"ReduceMax", 1, reduce<ReduceKind::Max, 18, Numbers | Bools>},
    {"ReduceMean", 1, reduce<ReduceKind::Mean>},
    {"ReduceMin", 1, reduce<ReduceKind::Min, 18, Numbers | Bools>},
    {"ReduceProd", 1, reduce<ReduceKind::Prod>},
    {"ReduceSum", 1, reduce<ReduceKind::Sum, 13>},
    {"ReduceSumSquare", 1, reduce<ReduceKind::SumSquare>},
    {"TopK", 1, topK},
};

ArrayRef<Operator> reductionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

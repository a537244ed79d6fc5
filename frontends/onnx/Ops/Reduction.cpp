// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::ReduceKind;

/// Drops dims of 1.
static Value withoutDims(GraphBuilder &b, Value value, ArrayRef<int64_t> axes) {
  graph::Extents shape;
  for (auto [dim, extent] : llvm::enumerate(extentsOf(value)))
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)))
      shape.push_back(extent);
  return b.reshape(value, shape);
}

/// Axes are an attribute, and an input from version 18 (of ReduceSum: 13) on. None given means all, or no reduction
/// where noop_with_empty_axes says so.
template <ReduceKind kind, int64_t inputSince = 18, unsigned elements = Numbers>
static Values reduce(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, elements);
  Integers axes = node.integersOf("axes", 1, inputSince).value_or(Integers());
  bool keep = node.flag("keepdims", true),
       noop = node.opset() >= inputSince && node.flag("noop_with_empty_axes", false);
  if (axes.empty() && !noop)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  axes = normalAxes(axes, rankOf(x));
  Value result = b.make<graph::ReduceOp>(x, kind, axes);
  return {keep ? result : withoutDims(b, result, axes)};
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
  int64_t axis = normalAxis(node.integer("axis", -1), rankOf(x)), k = 0;
  if (node.opset() < 10) {
    k = node.integer("k");
  } else {
    Integers given = node.integersInput(1);
    if (given.size() != 1)
      malformed("needs one number of elements to find");
    k = given.front();
  }
  bool largest = node.flag("largest", true);
  node.ignore("sorted"); // they always are
  graph::Extents shape = extentsOf(x);
  if (k < 0 || (shape[axis].isNumber() && k > shape[axis].number()))
    malformed("cannot find " + Twine(k) + " of " + shape[axis].str() + " elements");
  shape[axis] = k;
  Type types[] = {checkedType(shape, elementOf(x)), checkedType(shape, node.builder().builder().getI64Type())};
  return node.builder().makeMany<graph::TopKOp>(types, x, axis, !largest);
}

template <bool product> static Values cumulative(NodeReader &node) {
  Value x = node.input(0, Numbers);
  Integers given = node.integersInput(1);
  bool exclusive = node.flag("exclusive", false), reverse = node.flag("reverse", false);
  if (given.size() != 1)
    malformed("needs one axis");
  int64_t axis = normalAxis(given.front(), rankOf(x));
  return {node.builder().make<graph::CumulativeOp>(x, axis, exclusive, reverse, product)};
}

static constexpr Operator kOperators[] = {
    {"ArgMax", 7, argReduce<false>},
    {"ArgMin", 7, argReduce<true>},
    {"CumProd", 26, cumulative<true>},
    {"CumSum", 11, cumulative<false>},
    {"ReduceL1", 7, reduce<ReduceKind::L1>},
    {"ReduceL2", 7, reduce<ReduceKind::L2>},
    {"ReduceLogSum", 7, reduce<ReduceKind::LogSum>},
    {"ReduceLogSumExp", 7, reduce<ReduceKind::LogSumExp>},
    {"ReduceMax", 7, reduce<ReduceKind::Max, 18, Numbers | Bools>},
    {"ReduceMean", 7, reduce<ReduceKind::Mean>},
    {"ReduceMin", 7, reduce<ReduceKind::Min, 18, Numbers | Bools>},
    {"ReduceProd", 7, reduce<ReduceKind::Prod>},
    {"ReduceSum", 7, reduce<ReduceKind::Sum, 13>},
    {"ReduceSumSquare", 7, reduce<ReduceKind::SumSquare>},
    {"TopK", 7, topK},
};

ArrayRef<Operator> reductionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

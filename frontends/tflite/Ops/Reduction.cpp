// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Axes.h"
#include "frontends/common/Places.h"
#include "frontends/tflite/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extents, graph::ReduceKind;

/// Axes of input 1, each once: files may name one twice.
static Integers axesOf(OperatorReader &node, Value x) {
  Integers axes;
  for (int64_t axis : node.integersInput(1))
    axes.push_back(normalAxis(axis, rankOf(x)));
  llvm::sort(axes);
  axes.erase(llvm::unique(axes), axes.end());
  return axes;
}

static Values reduced(OperatorReader &node, Value x, ReduceKind kind) {
  GraphBuilder &b = node.builder();
  Integers axes = axesOf(node, x);
  Value result = axes.empty() ? x : b.make<graph::ReduceOp>(x, kind, axes);
  return {node.options<schema::ReducerOptions>().keep_dims() ? result : withoutDims(b, result, axes)};
}

template <ReduceKind kind> static Values reduce(OperatorReader &node) { return reduced(node, node.real(0), kind); }
/// The largest and the least of integers are those of what they stand for.
template <ReduceKind kind> static Values reduceMoved(OperatorReader &node) {
  return reduced(node, node.moved(0), kind);
}
/// Of bools, as bytes of 0 and 1.
template <ReduceKind kind> static Values reduceBools(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value bytes = b.cast(node.input(0), b.builder().getIntegerType(8, /*isSigned=*/false));
  return {b.cast(reduced(node, bytes, kind).front(), b.builder().getI1Type())};
}

template <bool isMinimum> static Values argReduce(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  const int64_t axis = normalAxis(node.integerInput(1), rankOf(x));
  Value place = b.make<graph::ArgReduceOp>(x, axis, isMinimum, /*last=*/false);
  return {b.cast(withoutDims(b, place, axis), node.outputType(0))};
}

// TOPK_V2: the largest along the last dim, and their places
static Values topK(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  const int64_t axis = rankOf(x) - 1;
  const Extents given = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  if (axis < 0 || given.size() != 1)
    malformed("takes the first " + inWords(given) + " of " + inWords(extentsOf(x)));
  Extents shape = extentsOf(x);
  shape.back() = countWithin(b, given.front(), shape.back());
  RankedTensorType values = checkedType(shape, elementOf(x)), places = checkedType(shape, b.builder().getI64Type());
  Values results = b.makeMany<graph::TopKOp>({values, places}, x, axis, /*smallest=*/false);
  if (node.outputCount() > 1)
    results[1] = b.cast(results[1], node.outputType(1));
  return results;
}

static Values cumulativeSum(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::CumsumOptions>();
  Value x = node.real(0);
  const int64_t axis = normalAxis(node.integerInput(1), rankOf(x));
  return {b.make<graph::CumulativeOp>(x, axis, options.exclusive(), options.reverse(), /*product=*/false)};
}

static constexpr Operator kOperators[] = {
    {"ARG_MAX", argReduce<false>},
    {"ARG_MIN", argReduce<true>},
    {"CUMSUM", cumulativeSum},
    {"MEAN", reduce<ReduceKind::Mean>},
    {"REDUCE_ALL", reduceBools<ReduceKind::Min>},
    {"REDUCE_ANY", reduceBools<ReduceKind::Max>},
    {"REDUCE_MAX", reduceMoved<ReduceKind::Max>},
    {"REDUCE_MIN", reduceMoved<ReduceKind::Min>},
    {"REDUCE_PROD", reduce<ReduceKind::Prod>},
    {"SUM", reduce<ReduceKind::Sum>},
    {"TOPK_V2", topK},
};

ArrayRef<Operator> reductionOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of com.microsoft into which ONNX Runtime's and Olive's optimisers fuse activations and normalisations.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Pooling.h"

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::ReduceKind, graph::Scalar;

static Value sum(GraphBuilder &b, Value x, Value y) { return y ? b.make<graph::AddOp>(x, y) : x; }

/// gelu(X + bias), by erf or by tanh
template <bool tanhForm> static Values biasGelu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = sum(b, node.input(0, Floats), node.optionalInput(1, Floats));
  return {b.make<graph::GeluOp>(x, tanhForm)};
}

// BiasSplitGelu: a · gelu(b), X + bias = [a, b]
static Values biasSplitGelu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = sum(b, node.input(0, Floats), node.input(1, Floats));
  int64_t last = rankOf(x) - 1;
  if (last < 0)
    malformed("cannot halve a scalar");
  if (fixedDim(x, last) % 2 != 0)
    malformed("cannot halve an input of dims " + inWords(extentsOf(x)));
  int64_t half = fixedDim(x, last) / 2;
  Value gate = b.make<graph::GeluOp>(b.sliceDim(x, last, half, half), /*tanh_form=*/false);
  return {b.make<graph::MulOp>(b.sliceDim(x, last, 0, half), gate)};
}

// QuickGelu: x · sigmoid(alpha x)
static Values quickGelu(NodeReader &node) {
  return {node.builder().make<graph::SwishOp>(node.input(0, Floats), APFloat(node.number("alpha", 1.702F)))};
}

// CDist: distances of the rows of A from the rows of B: √(a² + b² - 2 a · b)
static Values cDist(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = node.input(0, Floats), rhs = node.input(1, Floats);
  bool isSquare = node.choice<bool>("metric", "sqeuclidean", {{"sqeuclidean", true}, {"euclidean", false}});
  if (rankOf(lhs) != 2 || rankOf(rhs) != 2)
    malformed("needs operands of two dims");
  auto squares = [&](Value x) { return b.make<graph::ReduceOp>(x, ReduceKind::SumSquare, ArrayRef<int64_t>{1}); };
  Value products = b.matMul(lhs, b.transpose(rhs, {1, 0}));
  Value result = sum(b, squares(lhs), b.transpose(squares(rhs), {1, 0}));
  result = b.make<graph::SubOp>(result, b.make<graph::MulOp>(products, b.scalarLike(products, 2)));
  result = b.make<graph::MaxOp>(result, b.scalarLike(result, 0)); // rounding may go below
  return {isSquare ? result : b.make<graph::SqrtOp>(result)};
}

// NhwcMaxPool
static Values nhwcMaxPool(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  if (rankOf(x) < 3)
    malformed("needs an input of three dims or more");
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::rotate(order.begin() + 1, order.end() - 1, order.end());
  Value result = pool(node, b.transpose(x, order), graph::PoolKind::Max, false, 1);
  order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return {b.transpose(result, order)};
}

// Normalisations.

/// Along the last dim.
static Value normalised(NodeReader &node, Value x, Value scale, Value shift, bool rms) {
  GraphBuilder &b = node.builder();
  APFloat epsilon(node.number("epsilon", 1e-12F));
  Value wide = elementOf(x).isF64() ? x : b.cast(x, b.builder().getF32Type());
  Value normal = b.cast(b.make<graph::LayerNormOp>(wide, rankOf(x) - 1, epsilon, rms), elementOf(x));
  Value result = sum(b, b.make<graph::MulOp>(normal, scale), shift);
  if (extentsOf(result) != extentsOf(x))
    malformed("has a scale or a bias that does not broadcast to " + inWords(extentsOf(x)));
  return result;
}

// SkipLayerNormalization, SkipSimplifiedLayerNormalization: normalised(input + skip + bias) · gamma + beta, and that
// sum
template <bool rms> static Values skipNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), skip = node.input(1, Floats), gamma = node.input(2, Floats);
  Value beta = rms ? nullptr : node.optionalInput(3, Floats), bias = node.optionalInput(rms ? 3 : 4, Floats);
  if (rankOf(x) < 1)
    malformed("normalises a scalar");
  Value total = sum(b, sum(b, x, bias), b.alignedTo(skip, extentsOf(x)));
  if (extentsOf(total) != extentsOf(x))
    malformed("has a skip or a bias that does not broadcast to " + inWords(extentsOf(x)));
  return {normalised(node, total, gamma, beta, rms), nullptr, nullptr, total};
}

/// table[0 : length], of which the run knows that there are so many.
static Value firstRows(GraphBuilder &b, Value table, const Extent &length) {
  const Extent rows = extentsOf(table)[0];
  if (length.isNumber())
    return b.sliceDim(table, 0, 0, length);
  return b.withDim(b.sliceDim(table, 0, 0, Extent::min(rows, length)), 0, length);
}

// EmbedLayerNormalization: normalised(word + position + segment) · gamma + beta, how many words a row has, and the sum
static Values embedLayerNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value words = node.input(0, SignedIntegers), segments = node.optionalInput(1, SignedIntegers);
  Value positions = node.optionalInput(8, SignedIntegers), segmentTable = node.optionalInput(4, Floats);
  Value positionTable = node.input(3, Floats);
  if (rankOf(words) != 2 || rankOf(positionTable) != 2 ||
      static_cast<bool>(segments) != static_cast<bool>(segmentTable))
    malformed("needs words [batch, length], a table of positions, and segments with a table of them, or neither");
  const Extent length = extentsOf(words)[1];
  if (length.isNumber() && length.number() > fixedDim(positionTable, 0))
    malformed("needs words [batch, length], a table of positions, and segments with a table of them, or neither");
  auto lookUp = [&](Value table, Value indices) { return b.make<graph::GatherOp>(table, indices, int64_t(0)); };
  Value total = lookUp(node.input(2, Floats), words);
  Value position = positions ? lookUp(positionTable, positions) : firstRows(b, positionTable, length);
  total = b.make<graph::AddOp>(total, position);
  if (segments)
    total = b.make<graph::AddOp>(total, lookUp(segmentTable, segments));
  Type i32 = b.builder().getI32Type();
  Value mask = node.optionalInput(7, SignedIntegers);
  node.ignore("mask_index_type");
  Value counts = b.broadcast(b.scalar(i32, Scalar::ofSigned(0)), extentsOf(words)[0]);
  if (mask) {
    mask = b.expect(b.cast(mask, i32), extentsOf(words), "a mask");
    counts = b.reshape(b.make<graph::ReduceOp>(mask, ReduceKind::Sum, ArrayRef<int64_t>{1}), extentsOf(counts));
  }
  return {normalised(node, total, node.input(5, Floats), node.input(6, Floats), /*rms=*/false), counts, total};
}

static constexpr Operator kOperators[] = {
    {"BiasGelu", 1, biasGelu<false>, "com.microsoft"},
    {"BiasSplitGelu", 1, biasSplitGelu, "com.microsoft"},
    {"CDist", 1, cDist, "com.microsoft"},
    {"EmbedLayerNormalization", 1, embedLayerNormalization, "com.microsoft"},
    {"FastGelu", 1, biasGelu<true>, "com.microsoft"},
    {"NhwcMaxPool", 1, nhwcMaxPool, "com.microsoft"},
    {"QuickGelu", 1, quickGelu, "com.microsoft"},
    {"SkipLayerNormalization", 1, skipNormalization<false>, "com.microsoft"},
    {"SkipSimplifiedLayerNormalization", 1, skipNormalization<true>, "com.microsoft"},
};

ArrayRef<Operator> contribOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

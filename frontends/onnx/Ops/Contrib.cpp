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
  const int64_t last = rankOf(x) - 1;
  return {b.moveDim(pool(node, b.moveDim(x, last, 1), graph::PoolKind::Max, false, 1), 1, last)};
}

// BiasAdd: X + bias + skip
static Values biasAdd(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return {sum(b, sum(b, node.input(0, Floats), node.input(1, Floats)), node.input(2, Floats))};
}

// ExpandDims: one more dim of 1, at a constant place
static Values expandDims(NodeReader &node) {
  Value x = node.input(0);
  Integers given = node.integersInput(1);
  if (given.size() != 1)
    malformed("needs one axis");
  graph::Extents shape = extentsOf(x);
  shape.insert(shape.begin() + normalAxis(given[0], rankOf(x) + 1), 1);
  return {node.builder().reshape(x, shape)};
}

// SampleOp: what it is given
static Values sampleOp(NodeReader &node) { return {node.input(0)}; }

// TorchEmbedding: rows of a table
static Values torchEmbedding(NodeReader &node) {
  Value table = node.input(0, Floats), indices = node.input(1, SignedIntegers);
  node.optionalInput(2);
  node.optionalInput(3);
  return {node.builder().make<graph::GatherOp>(table, indices, int64_t(0))};
}

// UnfoldTensor: windows of `size` along a dim, `step` apart, as a last dim
static Values unfoldTensor(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  int64_t dim = normalAxis(node.integer("dim", -1), rankOf(x)), size = node.integer("size"),
          step = node.integer("step", 1);
  const Extent room = extentsOf(x)[dim] - size;
  if (size < 1 || step < 1 || (room.isNumber() && room.number() < 0))
    malformed("has windows of " + Twine(size) + " of " + extentsOf(x)[dim].str() + " elements");
  const Extent count = b.named(room.floorDiv(step) + 1, GraphBuilder::Sign::NotNegative);
  Type i64 = b.builder().getI64Type();
  Value first = b.makeAs<graph::IotaOp>(checkedType({count, 1}, i64), b.number(0), b.number(step), int64_t(0));
  Value within = b.countAlong({1, size}, 1);
  Value windows = b.make<graph::GatherOp>(x, b.make<graph::AddOp>(first, within), dim);
  return {b.moveDim(windows, dim + 1, rankOf(windows) - 1)};
}

/// ComplexMul, ComplexMulConj: of pairs of a real and an imaginary part, (a + bi)(c ± di)
template <bool conjugated> static Values complexMul(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = node.input(0, Floats), rhs = node.input(1, Floats);
  if (rankOf(lhs) < 1 || rankOf(rhs) < 1 || extentsOf(lhs).back() != Extent(2) || extentsOf(rhs).back() != Extent(2))
    malformed("needs operands whose last dim is 2");
  auto part = [&](Value x, int64_t index) { return b.sliceDim(x, rankOf(x) - 1, index, 1); };
  auto times = [&](int64_t i, int64_t j) { return b.make<graph::MulOp>(part(lhs, i), part(rhs, j)); };
  auto add = [&](Value x, Value y) { return b.make<graph::AddOp>(x, y); };
  auto subtract = [&](Value x, Value y) { return b.make<graph::SubOp>(x, y); };
  Value real = conjugated ? add(times(0, 0), times(1, 1)) : subtract(times(0, 0), times(1, 1));
  Value imaginary = conjugated ? subtract(times(1, 0), times(0, 1)) : add(times(0, 1), times(1, 0));
  return {b.make<graph::ConcatOp>(Values{real, imaginary}, rankOf(real) - 1)};
}

// Normalisations.

/// GroupNorm, SkipGroupNorm: groups of channels of each example, of X or of X + skip + bias, which is the second result
template <bool hasSkip> static Values groupNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), gamma = node.input(1, Floats), beta = node.input(2, Floats), total;
  bool last = node.flag("channels_last", true);
  int64_t groups = node.integer("groups"), activation = node.integer("activation");
  APFloat epsilon(node.number("epsilon", 1e-5F));
  if (rankOf(x) != 4 || groups < 1 || activation < 0 || activation > 1)
    malformed("cannot divide an input of dims " + inWords(extentsOf(x)) + " into " + Twine(groups) + " groups");
  if (hasSkip) {
    Value skip = node.input(3, Floats);
    if (rankOf(skip) == 2) // one number for each channel of an example
      skip = b.reshape(skip, {extentsOf(skip)[0], 1, 1, extentsOf(skip)[1]});
    x = total = sum(b, sum(b, x, skip), node.optionalInput(4, Floats));
  }
  Type element = elementOf(x), wide = element.isF64() ? element : Type(b.builder().getF32Type());
  Value image = b.cast(last ? b.moveDim(x, 3, 1) : x, wide);
  graph::Extents shape = extentsOf(image), grouped{shape[0], groups, dividedBy(shape[1], groups), shape[2], shape[3]};
  Value normal = b.reshape(b.make<graph::LayerNormOp>(b.reshape(image, grouped), int64_t(2), epsilon), shape);
  auto perChannel = [&](Value value) { return b.reshape(b.cast(value, wide), {shape[1], 1, 1}); };
  Value result = sum(b, b.make<graph::MulOp>(normal, perChannel(gamma)), perChannel(beta));
  if (activation == 1)
    result = b.make<graph::SwishOp>(result, APFloat(1.0));
  result = b.cast(result, element);
  return {last ? b.moveDim(result, 1, 3) : result, total};
}

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

namespace {
struct Embedding {
  Value wordTable, positionTable, segmentTable, gamma, beta;
  Value positions; // null where they are 0, 1, …
};
} // namespace

/// normalised(word + position + segment) · gamma + beta, how many words a row has, and the sum
static Values embedded(NodeReader &node, const Embedding &in) {
  GraphBuilder &b = node.builder();
  Value words = node.input(0, SignedIntegers), segments = node.optionalInput(1, SignedIntegers);
  Value positions = in.positions, segmentTable = in.segmentTable, positionTable = in.positionTable;
  if (rankOf(words) != 2 || rankOf(positionTable) != 2 ||
      static_cast<bool>(segments) != static_cast<bool>(segmentTable))
    malformed("needs words [batch, length], a table of positions, and segments with a table of them, or neither");
  const Extent length = extentsOf(words)[1];
  if (length.isNumber() && length.number() > fixedDim(positionTable, 0))
    malformed("needs words [batch, length], a table of positions, and segments with a table of them, or neither");
  auto lookUp = [&](Value table, Value indices) { return b.make<graph::GatherOp>(table, indices, int64_t(0)); };
  Value total = lookUp(in.wordTable, words);
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
  return {normalised(node, total, in.gamma, in.beta, /*rms=*/false), counts, total};
}

// EmbedLayerNormalization
static Values embedLayerNormalization(NodeReader &node) {
  return embedded(node, {node.input(2, Floats), node.input(3, Floats), node.optionalInput(4, Floats),
                         node.input(5, Floats), node.input(6, Floats), node.optionalInput(8, SignedIntegers)});
}

// QEmbedLayerNormalization: the same of quantised tables; their scales come from input 8 on, zero points from 13 on
static Values qEmbedLayerNormalization(NodeReader &node) {
  constexpr unsigned kTables = 5, kFirst = 2, kScales = 8, kZeroPoints = 13;
  GraphBuilder &b = node.builder();
  Value tables[kTables]; // words, positions, segments, gamma, beta
  for (unsigned index = 0; index < kTables; ++index) {
    Value codes = node.optionalInput(kFirst + index, AnyInteger);
    if (!codes)
      continue;
    Value scale = node.input(kScales + index, Floats), zeroPoint = node.input(kZeroPoints + index, AnyInteger);
    if (!isSingle(scale) || !isSingle(zeroPoint))
      malformed("needs one scale and one zero point for each table");
    auto number = [&](Value value) { return b.cast(value, elementOf(scale)); };
    Value centred = b.make<graph::SubOp>(number(codes), number(b.reshape(zeroPoint, Integers())));
    tables[index] = b.make<graph::MulOp>(centred, b.reshape(scale, Integers()));
  }
  if (!tables[0] || !tables[1] || !tables[3] || !tables[4])
    malformed("lacks a table");
  Values results = embedded(node, {tables[0], tables[1], tables[2], tables[3], tables[4], nullptr});
  return {results[0], results[1]};
}

static constexpr Operator kOperators[] = {
    {"BiasAdd", 1, biasAdd, "com.microsoft"},
    {"BiasGelu", 1, biasGelu<false>, "com.microsoft"},
    {"BiasSplitGelu", 1, biasSplitGelu, "com.microsoft"},
    {"CDist", 1, cDist, "com.microsoft"},
    {"ComplexMul", 1, complexMul<false>, "com.microsoft"},
    {"ComplexMulConj", 1, complexMul<true>, "com.microsoft"},
    {"EmbedLayerNormalization", 1, embedLayerNormalization, "com.microsoft"},
    {"ExpandDims", 1, expandDims, "com.microsoft"},
    {"FastGelu", 1, biasGelu<true>, "com.microsoft"},
    {"GroupNorm", 1, groupNorm<false>, "com.microsoft"},
    {"NhwcMaxPool", 1, nhwcMaxPool, "com.microsoft"},
    {"QEmbedLayerNormalization", 1, qEmbedLayerNormalization, "com.microsoft"},
    {"QuickGelu", 1, quickGelu, "com.microsoft"},
    {"SampleOp", 1, sampleOp, "com.microsoft"},
    {"SkipGroupNorm", 1, groupNorm<true>, "com.microsoft"},
    {"SkipLayerNormalization", 1, skipNormalization<false>, "com.microsoft"},
    {"SkipSimplifiedLayerNormalization", 1, skipNormalization<true>, "com.microsoft"},
    {"TorchEmbedding", 1, torchEmbedding, "com.microsoft"},
    {"UnfoldTensor", 1, unfoldTensor, "com.microsoft"},
};

ArrayRef<Operator> contribOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of com.microsoft on quantised tensors: what ONNX Runtime's quantiser makes of an operator between a
// DequantizeLinear and a QuantizeLinear, and products with weights of few bits.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Pooling.h"
#include "frontends/onnx/Ops/Quantization.h"

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::PoolKind, graph::ReduceKind, graph::Scalar;

static Type f32(NodeReader &node) { return node.builder().builder().getF32Type(); }

/// (x - zero point) · scale of the inputs from `index` on, f32.
static Value dequantised(NodeReader &node, unsigned index) {
  GraphBuilder &b = node.builder();
  Value centredValue = centred(node, index, index + 2, 1);
  Value scale = b.cast(scalarOrList(b, node.input(index + 1, Floats)), f32(node));
  Value result = b.make<graph::MulOp>(b.cast(centredValue, f32(node)), scale);
  if (extentsOf(result) != extentsOf(centredValue))
    malformed("has scales of dims " + inWords(extentsOf(scale)) + " for " + inWords(extentsOf(centredValue)));
  return result;
}

/// x with the scale and zero point that are the inputs from `index` on; without a zero point, of the type `to`.
static Value quantised(NodeReader &node, Value x, unsigned index, Type to) {
  GraphBuilder &b = node.builder();
  Value scale = b.cast(scalarOrList(b, node.input(index, Floats)), f32(node));
  Value zeroPoint = node.optionalInput(index + 1, AnyInteger);
  if (zeroPoint)
    zeroPoint = scalarOrList(b, zeroPoint);
  Value rounded = b.make<graph::RoundOp>(b.make<graph::DivOp>(x, scale));
  Value result = saturate(node.builder(), rounded, zeroPoint, zeroPoint ? elementOf(zeroPoint) : to);
  if (extentsOf(result) != extentsOf(x))
    malformed("has a scale or zero point that does not fit its result " + inWords(extentsOf(x)));
  return result;
}

template <typename Op> static Values qLinearBinary(NodeReader &node) {
  Value result = node.builder().make<Op>(dequantised(node, 0), dequantised(node, 3));
  return {quantised(node, result, 6, elementOf(node.input(0)))};
}

// QLinearAdd: saturate(round(a · ra + (b · rb + (zc - (za · ra + zb · rb))))), where ra = sa / sc, rb = sb / sc
//
// That is how ONNX Runtime computes it (MLAS, qladd.cpp). The operator's text divides a sum by sc, which rounds other
// numbers that lie between two steps: all of x + 1, where x had a step of 2 / 255.
static Values qLinearAdd(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = node.input(0, AnyInteger), rhs = node.input(3, AnyInteger);
  for (unsigned scale : {1U, 4U, 6U})
    if (!isSingle(node.input(scale, Floats)))
      return qLinearBinary<graph::AddOp>(node);
  auto number = [&](Value value) { return b.cast(scalarOrList(b, value), f32(node)); };
  auto zeroPoint = [&](unsigned index) {
    Value value = node.optionalInput(index, AnyInteger);
    return value ? number(value) : b.scalar(f32(node), 0.0);
  };
  auto plus = [&](Value x, Value y) -> Value { return b.make<graph::AddOp>(x, y); };
  auto times = [&](Value x, Value y) -> Value { return b.make<graph::MulOp>(x, y); };
  Value scale = number(node.input(6, Floats));
  Value left = b.make<graph::DivOp>(number(node.input(1, Floats)), scale);
  Value right = b.make<graph::DivOp>(number(node.input(4, Floats)), scale);
  Value fixed = b.make<graph::SubOp>(zeroPoint(7), plus(times(left, zeroPoint(2)), times(right, zeroPoint(5))));
  Value a = times(b.cast(lhs, f32(node)), left), c = times(b.cast(rhs, f32(node)), right);
  Value sum = isSingle(lhs) && !isSingle(rhs) ? plus(c, plus(a, fixed)) : plus(a, plus(c, fixed));
  Value ofResult = node.optionalInput(7, AnyInteger);
  return {saturate(node.builder(), b.make<graph::RoundOp>(sum), nullptr, elementOf(ofResult ? ofResult : lhs))};
}

/// Of one operand.
template <typename Build> static Values qLinear(NodeReader &node, Build build) {
  return {quantised(node, build(dequantised(node, 0)), 3, elementOf(node.input(0)))};
}

static Values qLinearSigmoid(NodeReader &node) {
  return qLinear(node, [&](Value x) { return node.builder().make<graph::SigmoidOp>(x); });
}

static Values qLinearLeakyRelu(NodeReader &node) {
  APFloat alpha(node.number("alpha", 0.01F));
  return qLinear(node, [&](Value x) { return node.builder().make<graph::LeakyReluOp>(x, alpha); });
}

// QLinearSoftmax, along one axis from version 13 of Softmax on; before, over all dims from `axis` on.
static Values qLinearSoftmax(NodeReader &node) {
  int64_t version = node.integer("opset"), given = node.integer("axis", version < 13 ? 1 : -1);
  return qLinear(node, [&](Value x) {
    GraphBuilder &b = node.builder();
    int64_t axis = normalAxis(given, rankOf(x));
    if (version >= 13)
      return b.make<graph::SoftmaxOp>(x, axis);
    Extents shape = extentsOf(x);
    Extent rows = graph::productOf(ArrayRef(shape).take_front(axis)),
           columns = graph::productOf(ArrayRef(shape).drop_front(axis));
    return b.reshape(b.make<graph::SoftmaxOp>(b.reshape(x, {rows, columns}), int64_t(1)), shape);
  });
}

/// `build` of x with its channels before the spatial dims.
template <typename Build> static Value channelsFirst(NodeReader &node, Value x, Build build) {
  GraphBuilder &b = node.builder();
  if (rankOf(x) < 3)
    malformed("needs an input of three dims or more");
  if (!node.flag("channels_last", false))
    return build(x);
  const int64_t last = rankOf(x) - 1;
  return b.moveDim(build(b.moveDim(x, last, 1)), 1, last);
}

static Values qLinearAveragePool(NodeReader &node) {
  bool countPadding = node.flag("count_include_pad", false);
  return qLinear(node, [&](Value x) {
    return channelsFirst(node, x, [&](Value x) { return pool(node, x, PoolKind::Average, countPadding, 1); });
  });
}

static Values qLinearGlobalAveragePool(NodeReader &node) {
  return qLinear(node, [&](Value x) {
    return channelsFirst(node, x, [&](Value x) {
      auto spatial = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
      return node.builder().make<graph::ReduceOp>(x, ReduceKind::Mean, spatial);
    });
  });
}

static Values qLinearReduceMean(NodeReader &node) {
  Integers given = node.integers("axes").value_or(Integers());
  bool keepDims = node.flag("keepdims", true);
  return qLinear(node, [&](Value x) {
    GraphBuilder &b = node.builder();
    Integers axes = given.empty() ? llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))) : normalAxes(given, rankOf(x));
    Value mean = b.make<graph::ReduceOp>(x, ReduceKind::Mean, axes);
    Extents shape;
    for (auto [dim, extent] : llvm::enumerate(extentsOf(mean)))
      if (keepDims || !llvm::is_contained(axes, static_cast<int64_t>(dim)))
        shape.push_back(extent);
    return b.reshape(mean, shape);
  });
}

// QLinearConcat: the result's scale and zero point come first, then each operand with its own
static Values qLinearConcat(NodeReader &node) {
  Values operands;
  if (node.inputCount() < 5 || node.inputCount() % 3 != 2)
    malformed("has " + Twine(node.inputCount()) + " inputs");
  for (unsigned index = 2; index < node.inputCount(); index += 3)
    operands.push_back(dequantised(node, index));
  int64_t axis = normalAxis(node.integer("axis"), rankOf(operands.front()));
  Value all = node.builder().concat(operands, axis);
  return {quantised(node, all, 0, elementOf(node.input(2)))};
}

static Values qLinearWhere(NodeReader &node) {
  Value condition = node.input(0, Bools);
  Value result = node.builder().make<graph::SelectOp>(condition, dequantised(node, 1), dequantised(node, 4));
  return {quantised(node, result, 7, elementOf(node.input(1)))};
}

// Products.

/// lhs · rhs as f32, times the scales, and the bias.
static Value scaledProduct(NodeReader &node, Value product, Value lhsScale, Value rhsScale, unsigned biasIndex) {
  GraphBuilder &b = node.builder();
  auto number = [&](Value scale) { return b.cast(scalarOrList(b, scale), f32(node)); };
  Value scale = b.make<graph::MulOp>(number(lhsScale), number(rhsScale));
  Value result = b.make<graph::MulOp>(b.cast(product, f32(node)), scale);
  if (Value bias = node.optionalInput(biasIndex, Floats))
    result = b.make<graph::AddOp>(result, b.alignedTo(b.cast(bias, f32(node)), extentsOf(product)));
  if (extentsOf(result) != extentsOf(product))
    malformed("has scales or a bias that do not fit its result " + inWords(extentsOf(product)));
  return result;
}

// MatMulIntegerToFloat: (A - za) · (B - zb) · sa · sb + bias
static Values matMulIntegerToFloat(NodeReader &node) {
  Value product = node.builder().matMul(centred(node, 0, 4, 2), centred(node, 1, 5, 1));
  return {scaledProduct(node, product, node.input(2, Floats), node.input(3, Floats), 6)};
}

// DynamicQuantizeMatMul: the same, with A quantised by its own range
static Values dynamicQuantizeMatMul(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Type i32 = b.builder().getI32Type();
  Values quantisedLhs = quantisedByRange(node, node.input(0, Floats));
  Value lhs = b.make<graph::SubOp>(b.cast(quantisedLhs[0], i32), b.cast(quantisedLhs[2], i32));
  Value product = b.matMul(lhs, centred(node, 1, 3, 1));
  return {scaledProduct(node, product, quantisedLhs[1], node.input(2, Floats), 4)};
}

// QGemm: alpha · sa · sb · ((A - za) · (B - zb) + C), as floats or quantised
static Values qGemm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  bool transposeLhs = node.flag("transA", false), transposeRhs = node.flag("transB", false);
  Value lhs = centred(node, 0, 2, 2), rhs = centred(node, 3, 5, transposeRhs ? 2 : 1);
  if (rankOf(lhs) != 2 || rankOf(rhs) != 2)
    malformed("needs operands of two dims");
  lhs = transposeLhs ? b.transpose(lhs, {1, 0}) : lhs;
  rhs = transposeRhs ? b.transpose(rhs, {1, 0}) : rhs;
  Value product = b.matMul(lhs, rhs);
  if (Value bias = node.optionalInput(6, SignedIntegers)) {
    Value shifted = b.make<graph::AddOp>(product, b.alignedTo(b.cast(bias, elementOf(product)), extentsOf(product)));
    if (extentsOf(shifted) != extentsOf(product))
      malformed("has a C of dims " + inWords(extentsOf(bias)) + " for " + inWords(extentsOf(product)));
    product = shifted;
  }
  Value lhsScale = node.input(1, Floats);
  if (double alpha = node.number("alpha", 1); alpha != 1)
    lhsScale = b.make<graph::MulOp>(lhsScale, b.scalarLike(lhsScale, alpha));
  constexpr unsigned kNoBias = 9; // C is part of the product
  Value result = scaledProduct(node, product, lhsScale, node.input(4, Floats), kNoBias);
  if (!node.hasInput(7))
    return {result};
  return {quantised(node, result, 7, elementOf(node.input(0)))};
}

// Weights of few bits.

Value unpacked(GraphBuilder &b, Value bytes, int64_t bits) {
  if (bits == 8)
    return bytes;
  auto number = [&](uint64_t value) { return b.scalar(elementOf(bytes), Scalar::ofUnsigned(value)); };
  Extents column = extentsOf(bytes), joined = column;
  column.push_back(1);
  joined.back() *= 8 / bits;
  Values parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Value moved = shift == 0 ? bytes : b.make<graph::ShiftRightOp>(bytes, number(shift));
    parts.push_back(b.reshape(b.make<graph::AndOp>(moved, number((1 << bits) - 1)), column));
  }
  return b.reshape(b.make<graph::ConcatOp>(parts, rankOf(bytes)), joined);
}

namespace {
struct BlockWeights {
  int64_t inner, outer, bits, block; // K, N
  int64_t blocks() const { return (inner + block - 1) / block; }
};
} // namespace

/// A number for each block of each column, f32 [n, blocks]; null where there is none.
static Value perBlock(NodeReader &node, unsigned index, const BlockWeights &weights) {
  GraphBuilder &b = node.builder();
  Value value = node.optionalInput(index, Floats | UnsignedIntegers);
  if (!value)
    return nullptr;
  int64_t count = graph::elementCount(shapeOf(value)).value_or(0);
  if (elementOf(value).isUnsignedInteger(8) && weights.bits < 8) {
    int64_t bytes = llvm::divideCeil(weights.blocks() * weights.bits, 8);
    if (count != checkedMul(weights.outer, bytes))
      malformed("has " + Twine(count) + " bytes of zero points");
    value = unpacked(b, b.reshape(value, {weights.outer, bytes}), weights.bits);
    return b.cast(b.sliceDim(value, 1, 0, weights.blocks()), f32(node));
  }
  if (count != checkedMul(weights.outer, weights.blocks()))
    malformed("has " + Twine(count) + " scales or zero points for " + Twine(weights.outer) + " columns of " +
              Twine(weights.blocks()) + " blocks");
  return b.cast(b.reshape(value, {weights.outer, weights.blocks()}), f32(node));
}

// MatMulNBits: A · Wᵀ + bias, W[n, k] = (B[n, k] - zero point) · scale of k's block
static Values matMulNBits(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), packed = node.input(1, UnsignedIntegers);
  BlockWeights weights{node.integer("K"), node.integer("N"), node.integer("bits", 4), node.integer("block_size")};
  node.ignore("accuracy_level");
  node.ignore("weight_prepacked");
  bool knowsBits = weights.bits == 2 || weights.bits == 4 || weights.bits == 8;
  if (weights.inner < 1 || weights.outer < 1 || !knowsBits || weights.block < 16 || weights.block > (1 << 20) ||
      !llvm::isPowerOf2_64(weights.block) || !elementOf(packed).isUnsignedInteger(8))
    malformed("has weights of " + Twine(weights.bits) + " bits in blocks of " + Twine(weights.block));
  int64_t blob = weights.block * weights.bits / 8;
  if (graph::elementCount(shapeOf(packed)) != checkedMul(checkedMul(weights.outer, weights.blocks()), blob))
    malformed("has weights of dims " + inWords(shapeOf(packed)) + " for " + Twine(weights.outer) + " columns of " +
              Twine(weights.inner));
  Value numbers = unpacked(b, b.reshape(packed, {weights.outer, weights.blocks(), blob}), weights.bits);
  Value scale = perBlock(node, 2, weights), zeroPoint = perBlock(node, 3, weights);
  Value groups = node.optionalInput(4, SignedIntegers), bias = node.optionalInput(5, Floats);
  if (!scale)
    malformed("lacks its scales");
  if (!zeroPoint)
    zeroPoint = b.scalar(f32(node), static_cast<double>(1 << (weights.bits - 1)));
  auto aligned = [&](Value value) { // with the numbers
    if (rankOf(value) == 0)
      return value;
    return groups ? b.make<graph::GatherOp>(value, groups, int64_t(1))
                  : b.reshape(value, {weights.outer, weights.blocks(), 1});
  };
  if (groups && shapeOf(groups) != ArrayRef<int64_t>(weights.inner))
    malformed("has groups of dims " + inWords(shapeOf(groups)) + " for " + Twine(weights.inner) + " rows");
  int64_t padded = weights.blocks() * weights.block;
  if (groups)
    numbers = b.sliceDim(b.reshape(numbers, {weights.outer, padded}), 1, 0, weights.inner);
  Value real = b.make<graph::SubOp>(b.cast(numbers, f32(node)), aligned(zeroPoint));
  real = b.make<graph::MulOp>(real, aligned(scale));
  if (!groups)
    real = b.sliceDim(b.reshape(real, {weights.outer, padded}), 1, 0, weights.inner);
  Value result = b.matMul(x, b.transpose(b.cast(real, elementOf(x)), {1, 0}));
  return {bias ? b.make<graph::AddOp>(result, bias) : result};
}

// GatherBlockQuantized: (rows of data - zero point) · scale of their blocks
static Values gatherBlockQuantized(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value data = node.input(0, AnyInteger | SmallIntegers | Float8s | SmallFloats), scale = node.input(2, Floats);
  Value indices = node.input(1, SignedIntegers), zeroPoint = node.optionalInput(3, AnyInteger | SmallIntegers);
  Type element = elementOf(data), number = isa<IntegerType>(element) ? Type(b.builder().getI32Type()) : f32(node);
  bool isPacked = element.isUnsignedInteger(8);
  int64_t bits = node.integer("bits", 4), block = node.integer("block_size", 128), rank = rankOf(data);
  int64_t axis = normalAxis(node.integer("gather_axis", 0), rank);
  int64_t blocked = normalAxis(node.integer("quantize_axis", 1), rank);
  if (rankOf(scale) != rank || (zeroPoint && (rankOf(zeroPoint) != rank || elementOf(zeroPoint) != element)) ||
      (isPacked && ((bits != 2 && bits != 4 && bits != 8) || (bits < 8 && axis == rank - 1))))
    malformed("has data of " + inWords(element) + ", scales and zero points that do not fit each other");
  // What is not gathered need not be computed, but for blocks along the axis itself.
  bool gathersFirst = axis != blocked;
  auto gathered = [&](Value value) { return b.make<graph::GatherOp>(value, indices, axis); };
  auto taken = [&](Value value) { return gathersFirst ? gathered(value) : value; };
  auto numbers = [&](Value value) { return isPacked ? unpacked(b, value, bits) : value; };
  Value x = b.cast(numbers(taken(data)), number);
  int64_t along = gathersFirst && blocked > axis ? blocked + rankOf(indices) - 1 : blocked;
  if (block == 0)
    block = fixedDim(data, blocked);
  if (zeroPoint) {
    Value points = b.cast(numbers(taken(zeroPoint)), number);
    const Extent blocks = extentsOf(scale)[blocked]; // bytes may hold more
    if (isPacked && bits < 8 && blocked == rank - 1)
      points = b.sliceDim(points, along, 0, blocks);
    x = b.make<graph::SubOp>(x, spread(node, points, x, along, block));
  } else if (isPacked) {
    x = b.make<graph::SubOp>(x, b.scalarLike(x, static_cast<double>(1 << (bits - 1))));
  }
  Value factor = spread(node, b.cast(taken(scale), f32(node)), x, along, block);
  Value real = b.cast(b.make<graph::MulOp>(b.cast(x, f32(node)), factor), elementOf(scale));
  return {gathersFirst ? real : gathered(real)};
}

// MatMulBnb4: A · Wᵀ, or A · W; W[i] = table[nibble i] · absmax of i's block. The first of two is in the high nibble.
static Values matMulBnb4(NodeReader &node) {
  static constexpr double kFp4[] = {0, 5.208333333e-03, 2.0 / 3, 1, 1.0 / 3, 0.5, 1.0 / 6, 0.25};
  static constexpr double kNf4[] = {-1.0,
                                    -0.6961928009986877,
                                    -0.5250730514526367,
                                    -0.39491748809814453,
                                    -0.28444138169288635,
                                    -0.18477343022823334,
                                    -0.09105003625154495,
                                    0.0,
                                    0.07958029955625534,
                                    0.16093020141124725,
                                    0.24611230194568634,
                                    0.33791524171829224,
                                    0.44070982933044434,
                                    0.5626170039176941,
                                    0.7229568362236023,
                                    1.0};
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), bytes = node.input(1, UnsignedIntegers), scale = node.input(2, Floats);
  int64_t inner = node.integer("K"), outer = node.integer("N"), block = node.integer("block_size");
  bool isNormal = node.integer("quant_type") == 1, isTransposed = node.flag("transB", true);
  node.ignore("training_mode");
  int64_t count = checkedMul(inner, outer), pairs = llvm::divideCeil(count, 2);
  if (inner < 1 || outer < 1 || block < 1 || !elementOf(bytes).isUnsignedInteger(8) ||
      graph::elementCount(shapeOf(bytes)) != pairs ||
      graph::elementCount(shapeOf(scale)) != llvm::divideCeil(count, block))
    malformed("has weights of dims " + inWords(shapeOf(bytes)) + " for " + Twine(outer) + " columns of " +
              Twine(inner));
  graph::HostTensor table = graph::HostTensor::zeros(checkedType({16}, f32(node)));
  for (int64_t code = 0; code < 16; ++code)
    table.set(code, Scalar::ofFloat(isNormal ? kNf4[code] : code < 8 ? kFp4[code] : -kFp4[code - 8]));
  auto number = [&](uint64_t value) { return b.scalar(elementOf(bytes), Scalar::ofUnsigned(value)); };
  Value column = b.reshape(bytes, {pairs, 1});
  Value nibbles = b.make<graph::ConcatOp>(
      Values{b.make<graph::ShiftRightOp>(column, number(4)), b.make<graph::AndOp>(column, number(15))}, int64_t(1));
  Value codes = b.sliceDim(b.reshape(nibbles, {2 * pairs}), 0, 0, count);
  Value real = b.make<graph::GatherOp>(b.constant(table), b.cast(codes, b.builder().getI32Type()), int64_t(0));
  Value factor = spread(node, b.cast(b.reshape(scale, {llvm::divideCeil(count, block)}), f32(node)), real, 0, block);
  real = b.cast(b.make<graph::MulOp>(real, factor), elementOf(x));
  return {b.matMul(x, isTransposed ? b.transpose(b.reshape(real, {outer, inner}), {1, 0})
                                   : b.reshape(real, {outer, inner}))};
}

// MulInteger: (A - za) · (B - zb)
static Values mulInteger(NodeReader &node) {
  return {node.builder().make<graph::MulOp>(centred(node, 0, 1, 1), centred(node, 2, 3, 1))};
}

static constexpr Operator kOperators[] = {
    {"DynamicQuantizeMatMul", 1, dynamicQuantizeMatMul, "com.microsoft"},
    {"GatherBlockQuantized", 1, gatherBlockQuantized, "com.microsoft"},
    {"MatMulBnb4", 1, matMulBnb4, "com.microsoft"},
    {"MatMulIntegerToFloat", 1, matMulIntegerToFloat, "com.microsoft"},
    {"MatMulNBits", 1, matMulNBits, "com.microsoft"},
    {"MulInteger", 1, mulInteger, "com.microsoft"},
    {"QGemm", 1, qGemm, "com.microsoft"},
    {"QLinearAdd", 1, qLinearAdd, "com.microsoft"},
    {"QLinearAveragePool", 1, qLinearAveragePool, "com.microsoft"},
    {"QLinearConcat", 1, qLinearConcat, "com.microsoft"},
    {"QLinearGlobalAveragePool", 1, qLinearGlobalAveragePool, "com.microsoft"},
    {"QLinearLeakyRelu", 1, qLinearLeakyRelu, "com.microsoft"},
    {"QLinearMul", 1, qLinearBinary<graph::MulOp>, "com.microsoft"},
    {"QLinearReduceMean", 1, qLinearReduceMean, "com.microsoft"},
    {"QLinearSigmoid", 1, qLinearSigmoid, "com.microsoft"},
    {"QLinearSoftmax", 1, qLinearSoftmax, "com.microsoft"},
    {"QLinearWhere", 1, qLinearWhere, "com.microsoft"},
};

ArrayRef<Operator> contribQuantizationOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

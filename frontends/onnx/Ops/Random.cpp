// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers. Element i is a function of i and the seed alone (graph.philox), so that a model gives the same
// results each time. The seed is the bits of the attribute; without it, a hash of the node's output.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::ReduceKind, graph::Scalar;

constexpr double kTwoPi = 6.283185307179586;

/// 64 random bits an element, ui64 [count].
static Value randomBits(NodeReader &node, const Extent &count) {
  GraphBuilder &b = node.builder();
  uint64_t seed =
      node.has("seed") ? llvm::bit_cast<uint64_t>(node.number("seed")) : llvm::xxh3_64bits(node.outputName(0));
  Type type = b.builder().getIntegerType(64, /*isSigned=*/false);
  auto number = [&](uint64_t value) { return b.scalar(type, Scalar::ofUnsigned(value)); };
  Value counters = b.makeAs<graph::IotaOp>(checkedType({count}, type), number(0), number(1), 0);
  return b.make<graph::PhiloxOp>(counters, seed);
}

/// `count` of the bits, from bit `first` on, as a number in [0, 1).
static Value fraction(GraphBuilder &b, Value bits, unsigned first, unsigned count, Type type) {
  auto number = [&](uint64_t value) { return b.scalar(elementOf(bits), Scalar::ofUnsigned(value)); };
  Value low = first == 0 ? bits : b.make<graph::ShiftRightOp>(bits, number(first));
  Value part = first + count == 64 ? low : b.make<graph::AndOp>(low, number((uint64_t(1) << count) - 1));
  return b.make<graph::MulOp>(b.cast(part, type), b.scalar(type, 1 / static_cast<double>(uint64_t(1) << count)));
}

/// Numbers in [0, 1) of f64, or of f32 for any other type.
static Value uniformNumbers(NodeReader &node, ArrayRef<Extent> shape, Type type) {
  GraphBuilder &b = node.builder();
  Type wide = type.isF64() ? type : Type(b.builder().getF32Type());
  unsigned digits = type.isF64() ? 53 : 24;
  checkedType(shape, wide);
  Value bits = randomBits(node, elementsOf(shape));
  return b.reshape(fraction(b, bits, 64 - digits, digits, wide), shape);
}

static Value uniform(NodeReader &node, ArrayRef<Extent> shape, Type type) {
  GraphBuilder &b = node.builder();
  double low = node.number("low", 0), high = node.number("high", 1);
  Value numbers = uniformNumbers(node, shape, type);
  Value scaled = b.make<graph::MulOp>(numbers, b.scalarLike(numbers, high - low));
  return b.cast(b.make<graph::AddOp>(scaled, b.scalarLike(numbers, low)), type);
}

/// √(-2 ln u) cos(2π v), u in (0, 1], v in [0, 1): Box and Muller, "A note on the generation of random normal deviates"
static Value normal(NodeReader &node, ArrayRef<Extent> shape, Type type) {
  GraphBuilder &b = node.builder();
  constexpr unsigned kDigits = 24;
  Type f32 = b.builder().getF32Type();
  double mean = node.number("mean", 0), scale = node.number("scale", 1);
  checkedType(shape, f32);
  Value bits = randomBits(node, elementsOf(shape));
  auto times = [&](Value value, double factor) { return b.make<graph::MulOp>(value, b.scalar(f32, factor)); };
  Value u = b.make<graph::SubOp>(b.scalar(f32, 1.0), fraction(b, bits, 64 - kDigits, kDigits, f32));
  Value radius = b.make<graph::SqrtOp>(times(b.make<graph::LogOp>(u), -2));
  Value angle = b.make<graph::CosOp>(times(fraction(b, bits, 0, kDigits, f32), kTwoPi));
  Value deviate = times(b.make<graph::MulOp>(radius, angle), scale);
  Value result = b.make<graph::AddOp>(deviate, b.scalar(f32, mean));
  return b.cast(b.reshape(result, shape), type);
}

/// The element type that `dtype` names; `fallback` where the node does not.
static Type elementOfResult(NodeReader &node, Type fallback) {
  Type type = node.has("dtype") ? elementTypeOf(node.integer("dtype"), fallback.getContext(), "its result") : fallback;
  return type;
}

using Distribution = Value (*)(NodeReader &node, ArrayRef<Extent> shape, Type type);

static Value drawFloats(NodeReader &node, ArrayRef<Extent> shape, Type type, Distribution draw) {
  if (!isa<FloatType>(type))
    malformed("draws numbers of type " + inWords(type));
  return draw(node, shape, type);
}

// RandomUniform, RandomNormal                                        ONNX RandomUniform, RandomNormal, versions 1–22
template <Distribution draw> static Values random(NodeReader &node) {
  std::optional<Integers> shape = node.integers("shape");
  if (!shape)
    malformed("lacks its attribute 'shape'");
  return {
      drawFloats(node, graph::toExtents(*shape), elementOfResult(node, node.builder().builder().getF32Type()), draw)};
}

// RandomUniformLike, RandomNormalLike                        ONNX RandomUniformLike, RandomNormalLike, versions 1–22
template <Distribution draw> static Values randomLike(NodeReader &node) {
  Value like = node.input(0);
  return {drawFloats(node, extentsOf(like), elementOfResult(node, elementOf(like)), draw)};
}

// Bernoulli: 1 with probability X                                                   ONNX Bernoulli, versions 15–22
static Values bernoulli(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  Type type = elementOfResult(node, elementOf(x));
  Value numbers = uniformNumbers(node, extentsOf(x), elementOf(x));
  return {b.cast(b.make<graph::LessOp>(numbers, b.cast(x, elementOf(numbers))), type)};
}

// Multinomial: classes drawn by their logarithmic weights: how many cumulated probabilities does a number reach?
//                                                                                     ONNX Multinomial, versions 7–22
static Values multinomial(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value weights = b.cast(node.input(0, Floats), b.builder().getF32Type());
  int64_t samples = node.integer("sample_size", 1);
  Type i32 = b.builder().getI32Type(), type = elementOfResult(node, i32);
  if (rankOf(weights) != 2 || fixedDim(weights, 1) < 1 || samples < 0 || !isa<IntegerType>(type))
    malformed("needs weights [batch, classes] and integer results, not " + inWords(extentsOf(weights)));
  const Extent batch = extentsOf(weights)[0];
  int64_t classes = fixedDim(weights, 1);
  Value shares = b.make<graph::SoftmaxOp>(weights, int64_t(1));
  Value sums = b.make<graph::CumulativeOp>(shares, int64_t(1), /*exclusive=*/false, /*reverse=*/false);
  // The last class takes what rounding leaves.
  sums = b.reshape(b.sliceDim(sums, 1, 0, classes - 1), {batch, 1, classes - 1});
  Value numbers = b.reshape(uniformNumbers(node, {batch, samples}, elementOf(weights)), {batch, samples, 1});
  checkedType({batch, samples, classes}, i32);
  Value reached = b.cast(b.make<graph::LessEqualOp>(sums, numbers), i32);
  Value drawn = b.make<graph::ReduceOp>(reached, ReduceKind::Sum, ArrayRef<int64_t>{2});
  return {b.cast(b.reshape(drawn, {batch, samples}), type)};
}

static constexpr Operator kOperators[] = {
    {"Bernoulli", 15, bernoulli},          {"Multinomial", 7, multinomial},
    {"RandomNormal", 1, random<normal>},   {"RandomNormalLike", 1, randomLike<normal>},
    {"RandomUniform", 1, random<uniform>}, {"RandomUniformLike", 1, randomLike<uniform>},
};

ArrayRef<Operator> randomOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

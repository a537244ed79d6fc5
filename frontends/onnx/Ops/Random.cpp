// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers (frontends/common/Random.h). The seed is the bits of the attribute; without it, a hash of the node's
// output.

#include "frontends/common/Random.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::ReduceKind, graph::Scalar;

static uint64_t seedOf(NodeReader &node) {
  return node.has("seed") ? llvm::bit_cast<uint64_t>(node.number("seed")) : llvm::xxh3_64bits(node.outputName(0));
}

/// Numbers in [0, 1) of f64, or of f32 for any other type.
static Value uniformNumbers(NodeReader &node, ArrayRef<Extent> shape, Type type) {
  GraphBuilder &b = node.builder();
  Type wide = type.isF64() ? type : Type(b.builder().getF32Type());
  unsigned digits = type.isF64() ? 53 : 24;
  checkedType(shape, wide);
  Value bits = randomBits(b, elementsOf(shape), seedOf(node));
  return b.reshape(fraction(b, bits, 64 - digits, digits, wide), shape);
}

static Value uniform(NodeReader &node, ArrayRef<Extent> shape, Type type) {
  GraphBuilder &b = node.builder();
  double low = node.number("low", 0), high = node.number("high", 1);
  Value numbers = uniformNumbers(node, shape, type);
  Value scaled = b.make<graph::MulOp>(numbers, b.scalarLike(numbers, high - low));
  return b.cast(b.make<graph::AddOp>(scaled, b.scalarLike(numbers, low)), type);
}

static Value normal(NodeReader &node, ArrayRef<Extent> shape, Type type) {
  GraphBuilder &b = node.builder();
  Type f32 = b.builder().getF32Type();
  double mean = node.number("mean", 0), scale = node.number("scale", 1);
  checkedType(shape, f32);
  Value deviate = b.make<graph::MulOp>(normalNumbers(b, elementsOf(shape), seedOf(node)), b.scalar(f32, scale));
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

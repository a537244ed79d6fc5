// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Random numbers. Element i is a function of i and the seeds alone (graph.philox), so that a model gives the same
// results each time; where a file leaves the seeds open, the place of the operator makes the seed.

#include "frontends/tflite/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extents, graph::Scalar;

constexpr double kTwoPi = 6.283185307179586;
constexpr unsigned kDigits = 24;

/// 64 random bits an element, ui64 [count].
static Value randomBits(OperatorReader &node, const graph::Extent &count) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::RandomOptions>();
  auto seed = static_cast<uint64_t>(options.seed()), second = static_cast<uint64_t>(options.seed2());
  if (seed == 0 && second == 0)
    second = static_cast<uint64_t>(node.outputTensor(0)) + 1;
  Type type = b.builder().getIntegerType(64, /*isSigned=*/false);
  auto number = [&](uint64_t value) { return b.scalar(type, Scalar::ofUnsigned(value)); };
  Value counters = b.makeAs<graph::IotaOp>(checkedType(Extents{count}, type), number(0), number(1), 0);
  return b.make<graph::PhiloxOp>(counters, seed ^ second << 32 ^ second >> 32);
}

/// 24 of the bits, from bit `first` on, as a number in [0, 1).
static Value fraction(GraphBuilder &b, Value bits, unsigned first) {
  auto number = [&](uint64_t value) { return b.scalar(elementOf(bits), Scalar::ofUnsigned(value)); };
  Value part = b.make<graph::AndOp>(first == 0 ? bits : b.make<graph::ShiftRightOp>(bits, number(first)),
                                    number((1U << kDigits) - 1));
  Value whole = b.cast(part, b.builder().getF32Type());
  return b.make<graph::MulOp>(whole, b.scalarLike(whole, 1.0 / (1U << kDigits)));
}

/// The dims that input 0 lists.
static Extents shapeOf(OperatorReader &node) {
  Extents shape = node.extentsInput(0, GraphBuilder::Sign::NotNegative);
  checkedType(shape, node.builder().builder().getI64Type());
  if (!node.outputType(0).isF32())
    malformed("draws numbers of type " + inWords(node.outputType(0)));
  return shape;
}

static Values uniform(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const Extents shape = shapeOf(node);
  return {b.reshape(fraction(b, randomBits(node, elementsOf(shape)), 0), shape)};
}

// RANDOM_STANDARD_NORMAL: √(-2 ln u) cos(2π v): Box and Muller, "A note on the generation of random normal deviates"
static Values normal(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const Extents shape = shapeOf(node);
  Value bits = randomBits(node, elementsOf(shape));
  auto times = [&](Value value, double factor) { return b.make<graph::MulOp>(value, b.scalarLike(value, factor)); };
  Value v = fraction(b, bits, 0), u = b.make<graph::SubOp>(b.scalarLike(v, 1), fraction(b, bits, 64 - kDigits));
  Value radius = b.make<graph::SqrtOp>(times(b.make<graph::LogOp>(u), -2));
  return {b.reshape(b.make<graph::MulOp>(radius, b.make<graph::CosOp>(times(v, kTwoPi))), shape)};
}

static constexpr Operator kOperators[] = {
    {"RANDOM_STANDARD_NORMAL", normal},
    {"RANDOM_UNIFORM", uniform},
};

ArrayRef<Operator> randomOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

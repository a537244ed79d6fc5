// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers (frontends/common/Random.h). Where a file leaves the seeds open, the place of the operator makes the
// seed.

#include "frontends/common/Random.h"
#include "frontends/tflite/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extents;

static uint64_t seedOf(OperatorReader &node) {
  const auto &options = node.options<schema::RandomOptions>();
  auto seed = static_cast<uint64_t>(options.seed()), second = static_cast<uint64_t>(options.seed2());
  if (seed == 0 && second == 0)
    second = static_cast<uint64_t>(node.outputTensor(0)) + 1;
  return seed ^ second << 32 ^ second >> 32;
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
  constexpr unsigned kDigits = 24;
  GraphBuilder &b = node.builder();
  const Extents shape = shapeOf(node);
  Value bits = randomBits(b, elementsOf(shape), seedOf(node));
  return {b.reshape(fraction(b, bits, 0, kDigits, b.builder().getF32Type()), shape)};
}

static Values normal(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const Extents shape = shapeOf(node);
  return {b.reshape(normalNumbers(b, elementsOf(shape), seedOf(node)), shape)};
}

static constexpr Operator kOperators[] = {
    {"RANDOM_STANDARD_NORMAL", normal},
    {"RANDOM_UNIFORM", uniform},
};

ArrayRef<Operator> randomOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

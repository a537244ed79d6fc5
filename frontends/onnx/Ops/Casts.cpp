// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that change the element type.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;

namespace smelt::frontend::onnx {

static Type resultType(NodeReader &node) {
  return elementTypeOf(node.integer("to"), node.builder().builder().getContext(), "its result");
}

static Values castTo(NodeReader &node, Type to) {
  using Rounding = graph::ScaleRounding;
  Value x = node.input(0);
  bool saturate = node.flag("saturate", true);
  auto rounding = node.choice<Rounding>(
      "round_mode", "up", {{"up", Rounding::Up}, {"down", Rounding::Down}, {"nearest", Rounding::Nearest}});
  return {elementOf(x) == to ? x : node.builder().make<graph::CastOp>(x, to, saturate, rounding)};
}

static Values cast(NodeReader &node) { return castTo(node, resultType(node)); }

static Values castLike(NodeReader &node) { return castTo(node, elementOf(node.input(1))); }

/// Whether a byte of memory holds an element otherwise than as its bits, which are fewer.
static bool isExtended(Type element) { return element.isInteger(1) || graph::isPackable(element); }

static Value reinterpreted(NodeReader &node, Value x, Type to) {
  GraphBuilder &b = node.builder();
  return elementOf(x) == to ? x : b.makeAs<graph::BitCastOp>(checkedType(extentsOf(x), to), x);
}

// BitCast: the same bits as another type                                                    ONNX BitCast, version 26
static Values bitCast(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  Type from = elementOf(x), to = resultType(node);
  // A bool has the 8 bits of a byte.
  auto bitsOf = [](Type type) { return type.isInteger(1) ? 8 : type.getIntOrFloatBitWidth(); };
  if (bitsOf(from) != bitsOf(to))
    malformed("takes the bits of " + inWords(from) + " for " + inWords(to) + ", which has another number of them");
  if (!isExtended(from) && !isExtended(to))
    return {reinterpreted(node, x, to)};
  // By way of the unsigned integer: casts among integers keep the bits, and so does the zero extension of floats.
  Type bits = b.builder().getIntegerType(bitsOf(from), /*isSigned=*/false);
  auto isInteger = [](Type type) { return isa<IntegerType>(type); };
  Value unsignedBits = isInteger(from) ? b.cast(x, bits) : reinterpreted(node, x, bits);
  return {isInteger(to) ? b.cast(unsignedBits, to) : reinterpreted(node, unsignedBits, to)};
}

static constexpr Operator kOperators[] = {
    {"BitCast", 26, bitCast},
    {"Cast", 6, cast},
    {"CastLike", 15, castLike},
};

ArrayRef<Operator> castOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Ops/Activations.h"
#include "frontends/tflite/Operators.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

static Value clamped(GraphBuilder &b, Value x, double low, double high) {
  return b.make<graph::ClampOp>(x, b.scalarLike(x, low), b.scalarLike(x, high));
}

Value activated(GraphBuilder &b, Value x, int8_t activation) {
  switch (static_cast<Activation>(activation)) {
  case Activation::None:
    return x;
  case Activation::Relu:
    return b.make<graph::ReluOp>(x);
  case Activation::ReluN1To1:
    return clamped(b, x, -1, 1);
  case Activation::Relu6:
    return clamped(b, x, 0, 6);
  case Activation::Tanh:
    return b.make<graph::TanhOp>(x);
  case Activation::SignBit: {
    Value isNegative = b.make<graph::LessOp>(x, b.scalarLike(x, 0));
    return b.cast(isNegative, elementOf(x));
  }
  }
  malformed("has the fused activation " + Twine(static_cast<int>(activation)));
}

/// The least and the largest real number that a quantised tensor holds.
static std::pair<double, double> rangeOf(const Quantisation &how, Type element) {
  const unsigned width = element.getIntOrFloatBitWidth();
  const bool isUnsigned = element.isUnsignedInteger();
  auto real = [&](double integer) { return (integer - static_cast<double>(how.zeroPoint())) * how.scale(); };
  return {real(isUnsigned ? 0 : static_cast<double>(llvm::minIntN(width))),
          real(isUnsigned ? static_cast<double>(llvm::maxUIntN(width)) : static_cast<double>(llvm::maxIntN(width)))};
}

Value activated(OperatorReader &node, Value x, int8_t activation) {
  std::optional<Quantisation> how = node.outputQuantisation(0);
  Type element = how ? node.outputType(0) : Type();
  if (!element || !isa<IntegerType>(element) || element.getIntOrFloatBitWidth() > 16)
    return activated(node.builder(), x, activation);
  auto [low, high] = rangeOf(*how, element);
  if (activation == static_cast<int8_t>(Activation::Relu) && low >= 0)
    return x;
  if (activation == static_cast<int8_t>(Activation::Relu6) && low >= 0 && high <= 6)
    return x;
  return activated(node.builder(), x, activation);
}

// One function of each element.

template <typename Op> static Values unary(OperatorReader &node) { return {node.builder().make<Op>(node.real(0))}; }

/// Of numbers of any type: integers that are not quantised stay integers.
static Values relu(OperatorReader &node) {
  return {activated(node, node.real(0), static_cast<int8_t>(Activation::Relu))};
}
static Values reluN1To1(OperatorReader &node) { return {clamped(node.builder(), node.real(0), -1, 1)}; }
static Values relu0To1(OperatorReader &node) { return {clamped(node.builder(), node.real(0), 0, 1)}; }
static Values relu6(OperatorReader &node) {
  return {activated(node, node.real(0), static_cast<int8_t>(Activation::Relu6))};
}

/// Of integers that stand for numbers below 0 the least there is, as of those for 0.
static Values log(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  if (isa<IntegerType>(node.outputType(0)))
    x = b.make<graph::MaxOp>(x, b.scalarLike(x, 0));
  return {b.make<graph::LogOp>(x)};
}
static Values rsqrt(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  return {b.make<graph::ReciprocalOp>(b.make<graph::SqrtOp>(node.real(0)))};
}
static Values square(OperatorReader &node) {
  Value x = node.real(0);
  return {node.builder().make<graph::MulOp>(x, x)};
}
static Values elu(OperatorReader &node) { return {node.builder().make<graph::EluOp>(node.real(0), APFloat(1.0))}; }
static Values gelu(OperatorReader &node) {
  return {node.builder().make<graph::GeluOp>(node.real(0), node.options<schema::GeluOptions>().approximate())};
}
static Values leakyRelu(OperatorReader &node) {
  double alpha = node.options<schema::LeakyReluOptions>().alpha();
  return {node.builder().make<graph::LeakyReluOp>(node.real(0), APFloat(alpha))};
}
static Values prelu(OperatorReader &node) { return {node.builder().make<graph::PReluOp>(node.real(0), node.real(1))}; }
static Values logicalNot(OperatorReader &node) { return {node.builder().make<graph::NotOp>(node.input(0))}; }

static constexpr Operator kOperators[] = {
    {"ABS", unary<graph::AbsOp>},
    {"CEIL", unary<graph::CeilOp>},
    {"COS", unary<graph::CosOp>},
    {"ELU", elu},
    {"EXP", unary<graph::ExpOp>},
    {"FLOOR", unary<graph::FloorOp>},
    {"GELU", gelu},
    {"HARD_SWISH", unary<graph::HardSwishOp>},
    {"LEAKY_RELU", leakyRelu},
    {"LOG", log},
    {"LOGICAL_NOT", logicalNot},
    {"LOGISTIC", unary<graph::SigmoidOp>},
    {"NEG", unary<graph::NegOp>},
    {"PRELU", prelu},
    {"RELU", relu},
    {"RELU6", relu6},
    {"RELU_0_TO_1", relu0To1},
    {"RELU_N1_TO_1", reluN1To1},
    {"ROUND", unary<graph::RoundOp>},
    {"RSQRT", rsqrt},
    {"SIGN", unary<graph::SignOp>},
    {"SIN", unary<graph::SinOp>},
    {"SQRT", unary<graph::SqrtOp>},
    {"SQUARE", square},
    {"TANH", unary<graph::TanhOp>},
};

ArrayRef<Operator> activationOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

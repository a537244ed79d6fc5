// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::pt2 {

// What follows a layer.

static Value x(NodeReader &node) { return node.tensor("self"); }

template <typename Op> static Value plain(NodeReader &node) { return node.builder().make<Op>(x(node)); }

/// A slope in the middle of those that training draws.
static Value randomisedRelu(NodeReader &node) {
  if (node.flag("training"))
    unsupported("trains; export the module after module.eval()");
  for (StringRef name : {"noise", "generator"})
    node.ignore(name);
  const double slope = (node.number("lower") + node.number("upper")) / 2;
  return node.builder().make<graph::LeakyReluOp>(node.tensor("self"), llvm::APFloat(slope));
}
static Values randomisedReluAndNoise(NodeReader &node) { return {randomisedRelu(node)}; }

static Value leakyRelu(NodeReader &node) {
  return node.builder().make<graph::LeakyReluOp>(x(node), APFloat(node.number("negative_slope")));
}

// scale · (x where x > 0, else alpha (e^(input_scale · x) - 1))
static Value elu(NodeReader &node) {
  double alpha = node.number("alpha"), scale = node.number("scale"), inputScale = node.number("input_scale");
  GraphBuilder &b = node.builder();
  if (inputScale != 1)
    unsupported("has an input_scale of " + Twine(std::to_string(inputScale)));
  if (scale == 1)
    return b.make<graph::EluOp>(x(node), APFloat(alpha));
  return b.make<graph::SeluOp>(x(node), APFloat(alpha), APFloat(scale));
}

static Value celu(NodeReader &node) {
  return node.builder().make<graph::CeluOp>(x(node), APFloat(node.number("alpha")));
}

static Value selu(NodeReader &node) {
  constexpr double kAlpha = 1.6732632423543772848170429916717, kScale = 1.0507009873554804934193349852946;
  return node.builder().make<graph::SeluOp>(x(node), APFloat(kAlpha), APFloat(kScale));
}

static Value gelu(NodeReader &node) {
  std::string form = node.text("approximate");
  if (form != "none" && form != "tanh")
    malformed("has approximate '" + printable(form) + "'");
  return node.builder().make<graph::GeluOp>(x(node), form == "tanh");
}

static Value silu(NodeReader &node) { return node.builder().make<graph::SwishOp>(x(node), APFloat(1.0)); }

static Value hardSigmoid(NodeReader &node) {
  return node.builder().make<graph::HardSigmoidOp>(x(node), APFloat(1.0 / 6), APFloat(0.5));
}

static Value clamped(NodeReader &node, double low, double high) {
  GraphBuilder &b = node.builder();
  auto bound = [&](double number) { return boundOf(b, graph::Scalar::ofFloat(number), elementOf(x(node))); };
  return b.make<graph::ClampOp>(x(node), bound(low), bound(high));
}
static Value hardTanh(NodeReader &node) { return clamped(node, node.number("min_val"), node.number("max_val")); }
static Value relu6(NodeReader &node) { return clamped(node, 0, 6); }

// log(1 + e^(beta · x)) / beta, and x where beta · x exceeds the threshold
static Value softplus(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const double beta = node.number("beta"), threshold = node.number("threshold");
  constexpr double kSame = 20; // beyond, both are the same number in f32
  if (beta == 1 && threshold >= kSame)
    return b.make<graph::SoftplusOp>(x(node));
  return inSingle(b, x(node), [&](Value x) {
    Value scaled = b.make<graph::MulOp>(x, b.scalarLike(x, beta)), soft = b.make<graph::SoftplusOp>(scaled);
    soft = b.make<graph::DivOp>(soft, b.scalarLike(x, beta));
    return b.make<graph::SelectOp>(b.make<graph::GreaterOp>(scaled, b.scalarLike(x, threshold)), x, soft);
  });
}

static Value logSigmoid(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return b.make<graph::NegOp>(b.make<graph::SoftplusOp>(b.make<graph::NegOp>(x(node))));
}
/// A second result is for gradients.
static Values logSigmoidForward(NodeReader &node) { return {logSigmoid(node)}; }

static Value prelu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value weight = node.tensor("weight");
  if (rankOf(weight) == 1 && rankOf(x(node)) > 1 && !isSingle(weight)) {
    Extents shape(rankOf(x(node)) - 1, 1);
    shape.front() = extentsOf(x(node))[1];
    weight = b.reshape(b.expect(weight, shape.front(), "one slope a channel"), shape);
  }
  return b.make<graph::PReluOp>(x(node), weight);
}

// x <= threshold ? value : x, so NaN stays
static Value threshold(NodeReader &node) {
  GraphBuilder &b = node.builder();
  auto number = [&](StringRef name) { return operandAs(node, name, elementOf(x(node))); };
  Value isWithin = b.make<graph::LessEqualOp>(x(node), number("threshold"));
  return b.make<graph::SelectOp>(isWithin, number("value"), x(node));
}

// |x| <= lambda ? 0 : x, so NaN stays
static Value hardShrink(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value size = b.make<graph::AbsOp>(x(node));
  Value isWithin = b.make<graph::LessEqualOp>(size, b.scalarLike(size, node.number("lambd")));
  return b.make<graph::SelectOp>(isWithin, b.scalarLike(size, 0), x(node));
}
// x ∓ lambda beyond ±lambda, else 0 · x, so NaN stays
static Value softShrink(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const double lambda = node.number("lambd");
  Value isBeyond = b.make<graph::GreaterOp>(b.make<graph::AbsOp>(x(node)), b.scalarLike(x(node), lambda));
  Value less = b.make<graph::ShrinkOp>(x(node), APFloat(lambda), APFloat(lambda));
  return b.make<graph::SelectOp>(isBeyond, less, b.make<graph::MulOp>(x(node), b.scalarLike(x(node), 0)));
}

static Value glu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  int64_t dim = node.axis("dim", x(node));
  const Extent half = dividedBy(extentsOf(x(node))[dim], 2);
  Value gate = b.make<graph::SigmoidOp>(b.sliceDim(x(node), dim, half, half));
  return b.make<graph::MulOp>(b.sliceDim(x(node), dim, 0, half), gate);
}

static constexpr Operator kOperators[] = {
    {"aten.celu.default", celu},
    {"aten.elu.default", elu},
    {"aten.gelu.default", gelu},
    {"aten.glu.default", glu},
    {"aten.hardshrink.default", hardShrink},
    {"aten.hardsigmoid.default", hardSigmoid},
    {"aten.hardswish.default", plain<graph::HardSwishOp>},
    {"aten.hardtanh.default", hardTanh},
    {"aten.leaky_relu.default", leakyRelu},
    {"aten.log_sigmoid.default", logSigmoid},
    {"aten.log_sigmoid_forward.default", logSigmoidForward},
    {"aten.mish.default", plain<graph::MishOp>},
    {"aten.prelu.default", prelu},
    {"aten._prelu_kernel.default", prelu},
    {"aten.relu.default", plain<graph::ReluOp>},
    {"aten.relu6.default", relu6},
    {"aten.rrelu.default", randomisedRelu},
    {"aten.rrelu_with_noise.default", randomisedRelu},
    {"aten.rrelu_with_noise_functional.default", randomisedReluAndNoise},
    {"aten.selu.default", selu},
    {"aten.silu.default", silu},
    {"aten.softplus.default", softplus},
    {"aten.softshrink.default", softShrink},
    {"aten.threshold.default", threshold},
};

ArrayRef<Operator> activationOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

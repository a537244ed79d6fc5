// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/Activations.h"
#include "frontends/onnx/Operators.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat;

namespace smelt::frontend::onnx {

template <typename Op, unsigned elements = Floats> static Values unary(NodeReader &node) {
  return {node.builder().make<Op>(node.input(0, elements))};
}

/// One operand and the parameter `alpha`.
static APFloat alpha(NodeReader &node, double fallback) { return APFloat(node.number("alpha", fallback)); }

static Values celu(NodeReader &node) {
  return {node.builder().make<graph::CeluOp>(node.input(0, Floats), alpha(node, 1))};
}

static Values elu(NodeReader &node) {
  return {node.builder().make<graph::EluOp>(node.input(0, Floats), alpha(node, 1))};
}

static Values gelu(NodeReader &node) {
  bool tanhForm = node.choice<bool>("approximate", "none", {{"none", false}, {"tanh", true}});
  return {node.builder().make<graph::GeluOp>(node.input(0, Floats), tanhForm)};
}

static Values hardSigmoid(NodeReader &node) {
  APFloat slope = alpha(node, 0.2F), offset(node.number("beta", 0.5));
  return {node.builder().make<graph::HardSigmoidOp>(node.input(0, Floats), slope, offset)};
}

static Values leakyRelu(NodeReader &node) {
  return {node.builder().make<graph::LeakyReluOp>(node.input(0, Floats), alpha(node, 0.01F))};
}

static Values pRelu(NodeReader &node) {
  Value x = node.input(0, Numbers), slope = node.input(1, Numbers);
  if (node.opset() < 7 && rankOf(slope) == 1 && !isSingle(slope)) { // one a channel
    graph::Extents shape(std::max<int64_t>(rankOf(x) - 1, 1), 1);
    shape[0] = extentsOf(slope)[0];
    slope = node.builder().reshape(slope, shape);
  }
  return {node.builder().make<graph::PReluOp>(x, slope)};
}

static Values selu(NodeReader &node) {
  APFloat slope = alpha(node, 1.67326319217681884765625), scale(node.number("gamma", 1.05070102214813232421875));
  return {node.builder().make<graph::SeluOp>(node.input(0, Floats), slope, scale)};
}

static Values shrink(NodeReader &node) {
  APFloat bias(node.number("bias", 0)), lambda(node.number("lambd", 0.5));
  return {node.builder().throughFloat(node.input(0, Numbers),
                                      [&](Value x) { return node.builder().make<graph::ShrinkOp>(x, bias, lambda); })};
}

// Binarizer: 1 above the threshold, else 0                                          ai.onnx.ml Binarizer, version 1
static Values binarizer(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  Value isAbove = b.make<graph::GreaterOp>(x, b.scalarLike(x, node.number("threshold", 0)));
  return {b.cast(isAbove, elementOf(x))};
}

static Values swish(NodeReader &node) {
  return {node.builder().make<graph::SwishOp>(node.input(0, Floats), alpha(node, 1))};
}

static Values thresholdedRelu(NodeReader &node) {
  return {node.builder().make<graph::ThresholdedReluOp>(node.input(0, Floats), alpha(node, 1))};
}

// Softmax and its kin.

/// Along one axis from version 13 on; before, over all dims from `axis` on.
template <typename Build> static Value alongAxis(NodeReader &node, Value x, Build build) {
  GraphBuilder &b = node.builder();
  int64_t axis = normalAxis(node.integer("axis", node.opset() < 13 ? 1 : -1), std::max<int64_t>(rankOf(x), 1));
  if (rankOf(x) == 0)
    return b.reshape(build(b.reshape(x, {1}), 0), {});
  graph::Extents shape = extentsOf(x);
  ArrayRef<graph::Extent> dims = shape;
  if (node.opset() >= 13 ||
      llvm::all_of(dims.drop_front(axis + 1), [](const graph::Extent &extent) { return extent == graph::Extent(1); }))
    return build(x, axis);
  graph::Extent rows = graph::productOf(dims.take_front(axis)), columns = graph::productOf(dims.drop_front(axis));
  return b.reshape(build(b.reshape(x, {rows, columns}), 1), shape);
}

template <bool log> static Values softmax(NodeReader &node) {
  return {alongAxis(node, node.input(0, Floats),
                    [&](Value x, int64_t axis) { return node.builder().make<graph::SoftmaxOp>(x, axis, log); })};
}

// Hardmax: 1 at the first maximum, else 0                                              ONNX Hardmax, versions 1–13
static Values hardmax(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return {alongAxis(node, node.input(0, Floats), [&](Value x, int64_t axis) {
    graph::Extents counts(rankOf(x), 1);
    counts[axis] = extentsOf(x)[axis];
    // Where there may be no element, the least of all behind the others is never the first maximum of some.
    const graph::Extent none = counts[axis].isAtLeast(1) ? 0 : 1;
    Value some = b.padDim(x, axis, 0, none, b.scalarLike(x, -HUGE_VAL));
    Value best = b.make<graph::ArgReduceOp>(some, axis, /*minimum=*/false, /*last=*/false);
    return b.cast(b.make<graph::EqualOp>(best, b.countAlong(counts, axis)), elementOf(x));
  })};
}

Value swiGlu(GraphBuilder &b, Value gate, Value linear, const SwiGlu &how) {
  if (how.limit) {
    gate = b.make<graph::MinOp>(gate, b.scalarLike(gate, *how.limit));
    linear = b.make<graph::ClampOp>(linear, b.scalarLike(linear, -*how.limit), b.scalarLike(linear, *how.limit));
  }
  if (how.beta != 0)
    linear = b.make<graph::AddOp>(linear, b.scalarLike(linear, how.beta));
  return b.make<graph::MulOp>(b.make<graph::SwishOp>(gate, APFloat(how.alpha)), linear);
}

Value activated(GraphBuilder &b, Value x, StringRef name, ArrayRef<double> parameters) {
  auto parameter = [&](size_t index, double fallback) {
    return index < parameters.size() ? parameters[index] : fallback;
  };
  if (name.empty())
    return x;
  if (name == "Relu")
    return b.make<graph::ReluOp>(x);
  if (name == "Sigmoid")
    return b.make<graph::SigmoidOp>(x);
  if (name == "Tanh")
    return b.make<graph::TanhOp>(x);
  if (name == "Elu")
    return b.make<graph::EluOp>(x, APFloat(parameter(0, 1)));
  if (name == "LeakyRelu")
    return b.make<graph::LeakyReluOp>(x, APFloat(parameter(0, 0.01F)));
  if (name == "HardSigmoid")
    return b.make<graph::HardSigmoidOp>(x, APFloat(parameter(0, 0.2F)), APFloat(parameter(1, 0.5)));
  if (name == "Clip")
    return b.make<graph::ClampOp>(x, b.scalarLike(x, parameter(0, -HUGE_VAL)), b.scalarLike(x, parameter(1, HUGE_VAL)));
  unsupported("activation '" + printable(name) + "' is not supported");
}

static constexpr Operator kOperators[] = {
    {"Binarizer", 1, binarizer, "ai.onnx.ml"},
    {"Celu", 12, celu},
    {"Elu", 1, elu},
    {"Gelu", 20, gelu},
    {"Gelu", 1, gelu, "com.microsoft", 20},
    {"HardSigmoid", 1, hardSigmoid},
    {"HardSwish", 14, unary<graph::HardSwishOp>},
    {"Hardmax", 1, hardmax},
    {"LeakyRelu", 1, leakyRelu},
    {"LogSoftmax", 1, softmax<true>},
    {"Mish", 18, unary<graph::MishOp>},
    {"PRelu", 1, pRelu},
    {"Relu", 1, unary<graph::ReluOp, Numbers>},
    {"Selu", 1, selu},
    {"Shrink", 9, shrink},
    {"Sigmoid", 1, unary<graph::SigmoidOp>},
    {"Softmax", 1, softmax<false>},
    {"Softplus", 1, unary<graph::SoftplusOp>},
    {"Softsign", 1, unary<graph::SoftsignOp>},
    {"Swish", 24, swish},
    {"Tanh", 1, unary<graph::TanhOp>},
    {"ThresholdedRelu", 10, thresholdedRelu},
};

ArrayRef<Operator> activationOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"
#include <tuple>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::ReduceKind;

/// [c] as [c, 1, …], which broadcasts to [n, c, …].
static Value perChannel(GraphBuilder &b, Value value, Value like) {
  const graph::Extent channels = extentsOf(like)[1];
  graph::Extents shape(rankOf(like) - 1, 1);
  shape.front() = channels;
  return b.reshape(b.expect(value, channels, "one value for each of " + channels.str() + " channels"), shape);
}

/// Of each channel: mean and variance.
static std::pair<Value, Value> statistics(GraphBuilder &b, Value x) {
  Integers axes{0};
  llvm::append_range(axes, llvm::seq<int64_t>(2, rankOf(x)));
  auto meanOf = [&](Value value) { return b.make<graph::ReduceOp>(value, ReduceKind::Mean, axes); };
  Value mean = meanOf(x), centred = b.make<graph::SubOp>(x, mean);
  Value variance = meanOf(b.make<graph::MulOp>(centred, centred));
  const graph::Extent channels = extentsOf(x)[1];
  return {b.reshape(mean, channels), b.reshape(variance, channels)};
}

// BatchNormalization: (x - mean) · scale / √(var + ε) + B = x · s + (B - mean · s), s = scale / √(var + ε)
//                                                                             ONNX BatchNormalization, versions 7–15
static Values batchNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  double epsilon = node.number("epsilon", 1e-5F), momentum = node.number("momentum", 0.9F);
  bool isTraining = node.opset() >= 14 && node.flag("training_mode", false);
  if (node.opset() < 9 && !node.flag("spatial", true))
    unsupported("statistics of each place (spatial = 0) are not supported");
  if (node.opset() < 7)
    node.ignore("is_test"); // a model that is not being trained is what is asked for
  if (rankOf(x) < 2)
    malformed("needs an input of two dims or more");
  // The parameters may have more bits than the data.
  Type type = elementOf(x), wide = type.isF64() ? type : Type(b.builder().getF32Type());
  auto parameter = [&](unsigned index) { return b.cast(node.input(index, Floats), wide); };
  Value scale = parameter(1), bias = parameter(2), mean = parameter(3), variance = parameter(4);
  Values running;
  if (isTraining) {
    running = {mean, variance};
    std::tie(mean, variance) = statistics(b, b.cast(x, wide));
    for (auto [value, own] : llvm::zip_equal(running, Values{mean, variance})) {
      Value kept = b.make<graph::MulOp>(value, b.scalarLike(value, momentum));
      value = b.make<graph::AddOp>(kept, b.make<graph::MulOp>(own, b.scalarLike(own, 1 - momentum)));
    }
  }
  Value deviation = b.make<graph::SqrtOp>(b.make<graph::AddOp>(variance, b.scalarLike(variance, epsilon)));
  Value factor = b.make<graph::DivOp>(scale, deviation);
  Value shift = b.make<graph::SubOp>(bias, b.make<graph::MulOp>(mean, factor));
  Value product = b.make<graph::MulOp>(x, perChannel(b, b.cast(factor, type), x));
  Values results{b.make<graph::AddOp>(product, perChannel(b, b.cast(shift, type), x))};
  for (auto [index, value] : llvm::enumerate(running))
    results.push_back(b.cast(value, elementOf(node.input(3 + static_cast<unsigned>(index), Floats))));
  return results;
}

/// value · scale + bias; either may be absent, and both must broadcast to the value's dims.
static Value scaleAndShift(GraphBuilder &b, Value value, Value scale, Value bias) {
  Value result = value;
  if (scale)
    result = b.make<graph::MulOp>(result, b.alignedTo(scale, extentsOf(value)));
  if (bias)
    result = b.make<graph::AddOp>(result, b.alignedTo(bias, extentsOf(value)));
  if (extentsOf(result) != extentsOf(value))
    malformed("has a scale or bias that does not broadcast to " + inWords(extentsOf(value)));
  return result;
}

/// The type that means and deviations are computed in: at least f32, where stash_type asks for it.
static Value stashed(NodeReader &node, Value x) {
  int64_t stash = node.integer("stash_type", 1);
  return stash == 1 && !elementOf(x).isF64() ? node.builder().cast(x, node.builder().builder().getF32Type()) : x;
}

// LayerNormalization: (x - mean) / √(var + ε) · scale + B over the dims from `axis` on, mean, 1 / √(var + ε)
//                                                                                ONNX LayerNormalization, version 17
static Values layerNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value input = node.input(0, Floats), scale = node.input(1, Floats), bias = node.optionalInput(2, Floats);
  int64_t axis = normalAxis(node.integer("axis", -1), rankOf(input));
  double epsilon = node.number("epsilon", 1e-5F);
  Value x = stashed(node, input);
  Value normal = b.cast(b.make<graph::LayerNormOp>(x, axis, APFloat(epsilon)), elementOf(input));
  Value result = scaleAndShift(b, normal, scale, bias), mean, inverse;
  auto axes = llvm::to_vector(llvm::seq<int64_t>(axis, rankOf(x)));
  if (node.hasOutput(1) || node.hasOutput(2))
    mean = b.make<graph::ReduceOp>(x, ReduceKind::Mean, axes);
  if (node.hasOutput(2)) {
    Value centred = b.make<graph::SubOp>(x, mean);
    Value variance = b.make<graph::ReduceOp>(b.make<graph::MulOp>(centred, centred), ReduceKind::Mean, axes);
    Value sum = b.make<graph::AddOp>(variance, b.scalarLike(variance, epsilon));
    inverse = b.make<graph::ReciprocalOp>(b.make<graph::SqrtOp>(sum));
  }
  // Of f64 as well, the specification has them in f32.
  auto stored = [&](Value value) {
    return value && elementOf(value).isF64() ? b.cast(value, b.builder().getF32Type()) : value;
  };
  return {result, stored(mean), stored(inverse)};
}

// RMSNormalization: x / √(mean(x²) + ε) · scale over the dims from `axis` on       ONNX RMSNormalization, version 23
static Values rmsNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value input = node.input(0, Floats), scale = node.input(1, Floats);
  int64_t axis = normalAxis(node.integer("axis", -1), rankOf(input));
  APFloat epsilon(node.number("epsilon", 1e-5F));
  Value normal = b.make<graph::LayerNormOp>(stashed(node, input), axis, epsilon, /*rms=*/true);
  return {scaleAndShift(b, b.cast(normal, elementOf(input)), scale, nullptr)};
}

// InstanceNormalization: each channel of each example on its own         ONNX InstanceNormalization, versions 6–22
static Values instanceNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), scale = node.input(1, Floats), bias = node.input(2, Floats);
  APFloat epsilon(node.number("epsilon", 1e-5F));
  if (rankOf(x) < 3)
    malformed("needs an input of three dims or more");
  Value normal = b.make<graph::LayerNormOp>(x, 2, epsilon);
  return {scaleAndShift(b, normal, perChannel(b, scale, x), perChannel(b, bias, x))};
}

// GroupNormalization: groups of channels of each example; scale and bias are per group in version 18, then per channel
//                                                                          ONNX GroupNormalization, versions 18–21
static Values groupNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value input = node.input(0, Floats), scale = node.input(1, Floats), bias = node.input(2, Floats);
  APFloat epsilon(node.number("epsilon", 1e-5F));
  int64_t groups = node.integer("num_groups");
  Value x = node.opset() < 21 ? input : stashed(node, input);
  if (rankOf(x) < 3 || groups < 1)
    malformed("cannot divide an input of dims " + inWords(extentsOf(x)) + " into " + Twine(groups) + " groups");
  graph::Extents shape = extentsOf(x), grouped = {shape[0], groups, dividedBy(shape[1], groups)};
  grouped.append(shape.begin() + 2, shape.end());
  Value normal = b.cast(b.make<graph::LayerNormOp>(b.reshape(x, grouped), 2, epsilon), elementOf(input));
  if (node.opset() < 21)
    return {b.reshape(scaleAndShift(b, normal, perChannel(b, scale, normal), perChannel(b, bias, normal)), shape)};
  return {scaleAndShift(b, b.reshape(normal, shape), perChannel(b, scale, input), perChannel(b, bias, input))};
}

// LpNormalization: x / ‖x‖, 0 where the norm is                                  ONNX LpNormalization, versions 1–22
static Values lpNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  int64_t axis = normalAxis(node.integer("axis", -1), rankOf(x)), p = node.integer("p", 2);
  if (p != 1 && p != 2)
    malformed("has p = " + Twine(p));
  Value norm = b.make<graph::ReduceOp>(x, p == 1 ? ReduceKind::L1 : ReduceKind::L2, axis);
  Value zero = b.scalarLike(x, 0), isZero = b.make<graph::EqualOp>(norm, zero);
  return {b.make<graph::SelectOp>(isZero, zero, b.make<graph::DivOp>(x, norm))};
}

// MeanVarianceNormalization: (x - mean) / (√var + 1e-9)               ONNX MeanVarianceNormalization, versions 9–13
static Values meanVarianceNormalization(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  Integers axes = normalAxes(node.integers("axes").value_or(Integers{0, 2, 3}), rankOf(x));
  auto mean = [&](Value value) { return b.make<graph::ReduceOp>(value, ReduceKind::Mean, axes); };
  Value centred = b.make<graph::SubOp>(x, mean(x));
  Value deviation = b.make<graph::SqrtOp>(mean(b.make<graph::MulOp>(centred, centred)));
  return {b.make<graph::DivOp>(centred, b.make<graph::AddOp>(deviation, b.scalarLike(x, 1e-9)))};
}

static Values lrn(NodeReader &node) {
  Value x = node.input(0, Floats);
  int64_t size = node.integer("size");
  APFloat alpha(node.number("alpha", 1e-4F)), beta(node.number("beta", 0.75)), bias(node.number("bias", 1));
  if (rankOf(x) < 3 || size < 1)
    malformed("needs an input of three dims or more and a positive size");
  return {node.builder().make<graph::LrnOp>(x, size, alpha, beta, bias)};
}

static constexpr Operator kOperators[] = {
    {"BatchNormalization", 1, batchNormalization},
    {"GroupNormalization", 18, groupNormalization},
    {"InstanceNormalization", 1, instanceNormalization},
    {"LRN", 1, lrn},
    {"LayerNormalization", 17, layerNormalization},
    {"LpNormalization", 1, lpNormalization},
    {"MeanVarianceNormalization", 9, meanVarianceNormalization},
    {"RMSNormalization", 23, rmsNormalization},
    {"SimplifiedLayerNormalization", 7, rmsNormalization},
    {"SimplifiedLayerNormalization", 1, rmsNormalization, "com.microsoft"},
};

ArrayRef<Operator> normalizationOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

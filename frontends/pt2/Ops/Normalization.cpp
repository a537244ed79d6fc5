// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Ops/Operands.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind;

/// [c] as [c, 1, …], which broadcasts to [n, c, …]; null stays null.
static Value perChannel(GraphBuilder &b, Value value, Value like) {
  if (!value)
    return value;
  const Extent channels = extentsOf(like)[1];
  Extents shape(rankOf(like) - 1, 1);
  shape.front() = channels;
  return b.reshape(b.expect(value, channels, "one value for each of " + channels.str() + " channels"), shape);
}

/// value · scale + bias; either may be null, and of another type than the value, as under torch.autocast.
static Value scaleAndShift(GraphBuilder &b, Value value, Value scale, Value bias) {
  auto like = [&](Value factor) { return b.cast(b.alignedTo(factor, extentsOf(value)), elementOf(value)); };
  if (scale)
    value = b.make<graph::MulOp>(value, like(scale));
  return bias ? b.make<graph::AddOp>(value, like(bias)) : value;
}

/// What is normal in a wide type, scaled and shifted: in that type where the operands are of another one than the
/// input, as torch does it, and then of the input's type.
static Value finished(GraphBuilder &b, Value normal, Type type, Value scale, Value bias) {
  const bool isMixed = (scale && elementOf(scale) != type) || (bias && elementOf(bias) != type);
  return b.cast(scaleAndShift(b, isMixed ? normal : b.cast(normal, type), scale, bias), type);
}

/// x · s + (bias - mean · s), s = scale / √(variance + eps), in at least f32
static Value batchNormed(NodeReader &node, Value x, Value mean, Value variance) {
  GraphBuilder &b = node.builder();
  if (rankOf(x) < 2)
    malformed("needs an input of two dims or more");
  Type type = elementOf(x), wide = type.isF64() ? type : Type(b.builder().getF32Type());
  Value scale = node.optionalTensor("weight"), bias = node.optionalTensor("bias");
  mean = b.cast(mean, wide);
  variance = b.cast(variance, wide);
  Value sum = b.make<graph::AddOp>(variance, b.scalarLike(variance, node.number("eps")));
  Value factor = b.make<graph::ReciprocalOp>(b.make<graph::SqrtOp>(sum));
  if (scale)
    factor = b.make<graph::MulOp>(b.cast(scale, wide), factor);
  Value shift = b.make<graph::NegOp>(b.make<graph::MulOp>(mean, factor));
  if (bias)
    shift = b.make<graph::AddOp>(b.cast(bias, wide), shift);
  return scaleAndShift(b, x, perChannel(b, b.cast(factor, type), x), perChannel(b, b.cast(shift, type), x));
}

[[noreturn]] static void refuseTraining() { unsupported(kTrainingNorm); }

static Value batchNormBy(NodeReader &node) {
  node.ignore("momentum");
  Value x = node.tensor("input");
  Value mean = node.optionalTensor("running_mean"), variance = node.optionalTensor("running_var");
  if (!mean || !variance)
    refuseTraining();
  return batchNormed(node, x, mean, variance);
}

static Value batchNorm(NodeReader &node) {
  if (node.flag("training"))
    refuseTraining();
  return batchNormBy(node);
}
/// Statistics of the batch come behind the result, and are of no use then.
static Values batchNormLegit(NodeReader &node) { return {batchNormBy(node)}; }
static Values nativeBatchNorm(NodeReader &node) { return {batchNorm(node)}; }

/// By the statistics of each channel of the batch itself: what instance norms become.
static Values batchNormOfBatch(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("momentum");
  node.ignore("training");
  Value x = node.tensor("input"), scale = node.optionalTensor("weight"), bias = node.optionalTensor("bias");
  double epsilon = node.number("eps");
  if (rankOf(x) < 3)
    malformed("needs an input of three dims or more");
  Value normal;
  if (extentsOf(x)[0] == Extent(1)) {
    normal = b.make<graph::LayerNormOp>(x, int64_t(2), APFloat(epsilon));
  } else {
    Integers axes{0};
    llvm::append_range(axes, llvm::seq<int64_t>(2, rankOf(x)));
    Value centred = b.make<graph::SubOp>(x, b.make<graph::ReduceOp>(x, ReduceKind::Mean, axes));
    Value variance = b.make<graph::ReduceOp>(b.make<graph::MulOp>(centred, centred), ReduceKind::Mean, axes);
    Value sum = b.make<graph::AddOp>(variance, b.scalarLike(variance, epsilon));
    normal = b.make<graph::DivOp>(centred, b.make<graph::SqrtOp>(sum));
  }
  return {scaleAndShift(b, normal, perChannel(b, scale, x), perChannel(b, bias, x))};
}

/// (x - mean) / √(var + eps) over the last dims, and mean and 1 / √(var + eps)
static Values layerNormed(NodeReader &node, bool hasMoments) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("input"), scale = node.optionalTensor("weight"), bias = node.optionalTensor("bias");
  double epsilon = node.number("eps");
  int64_t dims = static_cast<int64_t>(node.extents("normalized_shape").size()), axis = rankOf(x) - dims;
  if (dims < 1 || axis < 0)
    malformed("normalises " + Twine(dims) + " dims of " + Twine(rankOf(x)));
  Type type = elementOf(x), wide = type.isF64() ? type : Type(b.builder().getF32Type());
  Value given = b.cast(x, wide), normal = b.make<graph::LayerNormOp>(given, axis, APFloat(epsilon));
  Values results{finished(b, normal, type, scale, bias)};
  if (!hasMoments)
    return results;
  auto axes = llvm::to_vector(llvm::seq<int64_t>(axis, rankOf(x)));
  Value mean = b.make<graph::ReduceOp>(given, ReduceKind::Mean, axes), centred = b.make<graph::SubOp>(given, mean);
  Value variance = b.make<graph::ReduceOp>(b.make<graph::MulOp>(centred, centred), ReduceKind::Mean, axes);
  Value sum = b.make<graph::AddOp>(variance, b.scalarLike(variance, epsilon));
  results.append({b.cast(mean, type), b.cast(b.make<graph::ReciprocalOp>(b.make<graph::SqrtOp>(sum)), type)});
  return results;
}
static Values layerNorm(NodeReader &node) { return layerNormed(node, false); }
static Values nativeLayerNorm(NodeReader &node) { return layerNormed(node, true); }

static Value rmsNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("input"), scale = node.optionalTensor("weight");
  auto type = dyn_cast<FloatType>(elementOf(x));
  int64_t axis = rankOf(x) - static_cast<int64_t>(node.extents("normalized_shape").size());
  if (!type || axis < 0 || axis >= rankOf(x))
    malformed("normalises dims that it does not have");
  auto &semantics = type.getFloatSemantics();
  // One unit in the last place of 1, as torch.finfo has it.
  double unit = std::ldexp(1.0, 1 - static_cast<int>(APFloat::semanticsPrecision(semantics)));
  double epsilon = node.optionalNumber("eps").value_or(unit);
  Type wide = type.isF64() ? Type(type) : Type(b.builder().getF32Type());
  Value normal = b.make<graph::LayerNormOp>(b.cast(x, wide), axis, APFloat(epsilon), /*rms=*/true);
  return finished(b, normal, type, scale, nullptr);
}
static Values fusedRmsNorm(NodeReader &node) { return {rmsNorm(node)}; }

/// Groups of channels of each example.
static Value groupNormed(NodeReader &node, Value x, int64_t groups) {
  GraphBuilder &b = node.builder();
  Extents shape = extentsOf(x);
  if (shape.size() < 2 || groups < 1)
    malformed("cannot divide an input of dims " + inWords(shape) + " into " + Twine(groups) + " groups");
  Extents grouped = {shape[0], groups, dividedBy(shape[1], groups)};
  grouped.append(shape.begin() + 2, shape.end());
  Type type = elementOf(x), wide = type.isF64() ? type : Type(b.builder().getF32Type());
  Value normal =
      b.make<graph::LayerNormOp>(b.cast(b.reshape(x, grouped), wide), int64_t(2), APFloat(node.number("eps")));
  Value scale = node.optionalTensor("weight"), bias = node.optionalTensor("bias");
  return finished(b, b.reshape(normal, shape), type, perChannel(b, scale, x), perChannel(b, bias, x));
}
static Value groupNorm(NodeReader &node) { return groupNormed(node, node.tensor("input"), node.integer("num_groups")); }
static Values nativeGroupNorm(NodeReader &node) {
  for (StringRef name : {"N", "C", "HxW"})
    node.ignore(name);
  return {groupNormed(node, node.tensor("input"), node.integer("group"))};
}

static Value instanceNorm(NodeReader &node) {
  node.ignore("momentum");
  Value x = node.tensor("input"), mean = node.optionalTensor("running_mean"), var = node.optionalTensor("running_var");
  if (!node.flag("use_input_stats")) {
    if (!mean || !var)
      malformed("lacks its statistics");
    return batchNormed(node, x, mean, var);
  }
  // torch changes them where they lie, which the program does not say.
  if (mean || var)
    refuseTraining();
  return groupNormed(node, x, rankOf(x) > 1 ? fixedDim(x, 1) : 0);
}

static constexpr Operator kOperators[] = {
    {"aten._fused_rms_norm.default", fusedRmsNorm},
    {"aten._native_batch_norm_legit.no_stats", batchNormOfBatch},
    {"aten._native_batch_norm_legit_no_training.default", batchNormLegit},
    {"aten.batch_norm.default", batchNorm},
    {"aten.group_norm.default", groupNorm},
    {"aten.instance_norm.default", instanceNorm},
    {"aten.layer_norm.default", layerNorm},
    {"aten.native_batch_norm.default", nativeBatchNorm},
    {"aten.native_group_norm.default", nativeGroupNorm},
    {"aten.native_layer_norm.default", nativeLayerNorm},
    {"aten.rms_norm.default", rmsNorm},
};

ArrayRef<Operator> normalizationOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

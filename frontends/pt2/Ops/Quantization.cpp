// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What PT2E's quantisation leaves in a program: torch.ao.quantization.fx._decomposed.

#include "frontends/common/Linear.h"
#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

static Type f32(NodeReader &node) { return node.builder().builder().getF32Type(); }

namespace {
/// Scales and zero points that broadcast to a tensor.
struct Parameters {
  Value scale, zeroPoint; // f32; the second null where there is none
};
} // namespace

/// One for all, as numbers or tensors of one element.
static Parameters perTensor(NodeReader &node) {
  GraphBuilder &b = node.builder();
  auto one = [&](StringRef name) { return b.reshape(operandAs(node, name, f32(node)), Extents()); };
  return {one("scale"), one("zero_point")};
}

/// One for each place along an axis.
static Parameters perChannel(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  int64_t axis = node.axis("axis", x);
  Extents shape(rankOf(x), 1);
  if (rankOf(x) == 0)
    malformed("quantises a scalar by channels");
  shape[axis] = extentsOf(x)[axis];
  auto each = [&](StringRef name) {
    Value values = node.optionalTensor(name);
    return values ? b.reshape(b.expect(b.cast(values, f32(node)), Extents{shape[axis]}, name), shape) : values;
  };
  return {each("scales"), each("zero_points")};
}

/// One for each row of the last dim.
static Parameters perToken(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return {b.cast(node.tensor("scales"), f32(node)), b.cast(node.tensor("zero_points"), f32(node))};
}

// clamp(round(x / scale) + zero point)
static Value quantised(NodeReader &node, Value x, const Parameters &parameters) {
  GraphBuilder &b = node.builder();
  Type to = node.optionalType("dtype").value_or(b.builder().getI8Type());
  double low = node.number("quant_min"), high = node.number("quant_max");
  if (!isa<IntegerType>(to) || !(low <= high))
    unsupported("quantises to " + inWords(to));
  Value number = b.make<graph::RoundOp>(b.make<graph::DivOp>(b.cast(x, f32(node)), parameters.scale));
  if (parameters.zeroPoint)
    number = b.make<graph::AddOp>(number, parameters.zeroPoint);
  return b.cast(b.make<graph::ClampOp>(number, b.scalarLike(number, low), b.scalarLike(number, high)), to);
}

/// The type that a dequantised tensor has.
static Type dequantisedType(NodeReader &node) {
  for (StringRef name : {"quant_min", "quant_max", "dtype"})
    node.ignore(name);
  for (StringRef name : {"out_dtype", "output_dtype"})
    if (node.hasArgument(name))
      if (std::optional<Type> type = node.optionalType(name))
        return *type;
  return f32(node);
}

/// (x - zero point) · scale, of integers in the form in which later passes know them: differences are exact.
static Value dequantised(NodeReader &node, Value x, const Parameters &parameters) {
  GraphBuilder &b = node.builder();
  Type to = dequantisedType(node), number = isa<IntegerType>(elementOf(x)) ? Type(b.builder().getI32Type()) : f32(node);
  Value centred = b.cast(x, number);
  if (parameters.zeroPoint)
    centred = b.make<graph::SubOp>(centred, b.cast(parameters.zeroPoint, number));
  return b.cast(b.make<graph::MulOp>(b.cast(centred, f32(node)), parameters.scale), to);
}

/// The same of all weights at once, where they are known.
static Value dequantisedWeights(NodeReader &node, Value x, const Parameters &parameters, int64_t axis) {
  GraphBuilder &b = node.builder();
  Value zeroPoint = parameters.zeroPoint ? b.cast(b.flat(parameters.zeroPoint), elementOf(x)) : Value();
  std::optional<graph::HostTensor> known = graph::constantOf(x);
  if (known && dequantisedType(node).isF32())
    if (std::optional<graph::HostTensor> all = dequantisedConstant(x, b.flat(parameters.scale), zeroPoint, axis))
      return b.constant(*all);
  return dequantised(node, x, parameters);
}

static Value quantizePerTensor(NodeReader &node) { return quantised(node, node.tensor("input"), perTensor(node)); }
static Value dequantizePerTensor(NodeReader &node) {
  return dequantisedWeights(node, node.tensor("input"), perTensor(node), 0);
}
static Value quantizePerChannel(NodeReader &node) {
  Value x = node.tensor("input");
  return quantised(node, x, perChannel(node, x));
}
static Value dequantizePerChannel(NodeReader &node) {
  Value x = node.tensor("input");
  return dequantisedWeights(node, x, perChannel(node, x), node.axis("axis", x));
}
static Value quantizePerToken(NodeReader &node) { return quantised(node, node.tensor("input"), perToken(node)); }
static Value dequantizePerToken(NodeReader &node) { return dequantised(node, node.tensor("input"), perToken(node)); }

/// The scale and zero point of the range from `low` to `high`, widened to hold 0, in f64 as observers have them.
static Values chosenParameters(NodeReader &node, Value low, Value high, double least, double most, double eps,
                               bool isSymmetric) {
  GraphBuilder &b = node.builder();
  Value zero = b.scalarLike(low, 0);
  auto limit = [&](Value x, double number) { return b.scalarLike(x, number); };
  low = b.make<graph::MinOp>(low, zero);
  high = b.make<graph::MaxOp>(high, zero);
  if (isSymmetric) {
    Value largest = b.make<graph::MaxOp>(b.make<graph::NegOp>(low), high);
    Value scale = b.make<graph::DivOp>(largest, limit(largest, (most - least) / 2));
    scale = b.make<graph::MaxOp>(scale, limit(scale, eps));
    Value none = b.broadcast(b.number(0), extentsOf(scale));
    return {scale, none};
  }
  Value scale = b.make<graph::DivOp>(b.make<graph::SubOp>(high, low), limit(low, most - least));
  scale = b.make<graph::MaxOp>(scale, limit(scale, eps));
  Value point = b.make<graph::SubOp>(limit(low, least), b.make<graph::RoundOp>(b.make<graph::DivOp>(low, scale)));
  point = b.make<graph::ClampOp>(point, limit(point, least), limit(point, most));
  return {scale, b.cast(point, b.builder().getI64Type())};
}

template <bool isSymmetric> static Values chooseParameters(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(node.tensor("input"), f32(node));
  node.ignore("dtype");
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  auto reduced = [&](graph::ReduceKind kind) {
    return axes.empty() ? x : b.reshape(b.make<graph::ReduceOp>(x, kind, axes), Extents());
  };
  Values chosen = chosenParameters(node, reduced(graph::ReduceKind::Min), reduced(graph::ReduceKind::Max),
                                   node.number("quant_min"), node.number("quant_max"), node.number("eps"), isSymmetric);
  for (Value &value : chosen)
    value = b.reshape(value, {1});
  chosen[0] = b.cast(chosen[0], node.statedType().value_or(b.builder().getF64Type()));
  return chosen;
}

/// Eight bits for each row of the last dim.
static Values chooseParametersPerToken(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(node.tensor("input"), f32(node));
  node.ignore("dtype");
  if (rankOf(x) == 0)
    malformed("quantises a scalar by rows");
  const int64_t last = rankOf(x) - 1;
  constexpr double kLeast = -128, kMost = 127, kEps = 1.1920928955078125e-07;
  Values chosen =
      chosenParameters(node, b.make<graph::ReduceOp>(x, graph::ReduceKind::Min, last),
                       b.make<graph::ReduceOp>(x, graph::ReduceKind::Max, last), kLeast, kMost, kEps, false);
  chosen[0] = b.cast(chosen[0], node.statedType().value_or(f32(node)));
  return chosen;
}

/// What quantising to [quant_min, quant_max] and back makes of floats: of models in training for it.
static Value roundTrip(NodeReader &node, Value x, Value scale, Value zeroPoint) {
  GraphBuilder &b = node.builder();
  Type type = elementOf(x);
  scale = b.cast(scale, type);
  zeroPoint = b.cast(zeroPoint, type);
  Value code = b.make<graph::RoundOp>(
      b.make<graph::AddOp>(b.make<graph::MulOp>(x, b.make<graph::ReciprocalOp>(scale)), zeroPoint));
  code = b.make<graph::ClampOp>(code, b.scalarLike(x, node.number("quant_min")),
                                b.scalarLike(x, node.number("quant_max")));
  return b.make<graph::MulOp>(b.make<graph::SubOp>(code, zeroPoint), scale);
}
static Value fakeQuantise(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  auto scalar = [&](StringRef name) {
    return node.isTensor(name) ? b.reshape(node.tensor(name), Extents()) : b.scalarLike(x, node.number(name));
  };
  return roundTrip(node, x, scalar("scale"), scalar("zero_point"));
}
static Value fakeQuantisePerChannel(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Extents shape(rankOf(x), Extent(1));
  if (shape.empty())
    malformed("quantises a scalar by channels");
  const int64_t axis = node.axis("axis", x);
  shape[axis] = extentsOf(x)[axis];
  return roundTrip(node, x, b.reshape(node.tensor("scale"), shape), b.reshape(node.tensor("zero_point"), shape));
}
static Values fakeQuantiseAndMask(NodeReader &node) { return {fakeQuantise(node)}; }
static Values fakeQuantisePerChannelAndMask(NodeReader &node) { return {fakeQuantisePerChannel(node)}; }
static constexpr Operator kOperators[] = {
    {"aten.fake_quantize_per_channel_affine.default", fakeQuantisePerChannel},
    {"aten.fake_quantize_per_channel_affine_cachemask.default", fakeQuantisePerChannelAndMask},
    {"aten.fake_quantize_per_tensor_affine.default", fakeQuantise},
    {"aten.fake_quantize_per_tensor_affine.tensor_qparams", fakeQuantise},
    {"aten.fake_quantize_per_tensor_affine_cachemask.default", fakeQuantiseAndMask},
    {"quantized_decomposed.choose_qparams.tensor", chooseParameters<false>},
    {"quantized_decomposed.choose_qparams_per_token_asymmetric.default", chooseParametersPerToken},
    {"quantized_decomposed.choose_qparams_symmetric.tensor", chooseParameters<true>},
    {"quantized_decomposed.dequantize_per_channel.default", dequantizePerChannel},
    {"quantized_decomposed.dequantize_per_tensor.default", dequantizePerTensor},
    {"quantized_decomposed.dequantize_per_tensor.tensor", dequantizePerTensor},
    {"quantized_decomposed.dequantize_per_token.default", dequantizePerToken},
    {"quantized_decomposed.quantize_per_channel.default", quantizePerChannel},
    {"quantized_decomposed.quantize_per_tensor.default", quantizePerTensor},
    {"quantized_decomposed.quantize_per_tensor.tensor", quantizePerTensor},
    {"quantized_decomposed.quantize_per_token.default", quantizePerToken},
};

ArrayRef<Operator> quantizationOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

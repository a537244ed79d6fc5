// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of com.microsoft into which gates, streams and normalisations of language models are fused.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Activations.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::ReduceKind;

static Value sum(GraphBuilder &b, Value x, Value y) { return y ? b.make<graph::AddOp>(x, y) : x; }

static Value product(GraphBuilder &b, Value x, Value y) { return b.make<graph::MulOp>(x, y); }

static Value f32(GraphBuilder &b, Value x) { return b.cast(x, b.builder().getF32Type()); }

/// An operand as f32.
static Value wide(NodeReader &node, unsigned index) { return f32(node.builder(), node.input(index, Floats)); }

/// x / √(mean(x²) + ε) along the last dim.
static Value rmsNormal(NodeReader &node, Value x, double epsilon) {
  if (rankOf(x) < 1)
    malformed("normalises a scalar");
  return node.builder().make<graph::LayerNormOp>(x, rankOf(x) - 1, APFloat(epsilon), /*rms=*/true);
}

/// [..., n · size] → [..., n, size]
static Value grouped(GraphBuilder &b, Value x, const Extent &size) {
  if (rankOf(x) < 1 || !size.isNumber() || size.number() < 1)
    malformed("cannot divide " + inWords(extentsOf(x)) + " into groups of " + size.str());
  Extents shape = extentsOf(x);
  shape.back() = dividedBy(shape.back(), size.number());
  shape.push_back(size);
  return b.reshape(x, shape);
}

/// Streams [..., c, h], which may come as [..., c · h] with the attribute num_branches.
static Value streamsOf(NodeReader &node, Value x) {
  const int64_t branches = node.integer("num_branches", 0);
  if (branches == 0)
    return x;
  if (branches < 0 || rankOf(x) < 1)
    malformed("cannot divide " + inWords(extentsOf(x)) + " into " + Twine(branches) + " streams");
  return grouped(node.builder(), x, dividedBy(extentsOf(x).back(), branches));
}

/// Gates of streams as what broadcasts to [..., c, h]: [..., c], [..., c, 1], [..., c, h] or [..., c · h].
static Value gatesOf(NodeReader &node, Value gates, Value streams) {
  GraphBuilder &b = node.builder();
  const Extents shape = extentsOf(streams);
  if (rankOf(streams) < 2)
    malformed("needs streams of two dims or more");
  if (rankOf(gates) != rankOf(streams) - 1)
    return gates;
  Extents column = extentsOf(gates);
  if (column.back() != shape[shape.size() - 2])
    return b.reshape(gates, shape);
  column.push_back(1);
  return b.reshape(gates, column);
}

static Value checkedLike(NodeReader &node, Value result, Value like) {
  if (extentsOf(result) != extentsOf(like))
    malformed("has operands that do not broadcast to " + inWords(extentsOf(like)));
  return result;
}

// BiasSoftmax: softmax(X + bias) over all dims from `axis` on
static Values biasSoftmax(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  node.ignore("is_inner_broadcast"); // the dims of the bias say it
  const int64_t axis = normalAxis(node.integer("axis", 1), rankOf(x));
  const Extents shape = extentsOf(x);
  Value total = checkedLike(node, sum(b, x, node.input(1, Floats)), x);
  if (axis == rankOf(x) - 1)
    return {b.make<graph::SoftmaxOp>(total, axis)};
  const Extent rows = graph::productOf(ArrayRef(shape).take_front(axis)),
               columns = graph::productOf(ArrayRef(shape).drop_front(axis));
  return {b.reshape(b.make<graph::SoftmaxOp>(b.reshape(total, {rows, columns}), int64_t(1)), shape)};
}

// BiasDropout: X + bias + residual; nothing is dropped
static Values biasDropout(NodeReader &node) {
  GraphBuilder &b = node.builder();
  std::optional<graph::HostTensor> training = node.optionalConstant(4);
  if (training && training->size() == 1 && training->get(0).asBool())
    unsupported("drops at random, for training; export the model for inference");
  node.optionalInput(3);
  node.ignore("seed");
  return {sum(b, sum(b, node.input(0, Floats), node.input(1, Floats)), node.optionalInput(2, Floats)), nullptr};
}

// ScaledSiLU: z · σ(z), z = scale · X
static Values scaledSilu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), given = node.optionalInput(1, Floats);
  Value scale =
      given ? f32(b, b.reshape(given, Extents())) : b.scalar(b.builder().getF32Type(), node.number("alpha", 1));
  Value z = b.cast(product(b, f32(b, x), scale), elementOf(x));
  return {b.make<graph::SwishOp>(z, APFloat(1.0))};
}

// SwiGLU: of a gate and what it lets through, or of halves of the last dim
static Values swiGlu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value given = node.input(0, Floats), gate = f32(b, given), up = node.optionalInput(1, Floats);
  SwiGlu how{node.number("activation_alpha", 1), node.number("activation_beta", 0), std::nullopt};
  if (const double limit = node.number("limit", 0); limit > 0)
    how.limit = limit;
  node.ignore("round_activation");
  if (up) {
    up = f32(b, up);
  } else {
    const int64_t last = rankOf(gate) - 1, half = rankOf(gate) < 1 ? 0 : fixedDim(gate, last) / 2;
    if (rankOf(gate) < 1 || fixedDim(gate, last) % 2 != 0)
      malformed("cannot halve an input of dims " + inWords(extentsOf(gate)));
    up = b.sliceDim(gate, last, half, half);
    gate = b.sliceDim(gate, last, 0, half);
  }
  return {b.cast(swiGlu(b, gate, up, how), elementOf(given))};
}

// GatedAdd: X + Y · gate
static Values gatedAdd(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), y = node.input(1, Floats);
  if (node.hasInput(3))
    unsupported("has weights of the gate");
  return {checkedLike(node, sum(b, x, product(b, y, node.input(2, Floats))), x)};
}

// GatedRMSNorm: rms norm of groups of the last dim · scale · activation(gate)
static Values gatedRmsNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), scale = wide(node, 1), gate = wide(node, 2);
  const bool isSwish = node.choice<bool>("activation", "silu", {{"silu", true}, {"swish", true}, {"sigmoid", false}});
  if (rankOf(scale) != 1)
    malformed("needs a scale of one dim");
  Value normal = rmsNormal(node, grouped(b, f32(b, x), extentsOf(scale)[0]), node.number("epsilon", 1e-5F));
  normal = b.reshape(product(b, normal, scale), extentsOf(x));
  gate = isSwish ? b.make<graph::SwishOp>(gate, APFloat(1.0)) : b.make<graph::SigmoidOp>(gate);
  return {b.cast(checkedLike(node, product(b, normal, gate), x), elementOf(x))};
}

// BranchwiseRMSNorm: the rms norm of each stream · scale
static Values branchwiseRmsNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value given = node.input(0, Floats), x = streamsOf(node, f32(b, given)), scale = node.optionalInput(1, Floats);
  Value normal = rmsNormal(node, x, node.number("epsilon", 1e-5F));
  if (scale) {
    const Extent size = extentsOf(x).back();
    scale = f32(b, scale);
    if (rankOf(scale) == 1 && extentsOf(scale)[0] != size)
      scale = grouped(b, scale, size);
    normal = checkedLike(node, product(b, normal, scale), x);
  }
  return {b.cast(b.reshape(normal, extentsOf(given)), elementOf(given))};
}

// LinearAttentionGate: scale · softplus(a + bias), and σ(b)
static Values linearAttentionGate(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value a = node.input(0, Floats), rate = node.optionalInput(3, Floats);
  Value decay = b.make<graph::SoftplusOp>(sum(b, f32(b, a), wide(node, 1)));
  decay = checkedLike(node, product(b, decay, wide(node, 2)), a);
  return {b.cast(decay, elementOf(a)),
          rate ? b.cast(b.make<graph::SigmoidOp>(f32(b, rate)), elementOf(rate)) : nullptr};
}

// HyperConnectionPreMix: scale · Σ over streams of stream · gate
static Values hyperConnectionPreMix(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value given = node.input(0, Floats), streams = streamsOf(node, f32(b, given));
  Value mixed = checkedLike(node, product(b, streams, gatesOf(node, wide(node, 1), streams)), streams);
  mixed = b.make<graph::ReduceOp>(mixed, ReduceKind::Sum, ArrayRef<int64_t>{rankOf(mixed) - 2});
  Extents shape = extentsOf(mixed);
  shape.erase(shape.end() - 2);
  mixed = product(b, mixed, b.scalarLike(mixed, node.number("reduction_scale", 1)));
  return {b.cast(b.reshape(mixed, shape), elementOf(given))};
}

// HyperConnectionPostMix: mixᵀ · streams + gate · block
static Values hyperConnectionPostMix(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value given = node.input(0, Floats), streams = streamsOf(node, f32(b, given)), block = wide(node, 1);
  Value gates = gatesOf(node, wide(node, 2), streams), mix = node.optionalInput(3, Floats), kept = streams;
  if (mix) {
    Integers swapped = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(mix)));
    if (rankOf(mix) != rankOf(streams))
      malformed("needs a mix of as many dims as the streams");
    std::swap(swapped.back(), swapped[swapped.size() - 2]);
    kept = b.matMul(b.transpose(f32(b, mix), swapped), streams);
  }
  Extents row = extentsOf(block);
  row.insert(row.end() - (row.empty() ? 0 : 1), 1);
  Value result = checkedLike(node, sum(b, kept, product(b, gates, b.reshape(block, row))), streams);
  return {b.cast(b.reshape(result, extentsOf(given)), elementOf(given))};
}

// EngramGate: value · σ(sign(d) √max(|d|, 1e-6)), d = Σ rms(key) · rms(query) / √size; and its rms norm
static Values engramGate(NodeReader &node) {
  constexpr double kLeast = 1e-6;
  GraphBuilder &b = node.builder();
  Value key = node.input(0, Floats), value = wide(node, 2), scale = node.optionalInput(5, Floats);
  if (rankOf(key) != 4 || rankOf(value) != 3)
    malformed("needs keys of four dims and a value of three");
  const double epsilon = node.number("epsilon", 1e-5F);
  auto normal = [&](Value x, Value scale) { return product(b, rmsNormal(node, x, epsilon), f32(b, scale)); };
  Value products = product(b, normal(f32(b, key), wide(node, 3)), normal(wide(node, 1), wide(node, 4)));
  Value dot = b.make<graph::ReduceOp>(products, ReduceKind::Sum, ArrayRef<int64_t>{3});
  dot = product(b, dot, b.scalarLike(dot, 1 / std::sqrt(static_cast<double>(fixedDim(key, 3)))));
  Value size = b.make<graph::MaxOp>(b.make<graph::AbsOp>(dot), b.scalarLike(dot, kLeast));
  Value gate = b.make<graph::SigmoidOp>(product(b, b.make<graph::SignOp>(dot), b.make<graph::SqrtOp>(size)));
  Extents row = extentsOf(value);
  row.insert(row.end() - 1, 1);
  Value result = checkedLike(node, product(b, gate, b.reshape(value, row)), key);
  return {b.cast(result, elementOf(key)), scale ? b.cast(normal(result, scale), elementOf(key)) : nullptr};
}

static constexpr Operator kOperators[] = {
    {"BiasDropout", 1, biasDropout, "com.microsoft"},
    {"BiasSoftmax", 1, biasSoftmax, "com.microsoft"},
    {"BranchwiseRMSNorm", 1, branchwiseRmsNorm, "com.microsoft"},
    {"EngramGate", 1, engramGate, "com.microsoft"},
    {"GatedAdd", 1, gatedAdd, "com.microsoft"},
    {"GatedRMSNorm", 1, gatedRmsNorm, "com.microsoft"},
    {"HyperConnectionPostMix", 1, hyperConnectionPostMix, "com.microsoft"},
    {"HyperConnectionPreMix", 1, hyperConnectionPreMix, "com.microsoft"},
    {"LinearAttentionGate", 1, linearAttentionGate, "com.microsoft"},
    {"ScaledSiLU", 1, scaledSilu, "com.microsoft"},
    {"SwiGLU", 1, swiGlu, "com.microsoft"},
};

ArrayRef<Operator> contribGateOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mixtures of experts of com.microsoft. Each expert is given the rows that chose it, as many as the run finds.

#include "frontends/common/Selection.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Activations.h"
#include "frontends/onnx/Ops/Quantization.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::ReduceKind, graph::Scalar;

constexpr int64_t kMostExperts = 512; // each is code of its own

namespace {
/// One product of every expert: weights [experts, columns, inner], whose row e is that of expert e.
struct Layer {
  Value weights, bias; // bias [experts, columns], or null
};

class ExpertsBuilder {
public:
  explicit ExpertsBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}

  /// The layers are the first, the second, and one beside the first or null.
  Values build(Layer first, Layer second, Layer beside, Value mixing);

private:
  Value product(Value rows, const Layer &layer, int64_t expert);
  Value activate(Value hidden, Value beside);
  Value gated(Value gate, Value linear);
  void route(Value logits, Value mixing);

  NodeReader &node_;
  GraphBuilder &b_;
  std::string activation_;
  int64_t fusion_ = 0;
  Value chosen_, shares_; // of each token: experts and what their results are multiplied with, [tokens, k]
};
} // namespace

/// [experts, n, m] → [n, m] of one of them.
static Value ofExpert(GraphBuilder &b, Value values, int64_t expert) {
  Extents shape(llvm::drop_begin(extentsOf(values)));
  return b.reshape(b.sliceDim(values, 0, expert, 1), shape);
}

Value ExpertsBuilder::product(Value rows, const Layer &layer, int64_t expert) {
  Value result = b_.matMul(rows, b_.transpose(ofExpert(b_, layer.weights, expert), {1, 0}));
  return layer.bias ? b_.make<graph::AddOp>(result, ofExpert(b_, layer.bias, expert)) : result;
}

Value ExpertsBuilder::gated(Value gate, Value linear) {
  SwiGlu how{node_.number("activation_alpha", 1), node_.number("activation_beta", 0), std::nullopt};
  if (const double limit = node_.number("swiglu_limit", HUGE_VAL); limit < HUGE_VAL)
    how.limit = limit;
  return swiGlu(b_, gate, linear, how);
}

Value ExpertsBuilder::activate(Value x, Value beside) {
  if (activation_ == "swiglu") {
    if (beside)
      return gated(x, beside);
    const int64_t half = fixedDim(x, 1) / 2;
    if (fixedDim(x, 1) % 2 != 0 || fusion_ < 1 || fusion_ > 2)
      malformed("has swiglu_fusion " + Twine(fusion_) + " for " + Twine(fixedDim(x, 1)) + " columns");
    if (fusion_ == 2)
      return gated(b_.sliceDim(x, 1, 0, half), b_.sliceDim(x, 1, half, half));
    Value pairs = b_.reshape(x, {extentsOf(x)[0], half, 2});
    auto part = [&](int64_t index) { return b_.reshape(b_.sliceDim(pairs, 2, index, 1), {extentsOf(x)[0], half}); };
    return gated(part(0), part(1));
  }
  Value result = activation_ == "relu"   ? b_.make<graph::ReluOp>(x)
                 : activation_ == "gelu" ? b_.make<graph::GeluOp>(x, /*tanh_form=*/true)
                 : activation_ == "silu" ? b_.make<graph::SwishOp>(x, APFloat(1.0))
                                         : x;
  return beside ? b_.make<graph::MulOp>(result, beside) : result;
}

/// The k most probable experts of each token, and their probabilities, or what `mixing` has for them.
void ExpertsBuilder::route(Value logits, Value mixing) {
  const int64_t k = node_.integer("k", 1), count = fixedDim(logits, 1);
  if (node_.flag("use_sparse_mixer", false))
    unsupported("a sparse mixer is not supported");
  if (k < 1 || k > count)
    malformed("chooses " + Twine(k) + " of " + Twine(count) + " experts");
  logits = b_.cast(logits, b_.builder().getF32Type());
  Value probabilities = b_.make<graph::SoftmaxOp>(logits, int64_t(1));
  const Extents shape{extentsOf(logits)[0], k};
  SmallVector<Type> types{checkedType(shape, elementOf(logits)), checkedType(shape, b_.builder().getI64Type())};
  Values top = b_.makeMany<graph::TopKOp>(types, probabilities, int64_t(1), /*smallest=*/false);
  chosen_ = top[1];
  shares_ = mixing ? b_.make<graph::GatherElementsOp>(b_.cast(mixing, elementOf(logits)), chosen_, int64_t(1)) : top[0];
  if (node_.flag("normalize_routing_weights", false)) {
    Value sum = b_.make<graph::ReduceOp>(shares_, ReduceKind::Sum, ArrayRef<int64_t>{1});
    shares_ = b_.make<graph::DivOp>(shares_, sum);
  }
}

Values ExpertsBuilder::build(Layer first, Layer second, Layer beside, Value mixing) {
  Value given = node_.input(0, Floats), logits = node_.input(1, Floats);
  activation_ = node_.text("activation_type", "relu");
  fusion_ = node_.integer("swiglu_fusion", 0);
  if (!llvm::is_contained({"relu", "gelu", "silu", "swiglu", "identity"}, activation_) ||
      node_.flag("swiglu_limit_after_activation", false))
    unsupported("activation '" + printable(activation_) + "', or a limit after it, is not supported");
  if (rankOf(given) < 2 || rankOf(logits) != 2 || rankOf(first.weights) != 3 || rankOf(second.weights) != 3)
    malformed("needs tokens of two dims or more, and weights of three");
  const int64_t count = fixedDim(logits, 1), size = fixedDim(given, rankOf(given) - 1);
  if (count < 1 || count > kMostExperts || fixedDim(first.weights, 0) != count || fixedDim(second.weights, 0) != count)
    unsupported("has " + Twine(count) + " experts; Smelt takes 1 to " + Twine(kMostExperts) +
                ", as many as there are weights");
  Extents leading(ArrayRef(extentsOf(given)).drop_back());
  const Extent tokens = graph::productOf(leading);
  Value x = b_.cast(b_.reshape(given, {tokens, size}), b_.builder().getF32Type());
  route(b_.withDim(logits, 0, tokens), mixing);
  Value total = b_.broadcast(b_.scalarLike(x, 0), {tokens, size});
  for (int64_t expert = 0; expert < count; ++expert) {
    Value isChosen = b_.make<graph::EqualOp>(chosen_, b_.scalar(elementOf(chosen_), Scalar::ofSigned(expert)));
    Value share = b_.make<graph::SelectOp>(isChosen, shares_, b_.scalarLike(shares_, 0));
    share = b_.make<graph::ReduceOp>(share, ReduceKind::Sum, ArrayRef<int64_t>{1}); // [tokens, 1]
    Value counts =
        b_.make<graph::ReduceOp>(b_.cast(isChosen, b_.builder().getI32Type()), ReduceKind::Max, ArrayRef<int64_t>{1});
    Value places = placesOf(b_, b_.cast(b_.reshape(counts, {tokens}), b_.builder().getI1Type()));
    auto rowsOf = [&](Value value) { return b_.make<graph::GatherOp>(value, places, int64_t(0)); };
    Value rows = rowsOf(x), hidden = product(rows, first, expert);
    hidden = activate(hidden, beside.weights ? product(rows, beside, expert) : Value());
    Value result = b_.make<graph::MulOp>(product(hidden, second, expert), rowsOf(share));
    Value column = b_.reshape(places, {extentsOf(places)[0], 1});
    total = b_.make<graph::ScatterNdOp>(total, column, result, graph::ScatterReduction::Add);
  }
  return {b_.cast(b_.reshape(total, extentsOf(given)), elementOf(given))};
}

/// Weights that are an operand, and a bias behind it.
static Layer plainLayer(NodeReader &node, unsigned index) {
  GraphBuilder &b = node.builder();
  auto wide = [&](Value value) { return value ? b.cast(value, b.builder().getF32Type()) : value; };
  return {wide(node.optionalInput(index, Floats)), wide(node.optionalInput(index + 1, Floats))};
}

// MoE: Σ over the k most probable experts of p · (W2 · activation(W1 · x + b1) + b2)
static Values mixtureOfExperts(NodeReader &node) {
  Layer first = plainLayer(node, 2), second = plainLayer(node, 4), beside = plainLayer(node, 6);
  if (!first.weights || !second.weights)
    malformed("lacks weights");
  return ExpertsBuilder(node).build(first, second, beside, nullptr);
}

/// Numbers of `bits` in blocks along the last dim: (code - zero point) · scale, [experts, columns, inner].
static Layer quantisedLayer(NodeReader &node, unsigned index, unsigned zeroPointIndex, int64_t bits) {
  GraphBuilder &b = node.builder();
  Type f32 = b.builder().getF32Type();
  Value bytes = node.optionalInput(index, UnsignedIntegers), scale = node.optionalInput(index + 1, Floats);
  Value bias = node.optionalInput(index + 2, Floats), zeroPoint = node.optionalInput(zeroPointIndex, UnsignedIntegers);
  if (!bytes)
    return {};
  if (rankOf(bytes) != 3 || !elementOf(bytes).isUnsignedInteger(8) || !scale || rankOf(scale) < 2 || rankOf(scale) > 3)
    malformed("needs weights of three dims of bytes, and scales of two or three");
  Value codes = unpacked(b, bytes, bits);
  const int64_t experts = fixedDim(codes, 0), columns = fixedDim(codes, 1), inner = fixedDim(codes, 2);
  const int64_t blocks = rankOf(scale) == 3 ? fixedDim(scale, 2) : 1;
  if (blocks < 1 || inner % blocks != 0)
    malformed("has " + Twine(blocks) + " blocks of " + Twine(inner) + " weights");
  const Extents perBlock{experts, columns, blocks, 1};
  auto aligned = [&](Value value) { return b.reshape(b.cast(value, f32), perBlock); };
  Value points = b.scalar(f32, static_cast<double>(1 << (bits - 1)));
  if (zeroPoint) {
    Value numbers = unpacked(b, zeroPoint, bits);
    const int64_t last = rankOf(numbers) - 1;
    points = aligned(b.sliceDim(numbers, last, 0, rankOf(scale) == 3 ? blocks : columns));
  }
  Value real = b.cast(b.reshape(codes, {experts, columns, blocks, inner / blocks}), f32);
  real = b.make<graph::MulOp>(b.make<graph::SubOp>(real, points), aligned(scale));
  return {b.reshape(real, {experts, columns, inner}), bias ? b.cast(bias, f32) : bias};
}

// QMoE: the same with weights of few bits; router_weights are what results are multiplied with
static Values quantisedMixtureOfExperts(NodeReader &node) {
  if (node.text("quant_type", "int") != "int" || node.integer("weights_prepacked", 0) > 0)
    unsupported("has weights that are no packed integers");
  node.ignore("block_size"); // the scales say it
  node.ignore("accuracy_level");
  const int64_t bits = node.integer("expert_weight_bits", 4);
  auto layer = [&](const std::string &name, unsigned index, unsigned zeroPointIndex) {
    const int64_t own = node.integer(name + "_expert_weight_bits", bits);
    if (own != 2 && own != 4 && own != 8)
      unsupported("has weights of " + Twine(own) + " bits");
    return quantisedLayer(node, index, zeroPointIndex, own);
  };
  Layer first = layer("fc1", 2, 11), second = layer("fc2", 5, 12), beside = layer("fc3", 8, 13);
  if (!first.weights || !second.weights)
    malformed("lacks weights");
  return ExpertsBuilder(node).build(first, second, beside, node.optionalInput(14, Floats));
}

static constexpr Operator kOperators[] = {
    {"MoE", 1, mixtureOfExperts, "com.microsoft"},
    {"QMoE", 1, quantisedMixtureOfExperts, "com.microsoft"},
};

ArrayRef<Operator> contribExpertOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

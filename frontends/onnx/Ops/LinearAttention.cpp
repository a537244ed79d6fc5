// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of models that carry a state in place of a cache of keys.

#include "frontends/onnx/Operators.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents;

/// The last `count` elements of a dim.
static Value lastOf(GraphBuilder &b, Value x, int64_t dim, int64_t count) {
  const Extent first = extentsOf(x)[dim] - count;
  if (first.isNumber())
    return b.sliceDim(x, dim, first.number(), count);
  return b.make<graph::GatherOp>(x, b.countAlong(Extent(count), 0, first), dim);
}

/// Refuses what the operators of com.microsoft have beyond those of ONNX.
static void checkPlain(NodeReader &node, ArrayRef<std::pair<StringRef, int64_t>> attributes) {
  for (auto [name, plain] : attributes)
    if (node.has(name) && node.integer(name) != plain)
      unsupported("attribute '" + name + "' is " + Twine(node.integer(name)) + "; Smelt takes " + Twine(plain));
}

// CausalConvWithState: a depthwise convolution of the state, or zeros, and the input after it
//                                                                             ONNX CausalConvWithState, version 27
static Values causalConvOf(NodeReader &node, Value x, Value past, int64_t dilation) {
  GraphBuilder &b = node.builder();
  Value weight = node.input(1, Floats), bias = node.optionalInput(2, Floats);
  bool isSwish = node.choice<bool>("activation", "none", {{"none", false}, {"silu", true}, {"swish", true}});
  if (rankOf(x) == 3 && rankOf(weight) == 3)
    x = b.withDim(x, 1, shapeOf(weight)[0]);
  if (rankOf(x) != 3 || rankOf(weight) != 3 || extentsOf(x)[1] != Extent(shapeOf(weight)[0]) ||
      shapeOf(weight)[1] != 1 || shapeOf(weight)[2] < 1)
    malformed("needs an input [b, c, l] and a filter [c, 1, k], not " + inWords(extentsOf(x)) + " and " +
              inWords(extentsOf(weight)));
  const int64_t channels = shapeOf(weight)[0], length = checkedMul(shapeOf(weight)[2] - 1, dilation);
  Extents state{extentsOf(x)[0], channels, length};
  past = past ? b.expect(past, state, "a state") : b.broadcast(b.scalarLike(x, 0), state);
  if (bias)
    bias = b.expect(bias, Extent(channels), "a bias");
  Value all = length == 0 ? x : b.make<graph::ConcatOp>(Values{past, x}, int64_t(2));
  Integers one{1}, zero{0};
  Value result = b.make<graph::ConvOp>(all, weight, one, Integers{dilation}, zero, zero, channels);
  if (bias)
    result = b.make<graph::AddOp>(result, b.reshape(bias, {channels, 1}));
  if (isSwish)
    result = b.make<graph::SwishOp>(result, APFloat(1.0));
  return {result, lastOf(b, all, 2, length)};
}

static Values causalConv(NodeReader &node) {
  return causalConvOf(node, node.input(0, Floats), node.optionalInput(3, Floats), 1);
}

/// [b, t, count] of f32, checked.
static Value readRows(NodeReader &node, unsigned index, Value like) {
  GraphBuilder &b = node.builder();
  Value rows = node.optionalInput(index, Floats);
  if (!rows)
    return rows;
  Extents expected = extentsOf(like);
  if (rankOf(rows) == 3)
    expected[2] = extentsOf(rows)[2];
  rows = b.expect(rows, expected, "an input " + std::to_string(index));
  return b.cast(rows, b.builder().getF32Type());
}

/// [b, t, heads · size] with each head `times` times.
static Value repeatedHeads(GraphBuilder &b, Value rows, int64_t heads, int64_t times) {
  const Extent batch = extentsOf(rows)[0], steps = extentsOf(rows)[1], size = dividedBy(extentsOf(rows)[2], heads);
  Value each = b.reshape(rows, {batch, steps, heads, 1, size});
  return b.reshape(b.broadcast(each, {batch, steps, heads, times, size}), {batch, steps, size * (heads * times)});
}

// LinearAttention: S = e^g S + k ⊗ β (v - (e^g S)ᵀ k), out = scale · Sᵀ q; g and β where the rule has them
//                                                                                ONNX LinearAttention, version 27
static Values linearAttention(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value given = node.input(0, Floats), past = node.optionalInput(3, Floats);
  if (rankOf(given) != 3)
    malformed("needs queries of three dims, not " + inWords(extentsOf(given)));
  node.ignore("chunk_size");
  int64_t queryHeads = node.integer("q_num_heads"), heads = node.integer("kv_num_heads");
  std::string rule = node.text("update_rule", "gated_delta");
  bool isGated = rule == "gated" || rule == "gated_delta", isDelta = rule == "delta" || rule == "gated_delta";
  if (!isGated && !isDelta && rule != "linear")
    malformed("has update_rule '" + printable(rule) + "'");
  Value query = readRows(node, 0, given), key = readRows(node, 1, given), value = readRows(node, 2, given);
  Value decay = readRows(node, 4, given), beta = readRows(node, 5, given);
  if (!key || !value || static_cast<bool>(decay) != isGated || static_cast<bool>(beta) != isDelta)
    malformed("has inputs that do not fit update_rule '" + printable(rule) + "'");
  const Extent batch = extentsOf(given)[0], steps = extentsOf(given)[1];
  if (heads < 1 || queryHeads < 1 || (queryHeads % heads != 0 && heads % queryHeads != 0) ||
      fixedDim(query, 2) % queryHeads != 0 || fixedDim(value, 2) % heads != 0)
    malformed("cannot divide its inputs among " + Twine(queryHeads) + " and " + Twine(heads) + " heads");
  if (queryHeads < heads) {
    query = repeatedHeads(b, query, queryHeads, heads / queryHeads);
    queryHeads = heads;
  }
  int64_t group = queryHeads / heads, size = fixedDim(query, 2) / queryHeads, columns = fixedDim(value, 2) / heads;
  double scale = node.number("scale", 0);
  scale = scale == 0 ? 1 / std::sqrt(static_cast<double>(size)) : scale;
  query = b.make<graph::MulOp>(query, b.scalarLike(query, scale));
  query = b.reshape(query, {batch, steps, heads, group, size});
  key = b.reshape(key, {batch, steps, heads, size});
  value = b.reshape(value, {batch, steps, heads, columns});
  if (decay) {
    int64_t each = fixedDim(decay, 2) == heads ? 1 : size;
    decay = b.make<graph::ExpOp>(b.reshape(decay, {batch, steps, heads, each}));
  }
  Type stateType = elementOf(past ? past : given);
  Extents shape{batch, heads, size, columns};
  Value state =
      past ? b.expect(b.cast(past, elementOf(query)), shape, "a state") : b.broadcast(b.scalarLike(query, 0), shape);
  SmallVector<Type> types(2, query.getType());
  Values results = b.makeMany<graph::LinearAttentionOp>(types, query, key, value, state, decay, beta);
  Value out = b.cast(b.transpose(results[0], {0, 2, 1, 3, 4}), elementOf(given));
  return {b.reshape(out, {batch, steps, checkedMul(queryHeads, columns)}), b.cast(results[1], stateType)};
}

/// With channels_last, of [b, l, c…], whose dims of channels count as one.
static Values causalConvOfMicrosoft(NodeReader &node) {
  GraphBuilder &b = node.builder();
  checkPlain(node, {{"ndim", 1}, {"state_window", 0}, {"state_length", 0}, {"state_update_capacity", 0}});
  checkPlain(node, {{"input_channel_offset", 0}, {"input_channels", 0}, {"state_channels_last", -1}});
  const int64_t dilation = node.integer("dilation", 1);
  Value x = node.input(0, Floats), past = node.optionalInput(3, Floats);
  if (dilation < 1 || rankOf(x) < 3)
    malformed("needs an input of three dims, and a dilation of 1 or more");
  if (!node.flag("channels_last", false))
    return causalConvOf(node, x, past, dilation);
  const Extents shape = extentsOf(x);
  const Extent channels = graph::productOf(ArrayRef(shape).drop_front(2));
  auto channelsSecond = [&](Value value) {
    return b.moveDim(b.reshape(value, {extentsOf(value)[0], extentsOf(value)[1], channels}), 2, 1);
  };
  if (past && rankOf(past) != rankOf(x))
    malformed("needs a state of as many dims as its input");
  Values results = causalConvOf(node, channelsSecond(x), past ? channelsSecond(past) : past, dilation);
  for (Value &result : results) {
    Extents restored = shape;
    result = b.moveDim(result, 1, 2);
    restored[1] = extentsOf(result)[1];
    result = b.reshape(result, restored);
  }
  return results;
}

static Values linearAttentionOfMicrosoft(NodeReader &node) {
  checkPlain(node, {{"state_window", 0}});
  return linearAttention(node);
}

// GatedDeltaNet: LinearAttention of [tokens, heads, size], whose state [b, heads, columns, size] lies the other way
// round, and whose gates come as a model computes them

namespace {
class DeltaNetBuilder {
public:
  explicit DeltaNetBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}

  Values build();

private:
  void readRows();
  Value gates(unsigned index, bool isDecay);
  Value rows(unsigned index) { return b_.cast(node_.input(index, Floats), b_.builder().getF32Type()); }
  /// [b, t, heads, size] of what has its tokens in one dim, or in two.
  Value tokenMajor(Value value, int64_t heads, const Extent &size) {
    return b_.reshape(value, {batch_, steps_, heads, size});
  }
  Value normalised(Value value);

  NodeReader &node_;
  GraphBuilder &b_;
  Value state_, query_, key_, value_; // [b, heads, size, columns], [b, t, heads, size], [b, t, heads, columns]
  Extent batch_, steps_;
  int64_t queryHeads_ = 0, heads_ = 0, size_ = 0, columns_ = 0;
};
} // namespace

/// x / √(Σ x² + ε) along the last dim
Value DeltaNetBuilder::normalised(Value x) {
  constexpr double kEpsilon = 1e-6;
  Value squares = b_.make<graph::ReduceOp>(x, graph::ReduceKind::SumSquare, ArrayRef<int64_t>{rankOf(x) - 1});
  squares = b_.make<graph::AddOp>(squares, b_.scalarLike(squares, kEpsilon));
  return b_.make<graph::DivOp>(x, b_.make<graph::SqrtOp>(squares));
}

void DeltaNetBuilder::readRows() {
  Value query = rows(0);
  state_ = node_.optionalInput(6, Floats);
  const bool isPacked = !node_.hasInput(1), isFlat = isPacked ? rankOf(query) == 2 : rankOf(query) == 3;
  if (!state_ || rankOf(state_) != 4 || rankOf(query) != (isFlat ? 3 : 4) - (isPacked ? 1 : 0))
    unsupported("has no initial_state, or tokens of other dims than [tokens, heads, size] or [b, t, heads, size]");
  heads_ = fixedDim(state_, 1);
  columns_ = fixedDim(state_, 2);
  size_ = fixedDim(state_, 3);
  batch_ = extentsOf(state_)[0];
  if (heads_ < 1 || columns_ < 1 || size_ < 1)
    malformed("has a state of dims " + inWords(extentsOf(state_)));
  if (isFlat && !batch_.isNumber())
    unsupported("has tokens of a batch that only the run knows in one dim");
  steps_ = isFlat ? dividedBy(extentsOf(query)[0], batch_.number()) : extentsOf(query)[1];
  if (isPacked) {
    const int64_t all = fixedDim(query, rankOf(query) - 1), values = checkedMul(heads_, columns_);
    queryHeads_ = (all - values) / (2 * size_);
    const int64_t width = checkedMul(queryHeads_, size_);
    if (queryHeads_ < 1 || 2 * width + values != all)
      malformed("has packed rows of " + Twine(all));
    auto part = [&](int64_t begin, int64_t count) { return b_.sliceDim(query, rankOf(query) - 1, begin, count); };
    query_ = tokenMajor(part(0, width), queryHeads_, size_);
    key_ = tokenMajor(part(width, width), queryHeads_, size_);
    value_ = tokenMajor(part(2 * width, values), heads_, columns_);
  } else {
    queryHeads_ = fixedDim(query, rankOf(query) - 2);
    query_ = tokenMajor(query, queryHeads_, size_);
    key_ = tokenMajor(rows(1), queryHeads_, size_);
    value_ = tokenMajor(rows(2), heads_, columns_);
  }
  if (queryHeads_ < 1 || heads_ % queryHeads_ != 0)
    malformed("cannot divide " + Twine(heads_) + " heads among " + Twine(queryHeads_));
}

/// e^decay [b, t, heads, 1 or size], or the rate [b, t, heads]; null where there is none.
Value DeltaNetBuilder::gates(unsigned index, bool isDecay) {
  if (!node_.hasInput(index))
    return nullptr;
  Value raw = rows(index);
  const Extent elements = elementsOf(extentsOf(raw));
  const bool isEach = elements == elementsOf({batch_, steps_, heads_, size_}) && size_ != 1;
  raw = tokenMajor(raw, heads_, isEach ? size_ : 1);
  if (!isDecay) {
    const bool isActive = node_.choice<bool>("beta_activation", "none", {{"none", false}, {"sigmoid", true}});
    raw = b_.reshape(raw, {batch_, steps_, heads_});
    return isActive ? b_.make<graph::SigmoidOp>(raw) : raw;
  }
  enum class Gate { None, Softplus, Sigmoid };
  const auto gate = node_.choice<Gate>("gate_activation", "none",
                                       {{"none", Gate::None},
                                        {"softplus", Gate::Softplus},
                                        {"qwen", Gate::Softplus},
                                        {"sigmoid", Gate::Sigmoid},
                                        {"kda", Gate::Sigmoid}});
  if (gate == Gate::None)
    return b_.make<graph::ExpOp>(raw);
  Value factor = b_.make<graph::ExpOp>(b_.reshape(rows(7), {heads_, 1})), shift = rows(8);
  shift = b_.reshape(shift, {heads_, elementsOf(extentsOf(shift)) == Extent(heads_) ? Extent(1) : Extent(size_)});
  raw = b_.make<graph::AddOp>(raw, shift);
  if (gate == Gate::Softplus) {
    Value decay = b_.make<graph::MulOp>(factor, b_.make<graph::SoftplusOp>(raw));
    return b_.make<graph::ExpOp>(b_.make<graph::NegOp>(decay));
  }
  Value decay = b_.make<graph::SigmoidOp>(b_.make<graph::MulOp>(factor, raw));
  decay = b_.make<graph::MulOp>(decay, b_.scalarLike(decay, node_.number("gate_lower_bound", -5)));
  return b_.make<graph::ExpOp>(decay);
}

Values DeltaNetBuilder::build() {
  Value given = node_.input(0, Floats);
  if (node_.hasInput(3) || node_.integer("state_update_capacity", 0) != 0)
    unsupported("has sequences of unlike lengths, or captures updates of the state");
  node_.ignore("chunk_size");
  node_.optionalInput(10);
  const std::string rule = node_.text("update_rule", "gated_delta");
  const bool isGated = rule == "gated" || rule == "gated_delta", isDelta = rule == "delta" || rule == "gated_delta";
  if (!isGated && !isDelta && rule != "linear")
    malformed("has update_rule '" + printable(rule) + "'");
  readRows();
  if (node_.flag("qk_l2_norm", false)) {
    query_ = normalised(query_);
    key_ = normalised(key_);
  }
  const double asked = node_.number("scale", 0), scale = asked == 0 ? 1 / std::sqrt(static_cast<double>(size_)) : asked;
  query_ = b_.make<graph::MulOp>(query_, b_.scalarLike(query_, scale));
  auto perHead = [&](Value value) { // as many as the values have
    Value each = b_.reshape(value, {batch_, steps_, queryHeads_, 1, size_});
    each = b_.broadcast(each, {batch_, steps_, queryHeads_, heads_ / queryHeads_, size_});
    return b_.reshape(each, {batch_, steps_, heads_, size_});
  };
  Value query = b_.reshape(perHead(query_), {batch_, steps_, heads_, 1, size_});
  Value state = b_.transpose(b_.cast(state_, elementOf(query)), {0, 1, 3, 2});
  Value decay = isGated ? gates(4, true) : Value(), rate = isDelta ? gates(5, false) : Value();
  if ((isGated && !decay) || (isDelta && !rate))
    malformed("lacks the decay or the rate of update_rule '" + printable(rule) + "'");
  SmallVector<Type> types(2, query.getType());
  Values results = b_.makeMany<graph::LinearAttentionOp>(types, query, perHead(key_), value_, state, decay, rate);
  Extents shape(extentsOf(given));
  shape.resize(shape.size() - (node_.hasInput(1) ? 2 : 1));
  shape.append({heads_, columns_});
  Value out = b_.reshape(b_.transpose(results[0], {0, 2, 1, 3, 4}), shape);
  return {b_.cast(out, elementOf(given)), b_.transpose(results[1], {0, 1, 3, 2})};
}

static Values gatedDeltaNet(NodeReader &node) { return DeltaNetBuilder(node).build(); }

static constexpr Operator kOperators[] = {
    {"CausalConvWithState", 27, causalConv},
    {"LinearAttention", 27, linearAttention},
    {"CausalConvWithState", 1, causalConvOfMicrosoft, "com.microsoft", 27},
    {"GatedDeltaNet", 1, gatedDeltaNet, "com.microsoft"},
    {"LinearAttention", 1, linearAttentionOfMicrosoft, "com.microsoft", 27},
};

ArrayRef<Operator> linearAttentionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

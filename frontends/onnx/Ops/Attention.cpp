// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that transformers are made of, in their parts.

#include "frontends/onnx/Ops/Attention.h"
#include "frontends/common/Masks.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::Scalar;

// Attention: softmax(softcap(√s Q · √s Kᵀ) + bias) · V                                ONNX Attention, versions 23–25

namespace {
class AttentionBuilder {
public:
  explicit AttentionBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}
  Values build();

private:
  void readOperands();
  Value appendToPast(unsigned index, Value value);
  Value scores(double scale);
  void addBias(Value bias) { bias_ = bias_ ? b_.make<graph::AddOp>(bias_, bias) : bias; }
  void addMask();
  void addPositionLimits();
  Value softmax(Value scores);
  Value coordinates(const Extent &extent, int64_t dim);

  NodeReader &node_;
  GraphBuilder &b_;
  Value query_, key_, value_; // [batch, heads, length, size]
  Value bias_, nonPadded_;    // null where there is none
  bool isFlat_ = false;       // heads are part of the last dim of the operands
  int64_t queryHeads_ = 0, keyHeads_ = 0;
  Extent batch_, queryLength_, keyLength_, pastLength_;
};
} // namespace

Value splitHeads(GraphBuilder &b, Value value, int64_t heads) {
  Extents shape = extentsOf(value);
  if (heads < 1 || (shape[2].isNumber() && shape[2].number() % heads != 0))
    malformed("cannot divide " + shape[2].str() + " elements among " + Twine(heads) + " heads");
  return b.transpose(b.reshape(value, {shape[0], shape[1], heads, dividedBy(shape[2], heads)}), {0, 2, 1, 3});
}

Value joinHeads(GraphBuilder &b, Value value) {
  Extents shape = extentsOf(value);
  return b.reshape(b.transpose(value, {0, 2, 1, 3}), {shape[0], shape[2], shape[1] * shape[3]});
}

Value AttentionBuilder::appendToPast(unsigned index, Value value) {
  Value past = node_.optionalInput(index, Floats);
  if (!past)
    return value;
  if (rankOf(past) != 4)
    malformed("needs past keys and values of four dims");
  pastLength_ = extentsOf(past)[2];
  return b_.concat({past, value}, 2);
}

void AttentionBuilder::readOperands() {
  query_ = node_.input(0, Floats);
  key_ = node_.input(1, Floats);
  value_ = node_.input(2, Floats);
  int64_t rank = rankOf(query_);
  bool hasHeads = node_.has("q_num_heads") && node_.has("kv_num_heads");
  if ((rank != 3 && rank != 4) || rankOf(key_) != rank || rankOf(value_) != rank || (rank == 3 && !hasHeads))
    malformed("needs queries, keys and values of four dims each, or of three and the numbers of heads");
  isFlat_ = rank == 3;
  if (isFlat_) {
    query_ = splitHeads(b_, query_, node_.integer("q_num_heads"));
    key_ = splitHeads(b_, key_, node_.integer("kv_num_heads"));
    value_ = splitHeads(b_, value_, node_.integer("kv_num_heads"));
  }
  if (node_.hasInput(4) != node_.hasInput(5))
    malformed("needs past keys and past values, or neither");
  key_ = appendToPast(4, key_);
  value_ = appendToPast(5, value_);
  nonPadded_ = node_.opset() < 24 ? nullptr : node_.optionalInput(6, SignedIntegers);
  batch_ = extentsOf(query_)[0];
  queryHeads_ = fixedDim(query_, 1);
  keyHeads_ = fixedDim(key_, 1);
  queryLength_ = extentsOf(query_)[2];
  key_ = b_.withDim(key_, 0, batch_);
  keyLength_ = extentsOf(key_)[2];
  value_ = b_.withShape(value_, {batch_, keyHeads_, keyLength_});
  Extents keys = extentsOf(key_), values = extentsOf(value_);
  if (keyHeads_ < 1 || queryHeads_ % keyHeads_ != 0 || values[1] != keys[1] || values[2] != keys[2] ||
      keys[0] != batch_ || values[0] != batch_)
    malformed("has keys " + inWords(keys) + " and values " + inWords(values) + " that do not fit its queries " +
              inWords(extentsOf(query_)));
  if (nonPadded_)
    nonPadded_ = b_.expect(nonPadded_, batch_, "one nonpad_kv_seqlen for each batch");
}

/// [b, heads, q, k]. The query heads that share a key head are rows of one product.
Value AttentionBuilder::scores(double scale) {
  int64_t shared = queryHeads_ / keyHeads_;
  Value factor = b_.scalarLike(query_, std::sqrt(scale));
  Value q = b_.make<graph::MulOp>(query_, factor), k = b_.make<graph::MulOp>(key_, factor);
  q = b_.reshape(q, {batch_, keyHeads_, queryLength_ * shared, extentsOf(q)[3]});
  Value product = b_.matMul(q, b_.transpose(k, {0, 1, 3, 2}));
  return b_.reshape(product, {batch_, queryHeads_, queryLength_, keyLength_});
}

/// A mask may be shorter than the keys: those beyond it do not count.
void AttentionBuilder::addMask() {
  Value mask = node_.optionalInput(3, Numbers | Bools);
  if (!mask)
    return;
  if (rankOf(mask) < 1 || rankOf(mask) > 4)
    malformed("has a mask of " + Twine(rankOf(mask)) + " dims");
  mask = elementOf(mask).isInteger(1) ? biasWhere(b_, mask, query_) : b_.cast(mask, elementOf(query_));
  const Extent given = extentsOf(mask).back(), missing = keyLength_ - given;
  if (missing.isNumber() && missing.number() > 0 && (given != Extent(1) || keyLength_ == Extent(0) || nonPadded_))
    mask = b_.padDim(mask, rankOf(mask) - 1, 0, missing, b_.scalarLike(mask, -HUGE_VAL));
  mask = b_.alignedTo(mask, {batch_, queryHeads_, queryLength_, keyLength_});
  addBias(mask);
}

/// 0, 1, … along a dim of four.
Value AttentionBuilder::coordinates(const Extent &extent, int64_t dim) {
  Extents shape(4, 1);
  shape[dim] = extent;
  return b_.countAlong(shape, dim);
}

/// Keys that lie too far before or after a query's position, or are padding, do not count.
void AttentionBuilder::addPositionLimits() {
  bool isCausal = node_.flag("is_causal", false);
  int64_t left = node_.opset() < 25 ? -1 : node_.integer("left_window_size", -1);
  int64_t right = node_.opset() < 25 ? -1 : node_.integer("right_window_size", -1);
  if (left < -1 || right < -1)
    malformed("has a window of " + Twine(left) + " and " + Twine(right));
  right = isCausal ? 0 : right;
  Type i64 = b_.builder().getI64Type();
  auto number = [&](const Extent &value) { return b_.number(value); };
  Value keys = coordinates(keyLength_, 3), queries = coordinates(queryLength_, 2), length;
  if (nonPadded_) {
    length = b_.reshape(b_.cast(nonPadded_, i64), {batch_, 1, 1, 1});
    queries = b_.make<graph::AddOp>(queries, b_.make<graph::SubOp>(length, number(queryLength_)));
    addBias(biasWhere(b_, b_.make<graph::LessOp>(keys, length), query_));
  } else {
    queries = b_.make<graph::AddOp>(queries, number(pastLength_));
  }
  if (right >= 0)
    addBias(biasWhere(b_, b_.make<graph::LessEqualOp>(keys, b_.make<graph::AddOp>(queries, number(right))), query_));
  if (left >= 0)
    addBias(biasWhere(b_, b_.make<graph::GreaterEqualOp>(keys, b_.make<graph::SubOp>(queries, number(left))), query_));
}

/// Along the keys; 0 for a query that may attend to none.
Value AttentionBuilder::softmax(Value scores) {
  Type type = elementOf(query_);
  Type precision = type;
  if (node_.has("softmax_precision"))
    precision = elementTypeOf(node_.integer("softmax_precision"), type.getContext(), "its softmax");
  Value weights = b_.cast(b_.make<graph::SoftmaxOp>(b_.cast(scores, precision), int64_t(3)), type);
  return bias_ ? withoutMaskedRows(b_, weights, bias_, rankOf(bias_) - 1) : weights;
}

Values AttentionBuilder::build() {
  readOperands();
  int64_t size = fixedDim(query_, 3), shared = queryHeads_ / keyHeads_,
          mode = node_.integer("qk_matmul_output_mode", 0);
  double scale = node_.has("scale") ? node_.number("scale") : 1 / std::sqrt(static_cast<double>(size));
  double cap = node_.number("softcap", 0);
  if (!(scale >= 0) || mode < 0 || mode > 3)
    malformed("has a scale of " + Twine(std::to_string(scale)) + " and qk_matmul_output_mode " + Twine(mode));
  Value stages[4] = {scores(scale)};
  stages[1] = stages[0];
  if (cap > 0) {
    Value limit = b_.scalarLike(query_, cap);
    stages[1] = b_.make<graph::MulOp>(b_.make<graph::TanhOp>(b_.make<graph::DivOp>(stages[0], limit)), limit);
  }
  addMask();
  addPositionLimits();
  stages[2] = bias_ ? b_.make<graph::AddOp>(stages[1], bias_) : stages[1];
  if (stages[2].getType() != stages[1].getType())
    malformed("has a mask that does not broadcast to " + inWords(extentsOf(stages[1])));
  stages[3] = softmax(stages[2]);
  Value weights = b_.reshape(stages[3], {batch_, keyHeads_, queryLength_ * shared, keyLength_});
  Value result = b_.make<graph::MatMulOp>(weights, b_.cast(value_, elementOf(query_)));
  result = b_.reshape(result, {batch_, queryHeads_, queryLength_, extentsOf(value_)[3]});
  if (isFlat_)
    result = joinHeads(b_, result);
  return {result, key_, value_, stages[mode]};
}

static Values attention(NodeReader &node) { return AttentionBuilder(node).build(); }

// FlexAttention: prob_mod(softmax(score_mod(scale · Q · Kᵀ))) · V, whose modifiers are subgraphs
//                                                                            ai.onnx.preview FlexAttention, version 1
static Values flexAttention(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value query = node.input(0, Floats), key = node.input(1, Floats), value = node.input(2, Floats);
  if (rankOf(query) != 4 || rankOf(key) != 4 || rankOf(value) != 4)
    malformed("needs queries, keys and values of four dims");
  Type type = elementOf(query), precision = type.isF64() ? type : Type(b.builder().getF32Type());
  if (node.has("softmax_precision"))
    precision = elementTypeOf(node.integer("softmax_precision"), type.getContext(), "its softmax");
  int64_t heads = fixedDim(query, 1), keyHeads = fixedDim(key, 1);
  if (keyHeads < 1 || heads % keyHeads != 0)
    malformed("has " + Twine(heads) + " heads of queries for " + Twine(keyHeads) + " of keys");
  const Extent batch = extentsOf(query)[0], length = extentsOf(query)[2], keys = extentsOf(key)[2];
  const Extent rows = length * (heads / keyHeads), size = extentsOf(query)[3];
  key = b.withDim(b.withDim(key, 0, batch), 3, size);
  value = b.withShape(value, {batch, keyHeads, keys});
  double scale = node.has("scale") ? node.number("scale") : 1 / std::sqrt(static_cast<double>(fixedDim(query, 3)));
  auto wide = [&](Value x) { return b.cast(x, precision); };
  Value product = b.matMul(b.reshape(wide(query), {batch, keyHeads, rows, size}), b.transpose(wide(key), {0, 1, 3, 2}));
  auto modified = [&](Value x, StringRef modifier) {
    if (!node.has(modifier))
      return x;
    Values results = node.inlineGraph(node.graph(modifier), x);
    if (results.size() != 1 || results[0].getType() != x.getType())
      malformed("has a " + modifier + " that does not keep the shape and the type of its input");
    return results[0];
  };
  Extents shape{batch, heads, length, keys};
  Value scores = b.make<graph::MulOp>(b.reshape(product, shape), b.scalar(precision, scale));
  Value weights = b.make<graph::SoftmaxOp>(modified(scores, "score_mod"), int64_t(3));
  weights = b.reshape(modified(weights, "prob_mod"), {batch, keyHeads, rows, keys});
  Value result = b.matMul(weights, wide(value));
  return {b.cast(b.reshape(result, {batch, heads, length, extentsOf(value)[3]}), type)};
}

// RotaryEmbedding: pairs (a, b) of elements → (a cos - b sin, a sin + b cos)           ONNX RotaryEmbedding, version 23

/// cos or sin as [batch, 1, length, size / 2], looked up by position where there are positions.
static Value rotation(NodeReader &node, unsigned index, Value positions, int64_t half) {
  GraphBuilder &b = node.builder();
  Value cache = node.input(index, Floats);
  if (positions)
    cache = b.make<graph::GatherOp>(cache, positions, int64_t(0));
  if (rankOf(cache) != 3 || extentsOf(cache)[2] != Extent(half))
    malformed("needs tables of " + Twine(half) + " cosines and sines a position, not " + inWords(extentsOf(cache)));
  return b.reshape(cache, {extentsOf(cache)[0], 1, extentsOf(cache)[1], half});
}

static Value everySecond(GraphBuilder &b, Value x, int64_t first, int64_t count) {
  SmallVector<int64_t> starts = {0, 0, 0, first}, steps = {1, 1, 1, 2};
  Extents shape = extentsOf(x);
  shape[3] = count;
  return b.makeAs<graph::SliceOp>(checkedType(shape, elementOf(x)), x, starts, steps);
}

Value rotated(GraphBuilder &b, Value x, Value cosine, Value sine, bool interleaved) {
  int64_t size = fixedDim(x, 3), half = fixedDim(cosine, 3), turned = 2 * half;
  // Of positions that only the run compares.
  Extents rows = extentsOf(x);
  rows[1] = 1;
  rows[3] = half;
  cosine = b.alignedTo(cosine, rows);
  sine = b.alignedTo(sine, rows);
  Value turning = b.sliceDim(x, 3, 0, turned);
  Value first = interleaved ? everySecond(b, turning, 0, half) : b.sliceDim(turning, 3, 0, half);
  Value second = interleaved ? everySecond(b, turning, 1, half) : b.sliceDim(turning, 3, half, half);
  auto times = [&](Value u, Value v) { return b.make<graph::MulOp>(u, v); };
  Value real = b.make<graph::SubOp>(times(first, cosine), times(second, sine));
  Value imaginary = b.make<graph::AddOp>(times(first, sine), times(second, cosine));
  Extents pairs = extentsOf(real);
  pairs.push_back(1);
  Value result =
      interleaved
          ? b.reshape(b.make<graph::ConcatOp>(Values{b.reshape(real, pairs), b.reshape(imaginary, pairs)}, int64_t(4)),
                      extentsOf(turning))
          : b.make<graph::ConcatOp>(Values{real, imaginary}, int64_t(3));
  if (turned < size)
    result = b.make<graph::ConcatOp>(Values{result, b.sliceDim(x, 3, turned, size - turned)}, int64_t(3));
  return result;
}

static Values rotaryEmbedding(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), positions = node.optionalInput(3, SignedIntegers);
  bool interleaved = node.flag("interleaved", false), isFlat = rankOf(x) == 3;
  int64_t heads = node.integer("num_heads", 0), turned = node.integer("rotary_embedding_dim", 0);
  if ((isFlat && heads < 1) || (!isFlat && rankOf(x) != 4))
    malformed("needs an input of four dims, or of three and the number of heads");
  if (isFlat)
    x = splitHeads(b, x, heads);
  int64_t size = fixedDim(x, 3);
  turned = turned == 0 ? size : turned;
  if (turned < 0 || turned > size || turned % 2 != 0)
    malformed("rotates " + Twine(turned) + " of " + Twine(size) + " elements");
  int64_t half = turned / 2;
  Value cosine = rotation(node, 1, positions, half), sine = rotation(node, 2, positions, half);
  Value result = rotated(b, x, cosine, sine, interleaved);
  return {isFlat ? joinHeads(b, result) : result};
}

// SwiGLU: swish(a) · b                                                                      ONNX SwiGLU, version 28
static Values swiGlu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value gate = node.input(0, Floats), value = node.input(1, Floats);
  llvm::APFloat alpha(node.number("alpha", 1));
  if (elementOf(gate) != elementOf(value))
    malformed("needs operands of one type");
  value = b.expect(value, extentsOf(gate), "B");
  return {b.make<graph::MulOp>(b.make<graph::SwishOp>(gate, alpha), value)};
}

static constexpr Operator kOperators[] = {
    {"Attention", 23, attention},
    {"RotaryEmbedding", 23, rotaryEmbedding},
    {"SwiGLU", 28, swiGlu},
    {"FlexAttention", 1, flexAttention, "ai.onnx.preview"},
};

ArrayRef<Operator> attentionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

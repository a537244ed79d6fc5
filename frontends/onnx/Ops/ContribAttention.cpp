// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The attentions of com.microsoft, in their parts. Tensors inside are [batch, heads, length, size].

#include "frontends/common/Masks.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Attention.h"
#include "frontends/onnx/Ops/Quantization.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::Scalar;

namespace {
/// What one attention reads, and how scores become weights.
struct Attending {
  Value query, key, value; // heads of queries share heads of keys
  Value bias;              // null, or added to the scores
  Value sink;              // null, or one more score a head, [1, heads, 1, 1], whose value is nothing
  double scale = 1, softcap = 0;
};
struct Attended {
  Value result, scores, weights;
};
} // namespace

/// What only the run knows of keys and values is that of the queries, and of one another.
static void checkHeads(GraphBuilder &b, Attending &in) {
  in.key = b.withDim(in.key, 0, extentsOf(in.query)[0]);
  in.value = b.withShape(in.value, ArrayRef(extentsOf(in.key)).take_front(3));
  Extents q = extentsOf(in.query), k = extentsOf(in.key), v = extentsOf(in.value);
  int64_t heads = fixedDim(in.query, 1), keyHeads = fixedDim(in.key, 1);
  if (keyHeads < 1 || heads % keyHeads != 0 || q[0] != k[0] || q[3] != k[3] ||
      ArrayRef(v).take_front(3) != ArrayRef(k).take_front(3))
    malformed("has queries " + inWords(q) + ", keys " + inWords(k) + " and values " + inWords(v) +
              " that do not fit each other");
}

static Attended attend(GraphBuilder &b, Attending in) {
  checkHeads(b, in);
  Extents q = extentsOf(in.query), k = extentsOf(in.key);
  int64_t heads = q[1].number(), keyHeads = k[1].number();
  const Extent batch = q[0], length = q[2], rows = length * (heads / keyHeads);
  Value query = b.make<graph::MulOp>(in.query, b.scalarLike(in.query, in.scale));
  Value scores =
      b.make<graph::MatMulOp>(b.reshape(query, {batch, keyHeads, rows, q[3]}), b.transpose(in.key, {0, 1, 3, 2}));
  scores = b.reshape(scores, {batch, heads, length, k[2]});
  if (in.softcap > 0) {
    Value limit = b.scalarLike(scores, in.softcap);
    scores = b.make<graph::MulOp>(b.make<graph::TanhOp>(b.make<graph::DivOp>(scores, limit)), limit);
  }
  if (in.bias) {
    Value biased = b.make<graph::AddOp>(scores, b.alignedTo(in.bias, extentsOf(scores)));
    if (biased.getType() != scores.getType())
      malformed("has a bias of dims " + inWords(extentsOf(in.bias)) + " for scores of " + inWords(extentsOf(scores)));
    scores = biased;
  }
  Value weights = scores;
  if (in.sink) {
    Value sink = b.broadcast(in.sink, {batch, heads, length, 1});
    weights = b.make<graph::ConcatOp>(Values{scores, sink}, int64_t(3));
  }
  weights = b.sliceDim(b.make<graph::SoftmaxOp>(weights, int64_t(3)), 3, 0, k[2]);
  Value result = b.make<graph::MatMulOp>(b.reshape(weights, {batch, keyHeads, rows, k[2]}), in.value);
  return {b.reshape(result, {batch, heads, length, extentsOf(in.value)[3]}), scores, weights};
}

/// 0, 1, … along a dim of four, i64.
static Value places(GraphBuilder &b, const Extent &extent, int64_t dim) {
  Extents shape(4, 1);
  shape[dim] = extent;
  return b.countAlong(shape, dim);
}

static Value sum(GraphBuilder &b, Value x, Value y) { return !x ? y : !y ? x : b.make<graph::AddOp>(x, y); }

/// A query may attend to what stands before it, itself included.
static Value causalBias(GraphBuilder &b, Value like, const Extent &length, const Extent &total) {
  Value last = b.make<graph::AddOp>(places(b, length, 2), b.number(total - length));
  return biasWhere(b, b.make<graph::LessEqualOp>(places(b, total, 3), last), like);
}

/// The bias of a mask of integers: [batch] or [2 · batch], where keys end and, then, begin; or 1 where a key counts,
/// [batch, total], [batch, length, total] or [batch, 1, most, most]. Masks of fewer keys are of the last ones.
static Value maskBias(NodeReader &node, Value mask, Value query, const Extent &total) {
  GraphBuilder &b = node.builder();
  const Extent batch = extentsOf(query)[0], length = extentsOf(query)[2];
  Type i64 = b.builder().getI64Type();
  double filter = node.number("mask_filter_value", -10000);
  mask = b.cast(mask, i64);
  if (rankOf(mask) == 1) {
    bool hasStarts = batch != Extent(0) && extentsOf(mask)[0] == batch * 2;
    if (!hasStarts && !mayEqual(extentsOf(mask)[0], batch))
      unsupported("a mask of dims " + inWords(extentsOf(mask)) + " is not supported");
    mask = hasStarts ? b.reshape(mask, {2, batch}) : b.reshape(b.withDim(mask, 0, batch), {1, batch});
    auto column = [&](int64_t first) { return b.reshape(b.sliceDim(mask, 0, first, 1), {batch, 1, 1, 1}); };
    Value keys = places(b, total, 3), counts = b.make<graph::LessOp>(keys, column(0));
    if (hasStarts)
      counts = b.make<graph::AndOp>(counts, b.make<graph::GreaterEqualOp>(keys, column(1)));
    return biasWhere(b, counts, query, filter);
  }
  if (rankOf(mask) == 4) {
    const Extent first = total - length;
    if (!first.isNumber() || !total.isNumber())
      unsupported("takes the last rows of a mask of dims " + inWords(extentsOf(mask)) +
                  "; give the shape with --shape");
    if (fixedDim(mask, 2) < total.number() || fixedDim(mask, 3) < total.number())
      malformed("has a mask of dims " + inWords(extentsOf(mask)) + " for " + total.str() + " keys");
    mask = b.sliceDim(b.sliceDim(mask, 2, first.number(), length), 3, 0, total);
  } else {
    const Extent missing = total - extentsOf(mask).back();
    if (!missing.isNumber())
      mask = b.withDim(mask, rankOf(mask) - 1, total);
    else if (missing.number() > 0)
      mask = b.padDim(mask, rankOf(mask) - 1, missing, 0, b.scalar(i64, Scalar::ofSigned(1)));
    Extents shape = extentsOf(mask);
    shape.insert(shape.begin() + 1, rankOf(mask) == 2 ? 2 : 1, 1);
    mask = b.reshape(mask, shape);
  }
  return biasWhere(b, b.make<graph::GreaterOp>(mask, b.scalar(i64, Scalar::ofSigned(0))), query, filter);
}

static double scaleOf(NodeReader &node, Value query) {
  double scale = node.number("scale", 0);
  return scale == 0 ? 1 / std::sqrt(static_cast<double>(fixedDim(query, 3))) : scale;
}

/// What is added to the scores, as a bias, or null, and the mask say, and what they are multiplied with.
static void readBias(NodeReader &node, Value mask, Value bias, Attending &in) {
  GraphBuilder &b = node.builder();
  const Extent total = extentsOf(in.key)[2];
  in.bias = bias;
  if (mask)
    in.bias = sum(b, in.bias, maskBias(node, mask, in.query, total));
  node.ignore("mask_filter_value");
  if (node.flag("unidirectional", false))
    in.bias = sum(b, in.bias, causalBias(b, in.query, extentsOf(in.query)[2], total));
  in.scale = scaleOf(node, in.query);
}

static Value append(GraphBuilder &b, Value past, Value value) {
  if (!past)
    return value;
  if (rankOf(past) != 4)
    malformed("has a past of dims " + inWords(extentsOf(past)));
  return b.concat({past, value}, 2);
}

static int64_t headsOf(NodeReader &node, StringRef attribute) {
  int64_t heads = node.integer(attribute);
  if (heads < 1)
    malformed("has " + Twine(heads) + " heads");
  return heads;
}

// Attention: queries, keys and values of one product with merged weights

/// The three parts of the last dim of [b, s, q + k + v].
static SmallVector<Value, 3> splitProjection(NodeReader &node, Value projected) {
  GraphBuilder &b = node.builder();
  int64_t columns = fixedDim(projected, 2);
  Integers sizes = node.integers("qkv_hidden_sizes").value_or(Integers());
  if (sizes.empty())
    sizes.assign(3, columns / 3);
  if (sizes.size() != 3 || llvm::any_of(sizes, [](int64_t size) { return size < 1; }) || sizes[0] != sizes[1] ||
      checkedAdd(checkedAdd(sizes[0], sizes[1]), sizes[2]) != columns)
    malformed("cannot divide " + Twine(columns) + " columns into parts of " + inWords(sizes));
  return {b.sliceDim(projected, 2, 0, sizes[0]), b.sliceDim(projected, 2, sizes[0], sizes[1]),
          b.sliceDim(projected, 2, sizes[0] + sizes[1], sizes[2])};
}

static Values attentionOf(NodeReader &node, Value projected, Value mask, Value past, Value bias) {
  GraphBuilder &b = node.builder();
  if (node.flag("do_rotary", false) || node.flag("past_present_share_buffer", false))
    unsupported("rotary positions and shared buffers are not supported");
  int64_t heads = headsOf(node, "num_heads");
  if (rankOf(projected) != 3)
    malformed("needs an input of three dims and weights of two");
  SmallVector<Value, 3> parts = splitProjection(node, projected);
  Attending in;
  in.query = splitHeads(b, parts[0], heads);
  in.key = splitHeads(b, parts[1], heads);
  in.value = splitHeads(b, parts[2], heads);
  Value present;
  if (past) {
    Extents shape = extentsOf(past);
    if (shape.size() != 5 || shape[0] != Extent(2))
      malformed("has a past of dims " + inWords(shape));
    auto half = [&](int64_t index) {
      return b.reshape(b.sliceDim(past, 0, index, 1), ArrayRef<Extent>(shape).drop_front());
    };
    in.key = append(b, half(0), in.key);
    in.value = append(b, half(1), in.value);
  }
  if (node.hasOutput(1)) {
    Extents one{1};
    llvm::append_range(one, extentsOf(in.key));
    if (extentsOf(in.value) != extentsOf(in.key))
      malformed("has keys and values of unlike dims, which cannot be one tensor");
    present = b.make<graph::ConcatOp>(Values{b.reshape(in.key, one), b.reshape(in.value, one)}, int64_t(0));
  }
  readBias(node, mask, bias, in);
  return {joinHeads(b, attend(b, in).result), present};
}

static Values attention(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value projected = sum(b, b.matMul(node.input(0, Floats), node.input(1, Floats)), node.optionalInput(2, Floats));
  Value mask = node.optionalInput(3, AnyInteger), past = node.optionalInput(4, Floats);
  return attentionOf(node, projected, mask, past, node.optionalInput(5, Floats));
}

// QAttention: the same of a product of integers
static Values qAttention(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value product = b.matMul(centred(node, 0, 6, 2), centred(node, 1, 7, 1)), bias = node.input(2, Floats);
  auto scale = [&](unsigned index) { return scalarOrList(b, node.input(index, Floats)); };
  Value factor = b.make<graph::MulOp>(scale(3), scale(4));
  Value projected = b.make<graph::MulOp>(b.cast(product, elementOf(bias)), b.alignedTo(factor, extentsOf(product)));
  Value mask = node.optionalInput(5, AnyInteger), past = node.optionalInput(8, Floats);
  return attentionOf(node, sum(b, projected, bias), mask, past, nullptr);
}

// MultiHeadAttention: queries, keys and values as they come out of their products, apart or packed

/// Part number `index` of [b, s, heads, parts, size].
static Value packedPart(GraphBuilder &b, Value packed, int64_t index) {
  Extents shape = extentsOf(packed), part{shape[0], shape[1], shape[2], shape[4]};
  return b.transpose(b.reshape(b.sliceDim(packed, 3, index, 1), part), {0, 2, 1, 3});
}

static void readMultiHeads(NodeReader &node, int64_t heads, Attending &in) {
  GraphBuilder &b = node.builder();
  Value query = node.input(0, Floats), key = node.optionalInput(1, Floats), value = node.optionalInput(2, Floats);
  Value bias = node.optionalInput(3, Floats);
  auto isPacked = [&](Value packed, int64_t parts) {
    return packed && rankOf(packed) == 5 && extentsOf(packed)[2] == Extent(heads) &&
           extentsOf(packed)[3] == Extent(parts);
  };
  auto split = [&](Value given) {
    if (!given || (rankOf(given) != 3 && rankOf(given) != 4))
      malformed("needs queries, keys and values of three dims, or packed ones");
    return rankOf(given) == 4 ? given : splitHeads(b, given, heads);
  };
  if (isPacked(query, 3) && !key && !value) {
    in.query = packedPart(b, query, 0);
    in.key = packedPart(b, query, 1);
    in.value = packedPart(b, query, 2);
  } else {
    in.query = split(query);
    in.key = isPacked(key, 2) ? packedPart(b, key, 0) : split(key);
    in.value = isPacked(key, 2) ? packedPart(b, key, 1) : split(value);
  }
  if (!bias)
    return;
  int64_t first = 0;
  for (Value *part : {&in.query, &in.key, &in.value}) {
    int64_t size = fixedDim(*part, 3), columns = checkedMul(heads, size);
    if (rankOf(bias) != 1 || checkedAdd(first, columns) > fixedDim(bias, 0))
      malformed("has a bias of dims " + inWords(extentsOf(bias)));
    *part = b.make<graph::AddOp>(*part, b.reshape(b.sliceDim(bias, 0, first, columns), {1, heads, 1, size}));
    first += columns;
  }
}

static Values multiHeadAttention(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Attending in;
  readMultiHeads(node, headsOf(node, "num_heads"), in);
  Value mask = node.optionalInput(4, AnyInteger);
  in.key = append(b, node.optionalInput(6, Floats), in.key);
  in.value = append(b, node.optionalInput(7, Floats), in.value);
  readBias(node, mask, node.optionalInput(5, Floats), in);
  Attended out = attend(b, in);
  return {joinHeads(b, out.result), in.key, in.value, out.weights};
}

// RotaryEmbedding

/// Rows of a table by position, [b or 1, s] → [b or 1, 1, s, half].
static Value rowsAt(GraphBuilder &b, Value table, Value positions) {
  if (rankOf(table) != 2 || rankOf(positions) != 2)
    malformed("needs a table of positions [n, half], not " + inWords(extentsOf(table)));
  Value rows = b.make<graph::GatherOp>(table, positions, int64_t(0));
  return b.reshape(rows, {extentsOf(positions)[0], 1, extentsOf(positions)[1], extentsOf(table)[1]});
}

static Values rotaryEmbedding(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), positions = b.cast(node.input(1, SignedIntegers), b.builder().getI64Type());
  Value cosines = node.input(2, Floats), sines = node.input(3, Floats);
  if (node.flag("is_packed_batching", false) || node.number("scale", 1) != 1)
    unsupported("packed batches and a scale are not supported");
  int64_t heads = node.integer("num_heads", 0), half = rankOf(cosines) == 2 ? fixedDim(cosines, 1) : 0;
  node.ignore("rotary_embedding_dim"); // the tables say it
  bool isFlat = rankOf(x) == 3;
  if ((!isFlat && rankOf(x) != 4) || half < 1)
    malformed("needs an input of three or four dims, and tables of two");
  if (isFlat)
    x = splitHeads(b, x, heads > 0 ? heads : fixedDim(x, 2) / (2 * half));
  const Extent batch = extentsOf(x)[0], length = extentsOf(x)[2];
  if (2 * half > fixedDim(x, 3))
    malformed("turns " + Twine(2 * half) + " of " + Twine(fixedDim(x, 3)) + " elements");
  if (isSingle(positions) && rankOf(positions) == 1)
    positions = b.make<graph::AddOp>(b.reshape(places(b, length, 3), {1, length}), b.reshape(positions, {}));
  if (rankOf(positions) == 2)
    positions = b.withShape(positions, {extentsOf(positions)[0] == Extent(1) ? Extent(1) : batch, length});
  if (extentsOf(positions) != Extents{batch, length} && extentsOf(positions) != Extents{1, length})
    malformed("has positions of dims " + inWords(extentsOf(positions)));
  Value result =
      rotated(b, x, rowsAt(b, cosines, positions), rowsAt(b, sines, positions), node.flag("interleaved", false));
  return {isFlat ? joinHeads(b, result) : result};
}

// MRotaryEmbedding: the same with three positions of each token (of time, row and column), of which each angle has one

/// Which of three positions each of `half` angles goes by: in sections, or in turns as long as rows and columns have
/// some.
static Integers streamsOf(ArrayRef<int64_t> sections, int64_t half, bool inTurns) {
  Integers streams;
  for (int64_t angle = 0; angle < half; ++angle) {
    const int64_t turn = angle % 3;
    if (inTurns)
      streams.push_back(turn > 0 && angle < checkedMul(sections[turn], 3) ? turn : 0);
    else
      streams.push_back(angle < sections[0] ? 0 : angle < checkedAdd(sections[0], sections[1]) ? 1 : 2);
  }
  return streams;
}

static Values multimodalRotaryEmbedding(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), positions = node.input(1, SignedIntegers);
  Value cosines = node.input(2, Floats), sines = node.input(3, Floats);
  if (node.flag("is_packed_batching", false) || node.number("scale", 1) != 1)
    unsupported("packed batches and a scale are not supported");
  const Integers sections = node.integers("mrope_section").value_or(Integers());
  const int64_t heads = node.integer("num_heads", 0), half = rankOf(cosines) == 2 ? fixedDim(cosines, 1) : 0;
  node.ignore("rotary_embedding_dim"); // the tables say it
  const bool isFlat = rankOf(x) == 3;
  if ((!isFlat && rankOf(x) != 4) || half < 1 || sections.size() != 3 || rankOf(positions) != 3 ||
      extentsOf(positions)[0] != Extent(3) || llvm::any_of(sections, [](int64_t count) { return count < 0; }))
    malformed("needs an input of three or four dims, positions [3, batch, length], and tables of two dims");
  if (isFlat)
    x = splitHeads(b, x, heads > 0 ? heads : fixedDim(x, 2) / (2 * half));
  if (2 * half > fixedDim(x, 3))
    malformed("turns " + Twine(2 * half) + " of " + Twine(fixedDim(x, 3)) + " elements");
  positions = b.expect(positions, {3, extentsOf(x)[0], extentsOf(x)[2]}, "positions");
  const Extents each{extentsOf(x)[0], 1, extentsOf(x)[2], half};
  const Integers streams = streamsOf(sections, half, node.flag("mrope_layout", false));
  auto angles = [&](Value table) { // [3, batch, length, half] → those of each angle's position
    Value rows = b.make<graph::GatherOp>(table, positions, int64_t(0));
    Value index = b.broadcast(b.reshape(b.integers(streams), {1, 1, 1, half}), {1, each[0], each[2], half});
    return b.reshape(b.make<graph::GatherElementsOp>(rows, index, int64_t(0)), each);
  };
  Value result = rotated(b, x, angles(cosines), angles(sines), node.flag("interleaved", false));
  return {isFlat ? joinHeads(b, result) : result};
}

// GroupQueryAttention: query heads share key heads; keys and values join a cache at each example's own length

namespace {
class GroupQueryBuilder {
public:
  explicit GroupQueryBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}
  Values build();

private:
  void readOperands();
  void rotate();
  Value cached(unsigned index, Value value);
  Value positionBias();
  void addBias();

  Value number(const Extent &value) { return b_.number(value); }

  NodeReader &node_;
  GraphBuilder &b_;
  Attending in_;
  Value pastLengths_; // [b, 1, 1, 1], i64
  Extent batch_, length_, capacity_;
};
} // namespace

void GroupQueryBuilder::readOperands() {
  int64_t heads = headsOf(node_, "num_heads"), keyHeads = headsOf(node_, "kv_num_heads");
  Value query = node_.input(0, Floats), key = node_.optionalInput(1, Floats), value = node_.optionalInput(2, Floats);
  if (rankOf(query) != 3 || static_cast<bool>(key) != static_cast<bool>(value))
    malformed("needs queries of three dims, with keys and values or packed with them");
  if (!key) {
    int64_t all = checkedAdd(heads, checkedMul(2, keyHeads)), columns = fixedDim(query, 2);
    if (columns % all != 0)
      malformed("cannot divide " + Twine(columns) + " columns among " + Twine(all) + " heads");
    int64_t size = columns / all;
    value = b_.sliceDim(query, 2, (heads + keyHeads) * size, keyHeads * size);
    key = b_.sliceDim(query, 2, heads * size, keyHeads * size);
    query = b_.sliceDim(query, 2, 0, heads * size);
  }
  if (rankOf(key) != 3 || rankOf(value) != 3)
    malformed("needs keys and values of three dims");
  in_.query = splitHeads(b_, query, heads);
  in_.key = splitHeads(b_, key, keyHeads);
  in_.value = splitHeads(b_, value, keyHeads);
  batch_ = extentsOf(query)[0];
  length_ = extentsOf(query)[1];
  in_.key = b_.withDim(in_.key, 2, length_);
  checkHeads(b_, in_);
  if (extentsOf(in_.key)[2] != length_)
    malformed("has keys of length " + extentsOf(in_.key)[2].str() + " for queries of length " + length_.str());
  Value lasts = node_.input(5, SignedIntegers); // how many keys there are then, less 1
  if (!mayEqual(elementsOf(extentsOf(lasts)), batch_))
    malformed("needs one of seqlens_k for each of " + batch_.str() + " examples");
  lasts = b_.reshape(b_.cast(lasts, b_.builder().getI64Type()), {batch_, 1, 1, 1});
  pastLengths_ = b_.make<graph::MaxOp>(b_.make<graph::AddOp>(lasts, number(Extent(1) - length_)), number(0));
  in_.scale = scaleOf(node_, in_.query);
  in_.softcap = node_.number("softcap", 0);
  Value sink = node_.optionalInput(11, Floats);
  if (sink)
    in_.sink = b_.reshape(sink, {1, heads, 1, 1});
  else if (node_.integer("smooth_softmax", 0) > 0)
    in_.sink = b_.broadcast(b_.scalarLike(query, 0), {1, heads, 1, 1});
}

void GroupQueryBuilder::rotate() {
  Value cosines = node_.optionalInput(7, Floats), sines = node_.optionalInput(8, Floats);
  Value positions = node_.optionalInput(9, SignedIntegers);
  bool interleaved = node_.flag("rotary_interleaved", false);
  if (!node_.flag("do_rotary", false))
    return;
  if (!cosines || !sines)
    malformed("lacks its tables of cosines and sines");
  if (positions)
    positions = b_.cast(positions, b_.builder().getI64Type());
  else
    positions = b_.reshape(b_.make<graph::AddOp>(places(b_, length_, 3), pastLengths_), {batch_, length_});
  Value cosine = rowsAt(b_, cosines, positions), sine = rowsAt(b_, sines, positions);
  if (2 * fixedDim(cosine, 3) > fixedDim(in_.query, 3) || extentsOf(sine) != extentsOf(cosine))
    malformed("has tables of cosines and sines that do not fit its heads");
  in_.query = rotated(b_, in_.query, cosine, sine, interleaved);
  in_.key = rotated(b_, in_.key, cosine, sine, interleaved);
}

/// The past with `value` written from each example's length on.
Value GroupQueryBuilder::cached(unsigned index, Value value) {
  Value past = node_.optionalInput(index, Floats);
  if (!past && capacity_ == length_)
    return value;
  Extents shape = extentsOf(value), expected = shape;
  if (!past)
    past = b_.broadcast(b_.scalarLike(value, 0), {shape[0], shape[1], 0, shape[3]});
  if (rankOf(past) != 4)
    malformed("has a past of dims " + inWords(extentsOf(past)) + " for " + inWords(shape));
  expected[2] = extentsOf(past)[2];
  past = b_.expect(past, expected, "a past");
  const Extent room = capacity_ - expected[2];
  if (room == length_ && batch_ == Extent(1))
    return append(b_, past, value);
  if (!room.isNumber() || room.number() > 0)
    past = b_.padDim(past, 2, 0, room, b_.scalarLike(past, 0));
  Value rows = b_.make<graph::AddOp>(places(b_, length_, 2), pastLengths_);
  rows = b_.make<graph::MinOp>(rows, number(capacity_ - 1));
  return b_.make<graph::ScatterElementsOp>(past, b_.broadcast(rows, shape), value, int64_t(2),
                                           graph::ScatterReduction::None);
}

/// Which keys a query may attend to: those up to itself, of the last `local_window_size`.
Value GroupQueryBuilder::positionBias() {
  int64_t window = node_.integer("local_window_size", -1);
  Value keys = places(b_, capacity_, 3);
  Value queries = b_.make<graph::AddOp>(places(b_, length_, 2), pastLengths_);
  bool isCausal = node_.flag("causal", true);
  Value last = isCausal ? queries : b_.make<graph::AddOp>(pastLengths_, number(length_ - 1));
  Value allowed = b_.make<graph::LessEqualOp>(keys, last);
  if (window > 0)
    allowed =
        b_.make<graph::AndOp>(allowed, b_.make<graph::GreaterOp>(keys, b_.make<graph::SubOp>(queries, number(window))));
  return biasWhere(b_, allowed, in_.query);
}

void GroupQueryBuilder::addBias() {
  in_.bias = positionBias();
  Value given = node_.optionalInput(10, Floats);
  if (!given)
    return;
  const Extent missing = rankOf(given) == 4 ? capacity_ - extentsOf(given)[3] : Extent(-1);
  if (missing.isNumber() && missing.number() < 0)
    malformed("has a bias of dims " + inWords(extentsOf(given)) + " for " + capacity_.str() + " keys");
  if (missing != Extent(0))
    given = b_.padDim(given, 3, 0, missing, b_.scalarLike(given, 0));
  in_.bias = sum(b_, in_.bias, given);
}

Values GroupQueryBuilder::build() {
  if (node_.flag("sliding_window_cache", false) || node_.integer("kv_cache_bit_width", 0) != 0 ||
      node_.integer("qk_output", 0) != 0)
    unsupported("caches that slide or are quantised, and the output of scores, are not supported");
  for (StringRef quantised : {"k_quant_type", "v_quant_type"})
    if (node_.text(quantised, "NONE") != "NONE")
      unsupported("a quantised cache is not supported");
  readOperands();
  Value past = node_.optionalInput(3, Floats), total = node_.input(6, SignedIntegers);
  const Extent pastLength = past && rankOf(past) == 4 ? extentsOf(past)[2] : Extent(0);
  capacity_ = pastLength + length_;
  // A cache that grows, unless it is known to hold all keys there will be.
  std::optional<graph::HostTensor> known = graph::constantOf(total);
  if (known && known->size() == 1 && capacity_.isNumber()) {
    int64_t most = known->get(0).asSigned();
    if (most < length_.number() || most > capacity_.number())
      malformed("has total_sequence_length " + Twine(most) + " with a past of " + pastLength.str() + " and " +
                length_.str() + " more");
    capacity_ = std::max(pastLength.number(), most);
  }
  rotate();
  in_.key = cached(3, in_.key);
  in_.value = cached(4, in_.value);
  addBias();
  return {joinHeads(b_, attend(b_, in_).result), in_.key, in_.value};
}

static Values groupQueryAttention(NodeReader &node) { return GroupQueryBuilder(node).build(); }

// GemmaRotaryEmbedding: x · cos(emb) + turned x · sin(emb), of queries and of keys
static Values gemmaRotaryEmbedding(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value angles = node.input(0, Floats);
  if (rankOf(angles) != 3)
    malformed("needs angles of three dims");
  Extents shape = extentsOf(angles);
  shape.insert(shape.begin() + 1, 1);
  Value cosine = b.reshape(b.make<graph::CosOp>(angles), shape), sine = b.reshape(b.make<graph::SinOp>(angles), shape);
  auto turned = [&](unsigned index) {
    Value x = node.input(index, Floats), other = node.input(index + 1, Floats);
    return b.make<graph::AddOp>(b.make<graph::MulOp>(x, b.cast(cosine, elementOf(x))),
                                b.make<graph::MulOp>(other, b.cast(sine, elementOf(x))));
  };
  return {turned(1), turned(3)};
}

static constexpr Operator kOperators[] = {
    {"Attention", 1, attention, "com.microsoft"},
    {"GemmaRotaryEmbedding", 1, gemmaRotaryEmbedding, "com.microsoft"},
    {"GroupQueryAttention", 1, groupQueryAttention, "com.microsoft"},
    {"MRotaryEmbedding", 1, multimodalRotaryEmbedding, "com.microsoft"},
    {"MultiHeadAttention", 1, multiHeadAttention, "com.microsoft"},
    {"QAttention", 1, qAttention, "com.microsoft"},
    {"RotaryEmbedding", 1, rotaryEmbedding, "com.microsoft"},
};

ArrayRef<Operator> contribAttentionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

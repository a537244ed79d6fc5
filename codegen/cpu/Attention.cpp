// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention: softmax(f(q · keys)) · values in one kernel, for a few rows of q at a time. Scores are made for a block of
// keys, stay in the first cache, become e^(score - largest so far), and multiply the block's values; what earlier
// blocks have summed is scaled as larger scores come (Milakov and Gimelshein, "Online normalizer calculation for
// softmax", 2018; Dao et al., "FlashAttention", 2022). Memory does not grow with the number of keys.

#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/Microkernel.h"
#include "dialects/Graph/Ops/Expression.h"
#include "dialects/Kernel/Scratch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using smelt::graph::Expr;
using smelt::graph::Extent;
using smelt::graph::Extents;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

constexpr float kLeast = -std::numeric_limits<float>::infinity();

class Attention {
public:
  Attention(Body &body, const kernel::AttentionOps &ops, const kernel::Machine &machine);
  FailureOr<Extent> emit(TileRange range);

private:
  /// A product's panels: [batch…, panels, steps, width].
  struct Panels {
    Value argument;
    int64_t width = 0;
    Extent panels, steps;
  };
  Panels panelsOf(kernel::ContractOp op);
  Value panelBase(const Panels &panels, Value panel);
  PanelProduct productOf(const Panels &panels, Value panel, int64_t rows, Dots &dots, Type rowType);

  void emitTile(ValueRange index);
  void emitRows(int64_t rows);
  void clear(int64_t rows);
  void emitBlock(Value first, int64_t rows);
  void scorePanels(Value firstPanel, Value keys, int64_t rows);
  void scorePanel(Value panel, Value place, int64_t rows, int64_t vectors);
  void finishScores(Value panel, Value place, int64_t rows, int64_t vectors);
  void storeScores(Value row, Value key, Value place);
  void endScores(Value keys, int64_t rows);
  void raise(int64_t rows, Value vectors);
  Expr power(Expr x);
  void multiplyValues(Value first, Value keys, int64_t rows);
  void storeResult(int64_t rows);

  SmallVector<LaneIndex> indexOf(Value row);
  bool isRounded() { return !powerType_.isF32(); }
  bool changesScores() { return ops_.softmax.getInput() != ops_.scores.getResult(); }
  Expr loadNumber(Value buffer, Value row) { return {b_, memref::LoadOp::create(b_, buffer, row)}; }
  Expr loadVector(Value buffer, Value at) { return {b_, vector::LoadOp::create(b_, vector_, buffer, at)}; }
  void storeVector(Expr value, Value buffer, Value at) { vector::StoreOp::create(b_, value.value(), buffer, at); }
  Expr splat(Expr scalar) { return {b_, vector::BroadcastOp::create(b_, vector_, scalar.value())}; }
  Value number(float number) { return arith::ConstantOp::create(b_, b_.getF32FloatAttr(number)); }
  Expr numbers(float value) { return splat({b_, number(value)}); }
  Expr folded(Expr vector, llvm::function_ref<Expr(Expr, Expr)> merge);
  Value forRange(Value from, Value to, int64_t step);

  Body &body_;
  ImplicitLocOpBuilder &b_;
  kernel::AttentionOps ops_;
  int64_t lanes_;
  VectorType vector_;
  Extent queries_, keys_;
  int64_t channels_; // of a value
  Panels keyPanels_, valuePanels_;
  Type queryType_, powerType_; // of the rows that panels are multiplied by
  Dots keyDots_, valueDots_;
  Value queryArgument_;
  kernel::AttentionLayout layout_;
  bool isOneBlock_; // all keys
  const kernel::Machine &machine_;
  // Scores of a block, sums of values, and e to the power of scores: in their place, where that is not rounded.
  Value scores_, sums_, powers_;
  // On the stack: for each row the largest score, the sum of powers, and by what the last block scaled both.
  Value most_, total_, scale_;
  SmallVector<Value> outer_; // the tile's batch
  Value row_;                // its first row of q
  bool failed_ = false;
};

} // namespace

Attention::Panels Attention::panelsOf(kernel::ContractOp op) {
  Extents shape = graph::extentsOf(op.getPacked());
  auto load = op.getPacked().getDefiningOp<kernel::LoadOp>();
  return {load ? load.getBuffer() : Value(), *shape.back().asNumber(), shape[shape.size() - 3],
          shape[shape.size() - 2]};
}

static Type elementOf(Value tensor) { return graph::typeOf(tensor).getElementType(); }

Attention::Attention(Body &body, const kernel::AttentionOps &ops, const kernel::Machine &machine)
    : body_(body), b_(body.builder()), ops_(ops), lanes_(machine.vectorBytes / sizeof(float)),
      vector_(VectorType::get({lanes_}, b_.getF32Type())), keyPanels_(panelsOf(ops_.scores)),
      valuePanels_(panelsOf(ops_.result)), queryType_(elementOf(ops_.scores.getInput())),
      powerType_(elementOf(ops_.result.getInput())), keyDots_(body, machine, queryType_, queryType_),
      valueDots_(body, machine, powerType_, powerType_), layout_(kernel::attentionLayout(ops, machine)),
      machine_(machine) {
  Extents scores = graph::extentsOf(ops_.scores.getResult());
  queries_ = scores[scores.size() - 2];
  keys_ = scores.back();
  channels_ = graph::typeOf(ops_.result.getResult()).getShape().back();
  isOneBlock_ = keys_.isNumber() && keys_.number() <= layout_.blockKeys;
}

FailureOr<Extent> Attention::emit(TileRange range) {
  auto query = ops_.scores.getInput().getDefiningOp<kernel::LoadOp>();
  if (!query || !keyPanels_.argument || !valuePanels_.argument || keyPanels_.width % lanes_ ||
      valuePanels_.width % lanes_)
    return failure();
  queryArgument_ = query.getBuffer();
  Type element = b_.getF32Type();
  SmallVector<Value> blocks = body_.scratch();
  scores_ = blocks[0];
  sums_ = blocks[1];
  powers_ = isRounded() ? blocks[2] : scores_;
  most_ = body_.stackBuffer(layout_.rows, element);
  total_ = body_.stackBuffer(layout_.rows, element);
  scale_ = body_.stackBuffer(layout_.rows, element);
  Extents tiles = graph::extentsOf(ops_.scores.getResult());
  tiles.pop_back();
  tiles.back() = queries_.ceilDiv(layout_.rows);
  Extent count = forTiles(body_, range, tiles, [&](ValueRange index) { emitTile(index); });
  if (failed_)
    return failure();
  return count;
}

Value Attention::forRange(Value from, Value to, int64_t step) {
  auto loop = scf::ForOp::create(b_, from, to, body_.constant(step));
  b_.setInsertionPointToStart(loop.getBody());
  return loop.getInductionVar();
}

/// Whole tiles, and what is left of the rows: at once, or row by row where only the run knows how many there are.
void Attention::emitTile(ValueRange index) {
  outer_.assign(index.begin(), index.end());
  outer_.pop_back();
  row_ = body_.scale(index.back(), layout_.rows);
  std::optional<int64_t> queries = queries_.asNumber();
  if (queries && *queries % layout_.rows == 0)
    return emitRows(layout_.rows);
  Value left = body_.subtract(body_.value(queries_), row_);
  Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::sge, left, body_.constant(layout_.rows));
  auto choice = scf::IfOp::create(b_, isWhole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b_);
  if (!queries || *queries >= layout_.rows) {
    b_.setInsertionPointToStart(choice.thenBlock());
    emitRows(layout_.rows);
  }
  b_.setInsertionPointToStart(choice.elseBlock());
  if (queries)
    return emitRows(*queries % layout_.rows);
  Value first = row_;
  row_ = body_.add(first, forRange(body_.constant(0), left, 1));
  emitRows(1);
}

void Attention::emitRows(int64_t rows) {
  if (isOneBlock_) {
    emitBlock(body_.constant(0), rows);
  } else {
    clear(rows);
    OpBuilder::InsertionGuard guard(b_);
    emitBlock(forRange(body_.constant(0), body_.value(keys_), layout_.blockKeys), rows);
  }
  storeResult(rows);
}

/// What there is before the first block.
void Attention::clear(int64_t rows) {
  OpBuilder::InsertionGuard guard(b_);
  Value row = forRange(body_.constant(0), body_.constant(rows), 1);
  memref::StoreOp::create(b_, number(kLeast), most_, row);
  memref::StoreOp::create(b_, number(0), total_, row);
  Value line = body_.scale(row, layout_.valueStride);
  Value at = forRange(body_.constant(0), body_.constant(layout_.valueStride), lanes_);
  storeVector(numbers(0), sums_, body_.add(line, at));
}

/// The keys [first, first + block) for `rows` rows of q.
void Attention::emitBlock(Value first, int64_t rows) {
  Value keys = arith::MinSIOp::create(b_, body_.subtract(body_.value(keys_), first), body_.constant(layout_.blockKeys));
  scorePanels(arith::DivUIOp::create(b_, first, body_.constant(keyPanels_.width)), keys, rows);
  if (!changesScores() && !keys_.dividedBy(lanes_))
    endScores(keys, rows);
  raise(rows, arith::CeilDivSIOp::create(b_, keys, body_.constant(lanes_)));
  multiplyValues(first, keys, rows);
}

/// All scores of a block. Of the last panel only those vectors that have keys, where it is known which.
void Attention::scorePanels(Value firstPanel, Value keys, int64_t rows) {
  const int64_t width = keyPanels_.width, vectors = width / lanes_;
  const int64_t last = isOneBlock_ ? static_cast<int64_t>(llvm::divideCeil(keys_.number() % width, lanes_)) : 0;
  const bool isCut = last > 0 && last < vectors;
  Value panels = isCut ? body_.constant(keys_.number() / width)
                       : arith::CeilDivSIOp::create(b_, keys, body_.constant(width)).getResult();
  {
    OpBuilder::InsertionGuard guard(b_);
    Value panel = forRange(body_.constant(0), panels, 1);
    scorePanel(body_.add(firstPanel, panel), body_.scale(panel, width), rows, vectors);
  }
  if (isCut)
    scorePanel(panels, body_.scale(panels, width), rows, last);
}

/// Scores of what is not there count for nothing.
void Attention::endScores(Value keys, int64_t rows) {
  OpBuilder::InsertionGuard guard(b_);
  auto integers = VectorType::get({lanes_}, b_.getI32Type());
  auto order = llvm::to_vector(llvm::seq<int32_t>(0, static_cast<int32_t>(lanes_)));
  Value whole =
      arith::MulIOp::create(b_, arith::DivUIOp::create(b_, keys, body_.constant(lanes_)), body_.constant(lanes_));
  Value rest = arith::IndexCastOp::create(b_, b_.getI32Type(), body_.subtract(keys, whole));
  Expr lane(b_, arith::ConstantOp::create(b_, DenseIntElementsAttr::get(integers, order)));
  Expr isThere = lane < Expr(b_, vector::BroadcastOp::create(b_, integers, rest));
  Value at = body_.add(body_.scale(forRange(body_.constant(0), body_.constant(rows), 1), layout_.lineStride), whole);
  storeVector(graph::select(isThere, loadVector(scores_, at), numbers(kLeast)), scores_, at);
}

Value Attention::panelBase(const Panels &panels, Value panel) {
  Extents strides = Body::stridesOf(panels.argument);
  Value base = body_.scale(panel, panels.steps * panels.width);
  size_t batches = strides.size() - 3;
  // Panels that all batches share have none of their dims.
  for (size_t dim = 0; dim < batches; ++dim)
    base = body_.add(base, body_.scale(outer_[outer_.size() - batches + dim], strides[dim]));
  return base;
}

PanelProduct Attention::productOf(const Panels &panels, Value panel, int64_t rows, Dots &dots, Type rowType) {
  PanelProduct product;
  product.panel = panels.argument;
  product.panelBase = panelBase(panels, panel);
  product.width = panels.width;
  product.count = rows;
  product.vectors = panels.width / lanes_;
  product.lanes = lanes_;
  product.rowType = rowType;
  if (dots.together() > 1 && cast<MemRefType>(panels.argument.getType()).getElementType() == rowType)
    product.dots = &dots;
  return product;
}

/// The scores of `vectors` of one panel of keys, with what is done to them, at `place` of each line.
void Attention::scorePanel(Value panel, Value place, int64_t rows, int64_t vectors) {
  Extents strides = Body::stridesOf(queryArgument_);
  Value base = body_.scale(row_, strides[strides.size() - 2]);
  for (auto [at, stride] : llvm::zip(outer_, strides))
    base = body_.add(base, body_.scale(at, stride));
  PanelProduct product = productOf(keyPanels_, panel, rows, keyDots_, queryType_);
  product.rows = body_.bufferOf(queryArgument_);
  product.rowsBase = base;
  product.rowStride = strides[strides.size() - 2];
  product.stepStride = strides.back();
  product.steps = body_.value(keyPanels_.steps);
  product.vectors = vectors;
  product.byLanes = machine_.byLane && strides.back() == Extent(1) && keyPanels_.steps.dividedBy(lanes_);
  SmallVector<Value> sums = product.emit(body_, product.zeros(body_));
  for (auto [number, sum] : llvm::enumerate(sums))
    vector::StoreOp::create(
        b_, sum, scores_,
        body_.add(place, body_.constant(static_cast<int64_t>(number) / vectors * layout_.lineStride +
                                        static_cast<int64_t>(number) % vectors * lanes_)));
  if (changesScores())
    finishScores(panel, place, rows, vectors);
}

/// Does to a panel's scores what comes between the product and the softmax.
void Attention::finishScores(Value panel, Value place, int64_t rows, int64_t vectors) {
  OpBuilder::InsertionGuard guard(b_);
  Value row = forRange(body_.constant(0), body_.constant(rows), 1);
  Value firstKey = body_.scale(panel, keyPanels_.width);
  for (int64_t v = 0; v < vectors; ++v) {
    Value at = body_.add(body_.add(body_.scale(row, layout_.lineStride), place), body_.constant(v * lanes_));
    storeScores(body_.add(row_, row), body_.add(firstKey, body_.constant(v * lanes_)), at);
  }
}

SmallVector<LaneIndex> Attention::indexOf(Value row) {
  SmallVector<LaneIndex> index;
  for (Value at : outer_)
    index.push_back({at, 0});
  index.push_back({row, 0});
  return index;
}

/// A vector of scores after the elementwise work on them; keys that are not there count for nothing.
void Attention::storeScores(Value row, Value key, Value place) {
  auto store = [&](Value from, unsigned width) {
    SmallVector<LaneIndex> index = indexOf(row);
    index.push_back({body_.add(key, from), width > 1 ? 1 : 0});
    Value at = body_.add(place, from), part;
    if (width == 1)
      part = memref::LoadOp::create(b_, scores_, at);
    else
      part = vector::LoadOp::create(b_, VectorType::get({width}, b_.getF32Type()), scores_, at);
    body_.startPoint();
    body_.define(ops_.scores.getResult(), part);
    Value value = body_.read(ops_.softmax.getInput(), index, width);
    if (!value)
      return failure();
    if (width == 1)
      memref::StoreOp::create(b_, value, scores_, at);
    else
      vector::StoreOp::create(b_, value, scores_, at);
    return success();
  };
  if (keys_.dividedBy(lanes_)) {
    failed_ |= failed(store(body_.constant(0), lanes_));
    return;
  }
  Value left = body_.subtract(body_.value(keys_), key), none = body_.constant(0);
  Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::sge, left, body_.constant(lanes_));
  auto choice = scf::IfOp::create(b_, isWhole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b_);
  std::optional<int64_t> number = keys_.asNumber();
  if (!number || *number >= lanes_) {
    b_.setInsertionPointToStart(choice.thenBlock());
    failed_ |= failed(store(none, lanes_));
  }
  b_.setInsertionPointToStart(choice.elseBlock());
  Value some = arith::MaxSIOp::create(b_, left, none);
  {
    OpBuilder::InsertionGuard inner(b_);
    Value isThere = arith::CmpIOp::create(b_, arith::CmpIPredicate::sgt, some, none);
    b_.setInsertionPointToStart(scf::IfOp::create(b_, isThere, /*withElseRegion=*/false).thenBlock());
    graph::Count rest = number ? graph::Count(*number % lanes_) : graph::Count(some);
    failed_ |= failed(graph::forLanes(b_, rest, lanes_, store));
  }
  Value absent = forRange(some, body_.constant(lanes_), 1);
  memref::StoreOp::create(b_, this->number(kLeast), scores_, body_.add(place, absent));
}

/// All lanes of a vector as one number, halves first.
Expr Attention::folded(Expr vector, llvm::function_ref<Expr(Expr, Expr)> merge) {
  for (int64_t width = lanes_ / 2; width > 0; width /= 2) {
    auto half = [&](int64_t from) {
      return Expr(b_, vector::ExtractStridedSliceOp::create(b_, vector.value(), ArrayRef<int64_t>{from},
                                                            ArrayRef<int64_t>{width}, ArrayRef<int64_t>{1}));
    };
    vector = merge(half(0), half(width));
  }
  return {b_, vector::ExtractOp::create(b_, vector.value(), 0)};
}

static Expr raised(Expr most, Expr x) { return graph::select(x > most, x, most); }

/// e^x for a score's distance from the largest one; what is rounded to bf16 needs no more digits than that keeps.
Expr Attention::power(Expr x) {
  return powerType_.isBF16() ? roundedPower(x, machine_) : Expr(b_, math::ExpOp::create(b_, x.value()));
}

/// Scores → e^(score - largest so far), and what that does to the sums of earlier blocks.
void Attention::raise(int64_t rows, Value vectors) {
  OpBuilder::InsertionGuard guard(b_);
  Value row = forRange(body_.constant(0), body_.constant(rows), 1);
  Value line = body_.scale(row, layout_.lineStride);
  SmallVector<Value> partial =
      graph::forRange(b_, 0, vectors, 1, numbers(kLeast).value(), [&](Value vector, ValueRange carried) {
        Expr x = loadVector(scores_, body_.add(line, body_.scale(vector, lanes_)));
        return SmallVector<Value>{raised({b_, carried[0]}, x).value()};
      });
  Expr most = folded({b_, partial[0]}, raised);
  if (!isOneBlock_)
    most = raised(loadNumber(most_, row), most);
  // Where all scores so far are -infinity, nothing is to be subtracted; should that be all there are, 0 / 0 comes out.
  Expr shift = graph::select(most == static_cast<double>(kLeast), 0.0, most);
  Expr all = splat(shift);
  partial = graph::forRange(b_, 0, vectors, 1, numbers(0).value(), [&](Value vector, ValueRange carried) {
    Value at = body_.add(line, body_.scale(vector, lanes_));
    Expr power = this->power(loadVector(scores_, at) - all);
    storeVector({b_, body_.toStorage(power.value(), powerType_)}, powers_, at);
    return SmallVector<Value>{(Expr(b_, carried[0]) + power).value()};
  });
  Expr sum = folded({b_, partial[0]}, [](Expr a, Expr b) { return a + b; });
  if (!isOneBlock_) {
    Expr scale(b_, math::ExpOp::create(b_, (loadNumber(most_, row) - shift).value()));
    memref::StoreOp::create(b_, scale.value(), scale_, row);
    memref::StoreOp::create(b_, most.value(), most_, row);
    sum = loadNumber(total_, row) * scale + sum;
  }
  memref::StoreOp::create(b_, sum.value(), total_, row);
}

/// sums = sums · scale + powers · values
void Attention::multiplyValues(Value first, Value keys, int64_t rows) {
  OpBuilder::InsertionGuard guard(b_);
  Value panel = forRange(body_.constant(0), body_.value(valuePanels_.panels), 1);
  int64_t vectors = valuePanels_.width / lanes_;
  PanelProduct product = productOf(valuePanels_, panel, rows, valueDots_, powerType_);
  product.rows = powers_;
  product.rowsBase = body_.constant(0);
  product.rowStride = layout_.lineStride;
  product.panelBase = body_.add(product.panelBase, body_.scale(first, valuePanels_.width));
  product.steps = keys;
  product.byLanes = machine_.byLane && keys_.dividedBy(lanes_);
  SmallVector<Value> sums = product.zeros(body_);
  auto placeOf = [&](int64_t row, int64_t vector) {
    return body_.add(body_.scale(panel, valuePanels_.width),
                     body_.constant(row * layout_.valueStride + vector * lanes_));
  };
  for (int64_t row = 0; row < rows && !isOneBlock_; ++row) {
    Expr scale = splat(loadNumber(scale_, body_.constant(row)));
    for (int64_t v = 0; v < vectors; ++v)
      sums[row * vectors + v] = (loadVector(sums_, placeOf(row, v)) * scale).value();
  }
  sums = product.emit(body_, sums);
  for (auto [number, sum] : llvm::enumerate(sums))
    vector::StoreOp::create(b_, sum, sums_,
                            placeOf(static_cast<int64_t>(number) / vectors, static_cast<int64_t>(number) % vectors));
}

void Attention::storeResult(int64_t rows) {
  OpBuilder::InsertionGuard guard(b_);
  Value row = forRange(body_.constant(0), body_.constant(rows), 1);
  Expr total = loadNumber(total_, row);
  if (!keys_.isNumber() || keys_.number() == 0) {
    // A sum of no values is 0, whatever a softmax of nothing is.
    Expr keys(b_, body_.value(keys_));
    total = graph::select(keys == Expr(b_, body_.constant(0)), 1.0, total);
  }
  Expr scale = splat(1.0 / total);
  Value line = body_.scale(row, layout_.valueStride);
  SmallVector<LaneIndex> index = indexOf(body_.add(row_, row));
  int64_t whole = channels_ / lanes_ * lanes_;
  auto store = [&](Value channel, int64_t count) {
    Expr value = loadVector(sums_, body_.add(line, channel)) * scale;
    failed_ |= failed(body_.storeChannels(ops_.result.getResult(), value.value(), index, channel, count));
  };
  if (whole > 0) {
    OpBuilder::InsertionGuard inner(b_);
    store(forRange(body_.constant(0), body_.constant(whole), lanes_), lanes_);
  }
  if (whole < channels_)
    store(body_.constant(whole), channels_ - whole);
}

FailureOr<Extent> emitAttention(Body &body, const kernel::AttentionOps &ops, TileRange range,
                                const kernel::Machine &machine) {
  return Attention(body, ops, machine).emit(range);
}

} // namespace smelt::cpu

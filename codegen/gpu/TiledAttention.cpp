// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention, softmax(f(q · keys)) · values, by groups of threads: each has a tile of rows of q, and goes through blocks
// of keys and of their values in shared memory. Scores never leave the group; what earlier blocks have summed is scaled
// as larger scores come (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al.,
// "FlashAttention", 2022).
//   rows    Q[row][depth]            fetched once
//   block   K[depth][key], then in the same place V[key][channel]
//   scores  P[row][key]              e^(score - largest so far)
// Threads lie in rows of kAcross: thread t has rows t / kAcross, + threads / kAcross, …, of the scores a vector of
// keys, of the result every kAcross-th vector of channels.
// Of f16 and bf16 tensor cores make both products, where the device has such: rows, block and powers are halves in the
// group's memory, scores and at last the result come through it from the warps' fragments to the threads' vectors, and
// sums of values stay in fragments, which each row's scale reaches the same way.

#include "codegen/gpu/GroupMemory.h"
#include "codegen/gpu/Mma.h"
#include "dialects/Graph/Ops/Expression.h"
#include "dialects/Kernel/Scratch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::Expr;
using smelt::graph::Extent;
using smelt::graph::LaneIndex;
using smelt::graph::Team;

namespace smelt::gpu {

namespace {

constexpr int64_t kAcross = 8;               // threads that share a row
constexpr int64_t kBlock = kAcross * kLanes; // keys
constexpr int64_t kMostRows = 4;             // of a thread
constexpr int64_t kWarp = 32, kPad = 8;      // halves between rows, so that they begin in other banks
constexpr float kLeast = -std::numeric_limits<float>::infinity();

/// A product's panels, [batch…, panels, steps, width].
struct Panels {
  Value tensor;
  Extent panels, steps;
  int64_t width;
  size_t batches; // dims of its own
};

class TiledAttention : Counting {
public:
  TiledAttention(Body &body, const kernel::AttentionOps &ops, func::FuncOp function, Value invocation,
                 const Profile &profile);
  bool isSupported();
  FailureOr<graph::Extent> emit();

private:
  static Panels panelsOf(kernel::ContractOp op);
  int64_t tileRows() const { return rows_ * down_; }
  Extent groups() const { return graph::productOf(batchDims_) * queries_.ceilDiv(tileRows()); }
  int64_t sharedBytes() const;
  void chooseRows();
  bool isMultipliedByCores();
  void makeMemory();
  Value stored(Value vector) { return usesCores_ ? body_.toStorage(vector, element_) : vector; }
  int64_t rowStride() const { return depth_ + (usesCores_ ? kPad : kLanes); }
  int64_t keyStride() const { return kBlock + (usesCores_ ? kPad : 0); }
  int64_t valueStride() const { return vectors_ * kBlock + (usesCores_ ? kPad : 0); }
  int64_t powerStride() const { return kBlock + (usesCores_ ? kPad : kLanes); }
  int64_t resultStride() const { return vectors_ * kBlock + kLanes; }
  int64_t blockElements() const { return std::max(depth_ * keyStride(), kBlock * valueStride()); }
  int64_t sumsOf(int64_t vectors) const { return rows_ * vectors * (usesCores_ ? 4 : 1); }

  SmallVector<Value> multiplyByCores(Value lines, int64_t stride, int64_t depth, int64_t blockStride, int64_t vectors,
                                     ArrayRef<Value> sums);
  void shareFragments(ArrayRef<Value> sums, int64_t vectors, Value array, int64_t stride);
  Value firstRowOfWarp() { return body_.scale(part(over(thread_, kWarp), rows_), kMmaRows); }
  Value firstColumnOfWarp(int64_t vectors) {
    return body_.scale(over(over(thread_, kWarp), rows_), vectors * rows_ * kMmaColumns);
  }
  SmallVector<Value> scoresOfBlock();
  SmallVector<Value> scaled(ArrayRef<Value> sums, ArrayRef<Value> scales);

  void fetchRows();
  void fetchBlock(const Panels &panels, int64_t rows, int64_t columns, Value first, bool isValues);
  Value readVector(Value tensor, SmallVector<LaneIndex> index);
  SmallVector<Value> multiply(Value lines, int64_t stride, int64_t depth, int64_t vectors, ArrayRef<Value> sums);
  Value finishScores(Value row, Value key, Value scores);
  Value endScores(Value key, Value scores);
  Value maxima(ArrayRef<Value> scores);
  void emitBlock(Value first, SmallVector<Value> &carried);
  void storeResult(ArrayRef<Value> carried);

  SmallVector<LaneIndex> rowIndex(Value row, Value last, int64_t lanes);
  Value rowOf(int64_t number) { return body_.add(over(thread_, kAcross), body_.constant(number * down_)); }
  Value queryOf(int64_t number) { return atMost(body_.add(firstRow_, rowOf(number)), queries_ - 1); }
  Value number(Type type, float value) {
    TypedAttr one = b_.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(type))
      one = DenseElementsAttr::get(vector, Attribute(one));
    return arith::ConstantOp::create(b_, one);
  }
  Expr splat(Value scalar) { return {b_, vector::BroadcastOp::create(b_, type_, scalar)}; }
  Expr element(Value vector, int64_t lane) {
    return isa<VectorType>(vector.getType()) ? Expr(b_, vector::ExtractOp::create(b_, vector, lane)) : Expr(b_, vector);
  }

  kernel::AttentionOps ops_;
  const Profile &profile_;
  VectorType type_; // of four
  Extent queries_, keys_;
  int64_t depth_, channels_;
  Panels keyPanels_, valuePanels_;
  graph::Extents batchDims_;
  int64_t down_;             // threads below one another
  int64_t rows_ = kMostRows; // of a thread
  int64_t vectors_;          // of channels, of a thread
  Value thread_;
  GroupMemory memory_;
  Value group_;  // its number
  Type element_; // of what is multiplied
  bool usesCores_ = false;
  func::FuncOp function_;
  Value sharedRows_, sharedBlock_, sharedPowers_;
  Value rowHalves_, blockHalves_, powerHalves_, sharedScores_, sharedScales_, sharedResult_; // with tensor cores
  SmallVector<Value> batch_;
  Value firstRow_;
  bool failed_ = false;
};

} // namespace

Panels TiledAttention::panelsOf(kernel::ContractOp op) {
  graph::Extents shape = graph::extentsOf(op.getPacked());
  return {op.getPacked(), shape[shape.size() - 3], shape[shape.size() - 2], shape.back().asNumber().value_or(1),
          shape.size() - 3};
}

TiledAttention::TiledAttention(Body &body, const kernel::AttentionOps &ops, func::FuncOp function, Value invocation,
                               const Profile &profile)
    : Counting(body), ops_(ops), profile_(profile), type_(VectorType::get({kLanes}, b_.getF32Type())),
      keyPanels_(panelsOf(ops_.scores)), valuePanels_(panelsOf(ops_.result)), down_(profile.groupSize / kAcross),
      thread_(part(invocation, profile.groupSize)), memory_(body, function, profile, thread_),
      group_(over(invocation, profile.groupSize)), element_(graph::typeOf(ops_.scores.getInput()).getElementType()),
      function_(function) {
  graph::Extents scores = graph::extentsOf(ops_.scores.getResult());
  batchDims_.assign(scores.begin(), scores.end() - 2);
  queries_ = scores[scores.size() - 2];
  keys_ = scores.back();
  depth_ = keyPanels_.steps.asNumber().value_or(0);
  channels_ = graph::extentsOf(ops_.result.getResult()).back().asNumber().value_or(0);
  vectors_ =
      static_cast<int64_t>(llvm::divideCeil(valuePanels_.panels.asNumber().value_or(0) * valuePanels_.width, kBlock));
}

bool TiledAttention::isSupported() {
  auto isPlain = [](Value value) { return isComputedInF32(graph::typeOf(value)); };
  auto isEmpty = [](const Extent &extent) { return extent.isNumber() && extent.number() < 1; };
  if (!isPlain(ops_.scores.getInput()) || !isPlain(ops_.scores.getPacked()) || !isPlain(ops_.result.getInput()) ||
      !isPlain(ops_.result.getPacked()) || !isPlain(ops_.result.getResult()) || depth_ < 1 || depth_ % kLanes ||
      channels_ < 1 || vectors_ < 1 || isEmpty(queries_) || isEmpty(keys_) || kBlock % keyPanels_.width ||
      kBlock % valuePanels_.width || keyPanels_.width % kLanes || valuePanels_.width % kLanes)
    return false;
  usesCores_ = isMultipliedByCores();
  chooseRows();
  return sharedBytes() <= profile_.sharedBytes;
}

/// A warp has two columns of fragments or more, and so a group two rows of them.
bool TiledAttention::isMultipliedByCores() {
  auto isOfElement = [&](Value value) { return graph::typeOf(value).getElementType() == element_; };
  return profile_.hasTensorCores && areHalvesOfCores(element_, profile_.architecture) &&
         isOfElement(ops_.scores.getPacked()) && isOfElement(ops_.result.getInput()) &&
         isOfElement(ops_.result.getPacked()) && depth_ % kMmaRows == 0 && kernel::typicalLength(queries_) > kMmaRows &&
         down_ == kMmaRows;
}

/// Of rows, block and powers, and what is merged through memory; with tensor cores of scores and scales as well, all of
/// which the result takes the place of.
int64_t TiledAttention::sharedBytes() const {
  constexpr int64_t kHalf = 2, kFloat = 4;
  const int64_t lines = tileRows() * (rowStride() + powerStride()) + blockElements();
  if (!usesCores_)
    return (lines + profile_.groupSize * kMostRows) * kFloat;
  return std::max(lines * kHalf + tileRows() * (kBlock + kLanes + 1) * kFloat, tileRows() * resultStride() * kFloat);
}

/// Many rows multiply more for what they fetch; few are more groups.
void TiledAttention::chooseRows() {
  while (rows_ > (usesCores_ ? 2 : 1) &&
         (sharedBytes() > profile_.sharedBytes || kernel::typicalLength(groups()) < profile_.multiprocessors))
    rows_ /= 2;
}

void TiledAttention::makeMemory() {
  if (!usesCores_) {
    Type element = b_.getF32Type();
    sharedRows_ = memory_.array(tileRows() * rowStride(), element);
    sharedBlock_ = memory_.array(blockElements(), element);
    sharedPowers_ = memory_.array(tileRows() * powerStride(), element);
    return;
  }
  constexpr int64_t kAlignment = 16; // bytes, of what is read at once
  Value memory = makeGroupArray(b_, function_, "memory", sharedBytes(), b_.getI8Type(), kAlignment);
  auto view = [&](int64_t offset, int64_t elements, Type type) {
    return viewGroupArray(b_, memory, body_.constant(offset), elements, type);
  };
  int64_t at = 0;
  auto halves = [&](int64_t elements, Value &halves) {
    Value values = view(at, elements, codegen::storageType(element_));
    halves = view(at, elements, b_.getF16Type()); // the same, whatever they are
    at += elements * 2;
    return values;
  };
  sharedRows_ = halves(tileRows() * rowStride(), rowHalves_);
  sharedBlock_ = halves(blockElements(), blockHalves_);
  sharedPowers_ = halves(tileRows() * powerStride(), powerHalves_);
  sharedScores_ = view(at, tileRows() * (kBlock + kLanes), b_.getF32Type());
  sharedScales_ = view(at + tileRows() * (kBlock + kLanes) * 4, tileRows(), b_.getF32Type());
  sharedResult_ = view(0, tileRows() * resultStride(), b_.getF32Type());
}

FailureOr<graph::Extent> TiledAttention::emit() {
  graph::Extents extents(batchDims_);
  extents.push_back(queries_.ceilDiv(tileRows()));
  SmallVector<Value> index = indexOf(body_, group_, extents);
  firstRow_ = body_.scale(index.pop_back_val(), tileRows());
  batch_ = index;
  makeMemory();
  Type element = b_.getF32Type();
  fetchRows();
  // Of each row the largest score, the sum of this thread's powers, and sums of values.
  SmallVector<Value> carried;
  carried.append(rows_, number(element, kLeast));
  carried.append(rows_, number(element, 0));
  carried.append(sumsOf(vectors_), number(usesCores_ ? element : type_, 0));
  auto ofBlock = [&](Value first, SmallVector<Value> &next) {
    emitBlock(first, next);
    return success();
  };
  failed_ |= failed(loopWith(body_, body_.constant(0), body_.value(keys_), kBlock, carried, ofBlock));
  storeResult(carried);
  if (failed_)
    return failure();
  return groups() * Extent(profile_.groupSize);
}

//===-- Fetching ------------------------------------------------------------------------------------------------===//

SmallVector<LaneIndex> TiledAttention::rowIndex(Value row, Value last, int64_t lanes) {
  SmallVector<LaneIndex> index;
  for (Value at : batch_)
    index.push_back({at, 0});
  index.push_back({row, 0});
  index.push_back({last, lanes > 1 ? 1 : 0});
  return index;
}

/// Four neighbours along the last dim, one by one where they cannot be had at once.
Value TiledAttention::readVector(Value tensor, SmallVector<LaneIndex> index) {
  index.back().laneStride = 1;
  body_.startPoint();
  if (Value vector = body_.read(tensor, index, kLanes))
    return vector;
  SmallVector<Value> elements;
  Value first = index.back().base;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    index.back() = {body_.add(first, body_.constant(lane)), 0};
    body_.startPoint();
    elements.push_back(body_.read(tensor, index, 1));
    if (!elements.back()) {
      failed_ = true;
      return number(type_, 0);
    }
  }
  return vector::FromElementsOp::create(b_, type_, elements);
}

/// The rows of q. What lies beyond the last is the last once more, and not stored.
void TiledAttention::fetchRows() {
  const int64_t along = depth_ / kLanes, all = tileRows() * along, threads = profile_.groupSize;
  auto fetch = [&](Value place) {
    Value row = over(place, along), at = body_.scale(part(place, along), kLanes);
    Value vector =
        readVector(ops_.scores.getInput(), rowIndex(atMost(body_.add(firstRow_, row), queries_ - 1), at, kLanes));
    memory_.store(stored(vector), sharedRows_, body_.add(body_.scale(row, rowStride()), at));
  };
  auto loop = scf::ForOp::create(b_, thread_, body_.constant(all), body_.constant(threads));
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(loop.getBody());
  fetch(loop.getInductionVar());
}

/// `rows` × `columns` of panels into the group's memory, neighbours from neighbouring places. Keys, which are columns
/// of one and rows of the other, begin at `first`; of values, those beyond the last are zeros.
void TiledAttention::fetchBlock(const Panels &panels, int64_t rows, int64_t columns, Value first, bool isValues) {
  const int64_t across = panels.width / kLanes, inPanel = rows * across, all = columns / panels.width * inPanel;
  const bool mayEnd = mayBeCut(keys_, kBlock);
  auto loop = scf::ForOp::create(b_, thread_, body_.constant(all), body_.constant(profile_.groupSize));
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(loop.getBody());
  Value place = loop.getInductionVar(), inBlock = over(place, inPanel), rest = part(place, inPanel);
  Value row = over(rest, across), column = body_.scale(part(rest, across), kLanes);
  Value panel = inBlock, step = row;
  if (isValues)
    step = body_.add(first, row);
  else
    panel = body_.add(over(first, panels.width), inBlock);
  SmallVector<LaneIndex> index;
  for (Value at : ArrayRef<Value>(batch_).take_back(panels.batches))
    index.push_back({at, 0});
  index.push_back({atMost(panel, panels.panels - 1), 0});
  index.push_back({isValues && mayEnd ? atMost(step, keys_ - 1) : step, 0});
  index.push_back({column, 1});
  Value vector = readVector(panels.tensor, index);
  if (isValues && mayEnd)
    vector = arith::SelectOp::create(b_, isBelow(step, keys_), vector, number(type_, 0));
  Value to = body_.add(body_.scale(row, isValues ? valueStride() : keyStride()),
                       body_.add(body_.scale(inBlock, panels.width), column));
  memory_.store(stored(vector), sharedBlock_, to);
}

//===-- A block -------------------------------------------------------------------------------------------------===//

/// sums[row · vectors + vector] += Σ lines[row][k] · block[k][vector]
SmallVector<Value> TiledAttention::multiply(Value lines, int64_t stride, int64_t depth, int64_t vectors,
                                            ArrayRef<Value> sums) {
  SmallVector<Value> carried(sums);
  auto step = [&](Value k, SmallVector<Value> &next) {
    SmallVector<Value> factors;
    for (int64_t row = 0; row < rows_; ++row)
      factors.push_back(memory_.load(lines, body_.add(body_.scale(rowOf(row), stride), k), type_));
    for (int64_t lane = 0; lane < kLanes; ++lane)
      for (int64_t vector = 0; vector < vectors; ++vector) {
        Value at = body_.add(body_.scale(body_.add(k, body_.constant(lane)), vectors * kBlock),
                             body_.add(body_.scale(part(thread_, kAcross), kLanes), body_.constant(vector * kBlock)));
        Value right = memory_.load(sharedBlock_, at, type_);
        for (int64_t row = 0; row < rows_; ++row) {
          Value &sum = next[row * vectors + vector];
          Value factor = vector::ExtractOp::create(b_, factors[row], lane);
          sum = vector::FMAOp::create(b_, vector::BroadcastOp::create(b_, type_, factor), right, sum);
        }
      }
    return success();
  };
  failed_ |= failed(loopWith(body_, 0, depth, kLanes, carried, step));
  return carried;
}

/// The same by tensor cores: a warp has 16 rows, and of the columns its share; `sums` are its fragments.
SmallVector<Value> TiledAttention::multiplyByCores(Value lines, int64_t stride, int64_t depth, int64_t blockStride,
                                                   int64_t vectors, ArrayRef<Value> sums) {
  Value lane = part(thread_, kWarp), inStep = part(lane, kMmaRows);
  Value half = body_.scale(over(lane, kMmaRows), kMmaColumns); // of a step, the first or the second eight
  Value left = body_.add(body_.scale(body_.add(firstRowOfWarp(), inStep), stride), half);
  Value right = body_.add(body_.scale(inStep, blockStride), body_.add(firstColumnOfWarp(vectors), half));
  SmallVector<Value> carried(sums);
  const MmaTypes types{element_, element_, b_.getF32Type(), profile_.architecture};
  auto step = [&](Value k, SmallVector<Value> &next) {
    SmallVector<Value> rows;
    loadMatrices(b_, lines, body_.add(left, k), /*isTransposed=*/false, rows);
    for (int64_t column = 0; column < vectors * rows_; column += 2) {
      SmallVector<Value> columns;
      Value at = body_.add(right, body_.add(body_.scale(k, blockStride), body_.constant(column * kMmaColumns)));
      loadMatrices(b_, blockHalves_, at, /*isTransposed=*/true, columns);
      for (int64_t one = 0; one < 2; ++one)
        gpu::multiplyByCores(b_, types, rows, ArrayRef(columns).slice(one * 2, 2),
                             MutableArrayRef(next).slice((column + one) * 4, 4));
    }
    return success();
  };
  failed_ |= failed(loopWith(body_, 0, depth, kMmaRows, carried, step));
  return carried;
}

/// The warps' fragments as rows of an array, for all threads after the next wait.
void TiledAttention::shareFragments(ArrayRef<Value> sums, int64_t vectors, Value array, int64_t stride) {
  Value lane = part(thread_, kWarp);
  Value row = body_.add(firstRowOfWarp(), over(lane, 4)),
        column = body_.add(firstColumnOfWarp(vectors), body_.scale(part(lane, 4), 2));
  Value place = body_.add(body_.scale(row, stride), column);
  storeFragments(body_, sums, vectors * rows_, array, place, stride);
}

/// Of the block in memory, for each of the thread's rows a vector.
SmallVector<Value> TiledAttention::scoresOfBlock() {
  SmallVector<Value> scores(sumsOf(1), number(usesCores_ ? Type(b_.getF32Type()) : type_, 0));
  if (!usesCores_)
    return multiply(sharedRows_, rowStride(), depth_, 1, scores);
  scores = multiplyByCores(rowHalves_, rowStride(), depth_, keyStride(), 1, scores);
  shareFragments(scores, 1, sharedScores_, kBlock + kLanes);
  memory_.wait();
  scores.clear();
  Value key = body_.scale(part(thread_, kAcross), kLanes);
  for (int64_t row = 0; row < rows_; ++row)
    scores.push_back(memory_.load(sharedScores_, body_.add(body_.scale(rowOf(row), kBlock + kLanes), key), type_));
  return scores;
}

/// Sums of values, each by its row's scale; fragments find theirs in memory, after the wait for the powers.
SmallVector<Value> TiledAttention::scaled(ArrayRef<Value> sums, ArrayRef<Value> scales) {
  SmallVector<Value> result;
  if (!usesCores_) {
    for (auto [number, sum] : llvm::enumerate(sums))
      result.push_back((Expr(b_, sum) * splat(scales[number / vectors_])).value());
    return result;
  }
  Value row = body_.add(firstRowOfWarp(), over(part(thread_, kWarp), 4));
  Value ofHalf[] = {memory_.load(sharedScales_, row, b_.getF32Type()),
                    memory_.load(sharedScales_, body_.add(row, body_.constant(kMmaRows / 2)), b_.getF32Type())};
  for (auto [number, sum] : llvm::enumerate(sums))
    result.push_back((Expr(b_, sum) * Expr(b_, ofHalf[number % 4 / 2])).value());
  return result;
}

/// What comes between the product and the softmax, for the scores of a vector of keys from `key` on.
Value TiledAttention::finishScores(Value row, Value key, Value scores) {
  if (ops_.softmax.getInput() == ops_.scores.getResult())
    return scores;
  if (!mayBeCut(keys_, kLanes)) {
    SmallVector<LaneIndex> index = rowIndex(row, mayBeCut(keys_, kBlock) ? atMost(key, keys_ - kLanes) : key, kLanes);
    body_.startPoint();
    body_.define(ops_.scores.getResult(), scores);
    if (Value value = body_.read(ops_.softmax.getInput(), index, kLanes))
      return value;
  }
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    body_.startPoint();
    body_.define(ops_.scores.getResult(), vector::ExtractOp::create(b_, scores, lane));
    Value at = atMost(body_.add(key, body_.constant(lane)), keys_ - 1);
    elements.push_back(body_.read(ops_.softmax.getInput(), rowIndex(row, at, 1), 1));
    if (!elements.back()) {
      failed_ = true;
      return scores;
    }
  }
  return vector::FromElementsOp::create(b_, type_, elements);
}

/// Keys that are not there count for nothing.
Value TiledAttention::endScores(Value key, Value scores) {
  if (!mayBeCut(keys_, kBlock))
    return scores;
  auto integers = VectorType::get({kLanes}, b_.getI32Type());
  auto order = llvm::to_vector(llvm::seq<int32_t>(0, kLanes));
  Value left = body_.subtract(body_.value(keys_), key);
  Expr lane(b_, arith::ConstantOp::create(b_, DenseIntElementsAttr::get(integers, order)));
  Value some = arith::IndexCastOp::create(b_, b_.getI32Type(), left);
  Expr isThere = lane < Expr(b_, vector::BroadcastOp::create(b_, integers, some));
  return graph::select(isThere, Expr(b_, scores), Expr(b_, number(type_, kLeast))).value();
}

static Expr raised(Expr most, Expr x) { return graph::select(x > most, x, most); }

/// The largest score of each row of the block, all rows of a thread as one value.
Value TiledAttention::maxima(ArrayRef<Value> scores) {
  SmallVector<Value> most;
  for (Value row : scores) {
    Expr first = raised(element(row, 0), element(row, 1)), second = raised(element(row, 2), element(row, 3));
    most.push_back(raised(first, second).value());
  }
  Value all = most.front();
  if (rows_ > 1)
    all = vector::FromElementsOp::create(b_, VectorType::get({rows_}, b_.getF32Type()), most);
  return memory_.merge({part(thread_, kAcross), kAcross, 1}, all,
                       [&](Value a, Value b) { return raised({b_, a}, {b_, b}).value(); });
}

void TiledAttention::emitBlock(Value first, SmallVector<Value> &carried) {
  fetchBlock(keyPanels_, depth_, kBlock, first, /*isValues=*/false);
  memory_.wait();
  SmallVector<Value> scores = scoresOfBlock();
  Value key = body_.add(first, body_.scale(part(thread_, kAcross), kLanes));
  for (auto [row, score] : llvm::enumerate(scores))
    score = endScores(key, finishScores(queryOf(static_cast<int64_t>(row)), key, score));
  Value blockMost = maxima(scores);
  SmallVector<Value> scales;
  for (int64_t row = 0; row < rows_; ++row) {
    Value &most = carried[row], &total = carried[rows_ + row];
    Expr larger = raised({b_, most}, element(blockMost, row));
    // Where all scores so far are -infinity, nothing is to be subtracted; should that be all there are, 0 / 0 comes
    // out.
    Expr shift = graph::select(larger == static_cast<double>(kLeast), 0.0, larger);
    Expr scale(b_, math::ExpOp::create(b_, (Expr(b_, most) - shift).value()));
    Value powers = math::ExpOp::create(b_, (Expr(b_, scores[row]) - splat(shift.value())).value());
    Expr sum = (element(powers, 0) + element(powers, 1)) + (element(powers, 2) + element(powers, 3));
    total = (Expr(b_, total) * scale + sum).value();
    most = larger.value();
    scales.push_back(scale.value());
    Value to = body_.add(body_.scale(rowOf(row), powerStride()), body_.scale(part(thread_, kAcross), kLanes));
    memory_.store(stored(powers), sharedPowers_, to);
    if (usesCores_)
      memory_.store(scale.value(), sharedScales_, rowOf(row)); // by all threads of the row
  }
  memory_.wait(); // for the scores of all, which are made of the block's keys
  fetchBlock(valuePanels_, kBlock, kBlock * vectors_, first, /*isValues=*/true);
  memory_.wait();
  SmallVector<Value> sums = scaled(ArrayRef(carried).drop_front(2 * rows_), scales);
  sums = usesCores_ ? multiplyByCores(powerHalves_, powerStride(), kBlock, valueStride(), vectors_, sums)
                    : multiply(sharedPowers_, powerStride(), kBlock, vectors_, sums);
  llvm::copy(sums, carried.begin() + 2 * rows_);
  memory_.wait(); // before the next block takes its place
}

void TiledAttention::storeResult(ArrayRef<Value> carried) {
  if (usesCores_) {
    shareFragments(carried.drop_front(2 * rows_), vectors_, sharedResult_, resultStride());
    memory_.wait();
  }
  for (int64_t row = 0; row < rows_; ++row) {
    Value total = memory_.merge({part(thread_, kAcross), kAcross, 1}, carried[rows_ + row],
                                [&](Value a, Value b) { return (Expr(b_, a) + Expr(b_, b)).value(); });
    Expr scale = splat((1.0 / Expr(b_, total)).value());
    Value query = body_.add(firstRow_, rowOf(row));
    OpBuilder::InsertionGuard guard(b_);
    if (mayBeCut(queries_, tileRows()))
      b_.setInsertionPointToStart(
          scf::IfOp::create(b_, isBelow(query, queries_), /*withElseRegion=*/false).thenBlock());
    SmallVector<LaneIndex> outer = rowIndex(query, query, 1);
    outer.pop_back();
    for (int64_t vector = 0; vector < vectors_; ++vector) {
      Value channel = body_.add(body_.scale(part(thread_, kAcross), kLanes), body_.constant(vector * kBlock));
      Value sum = usesCores_
                      ? memory_.load(sharedResult_, body_.add(body_.scale(rowOf(row), resultStride()), channel), type_)
                      : carried[2 * rows_ + row * vectors_ + vector];
      Value result = (Expr(b_, sum) * scale).value();
      failed_ |= failed(storeChannels(body_, channel, channels_, kBlock, [&](int64_t count) {
        return body_.storeChannels(ops_.result.getResult(), result, outer, channel, count);
      }));
    }
  }
}

FailureOr<graph::Extent> emitTiledAttention(Body &body, const kernel::AttentionOps &ops, func::FuncOp function,
                                            Value invocation, const Profile &profile) {
  TiledAttention attention(body, ops, function, invocation, profile);
  if (!attention.isSupported())
    return failure();
  return attention.emit();
}

} // namespace smelt::gpu

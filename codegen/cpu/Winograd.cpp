// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 3x3 convolutions by Winograd's F(4x4, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
// (2016). A block of 4x4 tiles is transformed to the stack, where it stays in the second cache while every panel of
// channels multiplies it: 36 products of matrices a panel, whose results are transformed back and handed to the
// epilogue.

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

constexpr int64_t kIn = 6, kOut = 4; // a tile of the input, and of the result
constexpr int64_t kProducts = kIn * kIn;

class Winograd {
public:
  Winograd(Body &body, kernel::WinogradOp root, const kernel::Machine &machine);
  FailureOr<graph::Extent> emit(TileRange range);

private:
  using Vectors = SmallVector<Value, kIn>;
  /// Where a 4x4 tile lies.
  struct Place {
    Value batch, row, column; // of its first result
  };

  void emitBlock(ValueRange index);
  Place placeOf(Value tile);
  void transformInput(Value first);
  void transformVector(Value from, Value to);
  void multiply(Value panel);
  void multiplyRows(Value input, Value packed, Value to, int64_t rows);
  void transformOutput(Value first, Value skip, Value panel);
  void transformResult(const Place &place, Value from, Value channel, int64_t channels);
  void storeTile(const Place &place, Value channel, int64_t channels);

  Vectors transformIn(ArrayRef<Value> d);
  Vectors transformOut(ArrayRef<Value> m);
  Value times(Value a, double factor, Value sum);
  Value sum(Value a, Value b) { return arith::AddFOp::create(b_, a, b); }
  Value difference(Value a, Value b) { return arith::SubFOp::create(b_, a, b); }
  Value loadPacked(Value at) {
    Type element = cast<MemRefType>(packedArgument_.getType()).getElementType();
    auto stored = VectorType::get({lanes_}, storageType(element));
    return body_.toCompute(vector::LoadOp::create(b_, stored, body_.bufferOf(packedArgument_), at), element);
  }
  Value loadVector(Value buffer, Value at) { return vector::LoadOp::create(b_, vector_, buffer, at); }
  scf::ForOp forRange(Value from, Value to, int64_t step);
  void chooseBlock(const kernel::Machine &machine);
  Value moved(Value from, const graph::Extent &rows, const graph::Extent &columns);

  Body &body_;
  ImplicitLocOpBuilder &b_;
  kernel::WinogradOp root_;
  Value inputArgument_, packedArgument_;
  graph::Extents shape_; // of the result
  int64_t channels_, lanes_, width_, panels_;
  graph::Extent tileRows_, tileColumns_, tiles_; // the last in all
  kernel::WinogradBlock block_;
  graph::Extent blocks_;
  Value blockTiles_;    // of the block at hand
  int64_t rowsPerStep_; // of the register tile
  VectorType vector_;
  Value transformed_, products_, result_; // buffers on the stack
  bool prefetches_;                       // the panels. Elsewhere the code stays as it was measured
  bool failed_ = false;
};

} // namespace

Winograd::Winograd(Body &body, kernel::WinogradOp root, const kernel::Machine &machine)
    : body_(body), b_(body.builder()), root_(root), shape_(graph::extentsOf(root.getResult())),
      prefetches_(machine.dots != 0) {
  RankedTensorType packed = graph::typeOf(root.getPacked());
  lanes_ = machine.vectorBytes / sizeof(float);
  channels_ = packed.getDimSize(2);
  width_ = packed.getDimSize(3);
  panels_ = packed.getDimSize(0);
  tileRows_ = shape_[1].ceilDiv(kOut);
  tileColumns_ = shape_[2].ceilDiv(kOut);
  tiles_ = shape_[0] * tileRows_ * tileColumns_;
  chooseBlock(machine);
  vector_ = VectorType::get({lanes_}, b_.getF32Type());
}

void Winograd::chooseBlock(const kernel::Machine &machine) {
  auto rowsPerStep = [&] {
    return kernel::chooseTile(machine.withoutDots(), 1, block_.tiles, shape_[3].number(), sizeof(float), width_)
        .columns;
  };
  if (tiles_.isNumber()) {
    block_ = kernel::chooseWinogradBlock(tiles_.number(), channels_, panels_);
    blocks_ = block_.count;
    rowsPerStep_ = rowsPerStep();
    return;
  }
  // Blocks of the most tiles there may be, in whole steps; the last one has fewer.
  constexpr int64_t kMany = 1 << 20;
  int64_t typical = kernel::typicalBatch(shape_[0]) * kernel::typicalSide(tileRows_ * tileColumns_);
  block_ = kernel::chooseWinogradBlock(kMany, channels_, panels_);
  block_.panelGroups = kernel::chooseWinogradBlock(typical, channels_, panels_).panelGroups;
  rowsPerStep_ = rowsPerStep();
  block_.tiles -= block_.tiles % rowsPerStep_;
  blocks_ = tiles_.ceilDiv(block_.tiles);
}

FailureOr<graph::Extent> Winograd::emit(TileRange range) {
  auto input = root_.getInput().getDefiningOp<kernel::LoadOp>(),
       packed = root_.getPacked().getDefiningOp<kernel::LoadOp>();
  if (!input || !packed || !graph::typeOf(root_.getResult()).getElementType().isF32() || channels_ % lanes_ ||
      width_ % lanes_ || Body::stridesOf(input.getBuffer()).back() != graph::Extent(1))
    return failure();
  inputArgument_ = input.getBuffer();
  packedArgument_ = packed.getBuffer();
  Type element = b_.getF32Type();
  transformed_ = body_.stackBuffer(kProducts * block_.tiles * channels_, element);
  products_ = body_.stackBuffer(kProducts * block_.tiles * width_, element);
  result_ = body_.stackBuffer(kOut * kOut * lanes_, element);
  graph::Extent count =
      forTiles(body_, range, {blocks_, block_.panelGroups}, [&](ValueRange index) { emitBlock(index); });
  if (failed_)
    return failure();
  return count;
}

scf::ForOp Winograd::forRange(Value from, Value to, int64_t step) {
  auto loop = scf::ForOp::create(b_, from, to, body_.constant(step));
  b_.setInsertionPointToStart(loop.getBody());
  return loop;
}

void Winograd::emitBlock(ValueRange index) {
  Value first = body_.scale(index[0], block_.tiles), skip = body_.constant(0);
  if (tiles_.isNumber()) {
    // The last block is as large as the others: it starts earlier, and leaves out what its neighbour stores.
    Value start = first;
    first = arith::MinSIOp::create(b_, start, body_.constant(tiles_.number() - block_.tiles));
    skip = arith::SubIOp::create(b_, start, first);
    blockTiles_ = body_.constant(block_.tiles);
  } else {
    Value left = arith::SubIOp::create(b_, body_.value(tiles_), first);
    blockTiles_ = arith::MinSIOp::create(b_, left, body_.constant(block_.tiles));
  }
  transformInput(first);
  int64_t perGroup = llvm::divideCeil(panels_, block_.panelGroups);
  Value firstPanel = body_.scale(index[1], perGroup);
  Value end = arith::MinSIOp::create(b_, body_.add(firstPanel, body_.constant(perGroup)), body_.constant(panels_));
  OpBuilder::InsertionGuard guard(b_);
  Value panel = forRange(firstPanel, end, 1).getInductionVar();
  multiply(panel);
  transformOutput(first, skip, panel);
}

Winograd::Place Winograd::placeOf(Value tile) {
  Value columns = body_.value(tileColumns_), rows = body_.value(tileRows_);
  Value line = arith::DivUIOp::create(b_, tile, columns), column = arith::RemUIOp::create(b_, tile, columns);
  Value batch = arith::DivUIOp::create(b_, line, rows), row = arith::RemUIOp::create(b_, line, rows);
  return {batch, body_.scale(row, kOut), body_.scale(column, kOut)};
}

void Winograd::transformInput(Value first) {
  OpBuilder::InsertionGuard guard(b_);
  graph::Extents strides = Body::stridesOf(inputArgument_);
  Value tile = forRange(body_.constant(0), blockTiles_, 1).getInductionVar();
  Place place = placeOf(body_.add(first, tile));
  Value from = body_.scale(place.batch, shape_[0] == graph::Extent(1) ? graph::Extent(0) : strides[0]);
  from = body_.add(from, body_.add(body_.scale(place.row, strides[1]), body_.scale(place.column, strides[2])));
  Value channel = forRange(body_.constant(0), body_.constant(channels_), lanes_).getInductionVar();
  transformVector(body_.add(from, channel), body_.add(body_.scale(tile, channels_), channel));
}

/// An offset moved by a distance of which the columns' part is a number.
Value Winograd::moved(Value from, const graph::Extent &rows, const graph::Extent &columns) {
  if (rows.isNumber())
    return body_.add(from, body_.value(rows + columns));
  return body_.add(body_.add(from, body_.value(rows)), body_.value(columns));
}

/// Bᵀ d B of one tile, for as many channels as there are lanes.
void Winograd::transformVector(Value from, Value to) {
  graph::Extents strides = Body::stridesOf(inputArgument_);
  Value input = body_.bufferOf(inputArgument_);
  SmallVector<Vectors> columns;
  for (int64_t j = 0; j < kIn; ++j) {
    Vectors d;
    for (int64_t i = 0; i < kIn; ++i)
      d.push_back(loadVector(input, moved(from, strides[1] * i, strides[2] * j)));
    columns.push_back(transformIn(d));
  }
  for (int64_t i = 0; i < kIn; ++i) {
    Vectors row;
    for (int64_t j = 0; j < kIn; ++j)
      row.push_back(columns[j][i]);
    for (auto [j, value] : llvm::enumerate(transformIn(row)))
      vector::StoreOp::create(b_, value, transformed_,
                              body_.add(to, body_.constant((i * kIn + j) * block_.tiles * channels_)));
  }
}

/// products[q] = transformed[q] · packed[panel][q] for each of the 36.
void Winograd::multiply(Value panel) {
  OpBuilder::InsertionGuard guard(b_);
  Value panelBase = body_.scale(panel, kProducts * channels_ * width_);
  Value product = forRange(body_.constant(0), body_.constant(kProducts), 1).getInductionVar();
  Value input = body_.scale(product, block_.tiles * channels_);
  Value packed = body_.add(panelBase, body_.scale(product, channels_ * width_));
  Value to = body_.scale(product, block_.tiles * width_);
  int64_t whole = block_.tiles / rowsPerStep_ * rowsPerStep_;
  if (whole > 0) {
    OpBuilder::InsertionGuard inner(b_);
    // Where only the run knows the tiles, the last step may compute some that are not there: nobody reads them.
    Value end = tiles_.isNumber() ? body_.constant(whole) : blockTiles_;
    Value row = forRange(body_.constant(0), end, rowsPerStep_).getInductionVar();
    multiplyRows(body_.add(input, body_.scale(row, channels_)), packed, body_.add(to, body_.scale(row, width_)),
                 rowsPerStep_);
  }
  if (whole < block_.tiles)
    multiplyRows(body_.add(input, body_.constant(whole * channels_)), packed,
                 body_.add(to, body_.constant(whole * width_)), block_.tiles - whole);
}

void Winograd::multiplyRows(Value input, Value packed, Value to, int64_t rows) {
  int64_t vectors = width_ / lanes_;
  Value zero = arith::ConstantOp::create(b_, b_.getZeroAttr(vector_));
  SmallVector<Value> sums(rows * vectors, zero);
  auto loop = scf::ForOp::create(b_, body_.constant(0), body_.constant(channels_), body_.constant(1), sums);
  {
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Value k = loop.getInductionVar();
    Value at = body_.add(packed, body_.scale(k, width_));
    SmallVector<Value> loaded, next;
    for (int64_t v = 0; v < vectors; ++v)
      loaded.push_back(loadPacked(body_.add(at, body_.constant(v * lanes_))));
    // The next product's, into the second cache: the first rows read a panel faster than the memory yields it.
    constexpr int64_t kSecondCache = 2;
    for (int64_t v = 0; prefetches_ && v < vectors; ++v)
      memref::PrefetchOp::create(b_, body_.bufferOf(packedArgument_),
                                 ValueRange{body_.add(at, body_.constant(v * lanes_ + channels_ * width_))},
                                 /*isWrite=*/false, kSecondCache, /*isDataCache=*/true);
    for (int64_t row = 0; row < rows; ++row) {
      Value from = body_.add(body_.add(input, k), body_.constant(row * channels_));
      Value scalar = memref::LoadOp::create(b_, transformed_, from);
      Value repeated = vector::BroadcastOp::create(b_, vector_, scalar);
      for (Value vector : loaded)
        next.push_back(vector::FMAOp::create(b_, repeated, vector, loop.getRegionIterArgs()[next.size()]));
    }
    scf::YieldOp::create(b_, next);
  }
  for (auto [number, value] : llvm::enumerate(loop.getResults()))
    vector::StoreOp::create(b_, value, products_, body_.add(to, body_.constant(number * lanes_)));
}

void Winograd::transformOutput(Value first, Value skip, Value panel) {
  OpBuilder::InsertionGuard guard(b_);
  Value tile = forRange(skip, blockTiles_, 1).getInductionVar();
  Place place = placeOf(body_.add(first, tile));
  Value from = body_.scale(tile, width_), channel = body_.scale(panel, width_);
  // Whole vectors of channels, then what is left of the last panel.
  int64_t rest = shape_[3].number() % lanes_, whole = shape_[3].number() - rest;
  Value left = arith::SubIOp::create(b_, body_.constant(whole), channel);
  Value end = arith::MinSIOp::create(b_, left, body_.constant(width_));
  {
    OpBuilder::InsertionGuard inner(b_);
    Value at = forRange(body_.constant(0), end, lanes_).getInductionVar();
    transformResult(place, body_.add(from, at), body_.add(channel, at), lanes_);
  }
  if (rest == 0)
    return;
  Value isLast = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, panel, body_.constant(panels_ - 1));
  b_.setInsertionPointToStart(scf::IfOp::create(b_, isLast, /*withElseRegion=*/false).thenBlock());
  transformResult(place, body_.add(from, left), body_.constant(whole), rest);
}

/// Aᵀ m A of one tile, for as many channels as there are lanes.
void Winograd::transformResult(const Place &place, Value from, Value channel, int64_t channels) {
  SmallVector<Vectors> columns;
  for (int64_t j = 0; j < kIn; ++j) {
    Vectors m;
    for (int64_t i = 0; i < kIn; ++i)
      m.push_back(loadVector(products_, body_.add(from, body_.constant((i * kIn + j) * block_.tiles * width_))));
    columns.push_back(transformOut(m));
  }
  for (int64_t i = 0; i < kOut; ++i) {
    Vectors row;
    for (int64_t j = 0; j < kIn; ++j)
      row.push_back(columns[j][i]);
    for (auto [j, value] : llvm::enumerate(transformOut(row)))
      vector::StoreOp::create(b_, value, result_, body_.constant((i * kOut + j) * lanes_));
  }
  storeTile(place, channel, channels);
}

/// The epilogue at those of the 4x4 points that exist.
void Winograd::storeTile(const Place &place, Value channel, int64_t channels) {
  OpBuilder::InsertionGuard guard(b_);
  auto most = [&](Value start, const graph::Extent &extent) -> Value {
    if (extent.dividedBy(kOut))
      return body_.constant(kOut);
    return arith::MinSIOp::create(b_, arith::SubIOp::create(b_, body_.value(extent), start), body_.constant(kOut));
  };
  Value rows = most(place.row, shape_[1]), columns = most(place.column, shape_[2]);
  Value i = forRange(body_.constant(0), rows, 1).getInductionVar();
  Value j = forRange(body_.constant(0), columns, 1).getInductionVar();
  Value at = body_.scale(body_.add(body_.scale(i, kOut), j), lanes_);
  Value value = loadVector(result_, at);
  LaneIndex batch{place.batch, 0}, row{body_.add(place.row, i), 0}, column{body_.add(place.column, j), 0};
  failed_ |= failed(body_.storeChannels(root_.getResult(), value, {batch, row, column}, channel, channels));
}

/// a · factor + sum
Value Winograd::times(Value a, double factor, Value sum) {
  Value number = arith::ConstantOp::create(
      b_, DenseElementsAttr::get(vector_, b_.getF32FloatAttr(static_cast<float>(factor)).getValue()));
  return vector::FMAOp::create(b_, a, number, sum);
}

/// Bᵀ d
Winograd::Vectors Winograd::transformIn(ArrayRef<Value> d) {
  Value t0 = times(d[2], -4, d[4]), t1 = times(d[1], -4, d[3]);
  Value t2 = difference(d[4], d[2]), t3 = difference(d[3], d[1]);
  return {times(d[0], 4, times(d[2], -5, d[4])), sum(t0, t1), difference(t0, t1), times(t3, 2, t2), times(t3, -2, t2),
          times(d[1], 4, times(d[3], -5, d[5]))};
}

/// Aᵀ m
Winograd::Vectors Winograd::transformOut(ArrayRef<Value> m) {
  Value a = sum(m[1], m[2]), b = difference(m[1], m[2]), c = sum(m[3], m[4]), d = difference(m[3], m[4]);
  return {sum(sum(m[0], a), c), times(d, 2, b), times(c, 4, a), sum(times(d, 8, b), m[5])};
}

FailureOr<graph::Extent> emitWinograd(Body &body, kernel::WinogradOp root, TileRange range,
                                      const kernel::Machine &machine) {
  return Winograd(body, root, machine).emit(range);
}

} // namespace smelt::cpu

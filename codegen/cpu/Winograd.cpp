// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions of stride 1 by Winograd's algorithm (WinogradTile.h). A block of tiles is transformed to the stack,
// where it stays in the second cache while every panel of channels multiplies it: a product of matrices for each pair
// of points, 36 for 3x3, whose results are transformed back and handed to the epilogue.

#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/Microkernel.h"
#include "dialects/Graph/WinogradTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

class Winograd {
public:
  Winograd(Body &body, kernel::WinogradOp root, const kernel::Machine &machine);
  FailureOr<graph::Extent> emit(TileRange range);

private:
  using Vectors = SmallVector<Value>;
  /// A dim of the image.
  struct Dim {
    graph::WinogradTile tile;
    int64_t dilation = 1;
    graph::Extent extent = 1; // of the result
    graph::Extent stride = 0; // of the input
    graph::Extent tiles = 1;
  };
  /// Where a tile lies.
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

  Vectors transformIn(const graph::WinogradTile &tile, ArrayRef<Value> d);
  Vectors transformOut(const graph::WinogradTile &tile, ArrayRef<Value> m);
  Value times(Value a, double factor, Value sum);
  Value everyOther(ArrayRef<Value> terms, size_t first, ArrayRef<double> factors);
  Value loadVector(Value buffer, Value at) { return vector::LoadOp::create(b_, vector_, buffer, at); }
  scf::ForOp forRange(Value from, Value to, int64_t step);
  void chooseBlock(const kernel::Machine &machine);
  Value firstOf(const Dim &dim, Value tile);
  Value moved(Value from, const graph::Extent &rows, const graph::Extent &columns);

  Body &body_;
  ImplicitLocOpBuilder &b_;
  kernel::WinogradOp root_;
  Value inputArgument_, packedArgument_;
  graph::Extents shape_; // of the result
  bool isImage_;         // else there is one dim, the columns
  Dim rows_, columns_;
  int64_t products_; // of a tile
  int64_t channels_, lanes_, width_, panels_;
  int64_t rowStride_, inStride_, outStride_; // of the blocks of transformed inputs, and of products
  graph::Extent tiles_;                      // in all
  kernel::WinogradBlock block_;
  graph::Extent blocks_;
  Value blockTiles_;    // of the block at hand
  int64_t rowsPerStep_; // of the register tile
  bool byLane_;         // whether the machine multiplies by lanes
  VectorType vector_;
  Value transformed_, multiplied_, result_; // buffers on the stack
  bool prefetches_;                         // the panels. Elsewhere the code stays as it was measured
  bool failed_ = false;
};

} // namespace

/// Elements from one matrix of the stack to the next: not a multiple of what a cache takes for one place.
static int64_t spread(int64_t elements) {
  constexpr int64_t kSets = 1024, kLine = 16; // of f32
  return elements % kSets ? elements : elements + kLine;
}

Winograd::Winograd(Body &body, kernel::WinogradOp root, const kernel::Machine &machine)
    : body_(body), b_(body.builder()), root_(root), shape_(graph::extentsOf(root.getResult())),
      isImage_(root.getWindow().size() == 2), prefetches_(machine.dots & kernel::kBf16Dots) {
  RankedTensorType packed = graph::typeOf(root.getPacked());
  lanes_ = machine.vectorBytes / sizeof(float);
  panels_ = packed.getDimSize(0);
  products_ = packed.getDimSize(1);
  channels_ = packed.getDimSize(2);
  width_ = packed.getDimSize(3);
  for (size_t number = 0; number < root.getWindow().size(); ++number) {
    Dim &dim = isImage_ && number == 0 ? rows_ : columns_;
    dim.tile = *graph::winogradTile(root.getWindow()[number]);
    dim.dilation = root.getDilations()[number];
    dim.extent = shape_[number + 1];
    dim.tiles = dim.extent.ceilDiv(dim.tile.results * dim.dilation) * dim.dilation;
  }
  tiles_ = shape_[0] * rows_.tiles * columns_.tiles;
  chooseBlock(machine);
  rowStride_ = spread(channels_);
  inStride_ = spread(block_.tiles * rowStride_);
  outStride_ = spread(block_.tiles * width_);
  byLane_ = machine.byLane;
  vector_ = VectorType::get({lanes_}, b_.getF32Type());
}

void Winograd::chooseBlock(const kernel::Machine &machine) {
  auto rowsPerStep = [&] {
    return kernel::chooseTile(machine.withoutDots(), 1, block_.tiles, shape_.back().number(), sizeof(float), 1, width_)
        .columns;
  };
  if (tiles_.isNumber()) {
    block_ = kernel::chooseWinogradBlock(products_, tiles_.number(), channels_, panels_);
    blocks_ = block_.count;
    rowsPerStep_ = rowsPerStep();
    return;
  }
  // Blocks of the most tiles there may be, in whole steps; the last one has fewer.
  constexpr int64_t kMany = 1 << 20;
  int64_t typical = kernel::typicalBatch(shape_[0]) * kernel::typicalSide(rows_.tiles * columns_.tiles);
  block_ = kernel::chooseWinogradBlock(products_, kMany, channels_, panels_);
  block_.panelGroups = kernel::chooseWinogradBlock(products_, typical, channels_, panels_).panelGroups;
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
  graph::Extents strides = Body::stridesOf(inputArgument_);
  columns_.stride = strides[strides.size() - 2];
  if (isImage_)
    rows_.stride = strides[1];
  Type element = b_.getF32Type();
  transformed_ = body_.stackBuffer(products_ * inStride_, element);
  multiplied_ = body_.stackBuffer(products_ * outStride_, element);
  result_ = body_.stackBuffer(rows_.tile.results * columns_.tile.results * lanes_, element);
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

/// The first result of a dim's tile: tiles of dilated windows interleave.
Value Winograd::firstOf(const Dim &dim, Value tile) {
  if (dim.dilation == 1)
    return body_.scale(tile, dim.tile.results);
  Value dilation = body_.constant(dim.dilation);
  Value turn = arith::DivUIOp::create(b_, tile, dilation), within = arith::RemUIOp::create(b_, tile, dilation);
  return body_.add(body_.scale(turn, dim.tile.results * dim.dilation), within);
}

Winograd::Place Winograd::placeOf(Value tile) {
  Value columns = body_.value(columns_.tiles), rows = body_.value(rows_.tiles);
  Value line = arith::DivUIOp::create(b_, tile, columns), column = arith::RemUIOp::create(b_, tile, columns);
  Value batch = arith::DivUIOp::create(b_, line, rows), row = arith::RemUIOp::create(b_, line, rows);
  return {batch, firstOf(rows_, row), firstOf(columns_, column)};
}

void Winograd::transformInput(Value first) {
  OpBuilder::InsertionGuard guard(b_);
  Value tile = forRange(body_.constant(0), blockTiles_, 1).getInductionVar();
  Place place = placeOf(body_.add(first, tile));
  graph::Extent batch = Body::stridesOf(inputArgument_)[0];
  Value from = body_.scale(place.batch, shape_[0] == graph::Extent(1) ? graph::Extent(0) : batch);
  from = body_.add(from, body_.add(body_.scale(place.row, rows_.stride), body_.scale(place.column, columns_.stride)));
  Value channel = forRange(body_.constant(0), body_.constant(channels_), lanes_).getInductionVar();
  transformVector(body_.add(from, channel), body_.add(body_.scale(tile, rowStride_), channel));
}

/// An offset moved by a distance of which the columns' part is a number.
Value Winograd::moved(Value from, const graph::Extent &rows, const graph::Extent &columns) {
  if (rows.isNumber())
    return body_.add(from, body_.value(rows + columns));
  return body_.add(body_.add(from, body_.value(rows)), body_.value(columns));
}

/// Bᵀ d B of one tile, for as many channels as there are lanes.
void Winograd::transformVector(Value from, Value to) {
  Value input = body_.bufferOf(inputArgument_);
  int64_t height = rows_.tile.points, width = columns_.tile.points;
  SmallVector<Vectors> columns;
  for (int64_t j = 0; j < width; ++j) {
    Vectors d;
    for (int64_t i = 0; i < height; ++i)
      d.push_back(loadVector(
          input, moved(from, rows_.stride * (i * rows_.dilation), columns_.stride * (j * columns_.dilation))));
    columns.push_back(transformIn(rows_.tile, d));
  }
  for (int64_t i = 0; i < height; ++i) {
    Vectors row;
    for (int64_t j = 0; j < width; ++j)
      row.push_back(columns[j][i]);
    for (auto [j, value] : llvm::enumerate(transformIn(columns_.tile, row)))
      vector::StoreOp::create(b_, value, transformed_, body_.add(to, body_.constant((i * width + j) * inStride_)));
  }
}

/// multiplied[q] = transformed[q] · packed[panel][q] for each product of a tile.
void Winograd::multiply(Value panel) {
  OpBuilder::InsertionGuard guard(b_);
  Value panelBase = body_.scale(panel, products_ * channels_ * width_);
  Value product = forRange(body_.constant(0), body_.constant(products_), 1).getInductionVar();
  Value input = body_.scale(product, inStride_);
  Value packed = body_.add(panelBase, body_.scale(product, channels_ * width_));
  Value to = body_.scale(product, outStride_);
  int64_t whole = block_.tiles / rowsPerStep_ * rowsPerStep_;
  if (whole > 0) {
    OpBuilder::InsertionGuard inner(b_);
    // Where only the run knows the tiles, the last step may compute some that are not there: nobody reads them.
    Value end = tiles_.isNumber() ? body_.constant(whole) : blockTiles_;
    Value row = forRange(body_.constant(0), end, rowsPerStep_).getInductionVar();
    multiplyRows(body_.add(input, body_.scale(row, rowStride_)), packed, body_.add(to, body_.scale(row, width_)),
                 rowsPerStep_);
  }
  if (whole < block_.tiles)
    multiplyRows(body_.add(input, body_.constant(whole * rowStride_)), packed,
                 body_.add(to, body_.constant(whole * width_)), block_.tiles - whole);
}

void Winograd::multiplyRows(Value input, Value packed, Value to, int64_t rows) {
  PanelProduct product;
  product.rows = transformed_;
  product.rowsBase = input;
  product.rowStride = rowStride_;
  product.panel = packedArgument_;
  product.panelBase = packed;
  product.width = width_;
  product.steps = body_.constant(channels_);
  product.count = rows;
  product.vectors = width_ / lanes_;
  product.lanes = lanes_;
  product.byLanes = byLane_; // lanes divide the channels
  product.fetchesNext = prefetches_;
  for (auto [number, value] : llvm::enumerate(product.emit(body_, product.zeros(body_))))
    vector::StoreOp::create(b_, value, multiplied_, body_.add(to, body_.constant(number * lanes_)));
}

void Winograd::transformOutput(Value first, Value skip, Value panel) {
  OpBuilder::InsertionGuard guard(b_);
  Value tile = forRange(skip, blockTiles_, 1).getInductionVar();
  Place place = placeOf(body_.add(first, tile));
  Value from = body_.scale(tile, width_), channel = body_.scale(panel, width_);
  // Whole vectors of channels, then what is left of the last panel.
  int64_t rest = shape_.back().number() % lanes_, whole = shape_.back().number() - rest;
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
  int64_t height = rows_.tile.points, width = columns_.tile.points;
  SmallVector<Vectors> columns;
  for (int64_t j = 0; j < width; ++j) {
    Vectors m;
    for (int64_t i = 0; i < height; ++i)
      m.push_back(loadVector(multiplied_, body_.add(from, body_.constant((i * width + j) * outStride_))));
    columns.push_back(transformOut(rows_.tile, m));
  }
  for (int64_t i = 0; i < rows_.tile.results; ++i) {
    Vectors row;
    for (int64_t j = 0; j < width; ++j)
      row.push_back(columns[j][i]);
    for (auto [j, value] : llvm::enumerate(transformOut(columns_.tile, row)))
      vector::StoreOp::create(b_, value, result_, body_.constant((i * columns_.tile.results + j) * lanes_));
  }
  storeTile(place, channel, channels);
}

/// The epilogue at those points of a tile that exist.
void Winograd::storeTile(const Place &place, Value channel, int64_t channels) {
  OpBuilder::InsertionGuard guard(b_);
  auto most = [&](Value start, const Dim &dim) -> Value {
    if (dim.extent.dividedBy(dim.tile.results * dim.dilation))
      return body_.constant(dim.tile.results);
    Value left = arith::SubIOp::create(b_, body_.value(dim.extent), start);
    if (dim.dilation > 1)
      left = arith::CeilDivSIOp::create(b_, left, body_.constant(dim.dilation));
    return arith::MinSIOp::create(b_, left, body_.constant(dim.tile.results));
  };
  Value rows = most(place.row, rows_), columns = most(place.column, columns_);
  Value i = forRange(body_.constant(0), rows, 1).getInductionVar();
  Value j = forRange(body_.constant(0), columns, 1).getInductionVar();
  Value at = body_.scale(body_.add(body_.scale(i, columns_.tile.results), j), lanes_);
  Value value = loadVector(result_, at);
  SmallVector<LaneIndex> outer{{place.batch, 0}};
  if (isImage_)
    outer.push_back({body_.add(place.row, body_.scale(i, rows_.dilation)), 0});
  outer.push_back({body_.add(place.column, body_.scale(j, columns_.dilation)), 0});
  failed_ |= failed(body_.storeChannels(root_.getResult(), value, outer, channel, channels));
}

/// a · factor + sum
Value Winograd::times(Value a, double factor, Value sum) {
  if (factor == 1)
    return arith::AddFOp::create(b_, sum, a);
  if (factor == -1)
    return arith::SubFOp::create(b_, sum, a);
  Value number = arith::ConstantOp::create(
      b_, DenseElementsAttr::get(vector_, b_.getF32FloatAttr(static_cast<float>(factor)).getValue()));
  return vector::FMAOp::create(b_, a, number, sum);
}

/// Σ factors[k] · terms[first + 2k], where the last factor is 1.
Value Winograd::everyOther(ArrayRef<Value> terms, size_t first, ArrayRef<double> factors) {
  size_t last = factors.size() - 1;
  Value sum = terms[first + 2 * last];
  for (size_t k = last; k > 0; --k)
    sum = times(terms[first + 2 * (k - 1)], factors[k - 1], sum);
  return sum;
}

// Bᵀ d. The row of a point is the product of (x - b) over the other points b but infinity, that of infinity of all:
//   0: Π (x² - p²);  ±p: (x ± p) x Π (x² - q²), q ≠ p;  infinity: x Π (x² - p²)
Winograd::Vectors Winograd::transformIn(const graph::WinogradTile &tile, ArrayRef<Value> d) {
  if (tile.points == 1)
    return {d.front()};
  SmallVector<double> all = tile.squares();
  Vectors rows{everyOther(d, 0, all)};
  for (auto [number, p] : llvm::enumerate(tile.pairs())) {
    SmallVector<double> others = tile.squares(number);
    Value odd = everyOther(d, 1, others), even = everyOther(d, 2, others);
    rows.append({times(odd, p, even), times(odd, -p, even)});
  }
  rows.push_back(everyOther(d, 1, all));
  return rows;
}

// Aᵀ m: result i is the sum of point^i · m, where infinity counts for the last one alone.
Winograd::Vectors Winograd::transformOut(const graph::WinogradTile &tile, ArrayRef<Value> m) {
  if (tile.points == 1)
    return {m.front()};
  ArrayRef<double> pairs = tile.pairs();
  SmallVector<std::array<Value, 2>> halves; // of a pair: the sum, for even powers, and the difference
  for (size_t number = 0; number < pairs.size(); ++number) {
    Value plus = m[1 + 2 * number], minus = m[2 + 2 * number];
    halves.push_back({arith::AddFOp::create(b_, plus, minus), arith::SubFOp::create(b_, plus, minus)});
  }
  Vectors results;
  for (int64_t i = 0; i < tile.results; ++i) {
    Value sum = i == 0 ? m.front() : Value();
    for (auto [number, p] : llvm::enumerate(pairs))
      sum = sum ? times(halves[number][i % 2], std::pow(p, i), sum) : halves[number][i % 2]; // the first p is 1
    results.push_back(i + 1 == tile.results ? arith::AddFOp::create(b_, sum, m.back()) : sum);
  }
  return results;
}

FailureOr<graph::Extent> emitWinograd(Body &body, kernel::WinogradOp root, TileRange range,
                                      const kernel::Machine &machine) {
  return Winograd(body, root, machine).emit(range);
}

} // namespace smelt::cpu

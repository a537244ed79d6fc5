// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions of stride 1 by Winograd's algorithm (WinogradTile.h). A block of tiles is transformed to scratch memory,
// where it stays in the second cache while every panel of channels multiplies it: a product of matrices for each pair
// of points, 36 for 3x3, whose results are transformed back and handed to the epilogue.

#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/Microkernel.h"
#include "dialects/Kernel/Scratch.h"
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
  /// Where a tile lies.
  struct Place {
    Value batch, row, column; // of its first result
  };

  void emitBlock(ValueRange index);
  Place placeOf(Value tile);
  void transformInput(Value first);
  void transformVector(Value from, Value to);
  void multiply(Value panel);
  void multiplyRows(Value input, Value packed, Value to, Value turn, int64_t rows);
  void transformOutput(Value first, Value skip, Value panel);
  void transformResult(const Place &place, Value from, Value channel, int64_t channels);
  void storeTile(const Place &place, Value channel, int64_t channels);

  Vectors transformIn(const graph::WinogradTile &tile, ArrayRef<Value> d);
  Vectors transformOut(const graph::WinogradTile &tile, ArrayRef<Value> m);
  Value times(Value a, double factor, Value sum);
  Value everyOther(ArrayRef<Value> terms, size_t first, ArrayRef<double> factors);
  Value loadVector(Value buffer, Value at) { return vector::LoadOp::create(b_, vector_, buffer, at); }
  scf::ForOp forRange(Value from, Value to, int64_t step);
  Value firstOf(const kernel::WinogradDim &dim, Value tile);
  Value moved(Value from, const graph::Extent &rows, const graph::Extent &columns);

  Body &body_;
  ImplicitLocOpBuilder &b_;
  kernel::WinogradOp root_;
  Value inputArgument_, packedArgument_;
  kernel::WinogradLayout layout_;
  graph::Extent rowStride_ = 0, columnStride_ = 0; // of the input
  int64_t lanes_;
  bool byLane_;      // whether the machine multiplies by lanes
  Value blockTiles_; // of the block at hand
  VectorType vector_;
  Value transformed_, multiplied_; // the block's matrices
  Value result_;                   // of a tile, on the stack
  bool failed_ = false;
};

} // namespace

Winograd::Winograd(Body &body, kernel::WinogradOp root, const kernel::Machine &machine)
    : body_(body), b_(body.builder()), root_(root), layout_(kernel::winogradLayout(root, machine)),
      lanes_(machine.vectorBytes / sizeof(float)), byLane_(machine.byLane),
      vector_(VectorType::get({lanes_}, b_.getF32Type())) {}

FailureOr<graph::Extent> Winograd::emit(TileRange range) {
  auto input = root_.getInput().getDefiningOp<kernel::LoadOp>(),
       packed = root_.getPacked().getDefiningOp<kernel::LoadOp>();
  if (!input || !packed || !graph::typeOf(root_.getResult()).getElementType().isF32() || layout_.channels % lanes_ ||
      layout_.width % lanes_ || Body::stridesOf(input.getBuffer()).back() != graph::Extent(1))
    return failure();
  inputArgument_ = input.getBuffer();
  packedArgument_ = packed.getBuffer();
  graph::Extents strides = Body::stridesOf(inputArgument_);
  columnStride_ = strides[strides.size() - 2];
  if (layout_.isImage)
    rowStride_ = strides[1];
  SmallVector<Value> blocks = body_.scratch();
  transformed_ = blocks[0];
  multiplied_ = blocks[1];
  result_ = body_.stackBuffer(layout_.rows.tile.results * layout_.columns.tile.results * lanes_, b_.getF32Type());
  graph::Extent count =
      forTiles(body_, range, {layout_.blocks, layout_.block.panelGroups}, [&](ValueRange index) { emitBlock(index); });
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
  Value first = body_.scale(index[0], layout_.block.tiles), skip = body_.constant(0);
  if (layout_.tiles.isNumber()) {
    // The last block is as large as the others: it starts earlier, and leaves out what its neighbour stores.
    Value start = first;
    first = arith::MinSIOp::create(b_, start, body_.constant(layout_.tiles.number() - layout_.block.tiles));
    skip = arith::SubIOp::create(b_, start, first);
    blockTiles_ = body_.constant(layout_.block.tiles);
  } else {
    Value left = arith::SubIOp::create(b_, body_.value(layout_.tiles), first);
    blockTiles_ = arith::MinSIOp::create(b_, left, body_.constant(layout_.block.tiles));
  }
  transformInput(first);
  int64_t perGroup = llvm::divideCeil(layout_.panels, layout_.block.panelGroups);
  Value firstPanel = body_.scale(index[1], perGroup);
  Value end =
      arith::MinSIOp::create(b_, body_.add(firstPanel, body_.constant(perGroup)), body_.constant(layout_.panels));
  OpBuilder::InsertionGuard guard(b_);
  Value panel = forRange(firstPanel, end, 1).getInductionVar();
  multiply(panel);
  transformOutput(first, skip, panel);
}

/// The first result of a dim's tile: tiles of dilated windows interleave.
Value Winograd::firstOf(const kernel::WinogradDim &dim, Value tile) {
  if (dim.dilation == 1)
    return body_.scale(tile, dim.tile.results);
  Value dilation = body_.constant(dim.dilation);
  Value turn = arith::DivUIOp::create(b_, tile, dilation), within = arith::RemUIOp::create(b_, tile, dilation);
  return body_.add(body_.scale(turn, dim.tile.results * dim.dilation), within);
}

Winograd::Place Winograd::placeOf(Value tile) {
  Value columns = body_.value(layout_.columns.tiles), rows = body_.value(layout_.rows.tiles);
  Value line = arith::DivUIOp::create(b_, tile, columns), column = arith::RemUIOp::create(b_, tile, columns);
  Value batch = arith::DivUIOp::create(b_, line, rows), row = arith::RemUIOp::create(b_, line, rows);
  return {batch, firstOf(layout_.rows, row), firstOf(layout_.columns, column)};
}

void Winograd::transformInput(Value first) {
  OpBuilder::InsertionGuard guard(b_);
  Value tile = forRange(body_.constant(0), blockTiles_, 1).getInductionVar();
  Place place = placeOf(body_.add(first, tile));
  graph::Extent batch = Body::stridesOf(inputArgument_)[0];
  Value from = body_.scale(place.batch, layout_.shape[0] == graph::Extent(1) ? graph::Extent(0) : batch);
  from = body_.add(from, body_.add(body_.scale(place.row, rowStride_), body_.scale(place.column, columnStride_)));
  Value channel = forRange(body_.constant(0), body_.constant(layout_.channels), lanes_).getInductionVar();
  transformVector(body_.add(from, channel), body_.add(body_.scale(tile, layout_.rowStride), channel));
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
  int64_t height = layout_.rows.tile.points, width = layout_.columns.tile.points;
  SmallVector<Vectors> columns;
  for (int64_t j = 0; j < width; ++j) {
    Vectors d;
    for (int64_t i = 0; i < height; ++i)
      d.push_back(loadVector(input, moved(from, rowStride_ * (i * layout_.rows.dilation),
                                          columnStride_ * (j * layout_.columns.dilation))));
    columns.push_back(transformIn(layout_.rows.tile, d));
  }
  for (int64_t i = 0; i < height; ++i) {
    Vectors row;
    for (int64_t j = 0; j < width; ++j)
      row.push_back(columns[j][i]);
    for (auto [j, value] : llvm::enumerate(transformIn(layout_.columns.tile, row)))
      vector::StoreOp::create(b_, value, transformed_,
                              body_.add(to, body_.constant((i * width + j) * layout_.inStride)));
  }
}

/// multiplied[q] = transformed[q] · packed[panel][q] for each product of a tile.
void Winograd::multiply(Value panel) {
  OpBuilder::InsertionGuard guard(b_);
  Value panelBase = body_.scale(panel, layout_.products * layout_.channels * layout_.width);
  Value product = forRange(body_.constant(0), body_.constant(layout_.products), 1).getInductionVar();
  Value input = body_.scale(product, layout_.inStride);
  Value packed = body_.add(panelBase, body_.scale(product, layout_.channels * layout_.width));
  Value to = body_.scale(product, layout_.outStride);
  int64_t whole = layout_.block.tiles / layout_.rowsPerStep * layout_.rowsPerStep;
  if (whole > 0) {
    OpBuilder::InsertionGuard inner(b_);
    // Where only the run knows the tiles, the last step may compute some that are not there: nobody reads them.
    Value end = layout_.tiles.isNumber() ? body_.constant(whole) : blockTiles_;
    Value row = forRange(body_.constant(0), end, layout_.rowsPerStep).getInductionVar();
    Value turn = arith::DivUIOp::create(b_, row, body_.constant(layout_.rowsPerStep));
    multiplyRows(body_.add(input, body_.scale(row, layout_.rowStride)), packed,
                 body_.add(to, body_.scale(row, layout_.width)), turn, layout_.rowsPerStep);
  }
  if (whole < layout_.block.tiles)
    multiplyRows(body_.add(input, body_.constant(whole * layout_.rowStride)), packed,
                 body_.add(to, body_.constant(whole * layout_.width)), body_.constant(whole / layout_.rowsPerStep),
                 layout_.block.tiles - whole);
}

void Winograd::multiplyRows(Value input, Value packed, Value to, Value turn, int64_t rows) {
  PanelProduct product;
  product.rows = transformed_;
  product.rowsBase = input;
  product.rowStride = layout_.rowStride;
  product.panel = packedArgument_;
  product.panelBase = packed;
  product.width = layout_.width;
  product.steps = body_.constant(layout_.channels);
  product.count = rows;
  product.vectors = layout_.width / lanes_;
  product.lanes = lanes_;
  product.byLanes = byLane_; // lanes divide the channels
  if (!byLane_) {
    product.readers = llvm::divideCeil(layout_.block.tiles, layout_.rowsPerStep);
    product.turn = turn;
  }
  for (auto [number, value] : llvm::enumerate(product.emit(body_, product.zeros(body_))))
    vector::StoreOp::create(b_, value, multiplied_, body_.add(to, body_.constant(number * lanes_)));
}

void Winograd::transformOutput(Value first, Value skip, Value panel) {
  OpBuilder::InsertionGuard guard(b_);
  Value tile = forRange(skip, blockTiles_, 1).getInductionVar();
  Place place = placeOf(body_.add(first, tile));
  Value from = body_.scale(tile, layout_.width), channel = body_.scale(panel, layout_.width);
  // Whole vectors of channels, then what is left of the last panel.
  int64_t rest = layout_.shape.back().number() % lanes_, whole = layout_.shape.back().number() - rest;
  Value left = arith::SubIOp::create(b_, body_.constant(whole), channel);
  Value end = arith::MinSIOp::create(b_, left, body_.constant(layout_.width));
  {
    OpBuilder::InsertionGuard inner(b_);
    Value at = forRange(body_.constant(0), end, lanes_).getInductionVar();
    transformResult(place, body_.add(from, at), body_.add(channel, at), lanes_);
  }
  if (rest == 0)
    return;
  Value isLast = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, panel, body_.constant(layout_.panels - 1));
  b_.setInsertionPointToStart(scf::IfOp::create(b_, isLast, /*withElseRegion=*/false).thenBlock());
  transformResult(place, body_.add(from, left), body_.constant(whole), rest);
}

/// Aᵀ m A of one tile, for as many channels as there are lanes.
void Winograd::transformResult(const Place &place, Value from, Value channel, int64_t channels) {
  int64_t height = layout_.rows.tile.points, width = layout_.columns.tile.points;
  SmallVector<Vectors> columns;
  for (int64_t j = 0; j < width; ++j) {
    Vectors m;
    for (int64_t i = 0; i < height; ++i)
      m.push_back(loadVector(multiplied_, body_.add(from, body_.constant((i * width + j) * layout_.outStride))));
    columns.push_back(transformOut(layout_.rows.tile, m));
  }
  for (int64_t i = 0; i < layout_.rows.tile.results; ++i) {
    Vectors row;
    for (int64_t j = 0; j < width; ++j)
      row.push_back(columns[j][i]);
    for (auto [j, value] : llvm::enumerate(transformOut(layout_.columns.tile, row)))
      vector::StoreOp::create(b_, value, result_, body_.constant((i * layout_.columns.tile.results + j) * lanes_));
  }
  storeTile(place, channel, channels);
}

/// The epilogue at those points of a tile that exist.
void Winograd::storeTile(const Place &place, Value channel, int64_t channels) {
  OpBuilder::InsertionGuard guard(b_);
  auto most = [&](Value start, const kernel::WinogradDim &dim) -> Value {
    if (dim.extent.dividedBy(dim.tile.results * dim.dilation))
      return body_.constant(dim.tile.results);
    Value left = arith::SubIOp::create(b_, body_.value(dim.extent), start);
    if (dim.dilation > 1)
      left = arith::CeilDivSIOp::create(b_, left, body_.constant(dim.dilation));
    return arith::MinSIOp::create(b_, left, body_.constant(dim.tile.results));
  };
  Value rows = most(place.row, layout_.rows), columns = most(place.column, layout_.columns);
  Value i = forRange(body_.constant(0), rows, 1).getInductionVar();
  Value j = forRange(body_.constant(0), columns, 1).getInductionVar();
  Value at = body_.scale(body_.add(body_.scale(i, layout_.columns.tile.results), j), lanes_);
  Value value = loadVector(result_, at);
  SmallVector<LaneIndex> outer{{place.batch, 0}};
  if (layout_.isImage)
    outer.push_back({body_.add(place.row, body_.scale(i, layout_.rows.dilation)), 0});
  outer.push_back({body_.add(place.column, body_.scale(j, layout_.columns.dilation)), 0});
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

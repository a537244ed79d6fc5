// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The microkernel: products and convolutions over packed panels. A register tile of rows × columns points and one panel
// of channels is accumulated over the whole of K in separate vectors of one register each, then handed to the epilogue.
// The panel is the outer loop and the points the inner one, so that a panel stays in the first caches; K is not
// blocked.

#include "codegen/cpu/CodedPanels.h"
#include "codegen/cpu/Dots.h"
#include "codegen/cpu/Emitters.h"
#include "dialects/Graph/Ops/Cast.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

constexpr int64_t kLineBytes = 64; // of a cache

namespace {

class Contraction {
public:
  Contraction(Body &body, kernel::ContractOp root, const kernel::Machine &machine);
  FailureOr<graph::Extent> emit(TileRange range);

private:
  /// One loop along K: how far a step goes in the input; the packed side is walked in order.
  struct Reduction {
    Extent extent;
    Extent inputStride;
  };
  /// A tile's place and size.
  struct Tile {
    SmallVector<Value> outer; // index of every dim before the tiled ones
    Value row, column;        // first point; row is null when there is one tiled dim
    Value group, panel;
    Value turn; // which of the tiles that read the panel it is; null where that does not matter
    int64_t rows = 1, columns = 1;
    int64_t channels = 0; // of the panel that exist
    Value someChannels;   // the same where only the run knows, `channels` being the most; else null
  };

  /// Elements at one step along K.
  struct Place {
    Value input, packed;
    Value ahead; // of the next panel, to be fetched; may be null
  };

  void findReductions(ArrayRef<Extent> inputStrides);
  bool tilesRows() { return root_.getWindow().size() > 1; }
  int64_t bytesOfInputRead();
  void orderTiles();
  void emitTile(ValueRange index);
  void emitCodedTile(const Tile &tile);
  void chooseRemainders(Tile tile, int stage);
  void chooseUnknownRemainder(Tile tile, int stage, const Extent &extent);
  void emitMicrokernel(const Tile &tile);
  Value inputBase(const Tile &tile);
  Value packedBase(const Tile &tile);
  Place placeOf(const Tile &tile);
  Value aheadBase(const Tile &tile, Value packed);
  SmallVector<Value> accumulate(const Tile &tile, size_t level, const Place &place, ValueRange sums);
  SmallVector<Value> step(const Tile &tile, const Place &place, ValueRange sums);
  SmallVector<Value> stepByLanes(const Tile &tile, Value input, Value packed, ValueRange sums);
  SmallVector<Value> accumulateGroups(const Tile &tile, Value input, Value packed, ValueRange sums);
  SmallVector<Value> loadGroups(const Tile &tile, Value packed, int64_t count);
  SmallVector<Value> stepGroup(const Tile &tile, Value input, Value packed, ValueRange sums, int64_t count);
  SmallVector<Value> stepGroupsByLanes(const Tile &tile, Value input, Value packed, ValueRange sums);
  SmallVector<Value> loadPanel(const Tile &tile, Value packed, Value ahead = {});
  Value widened(Value loaded, RankedTensorType type);
  Extent inputOffset(int64_t row, int64_t column);
  SmallVector<Value> placesOf(const Tile &tile, Value input);
  bool hasCostlyEpilogue();
  void prefetch(Value argument, Value at, bool toFirstCache);
  void prefetchPanel(const Tile &tile, Value packed);
  void prefetchLines(Value argument, Value at, int64_t elements, bool toFirstCache);
  bool isPanelSmall();
  int64_t readersOfPanels();
  void prefetchAhead(const Tile &tile, Value step, Value input, Value packed);
  void prefetchEpilogue(const Tile &tile);
  void storeInline(const Tile &tile, ArrayRef<Value> sums);
  void storeFromStack(const Tile &tile, ArrayRef<Value> sums);
  void storeSomeChannels(const Tile &tile, Value row, Value column, Value stack, Value first);
  SmallVector<LaneIndex> pointIndex(const Tile &tile, Value row, Value column);
  void storePoint(const Tile &tile, Value row, Value column, int64_t vector, Value sum);
  int64_t vectorsOf(const Tile &tile) const { return llvm::divideCeil(tile.channels, lanes_); }

  Body &body_;
  ImplicitLocOpBuilder &b_;
  const kernel::Machine &machine_;
  kernel::ContractOp root_;
  Value inputArgument_, packedArgument_; // of the kernel
  RankedTensorType inputType_, packedType_, type_;
  Type element_;                    // compute type
  int64_t lanes_, width_, rowSize_; // columns of a panel, and elements of its rows
  Dots dots_;
  std::optional<CodedPanels> codes_; // where the panels are such
  bool isOneRow_ = false;            // in the tile at hand, which is multiplied by codes
  int64_t together_;                 // neighbours along K that one step multiplies
  Extent panels_, channels_, taps_;
  Extent rows_ = 1, columns_; // extents of the tiled dims
  size_t outerDims_;          // dims before them
  bool batchedPanels_, byLane_, groupsByLane_;
  kernel::RegisterTile tile_;
  SmallVector<Reduction> reductions_;
  Extents tiles_;                    // extents of the tile index, outermost first
  size_t groupAt_ = 0, panelAt_ = 0; // among them
  size_t blockDim_ = 0;              // of the tiles, that is cut into blocks
  int64_t blockTiles_ = 0;           // of a block, that all panels take turns with; 0 where there are none
  Extent blockedTiles_ = 1;          // of all blocks
  int64_t readers_ = 0;              // tiles that read a panel, where they fetch the next one
  int64_t share_ = 0;                // of a panel's row, that each of these fetches
  bool costly_ = false;
  bool failed_ = false;
};

} // namespace

Contraction::Contraction(Body &body, kernel::ContractOp root, const kernel::Machine &machine)
    : body_(body), b_(body.builder()), machine_(machine), root_(root), inputType_(graph::typeOf(root.getInput())),
      packedType_(graph::typeOf(root.getPacked())), type_(graph::typeOf(root.getResult())),
      dots_(body, machine, inputType_.getElementType(), packedType_.getElementType()) {
  Extents packed = graph::extentsOf(packedType_), shape = graph::extentsOf(type_);
  element_ = graph::computeType(type_.getElementType());
  lanes_ = machine.vectorBytes / graph::elementBytes(element_);
  rowSize_ = packedType_.getShape().back();
  width_ = rowSize_ / static_cast<int64_t>(root_.getTogether());
  together_ = dots_.together();
  byLane_ = machine.byLane && lanes_ > 1 && root_.getTogether() == 1;
  groupsByLane_ = machine.byLane && root_.getTogether() > 1 && isa<IntegerType>(element_);
  taps_ = packed[packed.size() - 2];
  panels_ = packed[packed.size() - 3];
  channels_ = shape.back().floorDiv(root.getGroups());
  size_t rank = type_.getRank();
  columns_ = shape[rank - 2];
  outerDims_ = rank - 2;
  if (tilesRows())
    rows_ = shape[--outerDims_];
  size_t batch = rank - 1 - root.getWindow().size();
  batchedPanels_ = packed.size() - (root.getGroups() > 1) > 3 && batch > 0;
  auto typical = tilesRows() ? kernel::typicalSide : kernel::typicalLength;
  tile_ = kernel::chooseTile(machine, typical(rows_), typical(columns_), kernel::typicalLength(channels_),
                             graph::elementBytes(element_), together_, width_);
}

/// The window's dims and the input's channels, outermost first; a dim that continues the one inside it becomes one loop
/// with it.
void Contraction::findReductions(ArrayRef<Extent> inputStrides) {
  size_t spatial = root_.getWindow().size(), first = inputStrides.size() - 1 - spatial;
  SmallVector<Reduction> all;
  for (size_t dim = 0; dim < spatial; ++dim)
    if (root_.getWindow()[dim] > 1)
      all.push_back({root_.getWindow()[dim], inputStrides[first + dim] * root_.getDilations()[dim]});
  all.push_back({graph::extentsOf(inputType_).back().floorDiv(root_.getGroups()), inputStrides.back()});
  for (const Reduction &inner : llvm::reverse(all)) {
    if (!reductions_.empty()) {
      Reduction &last = reductions_.front();
      // Packed groups end with each tap.
      bool isWhole = root_.getTogether() == 1 || last.extent.dividedBy(together_);
      if (isWhole && inner.inputStride == last.extent * last.inputStride) {
        last.extent *= inner.extent;
        continue;
      }
    }
    reductions_.insert(reductions_.begin(), inner);
  }
}

FailureOr<graph::Extent> Contraction::emit(TileRange range) {
  auto input = root_.getInput().getDefiningOp<kernel::LoadOp>(),
       packed = root_.getPacked().getDefiningOp<kernel::LoadOp>();
  auto packedTogether = static_cast<int64_t>(root_.getTogether());
  if (!input || !packed || width_ % lanes_ || (packedTogether > 1 && packedTogether != together_))
    return failure();
  inputArgument_ = input.getBuffer();
  packedArgument_ = packed.getBuffer();
  findReductions(Body::stridesOf(inputArgument_));
  costly_ = hasCostlyEpilogue();
  orderTiles();
  if (root_.getBlock() > 0) {
    if (!CodedPanels::isSupported(root_))
      return failure();
    codes_.emplace(body_, root_, machine_, body_.constant(0));
  }
  if (!byLane_ && !codes_)
    readers_ = readersOfPanels();
  Extent count = forTiles(body_, range, tiles_, [&](ValueRange index) { emitTile(index); });
  if (failed_)
    return failure();
  return count;
}

/// Bytes of the input, less those of rows and columns that the window steps over.
int64_t Contraction::bytesOfInputRead() {
  Extents shape = graph::extentsOf(inputType_), results = graph::extentsOf(type_);
  int64_t bytes = graph::elementBytes(inputType_.getElementType());
  size_t spatial = root_.getWindow().size(), first = shape.size() - 1 - spatial;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    int64_t length = kernel::typicalLength(extent);
    if (dim >= first && dim < first + spatial)
      length = std::min(length, kernel::typicalLength(results[dim]) * root_.getWindow()[dim - first]);
    bytes *= length;
  }
  return bytes;
}

/// Panels shared by all batches are the outer loop, unless the whole input would be read anew for each of them from
/// beyond the second cache; a batch with panels of its own comes first.
void Contraction::orderTiles() {
  Extents shape = graph::extentsOf(type_);
  tiles_.assign(shape.begin(), shape.begin() + outerDims_);
  tiles_.append({rows_.ceilDiv(tile_.rows), columns_.ceilDiv(tile_.columns)});
  groupAt_ = outerDims_;
  panelAt_ = outerDims_ + 1;
  if (root_.getBlock() > 0) { // a panel is decoded once
    groupAt_ = 0;
    panelAt_ = 1;
  } else if (!batchedPanels_) {
    auto bytesOf = [](RankedTensorType type) {
      return kernel::typicalLength(graph::productOf(graph::extentsOf(type))) *
             graph::elementBytes(type.getElementType());
    };
    SmallVector<int64_t> points = llvm::map_to_vector(tiles_, kernel::typicalLength);
    const int64_t inputBytes = bytesOfInputRead(), panels = kernel::typicalLength(panels_);
    kernel::LoopOrder order =
        kernel::chooseLoopOrder(machine_, {points, inputBytes, bytesOf(type_), bytesOf(packedType_), panels,
                                           static_cast<int64_t>(root_.getGroups())});
    if (order.blocks > 1) {
      blockDim_ = order.outside;
      blockTiles_ = llvm::divideCeil(points[blockDim_], order.blocks);
      blockedTiles_ = tiles_[blockDim_];
      tiles_[blockDim_] = blockedTiles_.ceilDiv(blockTiles_);
      tiles_.insert(tiles_.begin() + blockDim_ + 1, blockTiles_);
      ++order.outside;
    }
    groupAt_ = order.outside;
    panelAt_ = order.outside + 1;
  }
  tiles_.insert(tiles_.begin() + groupAt_, static_cast<int64_t>(root_.getGroups()));
  tiles_.insert(tiles_.begin() + panelAt_, panels_);
}

void Contraction::emitTile(ValueRange index) {
  Tile tile;
  tile.group = index[groupAt_];
  tile.panel = index[panelAt_];
  for (size_t dim = panelAt_ + 1; readers_ > 0 && dim < index.size(); ++dim)
    tile.turn = tile.turn ? body_.add(body_.scale(tile.turn, tiles_[dim]), index[dim]) : index[dim];
  SmallVector<Value> points(index);
  points.erase(points.begin() + panelAt_);
  points.erase(points.begin() + groupAt_);
  OpBuilder::InsertionGuard guard(b_);
  if (blockTiles_ > 0) {
    Value at = body_.add(body_.scale(points[blockDim_], blockTiles_), points[blockDim_ + 1]);
    points.erase(points.begin() + blockDim_ + 1);
    points[blockDim_] = at;
    if (!blockedTiles_.dividedBy(blockTiles_)) {
      // The last block may have fewer.
      Value isThere = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, at, body_.value(blockedTiles_));
      b_.setInsertionPointToStart(scf::IfOp::create(b_, isThere, /*withElseRegion=*/false).thenBlock());
    }
  }
  tile.outer.assign(points.begin(), points.begin() + outerDims_);
  tile.row = body_.scale(points[outerDims_], tile_.rows);
  Value column = points[outerDims_ + 1];
  tile.column = body_.scale(column, tile_.columns);
  tile.rows = std::min(tile_.rows, rows_.asNumber().value_or(tile_.rows));
  tile.columns = std::min(tile_.columns, columns_.asNumber().value_or(tile_.columns));
  tile.channels = std::min(width_, channels_.asNumber().value_or(width_));
  if (codes_)
    return emitCodedTile(tile);
  chooseRemainders(tile, 0);
}

/// One row by codes as they are, several by the numbers that they stand for.
void Contraction::emitCodedTile(const Tile &tile) {
  auto emitRow = [&] {
    Tile row = tile;
    row.rows = row.columns = 1;
    isOneRow_ = true;
    chooseRemainders(row, 2);
    isOneRow_ = false;
  };
  auto emitRows = [&] {
    codes_->decode(tile.panel);
    chooseRemainders(tile, 0);
  };
  if (!codes_->hasOneRow())
    return codes_->isOneRow() ? emitRow() : emitRows();
  OpBuilder::InsertionGuard guard(b_);
  auto choice = scf::IfOp::create(b_, codes_->hasOneRow(), /*withElseRegion=*/true);
  b_.setInsertionPointToStart(choice.thenBlock());
  emitRow();
  b_.setInsertionPointToStart(choice.elseBlock());
  emitRows();
}

/// Emits the tile in each of its sizes: whole, and cut by the end of the rows (stage 0), columns (1) and channels (2).
void Contraction::chooseRemainders(Tile tile, int stage) {
  if (stage == 3)
    return emitMicrokernel(tile);
  const Extent &whole = *std::array{&rows_, &columns_, &channels_}[stage];
  if (!whole.isNumber())
    return chooseUnknownRemainder(tile, stage, whole);
  int64_t extent = whole.number();
  int64_t &size = *std::array{&tile.rows, &tile.columns, &tile.channels}[stage];
  Value start = stage == 0 ? tile.row : stage == 1 ? tile.column : body_.scale(tile.panel, width_);
  int64_t rest = extent % size;
  if (rest == 0)
    return chooseRemainders(tile, stage + 1);
  Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::sle, start, body_.constant(extent - size));
  auto choice = scf::IfOp::create(b_, isWhole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(choice.thenBlock());
  chooseRemainders(tile, stage + 1);
  b_.setInsertionPointToStart(choice.elseBlock());
  size = rest;
  chooseRemainders(tile, stage + 1);
}

/// Where only the run knows the extent: a whole tile, or the rest in pieces of powers of two; of channels, all that the
/// panel has are computed, and those that exist are stored.
void Contraction::chooseUnknownRemainder(Tile tile, int stage, const Extent &extent) {
  int64_t &size = *std::array{&tile.rows, &tile.columns, &tile.channels}[stage];
  Value start = stage == 0 ? tile.row : stage == 1 ? tile.column : body_.scale(tile.panel, width_);
  Value left = body_.subtract(body_.value(extent), start);
  if (size == 1 && stage < 2)
    return chooseRemainders(tile, stage + 1);
  Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::sge, left, body_.constant(size));
  auto choice = scf::IfOp::create(b_, isWhole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(choice.thenBlock());
  chooseRemainders(tile, stage + 1);
  b_.setInsertionPointToStart(choice.elseBlock());
  if (stage == 2) {
    tile.someChannels = left;
    return chooseRemainders(tile, stage + 1);
  }
  Value &at = stage == 0 ? tile.row : tile.column;
  for (int64_t piece = llvm::bit_floor(static_cast<uint64_t>(size - 1)); piece > 0; piece /= 2) {
    OpBuilder::InsertionGuard inner(b_);
    Value has = arith::AndIOp::create(b_, left, body_.constant(piece));
    Value isThere = arith::CmpIOp::create(b_, arith::CmpIPredicate::ne, has, body_.constant(0));
    auto part = scf::IfOp::create(b_, isThere, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard inside(b_);
      b_.setInsertionPointToStart(part.thenBlock());
      size = piece;
      chooseRemainders(tile, stage + 1);
    }
    b_.setInsertionPointAfter(part);
    at = body_.add(at, has); // 0 or the piece
  }
}

Value Contraction::inputBase(const Tile &tile) {
  Extents strides = Body::stridesOf(inputArgument_);
  size_t spatial = root_.getWindow().size(), batch = inputType_.getRank() - 1 - spatial;
  Value base = body_.constant(0);
  auto move = [&](size_t dim, Value at) {
    int64_t step = dim < batch ? 1 : root_.getStrides()[dim - batch];
    if (type_.getDimSize(dim) != 1)
      base = body_.add(base, body_.scale(at, strides[dim] * step));
  };
  for (auto [dim, at] : llvm::enumerate(tile.outer))
    move(dim, at);
  if (tilesRows())
    move(outerDims_, tile.row);
  move(type_.getRank() - 2, tile.column);
  Extent groupStride = graph::extentsOf(inputType_).back().floorDiv(root_.getGroups()) * strides.back();
  return body_.add(base, body_.scale(tile.group, groupStride));
}

Value Contraction::packedBase(const Tile &tile) {
  Value base = body_.constant(0);
  if (codes_)
    return base; // of the panel at hand
  if (batchedPanels_) {
    Extents strides = Body::stridesOf(packedArgument_);
    size_t batch = inputType_.getRank() - 1 - root_.getWindow().size();
    for (size_t dim = 0; dim < batch; ++dim)
      base = body_.add(base, body_.scale(tile.outer[dim], strides[dim]));
  }
  base = body_.add(base, body_.scale(tile.group, panels_ * taps_ * rowSize_));
  return body_.add(base, body_.scale(tile.panel, taps_ * rowSize_));
}

/// What was loaded of a tensor, as what sums are made of.
Value Contraction::widened(Value loaded, RankedTensorType type) {
  Value number = body_.toCompute(loaded, type.getElementType());
  return graph::castTo({b_, number, graph::isUnsignedElement(type.getElementType())}, element_).value();
}

/// The panel's vectors at one step along K.
SmallVector<Value> Contraction::loadPanel(const Tile &tile, Value packed, Value ahead) {
  auto stored = VectorType::get({lanes_}, codes_ ? element_ : storageType(packedType_.getElementType()));
  Value panels = codes_ ? codes_->numbers() : body_.bufferOf(packedArgument_);
  SmallVector<Value> vectors;
  if (ahead)
    prefetchLines(packedArgument_, ahead, share_, /*toFirstCache=*/false);
  else if (readers_ > 0)
    prefetchPanel(tile, packed);
  for (int64_t v = 0; v < vectorsOf(tile); ++v) {
    Value loaded = vector::LoadOp::create(b_, stored, panels, body_.add(packed, body_.constant(v * lanes_)));
    vectors.push_back(codes_ ? loaded : widened(loaded, packedType_));
  }
  return vectors;
}

/// How far a point of the tile reads from the first one.
Extent Contraction::inputOffset(int64_t row, int64_t column) {
  Extents strides = Body::stridesOf(inputArgument_);
  auto spatialStep = [&](size_t fromLast) -> Extent {
    ArrayRef<int64_t> steps = root_.getStrides();
    return strides[strides.size() - 1 - fromLast] * steps[steps.size() - fromLast];
  };
  return spatialStep(1) * column + (tilesRows() ? spatialStep(2) * row : Extent(0));
}

/// Where each point of the tile has its input, `input` being that of the first.
SmallVector<Value> Contraction::placesOf(const Tile &tile, Value input) {
  SmallVector<Value> places;
  for (int64_t row = 0; row < tile.rows; ++row)
    for (int64_t column = 0; column < tile.columns; ++column)
      places.push_back(body_.add(input, body_.value(inputOffset(row, column))));
  return places;
}

/// One step along K for every point and vector of the tile.
SmallVector<Value> Contraction::step(const Tile &tile, const Place &place, ValueRange sums) {
  auto vectorType = VectorType::get({lanes_}, element_);
  SmallVector<Value> vectors = loadPanel(tile, place.packed, place.ahead), next;
  for (Value point : placesOf(tile, place.input)) {
    Value scalar = memref::LoadOp::create(b_, body_.bufferOf(inputArgument_), point);
    Value repeated = vector::BroadcastOp::create(b_, vectorType, widened(scalar, inputType_));
    for (Value vector : vectors)
      next.push_back(multiplyAdd(b_, repeated, vector, sums[next.size()]));
  }
  return next;
}

/// As many steps as a register has lanes.
SmallVector<Value> Contraction::stepByLanes(const Tile &tile, Value input, Value packed, ValueRange sums) {
  auto stored = VectorType::get({lanes_}, storageType(inputType_.getElementType()));
  SmallVector<Value> points;
  for (Value place : placesOf(tile, input)) {
    Value loaded = vector::LoadOp::create(b_, stored, body_.bufferOf(inputArgument_), place);
    points.push_back(widened(loaded, inputType_));
  }
  auto panel = [&](int64_t step) { return loadPanel(tile, body_.add(packed, body_.constant(step * width_))); };
  return multiplyByLanes(b_, points, panel, sums);
}

/// The panel's vectors of one group of neighbours along K, of which the first `count` are there.
SmallVector<Value> Contraction::loadGroups(const Tile &tile, Value packed, int64_t count) {
  Value panels = body_.bufferOf(packedArgument_);
  if (root_.getTogether() == 1)
    return dots_.gather(panels, packed, width_, count, vectorsOf(tile));
  SmallVector<Value> vectors;
  for (int64_t v = 0; v < vectorsOf(tile); ++v)
    vectors.push_back(dots_.load(panels, body_.add(packed, body_.constant(v * lanes_ * together_))));
  return vectors;
}

/// One step along K by such a group.
SmallVector<Value> Contraction::stepGroup(const Tile &tile, Value input, Value packed, ValueRange sums, int64_t count) {
  Value inputs = body_.bufferOf(inputArgument_);
  const Extent stride = Body::stridesOf(inputArgument_).back();
  SmallVector<Value> vectors = loadGroups(tile, packed, count), next;
  for (Value place : placesOf(tile, input)) {
    Value repeated = dots_.repeated(inputs, place, stride, count);
    for (Value vector : vectors)
      next.push_back(dots_.multiplyAdd(repeated, vector, sums[next.size()]));
  }
  return next;
}

/// As many such steps as a register has lanes.
SmallVector<Value> Contraction::stepGroupsByLanes(const Tile &tile, Value input, Value packed, ValueRange sums) {
  SmallVector<Value> points, next(sums);
  for (Value place : placesOf(tile, input))
    points.push_back(dots_.loadLeft(body_.bufferOf(inputArgument_), place));
  for (int64_t lane = 0; lane < lanes_; ++lane) {
    Value *sum = next.begin();
    SmallVector<Value> vectors = loadGroups(tile, body_.add(packed, body_.constant(lane * rowSize_)), together_);
    for (Value point : points) {
      Value repeated = dots_.repeatedLane(point, lane);
      for (Value vector : vectors) {
        *sum = dots_.multiplyAdd(repeated, vector, *sum);
        ++sum;
      }
    }
  }
  return next;
}

/// A hint, for reading.
void Contraction::prefetch(Value argument, Value at, bool toFirstCache) {
  memref::PrefetchOp::create(b_, body_.bufferOf(argument), ValueRange{at}, /*isWrite=*/false, toFirstCache ? 3 : 2,
                             /*isDataCache=*/true);
}

void Contraction::prefetchLines(Value argument, Value at, int64_t elements, bool toFirstCache) {
  const int64_t line = kLineBytes / graph::elementBytes(cast<MemRefType>(argument.getType()).getElementType());
  for (int64_t element = 0; element < elements; element += line)
    prefetch(argument, body_.add(at, body_.constant(element)), toFirstCache);
}

/// Whether two panels fit into the second cache, beside what they multiply.
bool Contraction::isPanelSmall() {
  const int64_t most = int64_t(machine_.secondCacheBytes) / 16 * 5;
  return taps_.isNumber() &&
         taps_.number() <= most / (rowSize_ * int64_t(graph::elementBytes(packedType_.getElementType())));
}

/// The first points of a panel read it faster than the memory yields it: all of them fetch the next one into the second
/// cache, where both fit, else what so many steps later will read.
void Contraction::prefetchPanel(const Tile &tile, Value packed) {
  constexpr int64_t kStepsAhead = 48;
  const bool isSmall = isPanelSmall();
  const int64_t rows = isSmall ? taps_.number() : kStepsAhead;
  prefetchLines(packedArgument_, body_.add(packed, body_.constant(rows * rowSize_)),
                vectorsOf(tile) * lanes_ * together_, !isSmall);
}

/// How many tiles share a panel; 0 where these are so many that waiting for its first reading does not count, or only
/// the run knows.
int64_t Contraction::readersOfPanels() {
  constexpr int64_t kFewTiles = 64;
  std::optional<int64_t> tiles = graph::productOf(ArrayRef<Extent>(tiles_).drop_front(panelAt_ + 1)).asNumber();
  return !batchedPanels_ && tiles && *tiles > 1 && *tiles <= kFewTiles ? *tiles : 0;
}

/// Where this tile begins to fetch the next panel into the second cache: each of a panel's readers fetches its share,
/// so that the memory yields it all the while. Null where two panels do not fit.
Value Contraction::aheadBase(const Tile &tile, Value packed) {
  if (!tile.turn || !isPanelSmall())
    return {};
  const int64_t line = kLineBytes / graph::elementBytes(packedType_.getElementType());
  share_ = llvm::divideCeil(rowSize_, readers_);
  if (share_ > line) // whole lines
    share_ = llvm::alignTo(share_, line);
  Value next = body_.add(packed, body_.constant(taps_.number() * rowSize_));
  return body_.add(next, body_.scale(tile.turn, taps_ * share_));
}

/// Steps are short beside the time that memory takes. Of the points' rows, which lie apart, one is fetched at each
/// step: all have had their turn when a line of the cache has been read.
void Contraction::prefetchAhead(const Tile &tile, Value step, Value input, Value packed) {
  if (root_.getTogether() > 1)
    prefetchPanel(tile, packed);
  const int64_t points = tile.rows * tile.columns;
  const int64_t bytes = graph::elementBytes(inputType_.getElementType()), lineSteps = kLineBytes / (together_ * bytes);
  const bool isEven = tile.rows == 1 || inputOffset(1, 0) == inputOffset(0, tile.columns);
  if (!isEven || points < 2 || points > lineSteps || Body::stridesOf(inputArgument_).back() != Extent(1))
    return;
  Value turn =
      arith::AndIOp::create(b_, step, body_.constant(static_cast<int64_t>(llvm::bit_ceil<uint64_t>(points)) - 1));
  Value row = body_.scale(turn, tile.columns > 1 ? inputOffset(0, 1) : inputOffset(1, 0));
  prefetch(inputArgument_, body_.add(body_.add(input, row), body_.constant(2 * kLineBytes / bytes)),
           /*toFirstCache=*/true);
}

/// The innermost loop along K in groups of neighbours, then what is left.
SmallVector<Value> Contraction::accumulateGroups(const Tile &tile, Value input, Value packed, ValueRange sums) {
  const Reduction &reduction = reductions_.back();
  const Extent groups = reduction.extent.floorDiv(together_), inputStep = reduction.inputStride * together_;
  const int64_t packedStep = root_.getTogether() > 1 ? rowSize_ : rowSize_ * together_;
  auto inputAt = [&](Value at) { return body_.add(input, body_.scale(at, inputStep)); };
  auto packedAt = [&](Value at) { return body_.add(packed, body_.scale(at, packedStep)); };
  SmallVector<Value> results(sums);
  Extent first = 0;
  if (groupsByLane_ && reduction.inputStride == Extent(1)) {
    first = groups.floorDiv(lanes_) * lanes_;
    auto loop = scf::ForOp::create(b_, body_.constant(0), body_.value(first), body_.constant(lanes_), results);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    SmallVector<Value> carried(loop.getRegionIterArgs());
    scf::YieldOp::create(b_, stepGroupsByLanes(tile, inputAt(at), packedAt(at), carried));
    results.assign(loop.getResults().begin(), loop.getResults().end());
  }
  return dots_.overGroups({body_.value(first), body_.value(groups)}, body_.count(reduction.extent - groups * together_),
                          results, [&](Value at, int64_t count, ValueRange carried) {
                            Value nextInput = inputAt(at), nextPacked = packedAt(at);
                            if (count == together_)
                              prefetchAhead(tile, at, nextInput, nextPacked);
                            return stepGroup(tile, nextInput, nextPacked, carried, count);
                          });
}

/// The loops along K from `level` inwards.
SmallVector<Value> Contraction::accumulate(const Tile &tile, size_t level, const Place &place, ValueRange sums) {
  if (level == reductions_.size())
    return step(tile, place, sums);
  if (together_ > 1 && level + 1 == reductions_.size())
    return accumulateGroups(tile, place.input, place.packed, sums);
  const Reduction &reduction = reductions_[level];
  Extent inner = rowSize_, first = 0;
  for (const Reduction &deeper : ArrayRef<Reduction>(reductions_).drop_front(level + 1))
    inner *= &deeper == &reductions_.back() ? deeper.extent.ceilDiv(root_.getTogether()) : deeper.extent;
  SmallVector<Value> all(sums);
  auto loop = [&](const Extent &from, const Extent &to, int64_t steps, auto body) {
    auto loop = scf::ForOp::create(b_, body_.value(from), body_.value(to), body_.constant(steps), all);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Value at = loop.getInductionVar();
    Place next{body_.add(place.input, body_.scale(at, reduction.inputStride)),
               body_.add(place.packed, body_.scale(at, inner)), place.ahead};
    if (place.ahead)
      next.ahead = body_.add(place.ahead, body_.scale(at, inner.floorDiv(rowSize_) * share_));
    scf::YieldOp::create(b_, body(next, SmallVector<Value>(loop.getRegionIterArgs())));
    all.assign(loop.getResults().begin(), loop.getResults().end());
  };
  if (byLane_ && level + 1 == reductions_.size() && reduction.inputStride == Extent(1)) {
    first = reduction.extent.floorDiv(lanes_) * lanes_;
    if (first != Extent(0))
      loop(0, first, lanes_,
           [&](const Place &next, ValueRange carried) { return stepByLanes(tile, next.input, next.packed, carried); });
  }
  if (first != reduction.extent)
    loop(first, reduction.extent, 1,
         [&](const Place &next, ValueRange carried) { return accumulate(tile, level + 1, next, carried); });
  return all;
}

Contraction::Place Contraction::placeOf(const Tile &tile) {
  Value packed = packedBase(tile);
  return {inputBase(tile), packed, together_ == 1 ? aheadBase(tile, packed) : Value()};
}

void Contraction::emitMicrokernel(const Tile &tile) {
  auto vectorType = VectorType::get({lanes_}, element_);
  Value zero = arith::ConstantOp::create(b_, b_.getZeroAttr(vectorType));
  SmallVector<Value> sums(tile.rows * tile.columns * vectorsOf(tile), zero);
  if (together_ > 1)
    prefetchEpilogue(tile);
  if (isOneRow_)
    sums = codes_->multiplyRow(tile.panel, vectorsOf(tile));
  else
    sums = accumulate(tile, 0, placeOf(tile), sums);
  if (costly_ || tile.someChannels)
    storeFromStack(tile, sums);
  else
    storeInline(tile, sums);
}

/// Fetches what the epilogue will touch while the sums are made.
void Contraction::prefetchEpilogue(const Tile &tile) {
  constexpr int64_t kLeastSteps = 64; // fewer are over before the memory answers
  Extent steps = taps_;
  if (steps.isNumber() && steps.number() < kLeastSteps)
    return;
  Value base = body_.add(body_.scale(tile.group, channels_), body_.scale(tile.panel, width_));
  for (int64_t row = 0; row < tile.rows; ++row)
    for (int64_t column = 0; column < tile.columns; ++column)
      for (int64_t v = 0; v < vectorsOf(tile); ++v) {
        SmallVector<LaneIndex> index =
            pointIndex(tile, body_.add(tile.row, body_.constant(row)), body_.add(tile.column, body_.constant(column)));
        index.push_back({body_.add(base, body_.constant(v * lanes_)), 1});
        body_.prefetch(root_, index);
      }
}

/// Whether the epilogue has functions that become dozens of instructions: then it is a loop over the tile, not
/// unrolled.
bool Contraction::hasCostlyEpilogue() {
  OpBuilder::InsertionGuard guard(b_);
  Region scratch;
  Block &block = scratch.emplaceBlock();
  b_.setInsertionPointToStart(&block);
  bool costly = false;
  for (Operation &op : body_.kernel().getBody().front()) {
    auto elementwise = dyn_cast<graph::ScalarInterface>(op);
    if (!elementwise)
      continue;
    SmallVector<Value> operands;
    for (Value operand : op.getOperands()) {
      Type type = graph::computeType(graph::typeOf(operand).getElementType());
      operands.push_back(arith::ConstantOp::create(b_, b_.getZeroAttr(type)));
    }
    elementwise.emitScalar(b_, operands);
  }
  constexpr int kCheapOps = 24; // of one point; a tile has up to 28
  int count = 0;
  for (Operation &op : block) {
    count += !isa<arith::ConstantOp>(op);
    costly |= isa<math::MathDialect>(op.getDialect()) &&
              !isa<math::SqrtOp, math::AbsFOp, math::AbsIOp, math::RoundEvenOp>(op);
  }
  body_.startPoint();
  return costly || count > kCheapOps;
}

/// The index of a point, all but its channel.
SmallVector<LaneIndex> Contraction::pointIndex(const Tile &tile, Value row, Value column) {
  SmallVector<LaneIndex> outer;
  for (Value index : tile.outer)
    outer.push_back({index, 0});
  if (tilesRows())
    outer.push_back({row, 0});
  outer.push_back({column, 0});
  return outer;
}

void Contraction::storePoint(const Tile &tile, Value row, Value column, int64_t vector, Value sum) {
  int64_t firstChannel = vector * lanes_, end = std::min(firstChannel + lanes_, tile.channels);
  Value base = body_.add(body_.scale(tile.group, channels_), body_.scale(tile.panel, width_));
  SmallVector<LaneIndex> outer = pointIndex(tile, row, column);
  Value first = body_.add(base, body_.constant(firstChannel));
  failed_ |= failed(body_.storeChannels(root_.getResult(), sum, outer, first, end - firstChannel));
}

void Contraction::storeInline(const Tile &tile, ArrayRef<Value> sums) {
  for (int64_t row = 0; row < tile.rows; ++row)
    for (int64_t column = 0; column < tile.columns; ++column)
      for (int64_t v = 0; v < vectorsOf(tile); ++v, sums = sums.drop_front())
        storePoint(tile, body_.add(tile.row, body_.constant(row)), body_.add(tile.column, body_.constant(column)), v,
                   sums.front());
}

/// Stores those channels of a point that exist; its sums begin at `first` of the stack.
void Contraction::storeSomeChannels(const Tile &tile, Value row, Value column, Value stack, Value first) {
  Value channel = body_.add(body_.scale(tile.group, channels_), body_.scale(tile.panel, width_));
  LogicalResult done = graph::forLanes(b_, tile.someChannels, lanes_, [&](Value at, unsigned width) {
    Value place = body_.add(first, at), sum;
    if (width == 1)
      sum = memref::LoadOp::create(b_, stack, place);
    else
      sum = vector::LoadOp::create(b_, VectorType::get({width}, element_), stack, place);
    SmallVector<LaneIndex> index = pointIndex(tile, row, column);
    index.push_back({body_.add(channel, at), width > 1 ? 1 : 0});
    body_.startPoint();
    body_.define(root_.getResult(), sum);
    return body_.store(root_.getResult(), index, width);
  });
  failed_ |= failed(done);
}

void Contraction::storeFromStack(const Tile &tile, ArrayRef<Value> sums) {
  Value stack = body_.stackBuffer(tile_.rows * tile_.columns * width_, element_);
  int64_t pointSize = vectorsOf(tile) * lanes_;
  for (auto [number, sum] : llvm::enumerate(sums))
    vector::StoreOp::create(b_, sum, stack, body_.constant(number * lanes_));
  OpBuilder::InsertionGuard guard(b_);
  auto rowLoop = scf::ForOp::create(b_, body_.constant(0), body_.constant(tile.rows), body_.constant(1));
  b_.setInsertionPointToStart(rowLoop.getBody());
  auto columnLoop = scf::ForOp::create(b_, body_.constant(0), body_.constant(tile.columns), body_.constant(1));
  b_.setInsertionPointToStart(columnLoop.getBody());
  Value row = rowLoop.getInductionVar(), column = columnLoop.getInductionVar();
  Value point = body_.add(body_.scale(row, tile.columns), column);
  if (tile.someChannels)
    return storeSomeChannels(tile, body_.add(tile.row, row), body_.add(tile.column, column), stack,
                             body_.scale(point, pointSize));
  auto vectorType = VectorType::get({lanes_}, element_);
  for (int64_t v = 0; v < vectorsOf(tile); ++v) {
    Value at = body_.add(body_.scale(point, pointSize), body_.constant(v * lanes_));
    Value sum = vector::LoadOp::create(b_, vectorType, stack, at);
    storePoint(tile, body_.add(tile.row, row), body_.add(tile.column, column), v, sum);
  }
}

FailureOr<graph::Extent> emitContraction(Body &body, kernel::ContractOp root, TileRange range,
                                         const kernel::Machine &machine) {
  return Contraction(body, root, machine).emit(range);
}

} // namespace smelt::cpu

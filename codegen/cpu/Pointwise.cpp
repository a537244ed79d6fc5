// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without loops of their own: every result element is computed where it is stored.

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

constexpr int64_t kTileElements =
    8192; // enough to pay for a tile's start, few enough to share a tensor of a megabyte among threads

/// A dim of few elements of 8 bits that lie side by side, those along the last other dim being four bytes apart: what
/// planes of an image become when they are quantised.
std::optional<size_t> interleavedDim(Body &body, ArrayRef<Extent> shape, unsigned lanes) {
  constexpr int64_t kBytes = 4;
  std::optional<size_t> found;
  if (shape.size() < 2 || lanes == 1)
    return std::nullopt;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>()) {
    if (graph::extentsOf(store.getValue()) != Extents(shape))
      continue;
    Extents strides = Body::stridesOf(store.getBuffer());
    size_t dim = llvm::find(strides, Extent(1)) - strides.begin();
    size_t row = dim + 1 == shape.size() ? dim - 1 : shape.size() - 1; // where lanes are
    bool isInterleaved = dim < shape.size() && shape[dim].isNumber() && shape[dim].number() > 1 &&
                         shape[dim].number() <= kBytes && shape[row].isNumber() && shape[row].number() > lanes &&
                         strides[row] == Extent(kBytes) &&
                         graph::elementBytes(graph::typeOf(store.getValue()).getElementType()) == 1;
    if (!isInterleaved || (found && *found != dim))
      return std::nullopt;
    found = dim;
  }
  return found;
}

/// The loops over one result shape.
class PointwiseNest {
public:
  PointwiseNest(Body &body, ArrayRef<Extent> shape, unsigned lanes)
      : body_(body), b_(body.builder()), lanes_(lanes), results_(shape),
        interleaved_(interleavedDim(body, shape, lanes)) {
    shape_.assign(shape.begin(), shape.end());
    if (interleaved_)
      shape_.erase(shape_.begin() + *interleaved_);
    rank_ = shape_.size();
    if (shape_.empty())
      shape_.push_back(1);
    chooseTiles();
  }

  ArrayRef<Extent> tiles() const { return tiles_; }

  /// Emits one tile; `tile` has an index for each of tiles().
  LogicalResult emit(ValueRange tile) {
    index_.assign(tile.begin(), tile.end());
    if (block_ == 0)
      return emitDim();
    Value block = index_.pop_back_val(), base = body_.scale(block, block_);
    const Extent &extent = shape_[index_.size()];
    if (!extent.isNumber())
      return emitBlock(base, extent);
    int64_t whole = extent.number() / kTileElements, rest = extent.number() % kTileElements;
    if (rest == 0)
      return emitInner(base, kTileElements);
    Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, block, body_.constant(whole));
    auto choice = scf::IfOp::create(b_, isWhole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(choice.thenBlock());
    if (failed(emitInner(base, kTileElements)))
      return failure();
    b_.setInsertionPointToStart(choice.elseBlock());
    return emitInner(base, rest);
  }

private:
  void chooseTiles() {
    tiles_.assign(shape_.begin(), shape_.end());
    // Many short rows make one tile.
    int64_t inner = 1;
    while (!tiles_.empty() && tiles_.back().isNumber() &&
           (tiles_.size() == shape_.size() || inner * tiles_.back().number() <= kTileElements))
      inner *= tiles_.pop_back_val().number();
    bool isLong = tiles_.size() + 1 == shape_.size() && inner >= 2 * kTileElements;
    if (isLong) {
      block_ = kTileElements;
      tiles_.push_back(llvm::divideCeil(inner, kTileElements));
    } else if (!tiles_.empty() && !tiles_.back().isNumber() && inner <= kTileElements / 2) {
      block_ = kTileElements / std::max<int64_t>(inner, 1);
      tiles_.back() = tiles_.back().ceilDiv(block_);
    }
  }

  /// The block at `base` of a dim whose extent only the run knows.
  LogicalResult emitBlock(Value base, const Extent &extent) {
    Value end = arith::MinSIOp::create(b_, body_.add(base, body_.constant(block_)), body_.value(extent));
    if (index_.size() + 1 == shape_.size())
      return emitInner(base, body_.subtract(end, base));
    return emitLoop(base, end);
  }

  LogicalResult emitDim() {
    const Extent &extent = shape_[index_.size()];
    if (index_.size() + 1 == shape_.size())
      return emitInner(body_.constant(0), body_.count(extent));
    return emitLoop(body_.constant(0), body_.value(extent));
  }

  LogicalResult emitLoop(Value first, Value end) {
    auto loop = scf::ForOp::create(b_, first, end, body_.constant(1));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    index_.push_back(loop.getInductionVar());
    LogicalResult done = emitDim();
    index_.pop_back();
    return done;
  }

  LogicalResult emitInner(Value base, graph::Count extent) {
    if (interleaved_)
      return emitInterleaved(base, *extent.number());
    return graph::forLanes(b_, extent, lanes_, [&](Value at, unsigned lanes) {
      body_.startPoint();
      return writeAll(
          [&](kernel::StoreOp store) { return body_.write(store, indexAt(body_.add(base, at), lanes), lanes); });
    });
  }

  /// Vectors write past the last element of the dim, but not past the next one along the row: the end of a row is
  /// written byte by byte.
  LogicalResult emitInterleaved(Value base, int64_t extent) {
    const int64_t whole = (extent - 1) / lanes_ * lanes_;
    LogicalResult done = graph::forLanes(b_, whole, lanes_, [&](Value at, unsigned lanes) {
      return writeAll([&](kernel::StoreOp store) {
        return body_.writeInterleaved(store, *interleaved_, indexAt(body_.add(base, at), lanes, body_.constant(0)),
                                      lanes);
      });
    });
    for (int64_t place = 0; succeeded(done) && place < results_[*interleaved_].number(); ++place)
      done = graph::forLanes(b_, extent - whole, lanes_, [&](Value at, unsigned lanes) {
        Value last = body_.add(base, body_.add(at, body_.constant(whole)));
        body_.startPoint();
        return writeAll([&](kernel::StoreOp store) {
          return body_.write(store, indexAt(last, lanes, body_.constant(place)), lanes);
        });
      });
    return done;
  }

  /// Of a result's element, or so many along the last dim; `place` is the index of the interleaved dim.
  SmallVector<LaneIndex> indexAt(Value last, unsigned lanes, Value place = nullptr) {
    SmallVector<LaneIndex> index = llvm::map_to_vector(index_, [](Value value) { return LaneIndex{value, 0}; });
    index.push_back({last, lanes > 1 ? 1 : 0});
    index.resize(rank_);
    if (interleaved_)
      index.insert(index.begin() + *interleaved_, LaneIndex{place, 0});
    return index;
  }

  LogicalResult writeAll(llvm::function_ref<LogicalResult(kernel::StoreOp)> write) {
    for (auto store : body_.kernel().getBody().getOps<kernel::StoreOp>())
      if (graph::extentsOf(store.getValue()) == results_ && failed(write(store)))
        return failure();
    return success();
  }

  Body &body_;
  ImplicitLocOpBuilder &b_;
  unsigned lanes_;
  Extents results_;                   // their shape
  std::optional<size_t> interleaved_; // a dim that has no loop of its own
  Extents shape_;                     // of the loops, at least one dim
  size_t rank_ = 0;                   // of the loops
  Extents tiles_;
  int64_t block_ = 0; // indices of the last of tiles_'s dims to a tile; 0 for one
  SmallVector<Value> index_;
};

} // namespace

FailureOr<graph::Extent> emitPointwise(Body &body, TileRange range, const kernel::Machine &machine) {
  SmallVector<Extents> shapes;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>())
    if (Extents shape = graph::extentsOf(store.getValue()); !llvm::is_contained(shapes, shape))
      shapes.push_back(shape);
  unsigned lanes = lanesOf(body, machine);
  LogicalResult done = success();
  if (shapes.size() == 1) {
    PointwiseNest nest(body, shapes.front(), lanes);
    Extent tiles = forTiles(body, range, nest.tiles(), [&](ValueRange tile) { done = nest.emit(tile); });
    return failed(done) ? FailureOr<Extent>(failure()) : tiles;
  }
  // Results of several shapes, such as the borders of a padded tensor, are small: one tile does them all.
  Extent tiles = forTiles(body, range, {}, [&](ValueRange) {
    for (const Extents &shape : shapes) {
      ImplicitLocOpBuilder &b = body.builder();
      PointwiseNest nest(body, shape, lanes);
      SmallVector<Value> index;
      OpBuilder::InsertionGuard guard(b);
      for (const Extent &extent : nest.tiles()) {
        auto loop = scf::ForOp::create(b, body.constant(0), body.value(extent), body.constant(1));
        b.setInsertionPointToStart(loop.getBody());
        index.push_back(loop.getInductionVar());
      }
      if (failed(nest.emit(index)))
        done = failure();
    }
  });
  return failed(done) ? FailureOr<graph::Extent>(failure()) : tiles;
}

} // namespace smelt::cpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without loops of their own: every result element is computed where it is stored.

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

constexpr int64_t kTileElements =
    8192; // enough to pay for a tile's start, few enough to share a tensor of a megabyte among threads

/// The loops over one result shape.
class PointwiseNest {
public:
  PointwiseNest(Body &body, ArrayRef<int64_t> shape, unsigned lanes) : body_(body), b_(body.builder()), lanes_(lanes) {
    shape_.assign(shape.begin(), shape.end());
    rank_ = shape.size();
    if (shape_.empty())
      shape_.push_back(1);
    chooseTiles();
  }

  ArrayRef<int64_t> tiles() const { return tiles_; }

  /// Emits one tile; `tile` has an index for each of tiles().
  LogicalResult emit(ValueRange tile) {
    index_.assign(tile.begin(), tile.end());
    if (!blocked_)
      return emitDim();
    Value block = index_.pop_back_val();
    int64_t whole = shape_.back() / kTileElements, rest = shape_.back() % kTileElements;
    Value base = body_.scale(block, kTileElements);
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
    int64_t inner = shape_.back();
    tiles_.assign(shape_.begin(), shape_.end() - 1);
    // Many short rows make one tile.
    while (!tiles_.empty() && inner * tiles_.back() <= kTileElements)
      inner *= tiles_.pop_back_val();
    blocked_ = tiles_.size() + 1 == shape_.size() && shape_.back() >= 2 * kTileElements;
    if (blocked_)
      tiles_.push_back(llvm::divideCeil(shape_.back(), kTileElements));
  }

  LogicalResult emitDim() {
    if (index_.size() + 1 == shape_.size())
      return emitInner(body_.constant(0), shape_.back());
    auto loop = scf::ForOp::create(b_, body_.constant(0), body_.constant(shape_[index_.size()]), body_.constant(1));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    index_.push_back(loop.getInductionVar());
    LogicalResult done = emitDim();
    index_.pop_back();
    return done;
  }

  LogicalResult emitInner(Value base, int64_t extent) {
    return graph::forLanes(b_, extent, lanes_, [&](Value at, unsigned lanes) {
      SmallVector<LaneIndex> index = llvm::map_to_vector(index_, [](Value value) { return LaneIndex{value, 0}; });
      index.push_back({body_.add(base, at), lanes > 1 ? 1 : 0});
      index.resize(rank_);
      body_.startPoint();
      for (auto store : body_.kernel().getBody().getOps<kernel::StoreOp>())
        if (graph::typeOf(store.getValue()).getShape() == ArrayRef<int64_t>(shape_).take_front(rank_))
          if (failed(body_.write(store, index, lanes)))
            return failure();
      return success();
    });
  }

  Body &body_;
  ImplicitLocOpBuilder &b_;
  unsigned lanes_;
  SmallVector<int64_t> shape_; // at least one dim
  size_t rank_ = 0;
  SmallVector<int64_t> tiles_;
  bool blocked_ = false; // the last of tiles_ counts blocks of the innermost dim
  SmallVector<Value> index_;
};

} // namespace

FailureOr<int64_t> emitPointwise(Body &body, TileRange range, const kernel::Machine &machine) {
  SmallVector<ArrayRef<int64_t>> shapes;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>())
    if (ArrayRef<int64_t> shape = graph::typeOf(store.getValue()).getShape(); !llvm::is_contained(shapes, shape))
      shapes.push_back(shape);
  unsigned lanes = lanesOf(body, machine);
  LogicalResult done = success();
  if (shapes.size() == 1) {
    PointwiseNest nest(body, shapes.front(), lanes);
    int64_t tiles = forTiles(body, range, nest.tiles(), [&](ValueRange tile) { done = nest.emit(tile); });
    return failed(done) ? FailureOr<int64_t>(failure()) : tiles;
  }
  // Results of several shapes, such as the borders of a padded tensor, are small: one tile does them all.
  int64_t tiles = forTiles(body, range, {}, [&](ValueRange) {
    for (ArrayRef<int64_t> shape : shapes) {
      ImplicitLocOpBuilder &b = body.builder();
      PointwiseNest nest(body, shape, lanes);
      SmallVector<Value> index;
      OpBuilder::InsertionGuard guard(b);
      for (int64_t extent : nest.tiles()) {
        auto loop = scf::ForOp::create(b, body.constant(0), body.constant(extent), body.constant(1));
        b.setInsertionPointToStart(loop.getBody());
        index.push_back(loop.getInductionVar());
      }
      if (failed(nest.emit(index)))
        done = failure();
    }
  });
  return failed(done) ? FailureOr<int64_t>(failure()) : tiles;
}

} // namespace smelt::cpu

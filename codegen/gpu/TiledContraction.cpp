// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products and convolutions for devices whose workgroups have memory of their own. A group computes a tile of points by
// channels: its threads fetch a slice along K of the input and of the panels into shared memory, while they multiply
// with the slice before it.
//   input  As[point][k]     rows of a slice and a vector, so that threads with neighbouring points read other banks
//   panels Bs[k][channel]   rows of a tile and a panel, for the same reason where they are written
// Each thread has every (tile / threads)th point, and vectors of neighbouring channels. Convolutions are products whose
// k is [tap, channel]; what lies beyond K is 0, what lies beyond the last point or channel is not stored.

#include "codegen/gpu/GroupTile.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

namespace {

constexpr int64_t kSlice = kernel::kGroupSliceBytes / sizeof(float); // along K
constexpr int64_t kThreads = kGroupThreads;

/// Points and channels of a group's tile, and of a thread's part of it.
struct Tile {
  int64_t points, channels, threadPoints, threadChannels;
};

// Large ones multiply more for what they fetch; small ones are more groups.
constexpr Tile kTiles[] = {{128, 64, 8, 8}, {128, 32, 8, 4}, {64, 64, 8, 4}, {64, 32, 4, 4}, {32, 32, 2, 4}};
constexpr int64_t kFewestPoints = kernel::kFewestTilePoints; // fewer leave most of a tile unused

class TiledContraction : GroupTile {
public:
  TiledContraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile);
  bool isSupported();
  FailureOr<graph::Extent> emit(Value invocation);

private:
  LogicalResult fetch(Value slice, Fetches &fetches);
  LogicalResult fetchInput(Value first, Value half, Fetches &fetches);
  LogicalResult fetchPanels(Value first, Value half, Fetches &fetches);
  bool copies(Value tensor);
  void finish(const Fetches &fetches);
  void multiply(Value slice, SmallVector<Value> &sums);
  void multiplyVector(Value row, Value column, SmallVector<Value> &sums);
  LogicalResult store(ArrayRef<Value> sums);
  LogicalResult storeVector(ArrayRef<Value> sums, int64_t vector, Value inGroup, int64_t channels);

  Tile tile_;
  Value sharedInput_, sharedPanels_;
};

} // namespace

TiledContraction::TiledContraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile)
    : GroupTile(body, root, function, profile), tile_(chooseTile(kTiles)) {}

bool TiledContraction::isSupported() {
  const Tile &smallest = kTiles[std::size(kTiles) - 1];
  return isPlain() && smallest.channels % width_ == 0 && typicalPoints_ >= kFewestPoints &&
         typicalChannels() >= smallest.channels / 2 && k_ >= kSlice;
}

FailureOr<graph::Extent> TiledContraction::emit(Value invocation) {
  splitNumber(invocation, tile_.points, tile_.channels);
  sharedInput_ = makeShared("input", 2 * tile_.points * (kSlice + kLanes));
  sharedPanels_ = makeShared("panels", 2 * kSlice * (tile_.channels + 2 * kLanes));
  const int64_t slices = llvm::divideCeil(k_, kSlice);
  Fetches first;
  if (failed(fetch(body_.constant(0), first)))
    return failure();
  finish(first);
  SmallVector<Value> sums(tile_.threadPoints * tile_.threadChannels / kLanes, zero());
  auto fetchAndMultiply = [&](Value slice, SmallVector<Value> &carried) {
    Fetches next;
    if (failed(fetch(body_.add(slice, body_.constant(1)), next)))
      return failure();
    multiply(slice, carried);
    finish(next);
    return success();
  };
  if (failed(loopWith(body_, 0, slices - 1, 1, sums, fetchAndMultiply)))
    return failure();
  multiply(body_.constant(slices - 1), sums);
  if (failed(store(sums)))
    return failure();
  return groupsOf(tile_.points, tile_.channels) * graph::Extent(kThreads);
}

//===-- Fetching ------------------------------------------------------------------------------------------------===//

/// This thread's share of slice number `slice`, on its way to that half of the shared arrays which is the slice's.
LogicalResult TiledContraction::fetch(Value slice, Fetches &fetches) {
  Value first = body_.scale(slice, kSlice), half = part(slice, 2);
  if (failed(fetchInput(first, half, fetches)) || failed(fetchPanels(first, half, fetches)))
    return failure();
  if (llvm::any_of(fetches, [](const Fetched &fetched) { return !fetched.value; }))
    NVVM::CpAsyncCommitGroupOp::create(b_);
  return success();
}

/// Neighbouring threads have neighbouring vectors along k.
LogicalResult TiledContraction::fetchInput(Value first, Value half, Fetches &fetches) {
  constexpr int64_t kAlong = kSlice / kLanes, kRows = kThreads / kAlong, kStride = kSlice + kLanes;
  Value along = body_.scale(part(thread_, kAlong), kLanes), row = over(thread_, kAlong);
  Value k = body_.add(first, along);
  const bool mayEnd = k_ % kSlice != 0, isCopied = depth_ % kLanes == 0 && copies(root_.getInput());
  for (int64_t from = 0; from < tile_.points; from += kRows) {
    Value inTile = body_.add(row, body_.constant(from)), point = body_.add(firstPoint_, inTile);
    if (mayBeCut(points_, tile_.points))
      point = atMost(point, points_ - 1); // which is not stored twice
    Value place = body_.add(body_.scale(half, tile_.points * kStride), body_.add(body_.scale(inTile, kStride), along));
    Fetched fetched{sharedInput_, place, {}};
    if (isCopied)
      copyAsync(root_.getInput(), inputIndex(point, mayEnd ? atMost(k, k_ - kLanes) : k),
                mayEnd ? isBelow(k, k_) : Value(), kLanes, sharedInput_, place);
    else if (fetched.value = readInput(point, k, mayEnd); !fetched.value)
      return failure();
    fetches.push_back(fetched);
  }
  return success();
}

/// Neighbouring threads have neighbouring vectors of a panel, which is one piece of memory.
LogicalResult TiledContraction::fetchPanels(Value first, Value half, Fetches &fetches) {
  const int64_t stride = tile_.channels + 2 * kLanes;
  const bool mayEnd = k_ % kSlice != 0;
  for (int64_t from = 0; from < kSlice * tile_.channels / kLanes; from += kThreads) {
    const PanelPart at = panelPart(from, kSlice, kLanes);
    Value k = body_.add(first, at.row), panel = panelOf(at);
    SmallVector<LaneIndex> index = panelIndex(panel, k, at.column, mayEnd);
    Value isThere = mayEnd ? isBelow(k, k_) : Value(), channel = channelOf(at);
    Value place = body_.add(body_.scale(half, kSlice * stride), body_.add(body_.scale(at.row, stride), channel));
    Fetched fetched{sharedPanels_, place, {}};
    if (copies(root_.getPacked())) {
      copyAsync(root_.getPacked(), index, isThere, kLanes, sharedPanels_, place);
    } else {
      body_.startPoint();
      fetched.value = body_.read(root_.getPacked(), index, kLanes);
      if (!fetched.value)
        return failure();
      if (isThere)
        fetched.value = orZero(isThere, fetched.value);
    }
    fetches.push_back(fetched);
  }
  return success();
}

/// Whether vectors of a tensor can come without registers.
bool TiledContraction::copies(Value tensor) {
  return profile_.hasAsyncCopies && graph::typeOf(tensor).getElementType().isF32() && isAligned(tensor, kLanes);
}

/// Everything fetched is in shared memory for all threads.
void TiledContraction::finish(const Fetches &fetches) {
  bool isAsync = false;
  for (const Fetched &fetched : fetches) {
    isAsync |= !fetched.value;
    if (fetched.value)
      storeShared(fetched.value, fetched.buffer, fetched.place);
  }
  if (isAsync)
    NVVM::CpAsyncWaitGroupOp::create(b_, 0);
  NVVM::Barrier0Op::create(b_);
}

//===-- Multiplying ---------------------------------------------------------------------------------------------===//

/// sums[point · vectors + vector] += Σ_k As[point][k] · Bs[k][vector], in a loop where its body is long: straight on,
/// ptxas would read far ahead, and spill.
void TiledContraction::multiply(Value slice, SmallVector<Value> &sums) {
  const int64_t across = tile_.channels / tile_.threadChannels, stride = tile_.channels + 2 * kLanes;
  constexpr int64_t kStride = kSlice + kLanes, kFewestProducts = 256;
  Value half = part(slice, 2);
  Value row = body_.add(body_.scale(half, tile_.points * kStride), body_.scale(over(thread_, across), kStride));
  Value column = body_.add(body_.scale(half, kSlice * stride), body_.scale(part(thread_, across), kLanes));
  int64_t step = kLanes;
  while (step < kSlice && step * tile_.threadPoints * tile_.threadChannels < kFewestProducts)
    step *= 2;
  auto loop = scf::ForOp::create(b_, body_.constant(0), body_.constant(kSlice), body_.constant(step), sums);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried(loop.getRegionIterArgs());
  Value k = loop.getInductionVar();
  row = body_.add(row, k);
  column = body_.add(column, body_.scale(k, stride));
  for (int64_t at = 0; at < step; at += kLanes)
    multiplyVector(body_.add(row, body_.constant(at)), body_.add(column, body_.constant(at * stride)), carried);
  scf::YieldOp::create(b_, carried);
  sums.assign(loop.getResults().begin(), loop.getResults().end());
}

/// As many steps along k as a vector has.
void TiledContraction::multiplyVector(Value row, Value column, SmallVector<Value> &sums) {
  const int64_t across = tile_.channels / tile_.threadChannels, down = tile_.points / tile_.threadPoints;
  const int64_t vectors = tile_.threadChannels / kLanes, stride = tile_.channels + 2 * kLanes;
  constexpr int64_t kStride = kSlice + kLanes;
  SmallVector<Value> points;
  for (int64_t point = 0; point < tile_.threadPoints; ++point)
    points.push_back(loadShared(sharedInput_, body_.add(row, body_.constant(point * down * kStride))));
  for (int64_t lane = 0; lane < kLanes; ++lane)
    for (int64_t vector = 0; vector < vectors; ++vector) {
      Value weights =
          loadShared(sharedPanels_, body_.add(column, body_.constant(lane * stride + vector * across * kLanes)));
      for (int64_t point = 0; point < tile_.threadPoints; ++point) {
        Value factor = vector::ExtractOp::create(b_, points[point], lane);
        Value &sum = sums[point * vectors + vector];
        sum = vector::FMAOp::create(b_, vector::BroadcastOp::create(b_, type_, factor), weights, sum);
      }
    }
}

//===-- Storing -------------------------------------------------------------------------------------------------===//

LogicalResult TiledContraction::store(ArrayRef<Value> sums) {
  const int64_t across = tile_.channels / tile_.threadChannels, vectors = tile_.threadChannels / kLanes;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    Value inTile = body_.add(body_.scale(part(thread_, across), kLanes), body_.constant(vector * across * kLanes));
    Value inGroup = body_.add(firstChannel_, inTile);
    if (failed(storeChannels(body_, inGroup, channels_, tile_.channels,
                             [&](int64_t channels) { return storeVector(sums, vector, inGroup, channels); })))
      return failure();
  }
  return success();
}

/// The first `channels` lanes of vector number `vector`, of all points of this thread.
LogicalResult TiledContraction::storeVector(ArrayRef<Value> sums, int64_t vector, Value inGroup, int64_t channels) {
  const int64_t across = tile_.channels / tile_.threadChannels, down = tile_.points / tile_.threadPoints;
  const int64_t vectors = tile_.threadChannels / kLanes;
  for (int64_t number = 0; number < tile_.threadPoints; ++number) {
    OpBuilder::InsertionGuard guard(b_);
    Value point = body_.add(firstPoint_, body_.add(over(thread_, across), body_.constant(number * down)));
    if (mayBeCut(points_, tile_.points))
      b_.setInsertionPointToStart(scf::IfOp::create(b_, isBelow(point, points_), /*withElseRegion=*/false).thenBlock());
    if (failed(storePoint(point, inGroup, sums[number * vectors + vector], channels)))
      return failure();
  }
  return success();
}

FailureOr<graph::Extent> emitTiledContraction(Body &body, kernel::ContractOp root, func::FuncOp function,
                                              Value invocation, const Profile &profile) {
  TiledContraction contraction(body, root, function, profile);
  if (!contraction.isSupported())
    return failure();
  return contraction.emit(invocation);
}

} // namespace smelt::gpu

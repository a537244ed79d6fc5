// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of few points, which wait for their weights: a group computes a few points by a few vectors of channels. Its
// threads share those, and split K among them; at the end their sums meet in shared memory.
//   thread t:  vector t % across, and of K the vectors number t / across, + splits, …
// The order of the additions does not depend on the device.

#include "codegen/gpu/FlatContraction.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::gpu {

namespace {

constexpr int64_t kMostPoints = 4; // of a group: each has a sum in registers
constexpr int64_t kFewestSplits = 4;

class SplitContraction : FlatContraction {
public:
  SplitContraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile);
  bool isSupported();
  FailureOr<graph::Extent> emit(Value invocation);

private:
  int64_t groupCount() const { return others_ * (width_ / kLanes / across_); }
  FailureOr<SmallVector<Value>> accumulate(Value split, Value column);
  LogicalResult step(Value k, Value column, SmallVector<Value> &sums);
  LogicalResult reduce(ArrayRef<Value> sums, Value thread, Value firstColumn);

  const int64_t enoughGroups_;
  const int64_t fewPoints_; // all of them; none where only the run knows how many
  int64_t tile_;            // points of a group
  int64_t others_;          // tiles of points in all panels
  int64_t across_;          // vectors of channels of a group
  int64_t splits_;          // of K
  Value panel_, firstPoint_;
};

} // namespace

SplitContraction::SplitContraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile)
    : FlatContraction(body, root, function), enoughGroups_(profile.multiprocessors),
      fewPoints_(points_.asNumber().value_or(0)), tile_(divisorOf(fewPoints_, kMostPoints)),
      others_((batches_ * panels_ * graph::Extent(groups_ * fewPoints_ / tile_)).asNumber().value_or(0)),
      across_(std::max<int64_t>(width_ / kLanes, 1)) { // what has no vectors is not supported
  while (across_ % 2 == 0 && groupCount() < enoughGroups_)
    across_ /= 2;
  splits_ = kGroupThreads / across_;
}

bool SplitContraction::isSupported() {
  return isPlain() && others_ > 0 && splits_ >= kFewestSplits && k_ >= kLanes * splits_ &&
         groupCount() < enoughGroups_ * kMostPoints;
}

FailureOr<graph::Extent> SplitContraction::emit(Value invocation) {
  graph::Extents extents(batchDims_);
  extents.append(
      {graph::Extent(groups_), graph::Extent(fewPoints_ / tile_), panels_, graph::Extent(width_ / kLanes / across_)});
  SmallVector<Value> index = indexOf(body_, over(invocation, kGroupThreads), extents);
  Value firstColumn = body_.scale(index.pop_back_val(), across_ * kLanes);
  panel_ = index.pop_back_val();
  firstPoint_ = body_.scale(index.pop_back_val(), tile_);
  group_ = index.pop_back_val();
  batch_ = index;
  Value thread = part(invocation, kGroupThreads);
  Value column = body_.add(firstColumn, body_.scale(part(thread, across_), kLanes));
  FailureOr<SmallVector<Value>> sums = accumulate(over(thread, across_), column);
  if (failed(sums) || failed(reduce(*sums, thread, firstColumn)))
    return failure();
  return graph::Extent(groupCount() * kGroupThreads);
}

/// This thread's share of K. Threads beyond the last split have none.
FailureOr<SmallVector<Value>> SplitContraction::accumulate(Value split, Value column) {
  SmallVector<Value> sums(tile_, zero());
  const bool hasIdle = splits_ * across_ != kGroupThreads;
  Value first = body_.scale(split, kLanes);
  if (hasIdle)
    first = arith::SelectOp::create(b_, isBelow(split, splits_), first, body_.constant(k_));
  auto emitStep = [&](Value k, SmallVector<Value> &carried) { return step(k, column, carried); };
  if (failed(loopWith(body_, first, body_.constant(k_), splits_ * kLanes, sums, emitStep)))
    return failure();
  return sums;
}

/// Four steps along K, the last of which may be beyond its end.
LogicalResult SplitContraction::step(Value k, Value column, SmallVector<Value> &sums) {
  const bool mayEnd = k_ % kLanes != 0;
  SmallVector<Value> inputs;
  for (int64_t point = 0; point < tile_; ++point) {
    inputs.push_back(readInput(body_.add(firstPoint_, body_.constant(point)), k, mayEnd));
    if (!inputs.back())
      return failure();
  }
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    Value row = body_.add(k, body_.constant(lane));
    body_.startPoint();
    Value weights = body_.read(root_.getPacked(), panelIndex(panel_, row, column, mayEnd), kLanes);
    if (!weights)
      return failure();
    if (mayEnd)
      weights = orZero(isBelow(row, k_), weights);
    for (int64_t point = 0; point < tile_; ++point) {
      Value factor = vector::ExtractOp::create(b_, inputs[point], lane);
      sums[point] = vector::FMAOp::create(b_, vector::BroadcastOp::create(b_, type_, factor), weights, sums[point]);
    }
  }
  return success();
}

/// Shared memory is [split][point][vector]; a thread adds up one vector of one point, and stores it.
LogicalResult SplitContraction::reduce(ArrayRef<Value> sums, Value thread, Value firstColumn) {
  const int64_t row = tile_ * across_ * kLanes;
  Value shared = makeShared("sums", llvm::divideCeil(kGroupThreads, across_) * row);
  Value place = body_.add(body_.scale(over(thread, across_), row), body_.scale(part(thread, across_), kLanes));
  for (auto [point, sum] : llvm::enumerate(sums))
    storeShared(sum, shared, body_.add(place, body_.constant(static_cast<int64_t>(point) * across_ * kLanes)));
  NVVM::Barrier0Op::create(b_);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(
      scf::IfOp::create(b_, isBelow(thread, tile_ * across_), /*withElseRegion=*/false).thenBlock());
  Value from = body_.scale(thread, kLanes);
  auto loop =
      scf::ForOp::create(b_, body_.constant(1), body_.constant(splits_), body_.constant(1), loadShared(shared, from));
  {
    OpBuilder::InsertionGuard inner(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Value next = loadShared(shared, body_.add(from, body_.scale(loop.getInductionVar(), row)));
    Value sum = arith::AddFOp::create(b_, loop.getRegionIterArgs().front(), next);
    scf::YieldOp::create(b_, sum);
  }
  Value point = body_.add(firstPoint_, over(thread, across_));
  Value column = body_.add(firstColumn, body_.scale(part(thread, across_), kLanes));
  Value inGroup = body_.add(body_.scale(panel_, width_), column);
  return storeChannels(body_, inGroup, channels_, width_,
                       [&](int64_t channels) { return storePoint(point, inGroup, loop.getResult(0), channels); });
}

FailureOr<graph::Extent> emitSplitContraction(Body &body, kernel::ContractOp root, func::FuncOp function,
                                              Value invocation, const Profile &profile) {
  SplitContraction contraction(body, root, function, profile);
  if (!contraction.isSupported())
    return failure();
  return contraction.emit(invocation);
}

} // namespace smelt::gpu

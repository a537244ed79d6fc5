// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Windows.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <functional>

using namespace mlir;

namespace smelt::graph {

constexpr unsigned kMostVectors = 8;   // accumulators at a time
constexpr int64_t kMostUnrolled = 64;  // reads of an unrolled row of taps: more would be code for no speed
constexpr unsigned kPointsAtATime = 4; // scalars where there are no vectors

/// Results [first, end) along a dim have all their taps inside the input.
static std::pair<Extent, Extent> wholeWindows(const WindowDim &dim) {
  auto before = static_cast<int64_t>(llvm::divideCeil(dim.low, dim.stride));
  Extent first = before == 0 ? Extent(0) : Extent::min(dim.output, before);
  Extent end = (dim.input - dim.reach() + dim.low).floorDiv(dim.stride) + 1;
  return {first, end == dim.output ? end : Extent::max(first, Extent::min(end, dim.output))};
}

static Value constant(TileAccess &access, int64_t number) { return access.indexConstant(number); }

/// max(0, ceil((bound - start) / dilation))
static Value tapsBefore(TileAccess &access, const WindowDim &dim, const Extent &bound, Value start) {
  ImplicitLocOpBuilder &b = access.builder();
  Value room = arith::SubIOp::create(b, access.count(bound + dim.dilation - 1).in(b), start);
  Value least = arith::MaxSIOp::create(b, room, constant(access, 0));
  if (dim.dilation == 1)
    return least;
  return arith::DivUIOp::create(b, least, constant(access, dim.dilation));
}

Taps tapsWithin(TileAccess &access, const WindowDim &dim, const Extent &extent, Value column) {
  WindowDim inside = dim;
  inside.input = extent;
  if (wholeWindows(inside) == std::pair(Extent(0), dim.output))
    return {constant(access, 0), constant(access, dim.window), true};
  ImplicitLocOpBuilder &b = access.builder();
  Value start = arith::MulIOp::create(b, column, constant(access, dim.stride));
  start = arith::SubIOp::create(b, start, constant(access, dim.low));
  Value window = constant(access, dim.window);
  Value first = arith::MinSIOp::create(b, tapsBefore(access, dim, 0, start), window);
  Value end = arith::MinSIOp::create(b, tapsBefore(access, dim, extent, start), window);
  return {first, arith::MaxSIOp::create(b, first, end), false};
}

WindowGroup WindowEmitter::groupAt(Value column, bool isWhole) const {
  WindowGroup group{column, nullptr, 1, 1, {}};
  for (auto [spatial, dim] : llvm::enumerate(ArrayRef<WindowDim>(window_).drop_back()))
    group.taps.push_back(tapsWithin(access_, dim, dim.input, tileIndex(spatial)));
  const WindowDim &last = window_.back();
  if (isWhole)
    group.taps.push_back({constant(access_, 0), constant(access_, last.window), true});
  else
    group.taps.push_back(tapsWithin(access_, last, last.input, column));
  return group;
}

LogicalResult WindowEmitter::emit(int64_t groups) {
  auto [first, end] = wholeWindows(window_.back());
  if (failed(emitColumns(0, first, /*isWhole=*/false, groups)) ||
      failed(emitColumns(first, end, /*isWhole=*/true, groups)))
    return failure();
  return emitColumns(end, window_.back().output, /*isWhole=*/false, groups);
}

LogicalResult WindowEmitter::emitColumns(const Extent &first, const Extent &end, bool isWhole, int64_t groups) {
  if (first == end)
    return success();
  Count count = access_.count(end - first);
  auto column = [&](Value index) {
    return first == Extent(0) ? index : arith::AddIOp::create(b_, index, access_.count(first).in(b_)).getResult();
  };
  if (layout_ == Layout::ChannelsFirst) {
    bool hasLanes = isWhole && window_.back().stride == 1;
    unsigned lanes = hasLanes ? access_.vectorLanes(computeType(result_.getElementType())) : 1;
    unsigned vectors = hasLanes ? kMostVectors / 2 : isWhole ? kPointsAtATime : 1;
    return forBlocks(access_, count, lanes, vectors, [&](Value base, unsigned width, unsigned count) {
      WindowGroup group = groupAt(column(base), isWhole);
      group.lanes = width;
      group.vectors = count;
      return emitGroup(group);
    });
  }
  LogicalResult done = success();
  access_.loop(count, {}, [&](Value index, ValueRange) -> SmallVector<Value> {
    done = emitChannels(column(index), isWhole, groups);
    return {};
  });
  return done;
}

LogicalResult WindowEmitter::emitChannels(Value column, bool isWhole, int64_t groups) {
  int64_t channels = result_.getShape().back() / groups;
  unsigned lanes = access_.vectorLanes(computeType(result_.getElementType()));
  LogicalResult done = success();
  nest(access_, {Extent(groups)}, {}, [&](ArrayRef<Value> at, ValueRange) -> SmallVector<Value> {
    Value start = arith::MulIOp::create(b_, at[0], constant(access_, channels));
    done = forBlocks(access_, channels, lanes, kMostVectors, [&](Value base, unsigned width, unsigned count) {
      WindowGroup group = groupAt(column, isWhole);
      group.channel = arith::AddIOp::create(b_, start, base);
      group.lanes = width;
      group.vectors = count;
      return emitGroup(group);
    });
    return {};
  });
  return done;
}

SmallVector<Value> WindowEmitter::forTaps(const WindowGroup &group, ValueRange initial, NestBody body) {
  SmallVector<Value> tap;
  std::function<SmallVector<Value>(ValueRange)> level = [&](ValueRange carried) -> SmallVector<Value> {
    size_t dim = tap.size();
    if (dim == window_.size())
      return body(tap, carried);
    const Taps &taps = group.taps[dim];
    bool unrolls = taps.isWhole && (window_[dim].window == 1 || (dim + 1 == window_.size() &&
                                                                 window_[dim].window * group.vectors <= kMostUnrolled));
    SmallVector<Value> last(carried);
    if (unrolls) {
      for (int64_t number = 0; number < window_[dim].window; ++number) {
        tap.push_back(constant(access_, number));
        last = level(last);
        tap.pop_back();
      }
      return last;
    }
    auto loop = scf::ForOp::create(b_, taps.first, taps.end, constant(access_, 1), last);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    tap.push_back(loop.getInductionVar());
    SmallVector<Value> next = level(loop.getRegionIterArgs());
    tap.pop_back();
    if (!last.empty())
      scf::YieldOp::create(b_, next);
    return SmallVector<Value>(loop.getResults());
  };
  return level(initial);
}

/// column · stride + tap · dilation - low
static Value position(TileAccess &access, const WindowDim &dim, Value column, Value tap) {
  ImplicitLocOpBuilder &b = access.builder();
  Value start = arith::MulIOp::create(b, column, constant(access, dim.stride));
  Value at = arith::MulIOp::create(b, tap, constant(access, dim.dilation));
  return offset(access, arith::AddIOp::create(b, start, at), -dim.low);
}

Coordinates WindowEmitter::inputAt(const WindowGroup &group, ArrayRef<Value> tap, unsigned vector) const {
  Coordinates at = resultAt(group, vector);
  for (auto [spatial, dim] : llvm::enumerate(window_)) {
    LaneIndex &index = at[firstSpatial() + spatial];
    index = {position(access_, dim, index.base, tap[spatial]), index.laneStride * dim.stride};
  }
  return at;
}

Coordinates WindowEmitter::resultAt(const WindowGroup &group, unsigned vector) const {
  Coordinates at = tile_;
  at[firstSpatial() + window_.size() - 1] = {group.column, 0};
  LaneIndex &lane = layout_ == Layout::ChannelsFirst ? at.back() : at[channelDim()];
  Value base = layout_ == Layout::ChannelsFirst ? group.column : group.channel;
  lane = along(vectorAt(access_, base, vector, group.lanes), group.lanes);
  return at;
}

} // namespace smelt::graph

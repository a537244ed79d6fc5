// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Depthwise convolution, channels last, unpadded: an invocation computes four channels of a few points side by side,
// all taps unrolled, so that filters and what neighbouring windows share are read once.

#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

namespace {
class Depthwise {
public:
  Depthwise(Body &body, graph::ConvOp root, int64_t points, Type sum)
      : body_(body), root_(root), points_(points), sum_(sum) {
    ArrayRef<int64_t> filter = graph::typeOf(root.getFilter()).getShape();
    window_.assign(filter.begin(), filter.end() - 2);
  }

  /// `place` is [batch, spatial…] of the first point.
  LogicalResult emit(ArrayRef<Value> place, Value channel, unsigned lanes) {
    place_ = place;
    channel_ = {channel, lanes > 1 ? 1 : 0};
    lanes_ = lanes;
    SmallVector<Value> sums(points_);
    SmallVector<int64_t> row(window_.begin(), window_.end() - 1), tap(row.size(), 0);
    do
      if (failed(accumulateRow(tap, sums)))
        return failure();
    while (graph::advance(tap, row));
    for (int64_t point = 0; point < points_; ++point)
      if (failed(store(point, sums[point])))
        return failure();
    return success();
  }

private:
  LogicalResult accumulateRow(ArrayRef<int64_t> outer, SmallVector<Value> &sums);
  Value readInput(ArrayRef<int64_t> outer, int64_t along);
  Value readFilter(ArrayRef<int64_t> outer, int64_t tap);
  LogicalResult store(int64_t point, Value sum);

  Body &body_;
  graph::ConvOp root_;
  int64_t points_; // side by side along the last spatial dim
  Type sum_;
  SmallVector<int64_t> window_;
  // The tile at hand.
  ArrayRef<Value> place_;
  LaneIndex channel_;
  unsigned lanes_ = 1;
};
} // namespace

/// Taps along the window's last dim, of all points: what several of them read is read once.
LogicalResult Depthwise::accumulateRow(ArrayRef<int64_t> outer, SmallVector<Value> &sums) {
  const int64_t stride = root_.getStrides().back(), dilation = root_.getDilations().back();
  DenseMap<int64_t, Value> inputs;
  for (int64_t tap = 0; tap < window_.back(); ++tap) {
    Value w = readFilter(outer, tap);
    if (!w)
      return failure();
    for (int64_t point = 0; point < points_; ++point) {
      const int64_t along = point * stride + tap * dilation;
      Value &x = inputs[along];
      if (!x && !(x = readInput(outer, along)))
        return failure();
      sums[point] = multiplyAdd(body_, x, w, sums[point]);
    }
  }
  return success();
}

/// `along` elements behind where the first point's window begins.
Value Depthwise::readInput(ArrayRef<int64_t> outer, int64_t along) {
  SmallVector<LaneIndex> index{{place_[0], 0}};
  for (size_t dim = 0; dim < window_.size(); ++dim) {
    const int64_t behind = dim < outer.size() ? outer[dim] * root_.getDilations()[dim] : along;
    Value start = body_.scale(place_[dim + 1], root_.getStrides()[dim]);
    index.push_back({body_.add(start, body_.constant(behind)), 0});
  }
  index.push_back(channel_);
  body_.startPoint();
  return toSum(body_, body_.read(root_.getInput(), index, lanes_), root_.getInput(), sum_);
}

Value Depthwise::readFilter(ArrayRef<int64_t> outer, int64_t tap) {
  SmallVector<LaneIndex> index =
      llvm::map_to_vector(outer, [&](int64_t at) { return LaneIndex{body_.constant(at), 0}; });
  index.push_back({body_.constant(tap), 0});
  index.push_back({body_.constant(0), 0});
  index.push_back(channel_);
  body_.startPoint();
  return toSum(body_, body_.read(root_.getFilter(), index, lanes_), root_.getFilter(), sum_);
}

LogicalResult Depthwise::store(int64_t point, Value sum) {
  SmallVector<LaneIndex> index = llvm::map_to_vector(place_, [](Value at) { return LaneIndex{at, 0}; });
  index.back().base = body_.add(index.back().base, body_.constant(point));
  index.push_back(channel_);
  body_.startPoint();
  body_.define(root_.getResult(), sum);
  return body_.store(root_.getResult(), index, lanes_);
}

FailureOr<graph::Extent> emitDepthwise(Body &body, graph::ConvOp root, Value invocation, const Profile &profile) {
  Type sum = sumType(graph::typeOf(root.getInput()), graph::typeOf(root.getFilter()), graph::typeOf(root.getResult()));
  if (!sum || !graph::typeOf(root.getFilter()).hasStaticShape())
    return failure();
  graph::Extents extents = graph::extentsOf(root.getResult());
  const graph::Extent channels = extents.back(), along = extents[extents.size() - 2];
  const int64_t points = along.isNumber() ? divisorOf(along.number(), profile.points) : 1;
  extents[extents.size() - 2] = along.floorDiv(points);
  extents.back() = channels.ceilDiv(kLanes);
  const graph::Extent count = graph::productOf(extents);
  if (count.isTooLarge())
    return failure();
  SmallVector<Value> place = indexOf(body, invocation, extents);
  Value first = body.scale(place.pop_back_val(), kLanes);
  place.back() = body.scale(place.back(), points);
  Depthwise emitter(body, root, points, sum);
  if (failed(emitVector(body, first, channels,
                        [&](Value channel, unsigned lanes) { return emitter.emit(place, channel, lanes); })))
    return failure();
  return count;
}

} // namespace smelt::gpu

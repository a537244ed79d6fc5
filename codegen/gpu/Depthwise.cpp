// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Depthwise convolution, channels last, unpadded: an invocation computes four channels of one point, all taps unrolled.

#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

namespace {
class Depthwise {
public:
  Depthwise(Body &body, graph::ConvOp root) : body_(body), root_(root) {
    ArrayRef<int64_t> filter = graph::typeOf(root.getFilter()).getShape();
    window_.assign(filter.begin(), filter.end() - 2);
  }

  /// `place` is [batch, spatial…].
  LogicalResult emit(ArrayRef<Value> place, Value channel, unsigned lanes) {
    ImplicitLocOpBuilder &b = body_.builder();
    LaneIndex lane{channel, lanes > 1 ? 1 : 0};
    SmallVector<int64_t> tap(window_.size(), 0);
    Value sum;
    do {
      SmallVector<LaneIndex> weight, input{{place[0], 0}};
      for (size_t dim = 0; dim < window_.size(); ++dim) {
        weight.push_back({body_.constant(tap[dim]), 0});
        Value start = body_.scale(place[dim + 1], root_.getStrides()[dim]);
        input.push_back({body_.add(start, body_.constant(tap[dim] * root_.getDilations()[dim])), 0});
      }
      weight.push_back({body_.constant(0), 0});
      weight.push_back(lane);
      input.push_back(lane);
      body_.startPoint();
      Value x = body_.read(root_.getInput(), input, lanes), w = body_.read(root_.getFilter(), weight, lanes);
      if (!x || !w)
        return failure();
      if (!sum)
        sum = arith::MulFOp::create(b, x, w);
      else if (lanes > 1)
        sum = vector::FMAOp::create(b, x, w, sum);
      else
        sum = math::FmaOp::create(b, x, w, sum);
    } while (graph::advance(tap, window_));
    SmallVector<LaneIndex> index = llvm::map_to_vector(place, [](Value at) { return LaneIndex{at, 0}; });
    index.push_back(lane);
    body_.startPoint();
    body_.define(root_.getResult(), sum);
    return body_.store(root_.getResult(), index, lanes);
  }

private:
  Body &body_;
  graph::ConvOp root_;
  SmallVector<int64_t> window_;
};
} // namespace

FailureOr<int64_t> emitDepthwise(Body &body, graph::ConvOp root, Value invocation) {
  auto isFloat = [](Value value) { return graph::typeOf(value).getElementType().isF32(); };
  if (!isFloat(root.getInput()) || !isFloat(root.getFilter()) || !isFloat(root.getResult()))
    return failure();
  SmallVector<int64_t> extents(graph::typeOf(root.getResult()).getShape());
  const int64_t channels = extents.back();
  extents.back() = llvm::divideCeil(channels, kLanes);
  std::optional<int64_t> count = graph::elementCount(extents);
  if (!count)
    return failure();
  SmallVector<Value> place = indexOf(body, invocation, extents);
  Value first = body.scale(place.pop_back_val(), kLanes);
  Depthwise emitter(body, root);
  if (failed(emitVector(body, first, channels,
                        [&](Value channel, unsigned lanes) { return emitter.emit(place, channel, lanes); })))
    return failure();
  return *count;
}

} // namespace smelt::gpu

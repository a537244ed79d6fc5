// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Depthwise convolution, channels last, unpadded: vectors over channels; the window's weights stay in registers along a
// row.

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

constexpr int64_t kMostTaps = 128; // unrolled: more would be code for no speed

class Depthwise {
public:
  Depthwise(Body &body, graph::ConvOp root) : body_(body), b_(body.builder()), root_(root) {
    window_.assign(graph::typeOf(root.getFilter()).getShape().begin(),
                   graph::typeOf(root.getFilter()).getShape().end() - 2);
  }

  /// One row of the result: `outer` indexes all dims but the last spatial one and the channels.
  LogicalResult emitRow(ValueRange outer, unsigned lanes) {
    graph::Extents shape = graph::extentsOf(root_.getResult());
    return graph::forLanes(b_, body_.count(shape.back()), lanes, [&](Value channel, unsigned width) {
      SmallVector<Value> weights;
      if (failed(readWeights(channel, width, weights)))
        return failure();
      auto loop = scf::ForOp::create(b_, body_.constant(0), body_.value(shape[shape.size() - 2]), body_.constant(1));
      OpBuilder::InsertionGuard guard(b_);
      b_.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> at(outer);
      at.push_back(loop.getInductionVar());
      return emitPoint(at, channel, width, weights);
    });
  }

private:
  LogicalResult readWeights(Value channel, unsigned lanes, SmallVector<Value> &weights) {
    SmallVector<int64_t> tap(window_.size(), 0);
    do {
      SmallVector<LaneIndex> index;
      for (int64_t offset : tap)
        index.push_back({body_.constant(offset), 0});
      index.push_back({body_.constant(0), 0});
      index.push_back({channel, lanes > 1 ? 1 : 0});
      body_.startPoint();
      weights.push_back(body_.read(root_.getFilter(), index, lanes));
      if (!weights.back())
        return failure();
    } while (graph::advance(tap, window_));
    return success();
  }

  /// `at` is [batch, spatial…].
  LogicalResult emitPoint(ArrayRef<Value> at, Value channel, unsigned lanes, ArrayRef<Value> weights) {
    LaneIndex lane{channel, lanes > 1 ? 1 : 0};
    SmallVector<int64_t> tap(window_.size(), 0);
    Value sum;
    for (Value weight : weights) {
      SmallVector<LaneIndex> index{{at[0], 0}};
      for (size_t dim = 0; dim < window_.size(); ++dim) {
        Value start = body_.scale(at[dim + 1], root_.getStrides()[dim]);
        index.push_back({body_.add(start, body_.constant(tap[dim] * root_.getDilations()[dim])), 0});
      }
      index.push_back(lane);
      body_.startPoint();
      Value input = body_.read(root_.getInput(), index, lanes);
      if (!input)
        return failure();
      sum = multiplyAdd(input, weight, sum);
      graph::advance(tap, window_);
    }
    SmallVector<LaneIndex> index;
    for (Value position : at)
      index.push_back({position, 0});
    index.push_back(lane);
    body_.startPoint();
    body_.define(root_.getResult(), sum);
    return body_.store(root_.getResult(), index, lanes);
  }

  Value multiplyAdd(Value a, Value b, Value sum) {
    if (!isa<FloatType>(getElementTypeOrSelf(a.getType()))) {
      Value product = arith::MulIOp::create(b_, a, b);
      return sum ? arith::AddIOp::create(b_, product, sum).getResult() : product;
    }
    if (!sum)
      return arith::MulFOp::create(b_, a, b);
    if (isa<VectorType>(a.getType()))
      return vector::FMAOp::create(b_, a, b, sum);
    return arith::AddFOp::create(b_, arith::MulFOp::create(b_, a, b), sum);
  }

  Body &body_;
  ImplicitLocOpBuilder &b_;
  graph::ConvOp root_;
  SmallVector<int64_t> window_;
};

} // namespace

bool isDepthwise(graph::ConvOp conv) {
  ArrayRef<int64_t> filter = graph::typeOf(conv.getFilter()).getShape();
  int64_t taps = graph::elementCount(filter.drop_back()).value_or(kMostTaps + 1);
  auto isZero = [](int64_t padding) { return padding == 0; };
  return conv.getLayout() == graph::Layout::ChannelsLast && filter[filter.size() - 2] == 1 &&
         static_cast<int64_t>(conv.getGroups()) == filter.back() && taps <= kMostTaps &&
         llvm::all_of(conv.getLow(), isZero) && llvm::all_of(conv.getHigh(), isZero);
}

FailureOr<graph::Extent> emitDepthwise(Body &body, graph::ConvOp root, TileRange range,
                                       const kernel::Machine &machine) {
  graph::Extents shape = graph::extentsOf(root.getResult());
  Depthwise emitter(body, root);
  LogicalResult done = success();
  unsigned lanes = lanesOf(body, machine);
  graph::Extent tiles = forTiles(body, range, ArrayRef<graph::Extent>(shape).drop_back(2),
                                 [&](ValueRange outer) { done = emitter.emitRow(outer, lanes); });
  if (failed(done))
    return failure();
  return tiles;
}

} // namespace smelt::cpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Depthwise convolution, channels last, unpadded: vectors over channels; the window's weights stay in registers along a
// row.

#include "codegen/cpu/DepthwiseDots.h"
#include "codegen/cpu/Emitters.h"
#include "dialects/Graph/Ops/Cast.h"
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
  Depthwise(Body &body, graph::ConvOp root, const kernel::Machine &machine)
      : body_(body), b_(body.builder()), root_(root), machine_(machine) {
    window_.assign(graph::typeOf(root.getFilter()).getShape().begin(),
                   graph::typeOf(root.getFilter()).getShape().end() - 2);
    // Neighbours share what they read, where there are registers for that: processors of narrow vectors multiply as
    // many as they load in a cycle, and more.
    constexpr int64_t kMostPoints = 4, kRegistersPerPoint = 3, kWide = 32;
    const int64_t taps = graph::elementCount(window_).value_or(kMostTaps);
    const int64_t spare = static_cast<int64_t>(machine.vectorRegisters) - taps - 2;
    Type element = graph::typeOf(root.getInput()).getElementType(),
         sum = graph::typeOf(root.getResult()).getElementType();
    const bool isNarrow = isa<IntegerType>(element) && element != sum;
    // Of few digits, floats are exact: 128 taps of ui8 · i8 are below 2²⁴.
    const bool isExact = isNarrow && element.isInteger(8) && !machine.byLane;
    factor_ = isExact ? Type(b_.getF32Type()) : graph::computeType(sum);
    points_ =
        machine.vectorBytes >= kWide && !isNarrow ? 1 : std::clamp<int64_t>(spare / kRegistersPerPoint, 1, kMostPoints);
  }

  /// One row of the result: `outer` indexes all dims but the last spatial one and the channels.
  LogicalResult emitRow(ValueRange outer, unsigned lanes) {
    graph::Extents shape = graph::extentsOf(root_.getResult());
    return graph::forLanes(b_, body_.count(shape.back()), lanes, [&](Value channel, unsigned width) {
      if (isDepthwiseOfDots(root_, machine_, width))
        return emitRowByDots(body_, root_, machine_, outer, channel, width);
      SmallVector<Value> weights;
      if (failed(readWeights(channel, width, weights)))
        return failure();
      const graph::Extent columns = shape[shape.size() - 2], whole = columns.floorDiv(points_) * points_;
      if (points_ > 1 && failed(emitColumns(outer, 0, whole, points_, {channel, width}, weights)))
        return failure();
      if (points_ > 1 && whole == columns)
        return success();
      return emitColumns(outer, points_ > 1 ? whole : 0, columns, 1, {channel, width}, weights);
    });
  }

private:
  struct Channels {
    Value first;
    unsigned lanes;
  };

  /// Columns [from, to), `points` at a time.
  LogicalResult emitColumns(ValueRange outer, const graph::Extent &from, const graph::Extent &to, int64_t points,
                            Channels channels, ArrayRef<Value> weights) {
    auto loop = scf::ForOp::create(b_, body_.value(from), body_.value(to), body_.constant(points));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    SmallVector<SmallVector<Value>> places;
    for (int64_t point = 0; point < points; ++point) {
      places.emplace_back(outer);
      places.back().push_back(body_.add(loop.getInductionVar(), body_.constant(point)));
    }
    return emitPoints(places, channels, weights);
  }

  LogicalResult readWeights(Value channel, unsigned lanes, SmallVector<Value> &weights) {
    SmallVector<int64_t> tap(window_.size(), 0);
    do {
      SmallVector<LaneIndex> index;
      for (int64_t offset : tap)
        index.push_back({body_.constant(offset), 0});
      index.push_back({body_.constant(0), 0});
      index.push_back({channel, lanes > 1 ? 1 : 0});
      body_.startPoint();
      weights.push_back(factor(root_.getFilter(), index, lanes));
      if (!weights.back())
        return failure();
    } while (graph::advance(tap, window_));
    return success();
  }

  /// Each place is [batch, spatial…].
  LogicalResult emitPoints(ArrayRef<SmallVector<Value>> places, Channels channels, ArrayRef<Value> weights) {
    SmallVector<Value> sums;
    for (ArrayRef<Value> at : places) {
      sums.push_back(sumAt(at, channels, weights));
      if (!sums.back())
        return failure();
    }
    for (auto [at, sum] : llvm::zip_equal(places, sums)) {
      SmallVector<LaneIndex> index = llvm::map_to_vector(at, [](Value position) { return LaneIndex{position, 0}; });
      index.push_back({channels.first, channels.lanes > 1 ? 1 : 0});
      body_.startPoint();
      body_.define(root_.getResult(), sum);
      if (failed(body_.store(root_.getResult(), index, channels.lanes)))
        return failure();
    }
    return success();
  }

  /// Null where the input cannot be read.
  Value sumAt(ArrayRef<Value> at, Channels channels, ArrayRef<Value> weights) {
    LaneIndex lane{channels.first, channels.lanes > 1 ? 1 : 0};
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
      Value input = factor(root_.getInput(), index, channels.lanes);
      if (!input)
        return nullptr;
      sum = multiplyAdd(input, weight, sum);
      graph::advance(tap, window_);
    }
    Type result = graph::computeType(graph::typeOf(root_.getResult()).getElementType());
    bool isExact = isa<FloatType>(factor_) && isa<IntegerType>(result);
    return isExact ? graph::Expr(b_, sum).to<arith::FPToSIOp>(result).value() : sum;
  }

  /// An element of an operand as what is multiplied; null where it cannot be read.
  Value factor(Value operand, ArrayRef<LaneIndex> index, unsigned lanes) {
    Value read = body_.read(operand, index, lanes);
    bool isUnsigned = graph::isUnsignedElement(graph::typeOf(operand).getElementType());
    return read ? graph::castTo({b_, read, isUnsigned}, factor_).value() : nullptr;
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
  kernel::Machine machine_;
  SmallVector<int64_t> window_;
  Type factor_;    // what is multiplied and added
  int64_t points_; // computed at a time
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
  Depthwise emitter(body, root, machine);
  LogicalResult done = success();
  unsigned lanes = lanesOf(body, machine);
  graph::Extent tiles = forTiles(body, range, ArrayRef<graph::Extent>(shape).drop_back(2),
                                 [&](ValueRange outer) { done = emitter.emitRow(outer, lanes); });
  if (failed(done))
    return failure();
  return tiles;
}

} // namespace smelt::cpu

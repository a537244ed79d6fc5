// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

constexpr int64_t kMostSamples = 1 << 20; // along one side of a bin: coordinates may be anything
constexpr int64_t kMostHostSamples = 16;  // those that the reference looks at: folding must end soon

LogicalResult RoiAlignOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput()), rois = typeOf(adaptor.getRois());
  if (input.getRank() != 4 || rois.getRank() != 2 || rois.getDimSize(1) != 4)
    return emitOptionalError(location, "needs an input [n, c, h, w] and rois [r, 4], not ", input, " and ", rois);
  Type element = input.getElementType();
  Checks checks{location};
  if (failed(checks.element(element, Domain::Floats)) || failed(checkIndices(location, adaptor.getBatches())))
    return failure();
  if (rois.getElementType() != element || extentsOf(adaptor.getBatches()) != Extents{extentsOf(rois)[0]})
    return emitOptionalError(location, "needs rois of type ", element, " and an example for each of them");
  auto height = static_cast<int64_t>(adaptor.getHeight()), width = static_cast<int64_t>(adaptor.getWidth());
  auto ratio = static_cast<int64_t>(adaptor.getSamplingRatio());
  if (height < 1 || width < 1 || ratio < 0 || ratio > kMostSamples)
    return emitOptionalError(location, "has ", height, " times ", width, " bins and a sampling_ratio of ", ratio);
  Extents from = extentsOf(input), shape{extentsOf(rois)[0], from[1], height, width};
  for (int64_t dim : {0, 2, 3})
    if (failed(checkNotEmpty(location, from[dim], shape)))
      return failure();
  return checks.result(shape, element, types);
}

// One side of a roi, on double and on Expr.

namespace {
template <typename X> struct Side {
  X start, bin, samples; // where the first bin begins; its extent; how many samples it has
};
/// The two elements that a sample lies between, as numbers, and their weights: none where it lies outside.
template <typename X> struct Sample {
  X low, high, lowWeight, highWeight;
};
/// The input's extent along a side, and its last element.
template <typename X> struct Limits {
  X extent, last;
};
} // namespace

static double real(double, double value) { return value; }
static Expr real(Expr like, double value) { return like.real(value); }
static double least(double a, double b) { return a < b ? a : b; }
static Expr least(Expr a, Expr b) { return graph::select(a < b, a, b); }

template <typename X> static Side<X> sideOf(RoiAlignOp op, X first, X last, int64_t bins) {
  using formula::ceil, formula::select, graph::ceil, graph::select;
  double scale = op.getSpatialScale().convertToDouble(), shift = op.getHalfPixel() ? 0.5 : 0.0;
  X start = first * scale - shift, extent = last * scale - shift - start;
  if (!op.getHalfPixel())
    extent = select(extent > 1.0, extent, real(extent, 1)); // as broken rois are meant to be read
  X bin = extent / static_cast<double>(bins), samples = ceil(bin);
  // Of NaN there are none.
  samples = select(samples > 0.0, least(samples, real(samples, kMostSamples)), real(samples, 0));
  if (op.getSamplingRatio() > 0)
    samples = real(samples, static_cast<double>(op.getSamplingRatio()));
  return {start, bin, samples};
}

/// `bin` and `number` count from 0.
template <typename X> static Sample<X> sampleOf(const Side<X> &side, X bin, X number, const Limits<X> &limits) {
  using formula::floor, formula::select, graph::floor, graph::select;
  X at = side.start + bin * side.bin + (number + 0.5) * side.bin / side.samples;
  auto isOutside = !((at >= -1.0) & (at <= limits.extent));
  X zero = real(at, 0), one = real(at, 1);
  X inside = select(isOutside, zero, select(at > 0.0, at, zero)), low = least(floor(inside), limits.last);
  X high = least(low + one, limits.last), weight = select(low >= limits.last, zero, inside - low);
  return {low, high, select(isOutside, zero, one - weight), select(isOutside, zero, weight)};
}

/// The samples of a bin that may lie inside: [first, end). No more than the input has elements, twice, however large
/// the roi is; all others are 0.
template <typename X> struct Span {
  X first, end;
};
template <typename X> static Span<X> insideOf(const Side<X> &side, X bin, const Limits<X> &limits) {
  using formula::ceil, formula::floor, formula::select, graph::ceil, graph::floor, graph::select;
  constexpr double kSlack = 2; // for rounding
  X base = side.start + bin * side.bin, step = side.bin / side.samples, none = real(base, 0);
  X low = (-1.0 - base) / step, high = (limits.extent - base) / step; // the other way round where the roi is
  X first = floor(select(step < 0.0, high, low)) - kSlack, end = ceil(select(step < 0.0, low, high)) + kSlack;
  // Of what is no number, all are looked at.
  return {select(first > 0.0, least(first, side.samples), none),
          select(end < side.samples, select(end > 0.0, end, none), side.samples)};
}

LogicalResult RoiAlignOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> input = operands[0].shape(), shape = results[0].shape();
  SmallVector<int64_t> at(4, 0);
  std::vector<double> x = elementsOf<double>(operands[0]), rois = elementsOf<double>(operands[1]);
  for (int64_t position = 0; position < results[0].size(); ++position, advance(at, shape)) {
    const double *roi = &rois[at[0] * 4];
    int64_t batch = wrapIndex(operands[2].get(at[0]).asSigned(), input[0]);
    const double *plane = &x[(batch * input[1] + at[1]) * input[2] * input[3]];
    Side<double> down = sideOf(*this, roi[1], roi[3], shape[2]), along = sideOf(*this, roi[0], roi[2], shape[3]);
    Limits<double> rows{double(input[2]), double(input[2] - 1)}, columns{double(input[3]), double(input[3] - 1)};
    Span<double> inRows = insideOf(down, double(at[2]), rows), inColumns = insideOf(along, double(at[3]), columns);
    if (inRows.end - inRows.first > kMostHostSamples || inColumns.end - inColumns.first > kMostHostSamples)
      return failure();
    double sum = 0, most = -std::numeric_limits<double>::infinity();
    for (double row = inRows.first; row < inRows.end; ++row)
      for (double column = inColumns.first; column < inColumns.end; ++column) {
        Sample<double> v = sampleOf(down, double(at[2]), row, rows),
                       h = sampleOf(along, double(at[3]), column, columns);
        auto term = [&](double y, double yWeight, double x, double xWeight) {
          double product = yWeight * xWeight * plane[int64_t(y) * input[3] + int64_t(x)];
          most = std::max(most, product);
          return product;
        };
        sum += term(v.low, v.lowWeight, h.low, h.lowWeight) + term(v.low, v.lowWeight, h.high, h.highWeight) +
               term(v.high, v.highWeight, h.low, h.lowWeight) + term(v.high, v.highWeight, h.high, h.highWeight);
      }
    double count = down.samples * along.samples;
    if ((inRows.end - inRows.first) * (inColumns.end - inColumns.first) < count)
      most = std::max(most, 0.0);
    double result = getMaximum() ? (count > 0 ? most : 0) : sum / std::max(count, 1.0);
    results[0].set(position, Scalar::ofFloat(result));
  }
  return success();
}

// Emission: a tile is one channel of one roi.

namespace {
class RoiAlignEmitter {
public:
  RoiAlignEmitter(RoiAlignOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), input_(extentsOf(op.getInput())),
        compute_(computeType(op.getType().getElementType())), roi_(access.tile()[0]), channel_(access.tile()[1]) {}

  LogicalResult emit() {
    Value example = access_.fetch(op_.getBatches(), LaneIndex{roi_, 0}, 1);
    if (!example)
      return failure();
    example = arith::IndexCastOp::create(b_, b_.getIndexType(), example);
    batch_ = wrapIndex(b_, example, access_.count(input_[0]));
    auto height = static_cast<int64_t>(op_.getHeight()), width = static_cast<int64_t>(op_.getWidth());
    std::optional<Expr> corners[4];
    for (int64_t number = 0; number < 4; ++number) {
      Value corner = access_.fetch(op_.getRois(), {{roi_, 0}, {access_.indexConstant(number), 0}}, 1);
      if (!corner)
        return failure();
      corners[number].emplace(b_, corner);
    }
    Side<Expr> down = sideOf(op_, *corners[1], *corners[3], height),
               across = sideOf(op_, *corners[0], *corners[2], width);
    nest(access_, {height, width}, {}, [&](ArrayRef<Value> bin, ValueRange) -> SmallVector<Value> {
      emitBin(bin, down, across);
      return {};
    });
    return success(done_);
  }

private:
  Expr toReal(Value index) {
    return Expr(b_, arith::IndexCastOp::create(b_, b_.getI64Type(), index)).to<arith::SIToFPOp>(compute_);
  }
  Value toIndex(Expr number) {
    Value integer = arith::FPToSIOp::create(b_, b_.getI64Type(), number.value());
    return arith::IndexCastOp::create(b_, b_.getIndexType(), integer);
  }

  Limits<Expr> limitsOf(const Extent &extent, Expr like) {
    return {numberOf(access_.count(extent), like), numberOf(access_.count(extent - 1), like)};
  }

  void emitBin(ArrayRef<Value> bin, const Side<Expr> &down, const Side<Expr> &across) {
    Value initial = repeat(b_, op_.getMaximum() ? leastOf(compute_, false) : numberOf(compute_, 0), 1).value();
    Expr row = toReal(bin[0]), column = toReal(bin[1]);
    Limits<Expr> rows = limitsOf(input_[2], row), columns = limitsOf(input_[3], row);
    Span<Expr> inRows = insideOf(down, row, rows), inColumns = insideOf(across, column, columns);
    Value firstColumn = toIndex(inColumns.first), endColumn = toIndex(inColumns.end);
    Expr sum(b_, forRange(b_, toIndex(inRows.first), toIndex(inRows.end), 1, initial, [&](Value y, ValueRange outer) {
               Sample<Expr> v = sampleOf(down, row, toReal(y), rows);
               return forRange(b_, firstColumn, endColumn, 1, outer, [&](Value x, ValueRange inner) {
                 Sample<Expr> h = sampleOf(across, column, toReal(x), columns);
                 return SmallVector<Value>{add({b_, inner[0]}, v, h).value()};
               });
             })[0]);
    Expr count = down.samples * across.samples;
    if (op_.getMaximum()) {
      Expr seen = (inRows.end - inRows.first) * (inColumns.end - inColumns.first);
      sum = select(seen < count, maximum(sum, sum.real(0)), sum);
    }
    Expr result = op_.getMaximum() ? select(count > 0.0, sum, 0.0) : sum / select(count > 1.0, count, 1.0);
    done_ &= succeeded(access_.store(0, result.value(), {{roi_, 0}, {channel_, 0}, {bin[0], 0}, {bin[1], 0}}));
  }

  Expr add(Expr sum, const Sample<Expr> &v, const Sample<Expr> &h) {
    auto term = [&](Expr y, Expr yWeight, Expr x, Expr xWeight) {
      Value element = access_.fetch(op_.getInput(), {{batch_, 0}, {channel_, 0}, {toIndex(y), 0}, {toIndex(x), 0}}, 1);
      done_ &= static_cast<bool>(element);
      Expr product = element ? yWeight * xWeight * Expr(b_, element) : yWeight;
      sum = op_.getMaximum() ? maximum(sum, product) : sum + product;
    };
    term(v.low, v.lowWeight, h.low, h.lowWeight);
    term(v.low, v.lowWeight, h.high, h.highWeight);
    term(v.high, v.highWeight, h.low, h.lowWeight);
    term(v.high, v.highWeight, h.high, h.highWeight);
    return sum;
  }

  RoiAlignOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Extents input_;
  Type compute_;
  Value roi_, channel_, batch_;
  bool done_ = true;
};
} // namespace

unsigned RoiAlignOp::tiledDims() { return 2; }

LogicalResult RoiAlignOp::emitTile(TileAccess &access) { return RoiAlignEmitter(*this, access).emit(); }

} // namespace smelt::graph

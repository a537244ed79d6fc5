// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Interpolation.h"

using namespace mlir;

namespace smelt::graph {

using namespace interpolation;

namespace {

constexpr double kCubic = -0.75; // as ONNX fixes it

enum class Outside { Zeros, Border, Reflection };

/// How coordinates of one spatial dim become places.
struct SampledDim {
  Extent extent = 1;
  Outside outside = Outside::Zeros;
  bool alignCorners = false;

  double low() const { return alignCorners ? 0 : -0.5; }
  /// From the extent to the last place inside.
  double toHigh() const { return alignCorners ? -1 : -0.5; }
};

} // namespace

static std::optional<Outside> outsideOf(StringRef mode) {
  if (mode == "zeros")
    return Outside::Zeros;
  if (mode == "border")
    return Outside::Border;
  return mode == "reflection" ? std::optional<Outside>(Outside::Reflection) : std::nullopt;
}

static SampledDim dimOf(GridSampleOp op, int64_t spatial) {
  return {extentsOf(op.getInput())[spatial + 2], *outsideOf(op.getPaddingMode()), op.getAlignCorners()};
}

/// From [-1, 1] to places of elements.
template <typename X, typename Extents> static X denormalised(X n, const SampledDim &dim, const Extents &extents) {
  X one = real(n, 1), half = real(n, 0.5);
  if (dim.alignCorners)
    return (n + one) * half * extents(n, dim.extent, -1);
  return ((n + one) * extents(n, dim.extent) - one) * half;
}

/// Back and forth between low and high.
template <typename X, typename Extents> static X reflected(X x, const SampledDim &dim, const Extents &extents) {
  double toSpan = dim.toHigh() - dim.low();
  if (dim.extent.isNumber() && static_cast<double>(dim.extent.number()) + toSpan <= 0)
    return real(x, 0);
  X low = real(x, dim.low()), high = extents(x, dim.extent, dim.toHigh()), zero = real(x, 0);
  X span = extents(x, dim.extent, toSpan), distance = abs(x - low), flips = floor(distance / span);
  X rest = distance - flips * span, odd = flips - floor(flips * real(x, 0.5)) * real(x, 2);
  X place = select(odd == zero, rest + low, high - rest);
  return dim.extent.isNumber() ? place : select(span > zero, place, zero);
}

template <typename X, typename Extents> static X placeOf(X x, const SampledDim &dim, const Extents &extents) {
  if (dim.outside == Outside::Zeros)
    return x;
  X inside = dim.outside == Outside::Border ? limited(x, extents(x, dim.extent, -1)) : reflected(x, dim, extents);
  // Between the outermost elements and the border, cubic weights go on.
  return select(x < real(x, dim.low()), inside, select(x > extents(x, dim.extent, dim.toHigh()), inside, x));
}

/// The taps of a normalised coordinate; their places still go through placeOf.
template <typename X, typename Extents>
static Taps<X> tapsOf(X n, const SampledDim &dim, ResizeMode mode, const Extents &extents) {
  X x = denormalised(n, dim, extents);
  if (mode == ResizeMode::Nearest)
    return {{placeOf(roundEven(x), dim, extents), real(x, 1)}};
  X place = placeOf(x, dim, extents);
  return mode == ResizeMode::Linear ? linearTaps(place) : cubicTaps(place, kCubic);
}

LogicalResult GridSampleOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput()), grid = typeOf(adaptor.getGrid());
  if (input.getRank() < 3 || grid.getRank() != input.getRank())
    return emitOptionalError(location, "needs an input [n, c, s...] and a grid of the same rank, not ", input, " and ",
                             grid);
  if (!isa<FloatType>(input.getElementType()) || !isa<FloatType>(grid.getElementType()))
    return emitOptionalError(location, "samples floats at floats, not ", input.getElementType(), " at ",
                             grid.getElementType());
  Extents from = extentsOf(input), where = extentsOf(grid);
  if (where[0] != from[0])
    return emitOptionalError(location, "a batch of ", from[0].str(), " and grids for ", where[0].str());
  if (grid.getShape().back() != input.getRank() - 2)
    return emitOptionalError(location, "the grid has ", grid.getShape().back(), " coordinates for ",
                             input.getRank() - 2, " dims");
  if (!outsideOf(adaptor.getPaddingMode()))
    return emitOptionalError(location, "padding_mode is zeros, border or reflection, not `", adaptor.getPaddingMode(),
                             "`");
  Extents shape(ArrayRef<Extent>(from).take_front(2));
  llvm::append_range(shape, ArrayRef<Extent>(where).drop_front().drop_back());
  for (const Extent &extent : ArrayRef<Extent>(from).drop_front(2))
    if (failed(checkNotEmpty(location, extent, shape)))
      return failure();
  return yieldTensor(location, shape, input.getElementType(), types);
}

static Axis<HostTap> hostAxis(GridSampleOp op, int64_t spatial, float n) {
  SampledDim dim = dimOf(op, spatial);
  Axis<HostTap> axis{spatial + 2, {}};
  KnownExtents extents;
  float last = extents(n, dim.extent, -1);
  for (Tap<float> tap : tapsOf(n, dim, op.getMode(), extents)) {
    float place = placeOf(tap.place, dim, extents);
    bool isInside = place >= 0 && place <= last;
    HostTap &host = axis.taps.emplace_back(HostTap{toIndex(limited(place, last), dim.extent.number()), {}, true});
    host.isInside = isInside || dim.outside != Outside::Zeros;
    if (op.getMode() != ResizeMode::Nearest)
      host.weight = tap.weight;
  }
  return axis;
}

LogicalResult GridSampleOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &input = operands[0], &grid = operands[1];
  if (results[0].size() == 0)
    return success();
  SmallVector<int64_t> strides = rowMajorStrides(input.shape());
  int64_t dims = input.rank() - 2, channels = input.shape()[1];
  int64_t points = product(results[0].shape().drop_front(2)), batch = input.shape()[0];
  for (int64_t point = 0; point < batch * points; ++point) {
    SmallVector<Axis<HostTap>> axes;
    for (int64_t spatial = 0; spatial < dims; ++spatial) {
      double n = grid.get(point * dims + dims - 1 - spatial).asFloat();
      axes.push_back(hostAxis(*this, spatial, static_cast<float>(n)));
    }
    for (int64_t channel = 0; channel < channels; ++channel) {
      int64_t plane = point / points * channels + channel;
      storeBetween(results[0], plane * points + point % points, interpolate(input, plane * strides[1], strides, axes));
    }
  }
  return success();
}

static Axis<EmittedTap> emittedAxis(GridSampleOp op, ElementAccess &access, int64_t spatial, Expr n) {
  SampledDim dim = dimOf(op, spatial);
  Axis<EmittedTap> axis{spatial + 2, {}};
  EmittedExtents extents{access};
  Expr last = extents(n, dim.extent, -1);
  for (Tap<Expr> tap : tapsOf(n, dim, op.getMode(), extents)) {
    Expr place = placeOf(tap.place, dim, extents);
    Value index = toIndex(access, limited(place, last), dim.extent);
    EmittedTap &emitted = axis.taps.emplace_back(EmittedTap{index, {}, nullptr});
    if (dim.outside == Outside::Zeros)
      emitted.isInside = ((place >= 0.0) & (place <= last)).value();
    if (op.getMode() != ResizeMode::Nearest)
      emitted.weight = tap.weight;
  }
  return axis;
}

Value GridSampleOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  int64_t dims = typeOf(getInput()).getRank() - 2;
  SmallVector<LaneIndex> at{index[0]};
  llvm::append_range(at, index.drop_front(2));
  SmallVector<Axis<EmittedTap>> axes;
  for (int64_t spatial = 0; spatial < dims; ++spatial) {
    at.resize(dims + 1);
    at.push_back({access.indexConstant(dims - 1 - spatial), 0});
    Value read = access.fetch(getGrid(), at);
    Value n = read ? access.uniform(read) : nullptr;
    if (!n)
      return nullptr;
    axes.push_back(emittedAxis(*this, access, spatial, castTo(Expr(b, n), b.getF32Type())));
  }
  return interpolate(access, getInput(), SmallVector<LaneIndex>(index), axes);
}

} // namespace smelt::graph

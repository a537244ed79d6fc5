// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Interpolation.h"

using namespace mlir;

namespace smelt::graph {

using namespace interpolation;

namespace {

/// One dim that is resized.
struct ResizedDim {
  int64_t dim = 0;
  int64_t from = 1, to = 1;
  double scale = 1;

  double length() const { return scale * static_cast<double>(from); } // of the result, before it became whole
};

} // namespace

static SmallVector<ResizedDim> resizedDims(ResizeOp op) {
  SmallVector<ResizedDim> dims;
  ArrayRef<int64_t> from = typeOf(op.getInput()).getShape(), to = op.getType().getShape();
  for (auto [dim, scale] : llvm::enumerate(op.getScales()))
    if (scale != 1 || from[dim] != to[dim])
      dims.push_back({static_cast<int64_t>(dim), from[dim], to[dim], scale});
  return dims;
}

/// Where result coordinate `i` lies between the input's elements.
template <typename X> static X sourceOf(X i, const ResizedDim &dim, ResizeCoordinates coordinates) {
  auto halfPixel = [&] { return (i + real(i, 0.5)) / real(i, dim.scale) - real(i, 0.5); };
  switch (coordinates) {
  case ResizeCoordinates::HalfPixel:
    return halfPixel();
  case ResizeCoordinates::HalfPixelSymmetric: {
    double adjustment = static_cast<double>(dim.to) / dim.length();
    return real(i, static_cast<double>(dim.from) / 2 * (1 - adjustment)) + halfPixel();
  }
  case ResizeCoordinates::PytorchHalfPixel:
    return dim.to > 1 ? halfPixel() : real(i, 0);
  case ResizeCoordinates::AlignCorners:
    if (dim.length() == 1)
      return real(i, 0);
    return i * real(i, static_cast<double>(dim.from - 1)) / real(i, dim.length() - 1);
  case ResizeCoordinates::Asymmetric:
    return i / real(i, dim.scale);
  }
  return i;
}

template <typename X> static X nearest(X x, NearestMode mode) {
  X first = floor(x), rest = x - first, next = first + real(x, 1), half = real(x, 0.5);
  switch (mode) {
  case NearestMode::RoundPreferFloor:
    return select(rest > half, next, first);
  case NearestMode::RoundPreferCeil:
    return select(rest >= half, next, first);
  case NearestMode::Floor:
    return first;
  case NearestMode::Ceil:
    return select(rest > real(x, 0), next, first);
  }
  return first;
}

/// Weights of taps outside become 0, and the others' sum 1.
template <typename X> static void excludeOutside(Taps<X> &taps, int64_t extent) {
  X zero = real(taps[0].weight, 0), most = real(zero, static_cast<double>(extent - 1)), sum = zero;
  for (Tap<X> &tap : taps) {
    tap.weight = select(tap.place >= zero, select(tap.place <= most, tap.weight, zero), zero);
    sum = sum + tap.weight;
  }
  X divisor = select(sum == zero, real(zero, 1), sum);
  for (Tap<X> &tap : taps)
    tap.weight = tap.weight / divisor;
}

template <typename X> static Taps<X> tapsOf(ResizeOp op, X i, const ResizedDim &dim) {
  X x = sourceOf(i, dim, op.getCoordinates());
  if (op.getMode() == ResizeMode::Nearest)
    return {{nearest(x, op.getNearest()), real(x, 1)}};
  // Outside there are the outermost elements again: linear weights need not be told.
  if (op.getMode() == ResizeMode::Linear)
    return linearTaps(x);
  Taps<X> taps = cubicTaps(x, op.getCubicA().convertToDouble());
  if (op.getExcludeOutside())
    excludeOutside(taps, dim.from);
  return taps;
}

LogicalResult ResizeOp::verify() {
  RankedTensorType input = typeOf(getInput());
  SmallVector<Type> types;
  if (input.getElementType() != getType().getElementType())
    return emitOpError("changes the element type");
  if (getType().getRank() != input.getRank() || static_cast<int64_t>(getScales().size()) != input.getRank())
    return emitOpError("needs a scale and a result extent for each of the input's ") << input.getRank() << " dims";
  for (double scale : getScales())
    if (!(scale > 0) || !std::isfinite(scale) || static_cast<float>(scale) == 0)
      return emitOpError("a scale is a positive number, not ") << scale;
  if (getMode() != ResizeMode::Nearest && (input.getElementType().isInteger(1) || isStoredOnly(input.getElementType())))
    return emitOpError("there is nothing between elements of ") << input.getElementType();
  Extents result = extentsOf(getType());
  for (const Extent &extent : extentsOf(input))
    if (failed(checkNotEmpty(getLoc(), extent, result)))
      return failure();
  return yieldTensor(getLoc(), result, getType().getElementType(), types);
}

OpFoldResult ResizeOp::fold(FoldAdaptor adaptor) {
  return resizedDims(*this).empty() ? OpFoldResult(getInput()) : OpFoldResult();
}

/// For each coordinate of a resized dim, its taps.
static SmallVector<Axis<HostTap>> hostAxes(ResizeOp op, const ResizedDim &dim) {
  SmallVector<Axis<HostTap>> axes;
  for (int64_t i = 0; i < dim.to; ++i) {
    Axis<HostTap> &axis = axes.emplace_back(Axis<HostTap>{dim.dim, {}});
    for (Tap<float> tap : tapsOf(op, static_cast<float>(i), dim)) {
      HostTap &host = axis.taps.emplace_back(HostTap{toIndex(limited(tap.place, dim.from), dim.from), {}, true});
      if (op.getMode() != ResizeMode::Nearest)
        host.weight = tap.weight;
    }
  }
  return axes;
}

LogicalResult ResizeOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  SmallVector<ResizedDim> dims = resizedDims(*this);
  SmallVector<SmallVector<Axis<HostTap>>> tables;
  for (const ResizedDim &dim : dims)
    tables.push_back(hostAxes(*this, dim));
  SmallVector<int64_t> strides = rowMajorStrides(operands[0].shape()), index(strides.size(), 0);
  for (int64_t position = 0; position < results[0].size(); ++position, advance(index, results[0].shape())) {
    SmallVector<int64_t> at(index);
    SmallVector<Axis<HostTap>> axes;
    for (auto [dim, table] : llvm::zip_equal(dims, tables)) {
      axes.push_back(table[index[dim.dim]]);
      at[dim.dim] = getMode() == ResizeMode::Nearest ? axes.back().taps[0].index : 0;
    }
    int64_t offset = 0;
    for (auto [i, stride] : llvm::zip_equal(at, strides))
      offset += i * stride;
    if (getMode() == ResizeMode::Nearest)
      results[0].copyElement(position, operands[0], offset);
    else
      storeBetween(results[0], position, interpolate(operands[0], offset, strides, axes));
  }
  return success();
}

Value ResizeOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  SmallVector<Axis<EmittedTap>> axes;
  for (const ResizedDim &dim : resizedDims(*this)) {
    if (!index[dim.dim].isUniform())
      return nullptr;
    Type integer = dim.to < int64_t(1) << 31 ? b.getI32Type() : b.getI64Type();
    Expr i(b, arith::IndexCastOp::create(b, integer, index[dim.dim].base));
    Axis<EmittedTap> &axis = axes.emplace_back(Axis<EmittedTap>{dim.dim, {}});
    for (Tap<Expr> tap : tapsOf(*this, i.to<arith::SIToFPOp>(b.getF32Type()), dim)) {
      EmittedTap &emitted =
          axis.taps.emplace_back(EmittedTap{toIndex(access, limited(tap.place, dim.from), dim.from), {}, nullptr});
      if (getMode() != ResizeMode::Nearest)
        emitted.weight = tap.weight;
    }
  }
  return interpolate(access, getInput(), SmallVector<LaneIndex>(index), axes);
}

} // namespace smelt::graph

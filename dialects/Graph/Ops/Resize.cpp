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
  Extent from = 1, to = 1;
  double scale = 1; // 0 where it is to / from

  bool isKnown() const { return from.isNumber() && to.isNumber() && scale != 0; }
  double length() const { return scale * static_cast<double>(from.number()); } // of the result, before it became whole
};

/// The same beside numbers X, of which Extents makes extents.
template <typename X, typename Extents> struct Resized {
  const ResizedDim &dim;
  Extents extents;

  X scale(X like) const {
    return dim.scale != 0 ? real(like, dim.scale) : extents(like, dim.to) / extents(like, dim.from);
  }
  X length(X like) const {
    return dim.scale != 0 ? extents(like, dim.from) * real(like, dim.scale) : extents(like, dim.to);
  }
};

} // namespace

static SmallVector<ResizedDim> resizedDims(ResizeOp op) {
  SmallVector<ResizedDim> dims;
  Extents from = extentsOf(op.getInput()), to = extentsOf(op.getType());
  for (auto [dim, scale] : llvm::enumerate(op.getScales()))
    if (scale != 1 || from[dim] != to[dim])
      dims.push_back({static_cast<int64_t>(dim), from[dim], to[dim], scale});
  return dims;
}

/// Where result coordinate `i` lies between the input's elements. What is known of a dim is computed as double.
template <typename X, typename Extents>
static X sourceOf(X i, const Resized<X, Extents> &resized, ResizeCoordinates coordinates) {
  const ResizedDim &dim = resized.dim;
  auto halfPixel = [&] { return (i + real(i, 0.5)) / resized.scale(i) - real(i, 0.5); };
  switch (coordinates) {
  case ResizeCoordinates::HalfPixel:
    return halfPixel();
  case ResizeCoordinates::HalfPixelSymmetric: {
    if (dim.isKnown()) {
      double from = static_cast<double>(dim.from.number()),
             adjustment = static_cast<double>(dim.to.number()) / dim.length();
      return real(i, from / 2 * (1 - adjustment)) + halfPixel();
    }
    X adjustment = resized.extents(i, dim.to) / resized.length(i);
    return resized.extents(i, dim.from) * real(i, 0.5) * (real(i, 1) - adjustment) + halfPixel();
  }
  case ResizeCoordinates::PytorchHalfPixel:
    if (dim.to.isNumber())
      return dim.to.number() > 1 ? halfPixel() : real(i, 0);
    return select(resized.extents(i, dim.to) > real(i, 1), halfPixel(), real(i, 0));
  case ResizeCoordinates::AlignCorners: {
    if (dim.isKnown() && dim.length() == 1)
      return real(i, 0);
    if (dim.isKnown())
      return i * resized.extents(i, dim.from, -1) / real(i, dim.length() - 1);
    X last = resized.length(i) - real(i, 1);
    return select(last == real(i, 0), real(i, 0), i * resized.extents(i, dim.from, -1) / last);
  }
  case ResizeCoordinates::Asymmetric:
    return i / resized.scale(i);
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
template <typename X> static void excludeOutside(Taps<X> &taps, X most) {
  X zero = real(most, 0), sum = zero;
  for (Tap<X> &tap : taps) {
    tap.weight = select(tap.place >= zero, select(tap.place <= most, tap.weight, zero), zero);
    sum = sum + tap.weight;
  }
  X divisor = select(sum == zero, real(zero, 1), sum);
  for (Tap<X> &tap : taps)
    tap.weight = tap.weight / divisor;
}

template <typename X, typename Extents>
static Taps<X> tapsOf(ResizeOp op, X i, const ResizedDim &dim, const Extents &extents) {
  X x = sourceOf(i, Resized<X, Extents>{dim, extents}, op.getCoordinates());
  if (op.getMode() == ResizeMode::Nearest)
    return {{nearest(x, op.getNearest()), real(x, 1)}};
  // Outside there are the outermost elements again: linear weights need not be told.
  if (op.getMode() == ResizeMode::Linear)
    return linearTaps(x);
  Taps<X> taps = cubicTaps(x, op.getCubicA().convertToDouble());
  if (op.getExcludeOutside())
    excludeOutside(taps, extents(x, dim.from, -1));
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
    if (scale != 0 && (!(scale > 0) || !std::isfinite(scale) || static_cast<float>(scale) == 0))
      return emitOpError("a scale is a positive number, or 0 for the quotient of the extents, not ") << scale;
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
  int64_t from = dim.from.number();
  for (int64_t i = 0; i < dim.to.number(); ++i) {
    Axis<HostTap> &axis = axes.emplace_back(Axis<HostTap>{dim.dim, {}});
    for (Tap<float> tap : tapsOf(op, static_cast<float>(i), dim, KnownExtents())) {
      float place = limited(tap.place, static_cast<float>(from - 1));
      HostTap &host = axis.taps.emplace_back(HostTap{toIndex(place, from), {}, true});
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
    bool isShort = dim.to.isNumber() && dim.to.number() < int64_t(1) << 31;
    Type integer = isShort ? b.getI32Type() : b.getI64Type();
    Expr i(b, arith::IndexCastOp::create(b, integer, index[dim.dim].base));
    Axis<EmittedTap> &axis = axes.emplace_back(Axis<EmittedTap>{dim.dim, {}});
    EmittedExtents extents{access};
    for (Tap<Expr> tap : tapsOf(*this, i.to<arith::SIToFPOp>(b.getF32Type()), dim, extents)) {
      Expr place = limited(tap.place, extents(tap.place, dim.from, -1));
      EmittedTap &emitted = axis.taps.emplace_back(EmittedTap{toIndex(access, place, dim.from), {}, nullptr});
      if (getMode() != ResizeMode::Nearest)
        emitted.weight = tap.weight;
    }
  }
  return interpolate(access, getInput(), SmallVector<LaneIndex>(index), axes);
}

} // namespace smelt::graph

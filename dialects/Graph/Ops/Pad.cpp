// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>

using namespace mlir;

namespace smelt::graph {

namespace {

/// One dim: what is left of the input after cropping, [begin, begin + count), and the result's coordinate of its first
/// element.
struct PaddedDim {
  Extent low, high;
  Extent extent; // of the input
  Extent begin, count, first;

  PaddedDim(const Extent &low, const Extent &high, const Extent &extent)
      : low(low), high(high), extent(extent), begin(Extent::max(Extent(0) - low, 0)),
        count(extent - begin - Extent::max(Extent(0) - high, 0)), first(Extent::max(low, 0)) {}

  bool grows() const { return !Extent(0).isAtLeast(low) || !Extent(0).isAtLeast(high); }
  /// Where `at`, counted from the first element that is left, lies among them when the mode is done with it.
  int64_t within(int64_t at, PadMode mode) const;
  Value within(ElementAccess &access, Value at, PadMode mode) const;

private:
  Extent period(PadMode mode) const { return mode == PadMode::Wrap ? count : Extent::max(count * 2 - 2, 1); }
  /// A multiple of the period that makes every coordinate before the first element positive.
  Extent shift(PadMode mode) const { return first.ceilDiv(period(mode)) * period(mode); }
};

} // namespace

static SmallVector<PaddedDim> dimsOf(PadOp op) {
  SmallVector<PaddedDim> dims;
  for (auto [low, high, extent] : llvm::zip_equal(op.getLow(), op.getHigh(), extentsOf(op.getInput())))
    dims.emplace_back(low, high, extent);
  return dims;
}

int64_t PaddedDim::within(int64_t at, PadMode mode) const {
  if (mode == PadMode::Edge)
    return std::clamp<int64_t>(at, 0, count.number() - 1);
  int64_t span = period(mode).number(), place = (at + shift(mode).number()) % span;
  return mode == PadMode::Wrap ? place : std::min(place, span - place);
}

Value PaddedDim::within(ElementAccess &access, Value at, PadMode mode) const {
  if (mode == PadMode::Edge)
    return clampIndex(access, at, access.count(count));
  ImplicitLocOpBuilder &b = access.builder();
  Value positive = affine(access, {at, 0}, 1, access.count(shift(mode))).base;
  Value span = access.count(Extent::max(period(mode), 1)).in(b);
  Value place = arith::RemUIOp::create(b, positive, span);
  if (mode == PadMode::Wrap)
    return place;
  return arith::MinUIOp::create(b, place, arith::SubIOp::create(b, span, place));
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput());
  size_t rank = input.getRank();
  if (adaptor.getLow().size() != rank || adaptor.getHigh().size() != rank)
    return emitOptionalError(location, "needs a low and a high padding for each of the ", rank, " dims");
  if (failed(checkScalar(location, "value", adaptor.getValue(), input.getElementType())))
    return failure();
  constexpr int64_t kMost = int64_t(1) << 40; // far beyond any tensor, and sums of such don't overflow
  Extents shape;
  for (auto [low, high, extent] : llvm::zip_equal(adaptor.getLow(), adaptor.getHigh(), extentsOf(input))) {
    for (const Extent &number : {low, high, extent})
      if (number.isNumber() && (number.number() > kMost || number.number() < -kMost))
        return emitOptionalError(location, "a padding of ", low.str(), " and ", high.str(), " is too large");
    PaddedDim dim(low, high, extent);
    if (dim.count.isNumber() && dim.count.number() < 0)
      return emitOptionalError(location, "crops more than the ", extent.str(), " elements of a dim");
    if (dim.grows() && dim.count == Extent(0) && adaptor.getMode() != PadMode::Constant)
      return emitOptionalError(location, "a dim of no elements has none to repeat");
    shape.push_back(low + extent + high);
  }
  return yieldTensor(location, shape, input.getElementType(), types);
}

//   pad(x) {low = 0, high = 0} → x
OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  auto isZero = [](const Extent &count) { return count == Extent(0); };
  return llvm::all_of(getLow(), isZero) && llvm::all_of(getHigh(), isZero) ? OpFoldResult(getInput()) : OpFoldResult();
}

static void padWithValue(ArrayRef<PaddedDim> dims, const HostTensor &input, const HostTensor &value,
                         const HostTensor &result) {
  fill(result, value);
  SmallVector<int64_t> shape;
  Walk from{0, rowMajorStrides(input.shape())}, to{0, rowMajorStrides(result.shape())};
  for (auto [dim, source, target] : llvm::zip_equal(dims, from.strides, to.strides)) {
    shape.push_back(dim.count.number());
    from.offset += dim.begin.number() * source;
    to.offset += dim.first.number() * target;
  }
  copyBlock(shape, input, from, result, to);
}

/// For each dim and each of the result's coordinates, the offset of what is read there.
static SmallVector<SmallVector<int64_t>> sourceOffsets(ArrayRef<PaddedDim> dims, const HostTensor &input,
                                                       ArrayRef<int64_t> shape, PadMode mode) {
  SmallVector<SmallVector<int64_t>> tables;
  for (auto [dim, stride, extent] : llvm::zip_equal(dims, rowMajorStrides(input.shape()), shape)) {
    SmallVector<int64_t> &table = tables.emplace_back();
    for (int64_t i = 0; i < extent; ++i)
      table.push_back((dim.begin.number() + dim.within(i - dim.first.number(), mode)) * stride);
  }
  return tables;
}

static void padByRepeating(ArrayRef<PaddedDim> dims, const HostTensor &input, const HostTensor &result, PadMode mode) {
  SmallVector<SmallVector<int64_t>> tables = sourceOffsets(dims, input, result.shape(), mode);
  withElement(result.bytesPerElement(), [&](auto zero) {
    using T = decltype(zero);
    const T *from = input.as<T>().data();
    T *to = result.asMutable<T>().data();
    SmallVector<int64_t> index(dims.size() - 1, 0);
    do {
      int64_t row = 0;
      for (auto [i, table] : llvm::zip(index, tables))
        row += table[i];
      for (int64_t offset : tables.back())
        *to++ = from[row + offset];
    } while (advance(index, result.shape().drop_back()));
  });
}

LogicalResult PadOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  SmallVector<PaddedDim> dims = dimsOf(*this);
  if (!asNumbers(getLow()) || !asNumbers(getHigh()))
    return failure();
  if (results[0].size() == 0)
    return success();
  if (getMode() == PadMode::Constant || dims.empty())
    padWithValue(dims, operands[0], operands[1], results[0]);
  else
    padByRepeating(dims, operands[0], results[0], getMode());
  return success();
}

Value PadOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  if (llvm::is_contained(extentsOf(getInput()), Extent(0)))
    return access.fetch(getValue(), {});
  SmallVector<LaneIndex> input;
  Value isInside;
  for (auto [dim, coordinate] : llvm::zip_equal(dimsOf(*this), index)) {
    if (!dim.grows()) {
      input.push_back(affine(access, coordinate, 1, access.count(dim.begin)));
      continue;
    }
    if (!coordinate.isUniform())
      return nullptr;
    if (getMode() != PadMode::Constant) {
      Value at = affine(access, coordinate, 1, access.count(Extent(0) - dim.first)).base;
      input.push_back(affine(access, {dim.within(access, at, getMode()), 0}, 1, access.count(dim.begin)));
      continue;
    }
    Value at = affine(access, coordinate, 1, access.count(Extent(0) - dim.low)).base;
    Value within = isWithin(access, at, 0, access.count(dim.extent));
    isInside = isInside ? arith::AndIOp::create(b, isInside, within).getResult() : within;
    input.push_back({clampIndex(access, at, access.count(dim.extent)), 0});
  }
  Value inside = access.fetch(getInput(), input);
  if (!isInside || !inside)
    return inside;
  Value outside = access.fetch(getValue(), {});
  return outside ? choose(access, isInside, inside, outside) : nullptr;
}

} // namespace smelt::graph

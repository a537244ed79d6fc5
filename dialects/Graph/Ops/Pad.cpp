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
  int64_t low = 0, high = 0;
  int64_t extent = 0; // of the input
  int64_t begin = 0;
  int64_t count = 0;
  int64_t first = 0;

  PaddedDim(int64_t low, int64_t high, int64_t extent)
      : low(low), high(high), extent(extent), begin(std::max<int64_t>(-low, 0)),
        count(extent - begin - std::max<int64_t>(-high, 0)), first(std::max<int64_t>(low, 0)) {}

  bool grows() const { return low > 0 || high > 0; }
  /// Where `at`, counted from the first element that is left, lies among them when the mode is done with it.
  int64_t within(int64_t at, PadMode mode) const;
  Value within(ElementAccess &access, Value at, PadMode mode) const;

private:
  int64_t period(PadMode mode) const { return mode == PadMode::Wrap ? count : std::max<int64_t>(2 * count - 2, 1); }
  /// A multiple of the period that makes every coordinate before the first element positive.
  int64_t shift(PadMode mode) const { return llvm::divideCeil(first, period(mode)) * period(mode); }
};

} // namespace

static SmallVector<PaddedDim> dimsOf(PadOp op) {
  SmallVector<PaddedDim> dims;
  for (auto [low, high, extent] : llvm::zip_equal(op.getLow(), op.getHigh(), typeOf(op.getInput()).getShape()))
    dims.emplace_back(low, high, extent);
  return dims;
}

int64_t PaddedDim::within(int64_t at, PadMode mode) const {
  if (mode == PadMode::Edge)
    return std::clamp<int64_t>(at, 0, count - 1);
  int64_t place = (at + shift(mode)) % period(mode);
  return mode == PadMode::Wrap ? place : std::min(place, period(mode) - place);
}

Value PaddedDim::within(ElementAccess &access, Value at, PadMode mode) const {
  if (mode == PadMode::Edge)
    return clampIndex(access, at, count);
  ImplicitLocOpBuilder &b = access.builder();
  Value positive = affine(access, {at, 0}, 1, shift(mode)).base;
  Value span = access.indexConstant(period(mode));
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
  for (auto [low, high, size] : llvm::zip_equal(adaptor.getLow(), adaptor.getHigh(), extentsOf(input))) {
    int64_t extent = size.asNumber().value_or(0);
    if (std::max({low, high, extent}) > kMost || std::min({low, high, extent}) < -kMost)
      return emitOptionalError(location, "a padding of ", low, " and ", high, " is too large");
    shape.push_back(size + low + high);
    if (!size.isNumber() && low >= 0 && high >= 0 && adaptor.getMode() == PadMode::Constant)
      continue;
    PaddedDim dim(low, high, extent);
    if (dim.count < 0)
      return emitOptionalError(location, "crops more than the ", extent, " elements of a dim");
    if (dim.grows() && dim.count == 0 && adaptor.getMode() != PadMode::Constant)
      return emitOptionalError(location, "a dim of no elements has none to repeat");
  }
  return yieldTensor(location, shape, input.getElementType(), types);
}

//   pad(x) {low = 0, high = 0} → x
OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  auto isZero = [](int64_t count) { return count == 0; };
  return llvm::all_of(getLow(), isZero) && llvm::all_of(getHigh(), isZero) ? OpFoldResult(getInput()) : OpFoldResult();
}

static void padWithValue(ArrayRef<PaddedDim> dims, const HostTensor &input, const HostTensor &value,
                         const HostTensor &result) {
  fill(result, value);
  SmallVector<int64_t> shape;
  Walk from{0, rowMajorStrides(input.shape())}, to{0, rowMajorStrides(result.shape())};
  for (auto [dim, source, target] : llvm::zip_equal(dims, from.strides, to.strides)) {
    shape.push_back(dim.count);
    from.offset += dim.begin * source;
    to.offset += dim.first * target;
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
      table.push_back((dim.begin + dim.within(i - dim.first, mode)) * stride);
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
  if (llvm::is_contained(typeOf(getInput()).getShape(), 0))
    return access.fetch(getValue(), {});
  SmallVector<LaneIndex> input;
  Value isInside;
  for (auto [dim, coordinate] : llvm::zip_equal(dimsOf(*this), index)) {
    if (!dim.grows()) {
      input.push_back(affine(access, coordinate, 1, dim.begin));
      continue;
    }
    if (!coordinate.isUniform())
      return nullptr;
    if (getMode() != PadMode::Constant) {
      Value at = affine(access, coordinate, 1, -dim.first).base;
      input.push_back(affine(access, {dim.within(access, at, getMode()), 0}, 1, dim.begin));
      continue;
    }
    Value at = affine(access, coordinate, 1, -dim.low).base;
    Value within = isWithin(access, at, 0, dim.extent);
    isInside = isInside ? arith::AndIOp::create(b, isInside, within).getResult() : within;
    input.push_back({clampIndex(access, at, dim.extent), 0});
  }
  Value inside = access.fetch(getInput(), input);
  if (!isInside || !inside)
    return inside;
  Value outside = access.fetch(getValue(), {});
  return outside ? choose(access, isInside, inside, outside) : nullptr;
}

} // namespace smelt::graph

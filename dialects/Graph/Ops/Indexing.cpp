// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>

using namespace mlir;

namespace smelt::graph {

LaneIndex affine(ElementAccess &access, LaneIndex index, int64_t scale, Count offset) {
  ImplicitLocOpBuilder &b = access.builder();
  Value base = index.base;
  if (scale != 1)
    base = arith::MulIOp::create(b, base, access.indexConstant(scale));
  if (offset.number() != 0)
    base = arith::AddIOp::create(b, base, offset.in(b));
  return {base, index.laneStride * scale};
}

/// The last index of a dim.
static Value lastOf(ImplicitLocOpBuilder &b, Count extent) {
  if (std::optional<int64_t> number = extent.number())
    return arith::ConstantIndexOp::create(b, *number - 1);
  return arith::SubIOp::create(b, extent.in(b), arith::ConstantIndexOp::create(b, 1));
}

Value clampIndex(ElementAccess &access, Value index, Count extent) {
  ImplicitLocOpBuilder &b = access.builder();
  Value most = arith::MinSIOp::create(b, index, lastOf(b, extent));
  return arith::MaxSIOp::create(b, most, access.indexConstant(0)); // the extent may turn out to be 0
}

Value isWithin(ElementAccess &access, Value index, int64_t low, Count high) {
  ImplicitLocOpBuilder &b = access.builder();
  Value from = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, index, access.indexConstant(low));
  Value to = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, high.in(b));
  return arith::AndIOp::create(b, from, to);
}

Value choose(ElementAccess &access, Value condition, Value yes, Value no) {
  return arith::SelectOp::create(access.builder(), condition, yes, no);
}

Value wrapIndex(ImplicitLocOpBuilder &b, Value index, Count extent) {
  auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, value).getResult(); };
  Value isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, constant(0));
  Value fromEnd = arith::AddIOp::create(b, index, extent.in(b));
  Value wrapped = arith::SelectOp::create(b, isNegative, fromEnd, index);
  Value most = arith::MinSIOp::create(b, wrapped, lastOf(b, extent));
  return arith::MaxSIOp::create(b, most, constant(0));
}

Value readIndex(ElementAccess &access, Value tensor, ArrayRef<LaneIndex> index, Count extent) {
  Value read = access.fetch(tensor, index);
  Value position = read ? access.toIndex(read) : nullptr;
  return position ? wrapIndex(access.builder(), position, extent) : nullptr;
}

Value laneIntegers(ElementAccess &access, LaneIndex index, Type integer) {
  ImplicitLocOpBuilder &b = access.builder();
  Value first = access.splat(arith::IndexCastOp::create(b, integer, index.base));
  if (access.lanes() == 1 || index.isUniform())
    return first;
  SmallVector<APInt> steps;
  for (unsigned lane = 0; lane < access.lanes(); ++lane)
    steps.emplace_back(integer.getIntOrFloatBitWidth(), index.laneStride * lane, /*isSigned=*/true,
                       /*implicitTrunc=*/true);
  auto type = cast<VectorType>(access.valueType(integer));
  Value offsets = arith::ConstantOp::create(b, DenseElementsAttr::get(type, steps));
  return arith::AddIOp::create(b, first, offsets);
}

int64_t wrapIndex(int64_t index, int64_t extent) {
  return std::clamp<int64_t>(index < 0 ? index + extent : index, 0, extent - 1);
}

int64_t product(ArrayRef<int64_t> extents) {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

LogicalResult yieldTensor(std::optional<Location> location, ArrayRef<Extent> shape, Type element,
                          SmallVectorImpl<Type> &types) {
  if (elementBytes(element) == 0)
    return emitOptionalError(location, "the element type ", element, " is not supported");
  auto isNegative = [](const Extent &extent) { return extent.isNumber() && extent.number() < 0; };
  if (llvm::any_of(shape, isNegative) || (productOf(shape) * elementBytes(element)).isTooLarge())
    return emitOptionalError(location, "the result has more elements than can be counted, or a size that is not known");
  types.push_back(tensorOf(shape, element));
  return success();
}

LogicalResult checkAxis(std::optional<Location> location, int64_t axis, int64_t rank) {
  if (axis >= 0 && axis < rank)
    return success();
  return emitOptionalError(location, "axis ", axis, " is not one of the ", rank, " dims");
}

LogicalResult checkIndices(std::optional<Location> location, Value indices) {
  Type element = typeOf(indices).getElementType();
  if (isa<IntegerType>(element) && elementBytes(element) > 0)
    return success();
  return emitOptionalError(location, "indices are integers, not ", element);
}

LogicalResult checkScalar(std::optional<Location> location, StringRef name, Value scalar, Type element) {
  RankedTensorType type = typeOf(scalar);
  if (type.getRank() == 0 && type.getElementType() == element)
    return success();
  return emitOptionalError(location, "`", name, "` is a scalar of ", element, ", not ", type);
}

LogicalResult checkElementIndices(std::optional<Location> location, RankedTensorType data, RankedTensorType indices,
                                  int64_t axis) {
  if (data.getRank() != indices.getRank())
    return emitOptionalError(location, "data of rank ", data.getRank(), " and indices of rank ", indices.getRank(),
                             " don't fit");
  Extents from = extentsOf(data), where = extentsOf(indices);
  for (int64_t dim = 0; dim < data.getRank(); ++dim)
    if (Extent rest = from[dim] - where[dim]; dim != axis && rest.isNumber() && rest.number() < 0)
      return emitOptionalError(location, "dim ", dim, " has more indices, ", where[dim].str(), ", than data, ",
                               from[dim].str());
  return checkNotEmpty(location, extentsOf(data)[axis], extentsOf(indices));
}

LogicalResult checkNotEmpty(std::optional<Location> location, const Extent &extent, ArrayRef<Extent> result) {
  if (extent != Extent(0) || llvm::is_contained(result, Extent(0)))
    return success();
  return emitOptionalError(location, "there is nothing to read along a dim of no elements");
}

} // namespace smelt::graph

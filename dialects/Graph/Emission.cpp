// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Emission.h"
#include "dialects/Graph/StoredTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace smelt::graph {

Type computeType(Type elementType) {
  if (elementType.isF16() || elementType.isBF16())
    return Float32Type::get(elementType.getContext());
  if (isStoredOnly(elementType))
    return IntegerType::get(elementType.getContext(), 8);
  if (auto integer = dyn_cast<IntegerType>(elementType))
    return IntegerType::get(elementType.getContext(), integer.getWidth());
  return elementType;
}

bool isUnsignedElement(Type elementType) { return elementType.isUnsignedInteger() || elementType.isInteger(1); }

ElementAccess::~ElementAccess() = default;
TileAccess::~TileAccess() = default;

Type ElementAccess::valueType(Type scalar) const {
  return lanes_ == 1 ? scalar : VectorType::get({static_cast<int64_t>(lanes_)}, scalar);
}

Value ElementAccess::number(Type type, double value) const {
  TypedAttr attribute;
  if (auto floating = dyn_cast<FloatType>(type))
    attribute = builder_.getFloatAttr(floating, value);
  else
    attribute = builder_.getIntegerAttr(type, static_cast<int64_t>(value));
  if (lanes_ != 1)
    attribute = DenseElementsAttr::get(cast<ShapedType>(valueType(type)), attribute);
  return arith::ConstantOp::create(builder_, attribute);
}

Value ElementAccess::indexConstant(int64_t value) const { return arith::ConstantIndexOp::create(builder_, value); }

Value ElementAccess::splat(Value scalar) const {
  return lanes_ == 1 ? scalar : vector::BroadcastOp::create(builder_, valueType(scalar.getType()), scalar).getResult();
}

Value ElementAccess::uniform(Value value) {
  if (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
    value = broadcast.getSource();
  return isa<VectorType>(value.getType()) ? nullptr : value;
}

Value ElementAccess::toIndex(Value integer) const {
  Value scalar = uniform(integer);
  return scalar ? arith::IndexCastOp::create(builder_, builder_.getIndexType(), scalar).getResult() : nullptr;
}

Value TileAccess::indexConstant(int64_t value) { return arith::ConstantIndexOp::create(builder(), value); }

Value Count::in(ImplicitLocOpBuilder &builder) const {
  return value_ ? value_ : arith::ConstantIndexOp::create(builder, number_).getResult();
}

Count roundedDown(ImplicitLocOpBuilder &b, Count count, int64_t multiple) {
  if (std::optional<int64_t> number = count.number())
    return *number / multiple * multiple;
  if (multiple == 1)
    return count;
  return arith::AndIOp::create(b, count.in(b), arith::ConstantIndexOp::create(b, -multiple)).getResult();
}

SmallVector<Value> forRange(ImplicitLocOpBuilder &b, Count first, Count last, int64_t step, ValueRange initial,
                            LoopBody body) {
  auto loop = scf::ForOp::create(b, first.in(b), last.in(b), Count(step).in(b), initial);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  // With no carried values scf.for made the terminator itself.
  if (!initial.empty())
    scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

void forEach(ImplicitLocOpBuilder &b, Count first, Count end, llvm::function_ref<void(Value)> body) {
  forRange(b, first, end, 1, {}, [&](Value index, ValueRange) -> SmallVector<Value> {
    body(index);
    return {};
  });
}

std::optional<SmallVector<LaneIndex>> broadcastIndex(ElementAccess &access, ArrayRef<LaneIndex> index,
                                                     ArrayRef<Extent> operand, ArrayRef<Extent> result) {
  ImplicitLocOpBuilder &b = access.builder();
  SmallVector<LaneIndex> at(index.take_back(operand.size()));
  for (auto [coordinate, extent, whole] : llvm::zip_equal(at, operand, result.take_back(operand.size()))) {
    if (extent == Extent(1))
      coordinate = {access.indexConstant(0), 0};
    if (extent.isNumber() || extent == whole)
      continue;
    // It is the result's extent, or 1.
    if (!coordinate.isUniform())
      return std::nullopt;
    Value last = arith::SubIOp::create(b, access.count(extent).in(b), access.indexConstant(1));
    coordinate.base = arith::MinSIOp::create(b, coordinate.base, last);
  }
  return at;
}

LogicalResult forLanes(ImplicitLocOpBuilder &b, Count extent, unsigned lanes, LanesBody body) {
  Count done = 0;
  for (unsigned width = lanes; width >= 1; width /= 2) {
    Count end = roundedDown(b, extent, width);
    if (end.number() && end.number() == done.number())
      continue;
    auto loop = scf::ForOp::create(b, done.in(b), end.in(b), Count(width).in(b));
    bool emitted;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      emitted = succeeded(body(loop.getInductionVar(), width));
    }
    if (!emitted) {
      loop.erase();
      if (width == 1)
        return failure();
      width = 2; // halves to the last resort: one lane
      continue;
    }
    done = end;
  }
  return success();
}

} // namespace smelt::graph

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

SmallVector<Value> TileAccess::loop(int64_t extent, ValueRange initial, LoopBody body) {
  ImplicitLocOpBuilder &b = builder();
  auto loop = scf::ForOp::create(b, indexConstant(0), indexConstant(extent), indexConstant(1), initial);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  // With no carried values scf.for made the terminator itself.
  if (!initial.empty())
    scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

LogicalResult forLanes(ImplicitLocOpBuilder &b, int64_t extent, unsigned lanes, LanesBody body) {
  auto indexConstant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, value).getResult(); };
  int64_t done = 0;
  for (unsigned width = lanes; done < extent && width >= 1; width /= 2) {
    int64_t steps = (extent - done) / width;
    if (steps == 0)
      continue;
    auto loop = scf::ForOp::create(b, indexConstant(done), indexConstant(done + steps * width), indexConstant(width));
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
    done += steps * width;
  }
  return success();
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/GroupMemory.h"
#include "codegen/gpu/Bindings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using smelt::graph::Team;
using MergeValues = smelt::graph::TileAccess::MergeValues;

namespace smelt::gpu {

Value makeGroupArray(ImplicitLocOpBuilder &builder, func::FuncOp function, StringRef name, int64_t elements,
                     Type element, int64_t alignment) {
  auto type = MemRefType::get({elements}, element, AffineMap(), builder.getI64IntegerAttr(kGroupSpace));
  OpBuilder outer(function);
  memref::GlobalOp::create(outer, function.getLoc(), name, outer.getStringAttr("private"), type, outer.getUnitAttr(),
                           /*constant=*/false, outer.getI64IntegerAttr(alignment));
  return memref::GetGlobalOp::create(builder, type, name);
}

Value viewGroupArray(ImplicitLocOpBuilder &builder, Value bytes, Value offset, int64_t elements, Type element) {
  Attribute space = cast<MemRefType>(bytes.getType()).getMemorySpace();
  auto type = MemRefType::get({elements}, element, MemRefLayoutAttrInterface(), space);
  return memref::ViewOp::create(builder, type, bytes, offset, ValueRange());
}

Value loadGroupArray(ImplicitLocOpBuilder &builder, Value array, Value place, Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return memref::LoadOp::create(builder, array, place);
  auto load = vector::LoadOp::create(builder, vector, array, place);
  if (vector.getNumElements() == kLanes)
    load->setAttr(kAligned, builder.getUnitAttr());
  return load;
}

void storeGroupArray(ImplicitLocOpBuilder &builder, Value value, Value array, Value place) {
  auto vector = dyn_cast<VectorType>(value.getType());
  if (!vector) {
    memref::StoreOp::create(builder, value, array, place);
    return;
  }
  auto store = vector::StoreOp::create(builder, value, array, place);
  if (vector.getNumElements() == kLanes)
    store->setAttr(kAligned, builder.getUnitAttr());
}

Value GroupMemory::array(int64_t elements, Type element) {
  auto others = function_->getParentRegion()->getOps<memref::GlobalOp>();
  const std::string name = "group" + std::to_string(std::distance(others.begin(), others.end()));
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(&function_.getBody().front()); // whoever asks again may be elsewhere
  return makeGroupArray(b_, function_, name, elements, element, kLanes * element.getIntOrFloatBitWidth() / 8);
}

void GroupMemory::wait() {
  if (profile_.api == Api::Cuda) {
    NVVM::Barrier0Op::create(b_);
    return;
  }
  spirv::ControlBarrierOp::create(b_, spirv::Scope::Workgroup, spirv::Scope::Workgroup,
                                  spirv::MemorySemantics::AcquireRelease | spirv::MemorySemantics::WorkgroupMemory);
}

Value GroupMemory::merge(const Team &team, Value partial, MergeValues merge) {
  if (team.isAlone())
    return partial;
  if (team.stride >= profile_.subgroup)
    return mergeInMemory(team, partial, merge);
  const int64_t inWarp = std::min(team.size, profile_.subgroup / team.stride);
  partial = mergeInWarp(partial, inWarp, team.stride, merge);
  // One thread of each warp and line is a member for the rest.
  Team warps{over(team.member, inWarp), team.size / inWarp, team.stride * inWarp};
  return warps.isAlone() ? partial : mergeInMemory(warps, partial, merge);
}

/// The word of 32 bits that the thread has whose number differs by `lanes`.
Value GroupMemory::shuffle(Value word, int64_t lanes) {
  auto constant = [&](int64_t number) {
    return arith::ConstantOp::create(b_, b_.getI32IntegerAttr(static_cast<int32_t>(number)));
  };
  if (profile_.api == Api::Vulkan)
    return spirv::GroupNonUniformShuffleXorOp::create(b_, word.getType(), spirv::Scope::Subgroup, word,
                                                      constant(lanes));
  return NVVM::ShflOp::create(b_, word.getType(), constant(-1), word, constant(lanes), constant(profile_.subgroup - 1),
                              NVVM::ShflKind::bfly, UnitAttr());
}

/// A number of any type, as words.
Value GroupMemory::exchangeOne(Value value, int64_t lanes) {
  Type type = value.getType(), word = b_.getI32Type();
  const unsigned bits = type.getIntOrFloatBitWidth();
  if (bits == 32)
    return shuffle(value, lanes);
  Type integer = b_.getIntegerType(bits);
  if (type != integer)
    return arith::BitcastOp::create(b_, type, exchangeOne(arith::BitcastOp::create(b_, integer, value), lanes));
  if (bits < 32)
    return arith::TruncIOp::create(b_, type, shuffle(arith::ExtUIOp::create(b_, word, value), lanes));
  Value half = arith::ConstantOp::create(b_, b_.getIntegerAttr(type, 32));
  auto other = [&](Value part) -> Value {
    return arith::ExtUIOp::create(b_, type, shuffle(arith::TruncIOp::create(b_, word, part), lanes));
  };
  Value low = other(value), high = other(arith::ShRUIOp::create(b_, value, half));
  return arith::OrIOp::create(b_, low, arith::ShLIOp::create(b_, high, half));
}

/// What the thread has whose number differs by `lanes`.
Value GroupMemory::exchange(Value value, int64_t lanes) {
  auto vector = dyn_cast<VectorType>(value.getType());
  if (!vector)
    return exchangeOne(value, lanes);
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < vector.getNumElements(); ++lane)
    elements.push_back(exchangeOne(vector::ExtractOp::create(b_, value, lane), lanes));
  return vector::FromElementsOp::create(b_, vector, elements);
}

/// Neighbours first. Both of a pair merge the same two values in the same order.
Value GroupMemory::mergeInWarp(Value partial, int64_t size, int64_t stride, MergeValues merge) {
  for (int64_t lanes = stride; lanes < stride * size; lanes *= 2) {
    Value other = exchange(partial, lanes);
    Value bit = arith::AndIOp::create(b_, thread_, body_.constant(lanes));
    Value isFirst = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, bit, body_.constant(0));
    Value first = arith::SelectOp::create(b_, isFirst, partial, other);
    partial = merge(first, arith::SelectOp::create(b_, isFirst, other, partial));
  }
  return partial;
}

/// The values of `count` slots, `stride` apart.
Value GroupMemory::mergeSlots(Value slots, Value first, int64_t count, int64_t stride, Type type, MergeValues merge) {
  auto vector = dyn_cast<VectorType>(type);
  const int64_t lanes = vector ? vector.getNumElements() : 1;
  Value all = load(slots, body_.scale(first, lanes), type);
  for (int64_t slot = 1; slot < count; ++slot)
    all = merge(all, load(slots, body_.scale(body_.add(first, body_.constant(slot * stride)), lanes), type));
  return all;
}

/// A slot for each thread; many members in two rounds.
Value GroupMemory::mergeInMemory(const Team &team, Value partial, MergeValues merge) {
  constexpr int64_t kMostAtOnce = 16;
  Type type = partial.getType();
  auto vector = dyn_cast<VectorType>(type);
  const int64_t lanes = vector ? vector.getNumElements() : 1;
  Value &slots = slots_[type];
  if (!slots)
    slots = array(static_cast<int64_t>(profile_.groupSize) * lanes, getElementTypeOrSelf(type));
  const int64_t atOnce = team.size <= kMostAtOnce ? team.size : int64_t(1) << (llvm::Log2_64(team.size) / 2);
  const int64_t span = team.stride * team.size;
  Value team0 = body_.subtract(thread_, part(thread_, span)); // the first thread of all teams beside this one
  Value line = body_.add(team0, part(thread_, team.stride));
  store(partial, slots, body_.scale(thread_, lanes));
  wait();
  Value first = body_.add(line, body_.scale(body_.subtract(team.member, part(team.member, atOnce)), team.stride));
  Value all = mergeSlots(slots, first, atOnce, team.stride, type, merge);
  wait();
  if (atOnce == team.size)
    return all;
  store(all, slots, body_.scale(thread_, lanes));
  wait();
  all = mergeSlots(slots, line, team.size / atOnce, team.stride * atOnce, type, merge);
  wait();
  return all;
}

} // namespace smelt::gpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Microkernel.h"
#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::cpu {

SmallVector<Value> PanelProduct::zeros(Body &body) const {
  ImplicitLocOpBuilder &b = body.builder();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get({lanes}, b.getF32Type())));
  return SmallVector<Value>(count * vectors, zero);
}

/// A panel's row, and a hint to fetch the next panel's: the first rows read a panel faster than the memory yields it.
SmallVector<Value> PanelProduct::loadPanel(Body &body, Value k) const {
  ImplicitLocOpBuilder &b = body.builder();
  Type element = cast<MemRefType>(panel.getType()).getElementType();
  auto stored = VectorType::get({lanes}, storageType(element));
  Value buffer = body.bufferOf(panel), at = body.add(panelBase, body.scale(k, width));
  SmallVector<Value> loaded;
  for (int64_t v = 0; v < vectors; ++v) {
    Value place = body.add(at, body.constant(v * lanes));
    loaded.push_back(body.toCompute(vector::LoadOp::create(b, stored, buffer, place), element));
  }
  constexpr uint32_t kSecondCache = 2;
  for (int64_t v = 0; fetchesNext && v < vectors; ++v) {
    Value next = body.add(body.add(at, body.constant(v * lanes)), body.scale(steps, width));
    memref::PrefetchOp::create(b, buffer, ValueRange{next}, /*isWrite=*/false, kSecondCache, /*isDataCache=*/true);
  }
  return loaded;
}

SmallVector<Value> PanelProduct::emit(Body &body, ValueRange sums) const {
  ImplicitLocOpBuilder &b = body.builder();
  auto loop = scf::ForOp::create(b, body.constant(0), steps, body.constant(byLanes ? lanes : 1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value k = loop.getInductionVar(), first = body.add(rowsBase, body.scale(k, stepStride));
  auto vector = VectorType::get({lanes}, b.getF32Type());
  SmallVector<Value> next, points;
  if (byLanes) {
    for (int64_t row = 0; row < count; ++row)
      points.push_back(vector::LoadOp::create(b, vector, rows, body.add(first, body.value(rowStride * row))));
    auto panelAt = [&](int64_t step) { return loadPanel(body, body.add(k, body.constant(step))); };
    scf::YieldOp::create(b, multiplyByLanes(b, points, panelAt, loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }
  SmallVector<Value> loaded = loadPanel(body, k);
  for (int64_t row = 0; row < count; ++row) {
    Value scalar = memref::LoadOp::create(b, rows, body.add(first, body.value(rowStride * row)));
    Value repeated = vector::BroadcastOp::create(b, vector, scalar);
    for (Value column : loaded)
      next.push_back(vector::FMAOp::create(b, repeated, column, loop.getRegionIterArgs()[next.size()]));
  }
  scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

} // namespace smelt::cpu

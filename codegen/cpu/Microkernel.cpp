// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Microkernel.h"
#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::cpu {

SmallVector<Value> PanelProduct::zeros(Body &body) const {
  ImplicitLocOpBuilder &b = body.builder();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get({lanes}, b.getF32Type())));
  return SmallVector<Value>(count * vectors, zero);
}

/// A hint to fetch what follows the panel into the second cache: the first of a panel's readers would read it faster
/// than the memory yields it.
void PanelProduct::prefetchShare(Body &body, Value k) const {
  constexpr uint32_t kSecondCache = 2;
  constexpr int64_t kLineBytes = 64;
  ImplicitLocOpBuilder &b = body.builder();
  const int64_t line = kLineBytes / graph::elementBytes(cast<MemRefType>(panel.getType()).getElementType());
  int64_t share = llvm::divideCeil(width, readers); // of a row
  if (share > line)
    share = llvm::alignTo(share, line);
  Value step = body.add(arith::MulIOp::create(b, turn, steps), k);
  Value at = body.add(body.add(panelBase, body.scale(steps, width)), body.scale(step, share));
  for (int64_t element = 0; element < share; element += line)
    memref::PrefetchOp::create(b, body.bufferOf(panel), ValueRange{body.add(at, body.constant(element))},
                               /*isWrite=*/false, kSecondCache, /*isDataCache=*/true);
}

/// A panel's row.
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
  if (readers > 0)
    prefetchShare(body, k);
  return loaded;
}

/// Two rows of the panel become pairs on the way.
SmallVector<Value> PanelProduct::emitGroups(Body &body, ValueRange sums) const {
  ImplicitLocOpBuilder &b = body.builder();
  const int64_t together = dots->together();
  Value size = body.constant(together), groups;
  graph::Count rest = 0;
  if (std::optional<int64_t> known = getConstantIntValue(steps)) {
    groups = body.constant(*known / together);
    rest = *known % together;
  } else {
    groups = arith::DivUIOp::create(b, steps, size);
    rest = arith::RemUIOp::create(b, steps, size).getResult();
  }
  return dots->overGroups({body.constant(0), groups}, rest, sums, [&](Value group, int64_t count, ValueRange carried) {
    Value first = body.add(rowsBase, body.scale(group, stepStride * together));
    Value at = body.add(panelBase, body.scale(group, width * together));
    SmallVector<Value> loaded = dots->gather(body.bufferOf(panel), at, width, count, vectors), next;
    for (int64_t row = 0; row < this->count; ++row) {
      Value repeated = dots->repeated(rows, body.add(first, body.value(rowStride * row)), stepStride, count);
      for (Value column : loaded)
        next.push_back(dots->multiplyAdd(repeated, column, carried[next.size()]));
    }
    return next;
  });
}

SmallVector<Value> PanelProduct::emit(Body &body, ValueRange sums) const {
  if (dots)
    return emitGroups(body, sums);
  ImplicitLocOpBuilder &b = body.builder();
  Type element = rowType ? rowType : b.getF32Type();
  auto loop = scf::ForOp::create(b, body.constant(0), steps, body.constant(byLanes ? lanes : 1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value k = loop.getInductionVar(), first = body.add(rowsBase, body.scale(k, stepStride));
  auto vector = VectorType::get({lanes}, b.getF32Type());
  SmallVector<Value> next, points;
  if (byLanes) {
    auto stored = VectorType::get({lanes}, storageType(element));
    for (int64_t row = 0; row < count; ++row) {
      Value loaded = vector::LoadOp::create(b, stored, rows, body.add(first, body.value(rowStride * row)));
      points.push_back(body.toCompute(loaded, element));
    }
    auto panelAt = [&](int64_t step) { return loadPanel(body, body.add(k, body.constant(step))); };
    scf::YieldOp::create(b, multiplyByLanes(b, points, panelAt, loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }
  SmallVector<Value> loaded = loadPanel(body, k);
  for (int64_t row = 0; row < count; ++row) {
    Value scalar = memref::LoadOp::create(b, rows, body.add(first, body.value(rowStride * row)));
    Value repeated = vector::BroadcastOp::create(b, vector, body.toCompute(scalar, element));
    for (Value column : loaded)
      next.push_back(vector::FMAOp::create(b, repeated, column, loop.getRegionIterArgs()[next.size()]));
  }
  scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

} // namespace smelt::cpu

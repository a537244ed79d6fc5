// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::cpu {

Value multiplyAdd(ImplicitLocOpBuilder &b, Value x, Value y, Value sum) {
  if (isa<FloatType>(getElementTypeOrSelf(sum.getType())))
    return vector::FMAOp::create(b, x, y, sum);
  return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), sum);
}

SmallVector<Value> multiplyByLanes(ImplicitLocOpBuilder &b, ArrayRef<Value> points,
                                   llvm::function_ref<SmallVector<Value>(int64_t)> panel, ValueRange sums) {
  SmallVector<Value> next(sums);
  auto type = cast<VectorType>(points.front().getType());
  for (int64_t step = 0; step < type.getNumElements(); ++step) {
    SmallVector<Value> vectors = panel(step);
    Value *sum = next.begin();
    for (Value point : points) {
      Value lane = vector::ExtractOp::create(b, point, step);
      Value repeated = vector::BroadcastOp::create(b, type, lane);
      for (Value vector : vectors) {
        *sum = multiplyAdd(b, repeated, vector, *sum);
        ++sum;
      }
    }
  }
  return next;
}

} // namespace smelt::cpu

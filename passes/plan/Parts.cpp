// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Parts.h"

using namespace mlir;

namespace smelt::plan {

Parts cutInto(int64_t extent, int64_t wanted) {
  for (int64_t count = wanted; count > 1 && count >= wanted / 2; --count)
    if (extent % count == 0)
      return {count, extent / count, 0};
  return {wanted, extent / wanted, extent % wanted};
}

SmallVector<int64_t> replaceDims(ArrayRef<int64_t> shape, int64_t first, int64_t end, ArrayRef<int64_t> by) {
  SmallVector<int64_t> result(shape.take_front(first));
  llvm::append_range(result, by);
  llvm::append_range(result, shape.drop_front(end));
  return result;
}

Value sliceOf(OpBuilder &builder, Value tensor, int64_t dim, int64_t first, int64_t end) {
  RankedTensorType type = graph::typeOf(tensor);
  SmallVector<int64_t> starts(type.getRank(), 0), steps(type.getRank(), 1);
  starts[dim] = first;
  return graph::SliceOp::create(builder, tensor.getLoc(),
                                type.clone(replaceDims(type.getShape(), dim, dim + 1, {end - first})), tensor, starts,
                                steps);
}

Value wholeParts(OpBuilder &builder, Value tensor, int64_t dim, const Parts &parts) {
  ArrayRef<int64_t> shape = graph::typeOf(tensor).getShape();
  Value whole = parts.tail > 0 ? sliceOf(builder, tensor, dim, 0, parts.count * parts.length) : tensor;
  return graph::reshapeTo(builder, tensor.getLoc(), whole,
                          replaceDims(shape, dim, dim + 1, {parts.count, parts.length}));
}

Value tailOf(OpBuilder &builder, Value tensor, int64_t dim, const Parts &parts) {
  const int64_t first = parts.count * parts.length;
  return sliceOf(builder, tensor, dim, first, first + parts.tail);
}

Value besideEachOther(OpBuilder &builder, Value whole, Value tail, int64_t dim) {
  return tail ? graph::ConcatOp::create(builder, whole.getLoc(), ValueRange{whole, tail}, dim).getResult() : whole;
}

} // namespace smelt::plan

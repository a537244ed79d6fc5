// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without loops of their own: an invocation computes four elements that lie side by side along the last dim.

#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

/// The stores of results of this shape.
static SmallVector<kernel::StoreOp> storesOf(Body &body, ArrayRef<int64_t> shape) {
  SmallVector<kernel::StoreOp> stores;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>())
    if (graph::typeOf(store.getValue()).getShape() == shape)
      stores.push_back(store);
  return stores;
}

/// Four elements of each result of `shape`, whose dims but the last `outer` indexes.
static LogicalResult emitElements(Body &body, ArrayRef<int64_t> shape, ValueRange outer, Value last) {
  SmallVector<kernel::StoreOp> stores = storesOf(body, shape);
  return emitVector(body, last, shape.empty() ? 1 : shape.back(), [&](Value first, unsigned lanes) {
    SmallVector<LaneIndex> index;
    for (Value at : outer)
      index.push_back({at, 0});
    index.push_back({first, lanes > 1 ? 1 : 0});
    index.resize(shape.size());
    body.startPoint();
    for (kernel::StoreOp store : stores)
      if (failed(body.write(store, index, lanes)))
        return failure();
    return success();
  });
}

FailureOr<int64_t> emitPointwise(Body &body, Value invocation) {
  ImplicitLocOpBuilder &b = body.builder();
  SmallVector<ArrayRef<int64_t>> shapes;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>())
    if (ArrayRef<int64_t> shape = graph::typeOf(store.getValue()).getShape(); !llvm::is_contained(shapes, shape))
      shapes.push_back(shape);
  int64_t count = 0; // of invocations for the shapes before
  for (ArrayRef<int64_t> shape : shapes) {
    SmallVector<int64_t> extents(shape);
    if (extents.empty())
      extents.push_back(1);
    extents.back() = llvm::divideCeil(extents.back(), kLanes);
    std::optional<int64_t> elements = graph::elementCount(extents);
    if (!elements)
      return failure();
    OpBuilder::InsertionGuard guard(b);
    Value number = body.subtract(invocation, body.constant(count));
    if (shapes.size() > 1) { // below its first one a difference is larger than all
      Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, body.constant(*elements));
      b.setInsertionPointToStart(scf::IfOp::create(b, isHere, /*withElseRegion=*/false).thenBlock());
    }
    SmallVector<Value> index = indexOf(body, number, extents);
    Value last = body.scale(index.pop_back_val(), kLanes);
    if (failed(emitElements(body, shape, index, last)))
      return failure();
    count += *elements;
  }
  return count;
}

} // namespace smelt::gpu

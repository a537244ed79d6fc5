// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without loops of their own: an invocation computes four elements that lie side by side along the last dim.

#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

/// The stores of results of this shape.
static SmallVector<kernel::StoreOp> storesOf(Body &body, ArrayRef<Extent> shape) {
  SmallVector<kernel::StoreOp> stores;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>())
    if (graph::extentsOf(store.getValue()) == Extents(shape))
      stores.push_back(store);
  return stores;
}

/// Four elements of each result of `shape`, whose dims but the last `outer` indexes.
static LogicalResult emitElements(Body &body, ArrayRef<Extent> shape, ValueRange outer, Value last) {
  SmallVector<kernel::StoreOp> stores = storesOf(body, shape);
  return emitVector(body, last, shape.empty() ? Extent(1) : shape.back(), [&](Value first, unsigned lanes) {
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

FailureOr<Extent> emitPointwise(Body &body, Value invocation) {
  ImplicitLocOpBuilder &b = body.builder();
  SmallVector<Extents> shapes;
  for (auto store : body.kernel().getBody().getOps<kernel::StoreOp>())
    if (Extents shape = graph::extentsOf(store.getValue()); !llvm::is_contained(shapes, shape))
      shapes.push_back(shape);
  Extent count = 0; // of invocations for the shapes before
  for (const Extents &shape : shapes) {
    Extents extents = shape;
    if (extents.empty())
      extents.push_back(1);
    extents.back() = extents.back().ceilDiv(kLanes);
    Extent elements = graph::productOf(extents);
    if (elements.isTooLarge())
      return failure();
    OpBuilder::InsertionGuard guard(b);
    Value number = body.subtract(invocation, body.value(count));
    if (shapes.size() > 1) { // below its first one a difference is larger than all
      Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, body.value(elements));
      b.setInsertionPointToStart(scf::IfOp::create(b, isHere, /*withElseRegion=*/false).thenBlock());
    }
    SmallVector<Value> index = indexOf(body, number, extents);
    Value last = body.scale(index.pop_back_val(), kLanes);
    if (failed(emitElements(body, shape, index, last)))
      return failure();
    count += elements;
  }
  return count;
}

} // namespace smelt::gpu

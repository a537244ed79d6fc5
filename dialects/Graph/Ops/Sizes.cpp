// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult SizesOp::verify() {
  RankedTensorType type = getType();
  if (!type.hasStaticShape() || elementCount(type.getShape()) != static_cast<int64_t>(getExtents().size()))
    return emitOpError("has ") << getExtents().size() << " extents for a result of another number of elements";
  if (!isa<IntegerType>(type.getElementType()) || type.getElementType().isInteger(1))
    return emitOpError("yields integers, not ") << type.getElementType();
  return success();
}

LogicalResult SizesOp::evaluate(ArrayRef<HostTensor>, MutableArrayRef<HostTensor> results) {
  for (auto [position, extent] : llvm::enumerate(getExtents())) {
    if (!extent.isNumber())
      return failure();
    results[0].set(static_cast<int64_t>(position), Scalar::ofSigned(extent.number()));
  }
  return success();
}

Value SizesOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  Value position = access.indexConstant(0);
  for (auto [coordinate, stride] : llvm::zip_equal(index, rowMajorStrides(getType().getShape()))) {
    if (!coordinate.isUniform())
      return nullptr;
    position = arith::AddIOp::create(b, position, affine(access, coordinate, stride, 0).base);
  }
  Value chosen = access.count(getExtents().front()).in(b);
  for (auto [number, extent] : llvm::enumerate(getExtents().drop_front())) {
    Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, position,
                                         access.indexConstant(static_cast<int64_t>(number) + 1));
    chosen = arith::SelectOp::create(b, isHere, access.count(extent).in(b), chosen);
  }
  return access.splat(arith::IndexCastOp::create(b, computeType(getType().getElementType()), chosen));
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Formulas.h"

using namespace mlir;

#include "dialects/Graph/GraphDialect.cpp.inc"
#include "dialects/Graph/GraphEnums.cpp.inc"
#include "dialects/Graph/GraphInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.cpp.inc"

namespace smelt::graph {

void GraphDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Graph/GraphOps.cpp.inc"
      >();
}

Operation *GraphDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  return elements && elements.getType() == type ? ConstantOp::create(builder, loc, elements).getOperation() : nullptr;
}

FailureOr<SmallVector<int64_t>> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> shape(a);
  size_t lead = a.size() - b.size();
  for (auto [dim, extent] : llvm::enumerate(b)) {
    int64_t &result = shape[lead + dim];
    if (result == 1)
      result = extent;
    else if (extent != 1 && extent != result)
      return failure();
  }
  return shape;
}

std::optional<HostTensor> constantOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? HostTensor::of(constant.getValue()) : std::nullopt;
}

Value makeConstant(OpBuilder &builder, Location loc, const HostTensor &tensor) {
  return ConstantOp::create(builder, loc, tensor.toAttribute());
}

Value makeScalar(OpBuilder &builder, Location loc, Type elementType, Scalar value) {
  HostTensor tensor = HostTensor::zeros(RankedTensorType::get({}, elementType));
  tensor.set(0, value);
  return makeConstant(builder, loc, tensor);
}

Value makeIntegers(OpBuilder &builder, Location loc, ArrayRef<int64_t> values) {
  auto size = static_cast<int64_t>(values.size());
  HostTensor tensor = HostTensor::zeros(RankedTensorType::get({size}, builder.getI64Type()));
  llvm::copy(values, tensor.asMutable<int64_t>().begin());
  return makeConstant(builder, loc, tensor);
}

Value reshapeTo(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return value;
  return ReshapeOp::create(builder, loc, typeOf(value).clone(shape), value);
}

Value broadcastTo(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return value;
  return BroadcastOp::create(builder, loc, typeOf(value).clone(shape), value);
}

Value transposeTo(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  return TransposeOp::create(builder, loc, value, permutation);
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Formulas.h"
#include "mlir/IR/DialectImplementation.h"

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
  addExtentAttributes();
}

Attribute GraphDialect::parseAttribute(DialectAsmParser &parser, Type) const {
  std::string text;
  if (parser.parseKeyword("extents") || parser.parseLess() || parser.parseString(&text) || parser.parseGreater())
    return nullptr;
  std::optional<Extents> extents = parseExtents(getContext(), text);
  if (!extents) {
    parser.emitError(parser.getNameLoc(), "is no list of extents");
    return nullptr;
  }
  return ExtentsAttr::get(getContext(), *extents);
}

void GraphDialect::printAttribute(Attribute attribute, DialectAsmPrinter &printer) const {
  printer << "extents<\"" << joined(cast<ExtentsAttr>(attribute).extents()) << "\">";
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

bool hasSymbolicDims(Operation *root) {
  auto isSymbolic = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.hasStaticShape();
  };
  WalkResult result = root->walk([&](Operation *op) {
    return llvm::any_of(op->getOperandTypes(), isSymbolic) || llvm::any_of(op->getResultTypes(), isSymbolic)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return result.wasInterrupted();
}

FailureOr<Extents> broadcastExtents(ArrayRef<Extent> a, ArrayRef<Extent> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Extents shape(a);
  size_t lead = a.size() - b.size();
  for (auto [dim, extent] : llvm::enumerate(b)) {
    std::optional<Extent> both = Extent::broadcast(shape[lead + dim], extent);
    if (!both)
      return failure();
    shape[lead + dim] = *both;
  }
  return shape;
}

Extents rowMajorStrides(ArrayRef<Extent> extents) {
  Extents strides(extents.size(), 1);
  for (size_t dim = extents.size(); dim > 1; --dim)
    strides[dim - 2] = strides[dim - 1] * extents[dim - 1];
  return strides;
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

Value reshapeTo(OpBuilder &builder, Location loc, Value value, ArrayRef<Extent> shape) {
  if (extentsOf(value) == Extents(shape))
    return value;
  return ReshapeOp::create(builder, loc, tensorOf(shape, typeOf(value).getElementType()), value);
}

Value broadcastTo(OpBuilder &builder, Location loc, Value value, ArrayRef<Extent> shape) {
  if (extentsOf(value) == Extents(shape))
    return value;
  return BroadcastOp::create(builder, loc, tensorOf(shape, typeOf(value).getElementType()), value);
}

Value transposeTo(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  return TransposeOp::create(builder, loc, value, permutation);
}

} // namespace smelt::graph

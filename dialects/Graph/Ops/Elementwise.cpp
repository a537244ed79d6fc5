// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Elementwise.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace smelt::graph {

Type elementOf(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  return type ? type.getElementType() : Type();
}

static std::string inWords(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape,
                                    [](int64_t extent) {
                                      return ShapedType::isDynamic(extent) ? std::string("?") : std::to_string(extent);
                                    }),
                    ", ") +
         "]";
}

LogicalResult inferElementwise(std::optional<Location> location, ValueRange operands, ValueRange alike, Type element,
                               SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> shape;
  for (Value operand : operands) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type)
      return emitOptionalError(location, "the operand is not a ranked tensor but ", operand.getType());
    FailureOr<SmallVector<int64_t>> broadcast = broadcastShapes(shape, type.getShape());
    if (failed(broadcast))
      return emitOptionalError(location, "shapes ", inWords(shape), " and ", inWords(type.getShape()),
                               " don't broadcast to each other");
    shape = *broadcast;
  }
  Type first = elementOf(alike.front());
  if (elementBytes(element ? element : first) == 0)
    return emitOptionalError(location, "the element type ", element ? element : first, " is not supported");
  for (Value operand : alike.drop_front())
    if (elementOf(operand) != first)
      return emitOptionalError(location, "operands have different element types, ", first, " and ", elementOf(operand));
  types.push_back(RankedTensorType::get(shape, element ? element : first));
  return success();
}

FailureOr<Scalar> evaluateFloat(ArrayRef<Scalar> operands, function_ref<double(double)> function) {
  if (!operands[0].isFloat())
    return failure();
  return Scalar::ofFloat(function(operands[0].asFloat()));
}

static bool isAmong(Floats supported, Type computeType) {
  return computeType.isF32() || (supported == Floats::All && computeType.isF64());
}

Value emitFloat(Operation *op, OpBuilder &builder, ValueRange operands, Floats supported,
                function_ref<Expr(Expr)> formula) {
  if (!isAmong(supported, getElementTypeOrSelf(operands[0])))
    return nullptr;
  ImplicitLocOpBuilder b(op->getLoc(), builder);
  return formula({b, operands[0]}).value();
}

Operands::Operands(Operation *op, OpBuilder &builder, ValueRange values, unsigned like)
    : builder(op->getLoc(), builder), values(values), isUnsigned(isUnsignedElement(elementOf(op->getOperand(like)))) {
  this->builder.restoreInsertionPoint(builder.saveInsertionPoint());
}

} // namespace smelt::graph

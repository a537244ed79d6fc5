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

std::string inWords(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape,
                                    [](int64_t extent) {
                                      return ShapedType::isDynamic(extent) ? std::string("?") : std::to_string(extent);
                                    }),
                    ", ") +
         "]";
}

LogicalResult inferElementwise(std::optional<Location> location, ValueRange operands, ValueRange alike, Type element,
                               bool takesStoredTypes, SmallVectorImpl<Type> &types) {
  Extents shape;
  for (Value operand : operands) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type)
      return emitOptionalError(location, "the operand is not a ranked tensor but ", operand.getType());
    FailureOr<Extents> broadcast = broadcastExtents(shape, extentsOf(type));
    if (failed(broadcast))
      return emitOptionalError(location, "shapes [", joined(shape), "] and [", joined(extentsOf(type)),
                               "] don't broadcast to each other");
    shape = *broadcast;
  }
  Type first = elementOf(alike.front());
  if (elementBytes(element ? element : first) == 0)
    return emitOptionalError(location, "the element type ", element ? element : first, " is not supported");
  if (isStoredOnly(first) && !takesStoredTypes)
    return emitOptionalError(location, "elements of type ", first, " can only be moved and cast");
  for (Value operand : alike.drop_front())
    if (elementOf(operand) != first)
      return emitOptionalError(location, "operands have different element types, ", first, " and ", elementOf(operand));
  types.push_back(tensorOf(shape, element ? element : first));
  return success();
}

bool isIn(Domain domain, Type computeType) {
  switch (domain) {
  case Domain::Floats:
    return computeType.isF32() || computeType.isF64();
  case Domain::Integers:
    return isa<IntegerType>(computeType);
  case Domain::Numbers:
    return computeType.isF32() || computeType.isF64() || isa<IntegerType>(computeType);
  }
  return false;
}

} // namespace smelt::graph

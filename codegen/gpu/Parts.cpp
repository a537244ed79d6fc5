// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Parts.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"

using namespace mlir;

namespace smelt::gpu {

bool isPart(Type element) {
  return element.isInteger(8) || element.isInteger(16) || element.isF16() || element.isBF16();
}

Type storedPart(Type element) { return element.isBF16() ? IntegerType::get(element.getContext(), 16) : element; }

Type wordOfPart(Type element) {
  return isa<FloatType>(element) ? Type(Float32Type::get(element.getContext()))
                                 : IntegerType::get(element.getContext(), 32);
}

/// As many elements as the vector has, or one, of another type.
static Type like(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

static Value shiftAmount(OpBuilder &b, Location loc, Type type, int64_t bits) {
  TypedAttr one = b.getI32IntegerAttr(static_cast<int32_t>(bits));
  if (auto vector = dyn_cast<VectorType>(type))
    one = DenseElementsAttr::get(vector, Attribute(one));
  return spirv::ConstantOp::create(b, loc, type, one);
}

Value fromBits(OpBuilder &b, Location loc, Value bits, Type element) {
  if (isa<IntegerType>(element))
    return bits;
  Type real = like(bits.getType(), b.getF32Type());
  if (element.isBF16())
    return spirv::BitcastOp::create(
        b, loc, real,
        spirv::ShiftLeftLogicalOp::create(b, loc, bits.getType(), bits, shiftAmount(b, loc, bits.getType(), 16))
            .getResult());
  Value both = spirv::GLUnpackHalf2x16Op::create(b, loc, VectorType::get({2}, b.getF32Type()), bits);
  return spirv::CompositeExtractOp::create(b, loc, both, ArrayRef<int32_t>{0});
}

Value toBits(OpBuilder &b, Location loc, Value value, Type element) {
  if (isa<IntegerType>(element))
    return value;
  Type integers = like(value.getType(), b.getI32Type());
  if (element.isBF16())
    return spirv::ShiftRightLogicalOp::create(b, loc, integers,
                                              spirv::BitcastOp::create(b, loc, integers, value).getResult(),
                                              shiftAmount(b, loc, integers, 16));
  Value zero = spirv::ConstantOp::getZero(b.getF32Type(), loc, b);
  Value both =
      spirv::CompositeConstructOp::create(b, loc, VectorType::get({2}, b.getF32Type()), ValueRange{value, zero});
  return spirv::GLPackHalf2x16Op::create(b, loc, b.getI32Type(), both);
}

Value fromStored(OpBuilder &b, Location loc, Value stored, Type element) {
  if (element.isF16())
    return spirv::FConvertOp::create(b, loc, like(stored.getType(), b.getF32Type()), stored);
  return fromBits(b, loc, spirv::UConvertOp::create(b, loc, like(stored.getType(), b.getI32Type()), stored), element);
}
Value toStored(OpBuilder &b, Location loc, Value value, Type element) {
  Type stored = like(value.getType(), storedPart(element));
  if (element.isF16()) // which has the number, so that nothing is rounded
    return spirv::FConvertOp::create(b, loc, stored, value);
  return spirv::UConvertOp::create(b, loc, stored, toBits(b, loc, value, element));
}

} // namespace smelt::gpu

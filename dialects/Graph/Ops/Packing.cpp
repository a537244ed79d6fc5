// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of 4 and 2 bits, out of bytes and into them.

#include "dialects/Graph/Ops/Expression.h"
#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::graph {

/// Elements in a byte; 0 of types that are not packed.
static unsigned perByte(Type element) { return isPackable(element) ? 8 / element.getIntOrFloatBitWidth() : 0; }

LogicalResult UnpackOp::verify() {
  RankedTensorType packed = typeOf(getPacked());
  if (perByte(getType().getElementType()) == 0 || !getType().hasStaticShape())
    return emitOpError("does not unpack ") << getType();
  auto bytes = RankedTensorType::get({packedBytes(getType().getNumElements(), getType().getElementType())},
                                     IntegerType::get(getContext(), 8, IntegerType::Unsigned));
  if (packed != bytes)
    return emitOpError("unpacks ") << bytes << ", not " << packed;
  return success();
}

LogicalResult UnpackOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  unpackElements(operands[0].bytes(), results[0].elementType(), results[0].mutableBytes());
  return success();
}

/// The byte that holds the element at a row-major position, on every lane.
static Value fetchBytes(ElementAccess &access, Value packed, LaneIndex position, unsigned perByte) {
  ImplicitLocOpBuilder &b = access.builder();
  SmallVector<Value> bytes;
  for (unsigned lane = 0; lane < access.lanes(); ++lane) {
    Value at = arith::AddIOp::create(b, position.base, access.indexConstant(lane * position.laneStride));
    Value byte = access.fetch(packed, LaneIndex{arith::DivUIOp::create(b, at, access.indexConstant(perByte)), 0});
    Value scalar = byte ? ElementAccess::uniform(byte) : nullptr;
    if (!scalar)
      return nullptr;
    bytes.push_back(scalar);
  }
  if (access.lanes() == 1)
    return bytes.front();
  return vector::FromElementsOp::create(b, cast<VectorType>(access.valueType(b.getI8Type())), bytes);
}

Value UnpackOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  Type element = getType().getElementType();
  unsigned bits = element.getIntOrFloatBitWidth();
  LaneIndex position{access.indexConstant(0), 0};
  for (auto [at, stride] : llvm::zip_equal(index, rowMajorStrides(getType().getShape()))) {
    LaneIndex step = affine(access, at, stride, 0);
    position = {arith::AddIOp::create(b, position.base, step.base), position.laneStride + step.laneStride};
  }
  Value bytes = fetchBytes(access, getPacked(), position, perByte(element));
  if (!bytes)
    return nullptr;
  // The element to the top of its byte, and down again with its sign or zeros.
  Expr place(b, laneIntegers(access, position, b.getI8Type()));
  Expr above = place.integer(8 - bits) - (place & place.integer(perByte(element) - 1)) * place.integer(bits);
  Expr top = Expr(b, bytes).apply<arith::ShLIOp>(above);
  bool isSigned = isa<IntegerType>(element) && !element.isUnsignedInteger();
  return (isSigned ? shiftRightSigned(top, 8 - bits) : shiftRightUnsigned(top, 8 - bits)).value();
}

LogicalResult PackOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput());
  unsigned elements = perByte(input.getElementType());
  if (elements == 0 || input.getRank() != 1 || !input.hasStaticShape() || input.getDimSize(0) % elements != 0)
    return emitOptionalError(location, input, " does not fill whole bytes");
  return yieldTensor(location, {input.getDimSize(0) / elements}, IntegerType::get(context, 8, IntegerType::Unsigned),
                     types);
}

LogicalResult PackOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  std::string packed = packElements(operands[0].bytes(), operands[0].elementType());
  llvm::copy(packed, results[0].mutableBytes().begin());
  return success();
}

Value PackOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  Type element = typeOf(getInput()).getElementType();
  unsigned bits = element.getIntOrFloatBitWidth(), elements = perByte(element);
  std::optional<Expr> byte;
  for (unsigned place = 0; place < elements; ++place) {
    Value read = access.fetch(getInput(), affine(access, index[0], elements, place));
    if (!read)
      return nullptr;
    Expr code(b, read);
    Expr part = shiftLeft(code & code.integer(llvm::maskTrailingOnes<uint32_t>(bits)), bits * place);
    byte = byte ? *byte | part : part;
  }
  return byte->value();
}

} // namespace smelt::graph

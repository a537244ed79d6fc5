// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace smelt::graph {

static bool isCode(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.getWidth() > 1 && integer.getWidth() <= 8;
}

static bool isScale(Type type) { return type.isF32() || type.isF16() || type.isBF16(); }

LogicalResult DequantizeBlocksOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                   Adaptor adaptor, SmallVectorImpl<Type> &types) {
  return yieldTensor(location, extentsOf(adaptor.getCodes()), Float32Type::get(context), types);
}

LogicalResult DequantizeBlocksOp::verify() {
  constexpr uint64_t kMostFraction = 1 << 16;
  RankedTensorType codes = typeOf(getCodes());
  if (failed(checkAxis(getLoc(), static_cast<int64_t>(getAxis()), codes.getRank())))
    return failure();
  if (getBlock() < 1 || getBlock() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return emitOpError("a block has at least one element");
  if (getFraction() < 1 || getFraction() > kMostFraction)
    return emitOpError("takes a fraction from 1 to ") << kMostFraction << ", not " << getFraction();
  if (!isCode(codes.getElementType()) || !isScale(typeOf(getScales()).getElementType()))
    return emitOpError("is not defined on codes and scales of types ")
           << codes.getElementType() << " and " << typeOf(getScales()).getElementType();
  Extents shape = extentsOf(codes);
  shape[getAxis()] = shape[getAxis()].ceilDiv(static_cast<int64_t>(getBlock()));
  if (extentsOf(getScales()) != shape || (getZeroPoints() && extentsOf(getZeroPoints()) != shape))
    return emitOpError("scales and zero points must have the shape of codes, with one element for each block");
  if (getZeroPoints()) {
    Type zero = typeOf(getZeroPoints()).getElementType();
    if (!isCode(zero) && !isScale(zero))
      return emitOpError("is not defined on zero points of type ") << zero;
  }
  return success();
}

/// An element of codes, scales or zero points.
static float numberAt(const HostTensor &tensor, int64_t position) {
  if (!isa<IntegerType>(tensor.elementType()))
    return static_cast<float>(tensor.get(position).asFloat());
  uint8_t byte = tensor.code(position);
  return isUnsignedElement(tensor.elementType()) ? static_cast<float>(byte)
                                                 : static_cast<float>(static_cast<int8_t>(byte));
}

LogicalResult DequantizeBlocksOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> shape = results[0].shape();
  int64_t inner = product(shape.drop_front(getAxis() + 1)), extent = shape[getAxis()];
  auto block = static_cast<int64_t>(getBlock()), fraction = static_cast<int64_t>(getFraction());
  auto blocks = static_cast<int64_t>(llvm::divideCeil(extent, block));
  MutableArrayRef<float> numbers = results[0].asMutable<float>();
  for (int64_t position = 0; position < results[0].size(); ++position) {
    int64_t line = position / inner, at = line % extent;
    int64_t scale = (line / extent * blocks + at / block) * inner + position % inner;
    float zero = operands.size() > 2 ? numberAt(operands[2], scale) / static_cast<float>(fraction) : 0;
    numbers[position] = (numberAt(operands[0], position) - zero) * numberAt(operands[1], scale);
  }
  return success();
}

Value DequantizeBlocksOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  size_t axis = getAxis();
  if (!index[axis].isUniform())
    return nullptr; // lanes may have scales of their own
  SmallVector<LaneIndex> ofBlock(index);
  ofBlock[axis] = {arith::DivUIOp::create(b, index[axis].base, access.indexConstant(static_cast<int64_t>(getBlock()))),
                   0};
  auto read = [&](Value tensor, ArrayRef<LaneIndex> at) -> std::optional<Expr> {
    Value value = access.fetch(tensor, at);
    if (!value)
      return std::nullopt;
    return castTo(Expr(b, value, isUnsignedElement(typeOf(tensor).getElementType())), b.getF32Type());
  };
  std::optional<Expr> code = read(getCodes(), index), scale = read(getScales(), ofBlock), zero;
  if (getZeroPoints())
    zero = read(getZeroPoints(), ofBlock);
  if (!code || !scale || (getZeroPoints() && !zero))
    return nullptr;
  if (zero)
    code = *code - *zero * (1.0 / static_cast<double>(getFraction()));
  return (*code * *scale).value();
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Ops that make elements from where they stand: iota, one_hot and trilu.

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Indexing.h"

using namespace mlir;

namespace smelt::graph {

// Iota.

LogicalResult IotaOp::verify() {
  Type element = getType().getElementType();
  SmallVector<Type> types;
  if (failed(checkAxis(getLoc(), getAxis(), getType().getRank())) ||
      failed(checkScalar(getLoc(), "start", getStart(), element)) ||
      failed(checkScalar(getLoc(), "step", getStep(), element)))
    return failure();
  if (element.isInteger(1) || isStoredOnly(element))
    return emitOpError("counts in numbers, not in ") << element;
  return yieldTensor(getLoc(), extentsOf(getType()), element, types);
}

LogicalResult IotaOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t extent = getType().getDimSize(getAxis()), row = product(getType().getShape().drop_front(getAxis() + 1));
  Scalar start = operands[0].get(0), step = operands[1].get(0);
  for (int64_t position = 0; position < results[0].size(); ++position) {
    int64_t i = position / row % extent;
    if (start.isFloat())
      results[0].set(position, Scalar::ofFloat(start.asFloat() + step.asFloat() * static_cast<double>(i)));
    else
      results[0].set(position, Scalar::ofUnsigned(start.asUnsigned() + step.asUnsigned() * static_cast<uint64_t>(i)));
  }
  return success();
}

Value IotaOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  Type type = computeType(getType().getElementType());
  Value start = access.fetch(getStart(), {}), step = access.fetch(getStep(), {});
  if (!start || !step)
    return nullptr;
  bool isFloat = isa<FloatType>(type);
  // Conversions from 64 bits are slow, where there are any.
  Extent extent = extentsOf(getType())[getAxis()];
  bool isLong = extent.isNumber() && extent.number() > std::numeric_limits<int32_t>::max();
  Expr i(b, laneIntegers(access, index[getAxis()], !isFloat ? type : isLong ? b.getI64Type() : b.getI32Type()));
  return (Expr(b, start) + Expr(b, step) * (isFloat ? i.to<arith::SIToFPOp>(type) : i)).value();
}

// One-hot.

LogicalResult OneHotOp::verify() {
  RankedTensorType indices = typeOf(getIndices());
  Type element = getType().getElementType();
  SmallVector<Type> types;
  if (failed(checkAxis(getLoc(), getAxis(), getType().getRank())) || failed(checkIndices(getLoc(), getIndices())) ||
      failed(checkScalar(getLoc(), "on", getOn(), element)) || failed(checkScalar(getLoc(), "off", getOff(), element)))
    return failure();
  Extents shape = extentsOf(getType());
  shape.erase(shape.begin() + static_cast<int64_t>(getAxis()));
  if (shape != extentsOf(indices))
    return emitOpError("the result without its dim ") << getAxis() << " does not have the shape of the indices";
  return yieldTensor(getLoc(), extentsOf(getType()), element, types);
}

LogicalResult OneHotOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t depth = getType().getDimSize(getAxis()), row = product(getType().getShape().drop_front(getAxis() + 1));
  fill(results[0], operands[2]);
  for (auto [position, index] : llvm::enumerate(operands[0].toIntegers())) {
    int64_t wrapped = index < 0 ? index + depth : index;
    if (wrapped < 0 || wrapped >= depth)
      continue;
    auto at = static_cast<int64_t>(position);
    results[0].copyElement((at / row * depth + wrapped) * row + at % row, operands[1], 0);
  }
  return success();
}

Value OneHotOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  SmallVector<LaneIndex> at(index);
  at.erase(at.begin() + static_cast<int64_t>(getAxis()));
  Value read = access.fetch(getIndices(), at), on = access.fetch(getOn(), {}), off = access.fetch(getOff(), {});
  if (!read || !on || !off)
    return nullptr;
  Type wide = b.getI64Type();
  Expr given = castTo(Expr(b, read, isUnsignedElement(typeOf(getIndices()).getElementType())), wide).as(false);
  Expr depth = numberOf(access.count(extentsOf(getType())[getAxis()]), given);
  Expr wrapped = select(given < given.integer(0), given + depth, given);
  Expr here(b, laneIntegers(access, index[getAxis()], wide));
  return choose(access, (wrapped == here).value(), on, off);
}

// Trilu.

LogicalResult TriluOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput());
  if (input.getRank() < 2)
    return emitOptionalError(location, "a matrix has at least two dims, not ", input.getRank());
  if (failed(checkScalar(location, "k", adaptor.getK(), IntegerType::get(context, 64))))
    return failure();
  return yieldTensor(location, extentsOf(input), input.getElementType(), types);
}

LogicalResult TriluOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t rows = getType().getShape().drop_back().back(), columns = getType().getShape().back();
  int64_t k = std::clamp(operands[1].get(0).asSigned(), -rows - 1, columns);
  for (int64_t start = 0; start < results[0].size(); start += columns) {
    // The first column from which upper keeps and before which lower does, but for the diagonal.
    int64_t diagonal = start / columns % rows + k;
    int64_t from = std::clamp<int64_t>(diagonal, 0, columns), end = std::clamp<int64_t>(diagonal + 1, 0, columns);
    if (getUpper())
      copyElements(results[0], start + from, operands[0], start + from, columns - from);
    else
      copyElements(results[0], start, operands[0], start, end);
  }
  return success();
}

Value TriluOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  Value value = access.fetch(getInput(), index), k = access.fetch(getK(), {});
  if (!value || !k)
    return nullptr;
  LaneIndex row = index.drop_back().back(), column = index.back();
  LaneIndex distance{arith::SubIOp::create(b, column.base, row.base), column.laneStride - row.laneStride};
  Expr above(b, laneIntegers(access, distance, b.getI64Type())), diagonal(b, k);
  Expr isKept = getUpper() ? above >= diagonal : above <= diagonal;
  return choose(access, isKept.value(), value, access.number(computeType(getType().getElementType()), 0));
}

} // namespace smelt::graph

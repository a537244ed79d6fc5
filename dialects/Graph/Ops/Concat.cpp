// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::graph {

/// The extent of `type` along `axis`, if it may stand beside `first` there; else an error.
static FailureOr<Extent> checkOperand(std::optional<Location> location, RankedTensorType type, RankedTensorType first,
                                      int64_t axis) {
  if (type.getElementType() != first.getElementType())
    return emitOptionalError(location, "operands have different element types, ", first.getElementType(), " and ",
                             type.getElementType());
  if (type.getRank() != first.getRank())
    return emitOptionalError(location, "operands have different ranks, ", first.getRank(), " and ", type.getRank());
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (dim != axis && extentsOf(type)[dim] != extentsOf(first)[dim])
      return emitOptionalError(location, "operands differ in dim ", dim, ", ", extentsOf(first)[dim].str(), " and ",
                               extentsOf(type)[dim].str(), ", but are joined along dim ", axis);
  return extentsOf(type)[axis];
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "needs at least one operand");
  RankedTensorType first = typeOf(adaptor.getInputs().front());
  auto axis = static_cast<int64_t>(adaptor.getAxis());
  if (failed(checkAxis(location, axis, first.getRank())))
    return failure();
  Extents shape = extentsOf(first);
  shape[axis] = 0;
  for (Value input : adaptor.getInputs()) {
    FailureOr<Extent> extent = checkOperand(location, typeOf(input), first, axis);
    if (failed(extent))
      return failure();
    shape[axis] += *extent;
  }
  return yieldTensor(location, shape, first.getElementType(), types);
}

//   concat(x) → x,   concat(x, <no elements>, y) → concat(x, y)
OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  if (getInputs().size() == 1)
    return getInputs().front();
  SmallVector<Value> kept;
  for (Value input : getInputs())
    if (typeOf(input).getDimSize(getAxis()) != 0)
      kept.push_back(input);
  if (kept.empty() || kept.size() == getInputs().size())
    return {};
  getInputsMutable().assign(kept);
  return getResult();
}

LogicalResult ConcatOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Walk to{0, rowMajorStrides(results[0].shape())};
  for (const HostTensor &operand : operands) {
    copyBlock(operand.shape(), operand, {0, rowMajorStrides(operand.shape())}, results[0], to);
    to.offset += operand.shape()[getAxis()] * to.strides[getAxis()];
  }
  return success();
}

namespace {
/// Finds the operand that holds a coordinate, by halves.
struct Selection {
  ElementAccess &access;
  ConcatOp op;
  SmallVector<LaneIndex> index;
  LaneIndex along; // the coordinate on the axis
  Extents starts;  // of each operand, and the end of the last
  Type type;

  Value read(unsigned first, unsigned end);
};
} // namespace

Value Selection::read(unsigned first, unsigned end) {
  if (end - first == 1) {
    index[op.getAxis()] = affine(access, along, 1, access.count(0 - starts[first]));
    return access.fetch(op.getInputs()[first], index);
  }
  ImplicitLocOpBuilder &b = access.builder();
  unsigned middle = first + (end - first) / 2;
  Value isBefore = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, along.base, access.count(starts[middle]).in(b));
  auto choice = scf::IfOp::create(b, TypeRange(type), isBefore, /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, from, to] :
       {std::tuple(choice.thenBlock(), first, middle), std::tuple(choice.elseBlock(), middle, end)}) {
    b.setInsertionPointToEnd(block);
    Value value = read(from, to);
    if (!value)
      return nullptr;
    scf::YieldOp::create(b, value);
  }
  return choice.getResult(0);
}

Value ConcatOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  LaneIndex along = index[getAxis()];
  if (!along.isUniform())
    return nullptr;
  Extents starts{0};
  for (Value input : getInputs())
    starts.push_back(starts.back() + extentsOf(input)[getAxis()]);
  Type type = access.valueType(computeType(getType().getElementType()));
  Selection selection{access, *this, SmallVector<LaneIndex>(index), along, starts, type};
  return selection.read(0, getInputs().size());
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult PackPanelsOp::verify() {
  RankedTensorType input = typeOf(getInput());
  auto width = static_cast<int64_t>(getWidth());
  SmallVector<Type> types;
  if (input.getRank() < 2)
    return emitOpError("needs rows and columns, not rank ") << input.getRank();
  if (width < 1)
    return emitOpError("a panel has at least one column, not ") << width;
  Extents from = extentsOf(input), shape(ArrayRef<Extent>(from).drop_back(2));
  shape.append({from.back().ceilDiv(width), from[from.size() - 2], width});
  if (failed(yieldTensor(getLoc(), shape, input.getElementType(), types)))
    return failure();
  if (types[0] != getType())
    return emitOpError("the panels of ") << input << " are " << types[0] << ", not " << getType();
  return success();
}

LogicalResult PackPanelsOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t width = getWidth(), rows = operands[0].shape().drop_back().back(), columns = operands[0].shape().back();
  int64_t batch = product(operands[0].shape().drop_back(2)), whole = columns / width, rest = columns % width;
  int64_t panels = whole + (rest != 0);
  SmallVector<int64_t> from{rows * columns, width, columns, 1}, to{panels * rows * width, rows * width, width, 1};
  copyBlock({batch, whole, rows, width}, operands[0], {0, from}, results[0], {0, to});
  copyBlock({batch, 1, rows, rest}, operands[0], {whole * width, from}, results[0], {whole * rows * width, to});
  return success();
}

/// The lanes of `vector` moved down by `count` of them, zero behind: in steps of powers of two.
static Value shiftLanes(ElementAccess &access, Value vector, Value count) {
  ImplicitLocOpBuilder &b = access.builder();
  unsigned lanes = access.lanes();
  Value zeros = access.number(cast<VectorType>(vector.getType()).getElementType(), 0);
  for (unsigned step = 1; step < lanes; step *= 2) {
    SmallVector<int64_t> order;
    for (unsigned lane = 0; lane < lanes; ++lane)
      order.push_back(std::min(lane + step, lanes)); // from `lanes` on they are zeros
    Value shifted = vector::ShuffleOp::create(b, vector, zeros, order);
    Value bit = arith::AndIOp::create(b, count, access.indexConstant(step));
    Value isSet = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, access.indexConstant(0));
    vector = choose(access, isSet, shifted, vector);
  }
  return vector;
}

/// Lanes at columns from `column` on, of which at least one is there: read so that they end with the columns.
static Value readLastColumns(PackPanelsOp op, ElementAccess &access, SmallVector<LaneIndex> input, int64_t columns) {
  ImplicitLocOpBuilder &b = access.builder();
  Value latest = access.indexConstant(columns - access.lanes()), column = input.back().base;
  input.back().base = latest;
  Value vector = access.fetch(op.getInput(), input);
  if (!vector)
    return nullptr;
  // Beyond the last column there is but zero, however far.
  Value missing =
      arith::MinSIOp::create(b, arith::SubIOp::create(b, column, latest), access.indexConstant(2 * access.lanes() - 1));
  Value isNone = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, missing, access.indexConstant(access.lanes()));
  Value zeros = access.number(cast<VectorType>(vector.getType()).getElementType(), 0);
  return choose(access, isNone, zeros, shiftLanes(access, vector, missing));
}

/// What `inside` reads where `condition` holds; else what `outside` makes.
static Value readIf(ElementAccess &access, Value condition, Type type, llvm::function_ref<Value()> inside,
                    llvm::function_ref<Value()> outside) {
  ImplicitLocOpBuilder &b = access.builder();
  auto choice = scf::IfOp::create(b, TypeRange(type), condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, emit] : {std::pair(choice.thenBlock(), inside), std::pair(choice.elseBlock(), outside)}) {
    b.setInsertionPointToEnd(block);
    Value value = emit();
    if (!value)
      return nullptr;
    scf::YieldOp::create(b, value);
  }
  return choice.getResult(0);
}

Value PackPanelsOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  int64_t width = getWidth();
  Extent extent = extentsOf(getInput()).back();
  int64_t columns = extent.asNumber().value_or(0);
  LaneIndex panel = index.drop_back(2).back(), row = index.drop_back().back(), place = index.back();
  SmallVector<LaneIndex> input(index.drop_back(3));
  input.push_back(row);
  Value first = affine(access, panel, width, 0).base;
  input.push_back({arith::AddIOp::create(b, first, place.base), panel.laneStride * width + place.laneStride});
  if (extent.dividedBy(width))
    return access.fetch(getInput(), input);
  // All lanes must be columns of the input, or the first lane decides.
  int64_t reach = input.back().laneStride * (access.lanes() - 1);
  if (reach != 0 && (input.back().laneStride != 1 || columns < access.lanes()))
    return nullptr;
  Value isInside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, input.back().base, access.count(extent - reach).in(b));
  Type element = computeType(getType().getElementType());
  return readIf(
      access, isInside, access.valueType(element), [&] { return access.fetch(getInput(), input); },
      [&] { return reach == 0 ? access.number(element, 0) : readLastColumns(*this, access, input, columns); });
}

} // namespace smelt::graph

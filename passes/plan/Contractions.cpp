// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Contractions.h"
#include "dialects/Graph/Graph.h"
#include <numeric>

using namespace mlir;

namespace smelt::plan {

/// [b…, k, n] → [b…, ceil(n / width), k, width]
Value packPanels(OpBuilder &builder, Location loc, Value value, int64_t width) {
  RankedTensorType type = graph::typeOf(value);
  graph::Extents extents = graph::extentsOf(type), shape(ArrayRef<graph::Extent>(extents).drop_back(2));
  shape.append({extents.back().ceilDiv(width), extents[extents.size() - 2], width});
  RankedTensorType packed = graph::tensorOf(shape, type.getElementType());
  return graph::PackPanelsOp::create(builder, loc, packed, value, width);
}

Value groupRows(OpBuilder &builder, Location loc, Value value, int64_t together) {
  if (together == 1)
    return value;
  RankedTensorType type = graph::typeOf(value);
  int64_t rank = type.getRank(), rows = type.getDimSize(rank - 2), columns = type.getDimSize(rank - 1);
  auto groups = static_cast<int64_t>(llvm::divideCeil(rows, together));
  if (rows % together != 0) {
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    high[rank - 2] = groups * together - rows;
    Value zero = graph::makeScalar(builder, loc, type.getElementType(), graph::Scalar::ofFloat(0));
    value = graph::PadOp::create(builder, loc, value, zero, low, high, graph::PadMode::Constant);
  }
  SmallVector<int64_t> split(type.getShape().drop_back(2)), order(rank + 1);
  SmallVector<int64_t> joined(split);
  split.append({groups, together, columns});
  joined.append({groups, columns * together});
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[rank - 1], order[rank]);
  Value moved = graph::transposeTo(builder, loc, graph::reshapeTo(builder, loc, value, split), order);
  return graph::reshapeTo(builder, loc, moved, joined);
}

Value unrounded(Value value) {
  auto cast = value.getDefiningOp<graph::CastOp>();
  return cast && graph::typeOf(cast.getInput()).getElementType().isF32() && isa<FloatType>(cast.getTo())
             ? cast.getInput()
             : value;
}

/// The input with its padding as elements of its own.
Value padSpatial(OpBuilder &builder, Location loc, Value input, ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  auto isZero = [](int64_t count) { return count == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return input;
  SmallVector<int64_t> before{0}, after{0};
  llvm::append_range(before, low);
  llvm::append_range(after, high);
  before.push_back(0);
  after.push_back(0);
  Value zero = graph::makeScalar(builder, loc, graph::typeOf(input).getElementType(), graph::Scalar::ofFloat(0));
  return graph::PadOp::create(builder, loc, input, zero, before, after, graph::PadMode::Constant);
}

bool isPerChannel(Value operand, ArrayRef<graph::Extent> shape) {
  graph::Extents extents = graph::extentsOf(operand);
  if (extents.size() > shape.size())
    return false;
  graph::Extent elements = graph::productOf(extents);
  if (elements == graph::Extent(1))
    return true;
  return elements == extents.back() && extents.back() == shape.back() && operand.getDefiningOp<graph::ConstantOp>();
}

SmallVector<Operation *> epilogueOf(Value value) {
  SmallVector<Operation *> ops;
  for (const graph::Extents shape = graph::extentsOf(value); value.hasOneUse(); value = ops.back()->getResult(0)) {
    Operation *user = *value.user_begin();
    if (!isa<graph::ScalarInterface>(user) || graph::extentsOf(user->getResult(0)) != shape ||
        !llvm::all_of(user->getOperands(),
                      [&](Value operand) { return operand == value || isPerChannel(operand, shape); }))
      break;
    ops.push_back(user);
  }
  return ops;
}

bool isCostly(Operation *op) {
  return isa<graph::SigmoidOp, graph::TanhOp, graph::ExpOp, graph::LogOp, graph::ErfOp, graph::GeluOp, graph::SwishOp,
             graph::MishOp, graph::SoftplusOp>(op);
}

Value repeatChannels(OpBuilder &builder, Location loc, Value operand, int64_t factor) {
  if (graph::productOf(graph::extentsOf(operand)) == graph::Extent(1) || factor == 1)
    return operand;
  SmallVector<Value> copies(factor, operand);
  return graph::ConcatOp::create(builder, loc, copies, graph::typeOf(operand).getRank() - 1);
}

} // namespace smelt::plan

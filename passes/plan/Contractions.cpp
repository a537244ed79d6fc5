// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Contractions.h"
#include "dialects/Graph/Graph.h"

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

Value repeatChannels(OpBuilder &builder, Location loc, Value operand, int64_t factor) {
  if (graph::productOf(graph::extentsOf(operand)) == graph::Extent(1) || factor == 1)
    return operand;
  SmallVector<Value> copies(factor, operand);
  return graph::ConcatOp::create(builder, loc, copies, graph::typeOf(operand).getRank() - 1);
}

} // namespace smelt::plan

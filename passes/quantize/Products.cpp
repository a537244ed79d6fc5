// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/Products.h"

using namespace mlir;

namespace smelt::quantize {

Columns::Columns(ArrayRef<int64_t> shape, int64_t first, int64_t summed) : shape_(shape) {
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    auto at = static_cast<int64_t>(dim);
    (at < first ? outer_ : at < first + summed ? extent_ : inner_) *= extent;
    if (at >= first && at < first + summed)
      shape_[dim] = 1;
  }
}

graph::HostTensor sumsOf(const graph::HostTensor &tensor, const Columns &columns) {
  Type i32 = IntegerType::get(tensor.elementType().getContext(), 32);
  graph::HostTensor sums = graph::HostTensor::zeros(RankedTensorType::get(columns.shape(), i32));
  ArrayRef<int8_t> from = tensor.as<int8_t>();
  MutableArrayRef<uint32_t> totals = sums.asMutable<uint32_t>();
  columns.forEach([&](int64_t element, int64_t column) { totals[column] += static_cast<uint32_t>(from[element]); });
  return sums;
}

bool isDepthwise(graph::ConvOp conv) {
  ArrayRef<int64_t> filter = graph::typeOf(conv.getFilter()).getShape();
  bool isLast = conv.getLayout() == graph::Layout::ChannelsLast;
  int64_t depth = isLast ? filter[filter.size() - 2] : filter[1], channels = isLast ? filter.back() : filter[0];
  return depth == 1 && channels == static_cast<int64_t>(conv.getGroups()) && channels > 1;
}

void gatherFrom(RewriterBase &rewriter, graph::GatherOp op, Value table) {
  rewriter.setInsertionPoint(op);
  Type type = graph::typeOf(op.getResult()).getElementType();
  Value taken = graph::GatherOp::create(rewriter, op.getLoc(), table, op.getIndices(), op.getAxis());
  rewriter.replaceOpWithNewOp<graph::CastOp>(op, taken, type);
}

} // namespace smelt::quantize

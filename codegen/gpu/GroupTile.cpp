// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/GroupTile.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

graph::Extent GroupTile::groupsOf(int64_t tilePoints, int64_t tileChannels) const {
  return points_.ceilDiv(tilePoints) * channels_.ceilDiv(tileChannels) * batches_ * graph::Extent(groups_);
}

int64_t GroupTile::typicalGroups(int64_t tilePoints, int64_t tileChannels) const {
  auto groups = static_cast<int64_t>(llvm::divideCeil(typicalPoints_, tilePoints) *
                                     llvm::divideCeil(typicalChannels(), tileChannels)) *
                groups_;
  for (const graph::Extent &extent : batchDims_)
    groups *= kernel::typicalBatch(extent);
  return groups;
}

void GroupTile::splitNumber(Value invocation, int64_t tilePoints, int64_t tileChannels) {
  thread_ = part(invocation, kGroupThreads);
  graph::Extents extents(batchDims_);
  extents.append({graph::Extent(groups_), points_.ceilDiv(tilePoints), channels_.ceilDiv(tileChannels)});
  SmallVector<Value> index = indexOf(body_, over(invocation, kGroupThreads), extents);
  firstChannel_ = body_.scale(index.pop_back_val(), tileChannels);
  firstPoint_ = body_.scale(index.pop_back_val(), tilePoints);
  group_ = index.pop_back_val();
  batch_ = index;
}

GroupTile::PanelPart GroupTile::panelPart(int64_t from, int64_t rows, int64_t lanes) {
  const int64_t across = width_ / lanes, inPanel = across * rows;
  Value number = body_.add(thread_, body_.constant(from));
  Value panel = over(number, inPanel), rest = part(number, inPanel);
  Value row = over(rest, across), column = body_.scale(part(rest, across), lanes);
  return {panel, row, column};
}

Value GroupTile::panelOf(const PanelPart &part) {
  return atMost(body_.add(over(firstChannel_, width_), part.panel), panels_ - 1);
}

Value GroupTile::channelOf(const PanelPart &part) { return body_.add(body_.scale(part.panel, width_), part.column); }

bool GroupTile::isAligned(Value tensor, int64_t lanes) { return isAlignedInMemory(function_, tensor, lanes); }

Value GroupTile::placeOf(Value tensor, ArrayRef<LaneIndex> index) {
  Value place = body_.constant(0);
  for (auto [at, stride] : llvm::zip_equal(index, Body::stridesOf(tensor.getDefiningOp<kernel::LoadOp>().getBuffer())))
    place = body_.add(place, body_.scale(at.base, stride));
  return place;
}

void GroupTile::copyAsync(Value tensor, ArrayRef<LaneIndex> index, Value isThere, int64_t lanes, Value buffer,
                          Value place) {
  Value from = placeOf(tensor, index), read;
  if (isThere)
    read = arith::SelectOp::create(b_, isThere, body_.constant(lanes), body_.constant(0));
  Value memory = body_.bufferOf(tensor.getDefiningOp<kernel::LoadOp>().getBuffer());
  nvgpu::DeviceAsyncCopyOp::create(b_, nvgpu::DeviceAsyncTokenType::get(b_.getContext()), buffer, ValueRange{place},
                                   memory, ValueRange{from}, b_.getIndexAttr(lanes), read, /*bypassL1=*/UnitAttr());
}

} // namespace smelt::gpu

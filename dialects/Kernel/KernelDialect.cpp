// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/WinogradTile.h"
#include "dialects/Kernel/Kernel.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

#include "dialects/Kernel/KernelDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.cpp.inc"

namespace smelt::kernel {

void KernelDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Kernel/KernelOps.cpp.inc"
      >();
  addLayoutAttribute();
}

LogicalResult ContractOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), packed = cast<RankedTensorType>(getPacked().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  int64_t spatial = getWindow().size(), batch = input.getRank() - spatial - 1;
  if (spatial < 1 || batch < 0 || result.getRank() != input.getRank())
    return emitOpError("input and result must have the rank of the batch dims + window + 1");
  if (getStrides().size() != getWindow().size() || getDilations().size() != getWindow().size())
    return emitOpError("window, strides and dilations must have the same length");
  std::optional<graph::Extent> taps, channels;
  if (getGroups() > 0) {
    taps = graph::extentsOf(input).back().dividedBy(getGroups());
    channels = graph::extentsOf(result).back().dividedBy(getGroups());
  }
  if (!taps || !channels)
    return emitOpError("groups must divide the channels of input and result");
  auto together = static_cast<int64_t>(getTogether());
  if (together < 1 || packed.getShape().back() % together != 0)
    return emitOpError("the rows of packed must hold whole groups of ") << together;
  taps = taps->ceilDiv(together);
  for (int64_t extent : getWindow())
    *taps *= extent;
  int64_t packedRank = packed.getRank() - (getGroups() > 1);
  if ((packedRank != 3 && packedRank != 3 + batch) || graph::extentsOf(packed)[packed.getRank() - 2] != *taps)
    return emitOpError("packed must be [batch…, groups, panels, ")
           << taps->str() << ", width" << (together > 1 ? " · together]" : "]");
  return success();
}

LogicalResult WinogradOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), packed = cast<RankedTensorType>(getPacked().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  graph::Extents from = graph::extentsOf(input), to = graph::extentsOf(result);
  size_t dims = getWindow().size();
  if (dims < 1 || dims > 2 || getDilations().size() != dims || from.size() != dims + 2 || packed.getRank() != 4 ||
      to.size() != dims + 2 || from[0] != to[0])
    return emitOpError("input and result must have a batch, the window's one or two dims, and channels");
  int64_t products = 1;
  for (auto [dim, taps, dilation] : llvm::enumerate(getWindow(), getDilations())) {
    std::optional<graph::WinogradTile> tile = graph::winogradTile(taps);
    if (!tile || dilation < 1)
      return emitOpError("there is no tile for a window of ") << taps;
    products *= tile->points;
    int64_t step = tile->results * dilation, border = (taps - 1) * dilation;
    graph::Extent extent = to[dim + 1];
    if (from[dim + 1] != extent.ceilDiv(step) * step + border &&
        (extent.isNumber() || from[dim + 1] != extent + step - 1 + border))
      return emitOpError("the input must cover whole tiles of results and a border");
  }
  if (packed.getDimSize(1) != products || packed.getDimSize(2) != input.getShape().back() ||
      packed.getDimSize(0) != static_cast<int64_t>(llvm::divideCeil(result.getShape().back(), packed.getDimSize(3))))
    return emitOpError("packed must be [panels, ") << products << ", " << input.getShape().back() << ", width]";
  return success();
}

} // namespace smelt::kernel

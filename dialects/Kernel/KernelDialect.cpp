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
  if (getBlock() != 0)
    return verifyCodes();
  if (!getScales().empty())
    return emitOpError("scales belong to blocks");
  taps = taps->ceilDiv(together);
  for (int64_t extent : getWindow())
    *taps *= extent;
  int64_t packedRank = packed.getRank() - (getGroups() > 1);
  if ((packedRank != 3 && packedRank != 3 + batch) || graph::extentsOf(packed)[packed.getRank() - 2] != *taps)
    return emitOpError("packed must be [batch…, groups, panels, ")
           << taps->str() << ", width" << (together > 1 ? " · together]" : "]");
  return success();
}

/// What is special of a product by codes.
LogicalResult ContractOp::verifyCodes() {
  auto input = cast<RankedTensorType>(getInput().getType()), packed = cast<RankedTensorType>(getPacked().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  Type code = packed.getElementType();
  int64_t steps = input.getShape().back();
  auto block = static_cast<int64_t>(getBlock());
  const bool inWords = code.isInteger(32);
  if (!input.getElementType().isF32() || !result.getElementType().isF32() || (!inWords && !code.isInteger(8)))
    return emitOpError("codes are bytes or words, and all else is f32");
  if (block < 1 || getFraction() < 1 || (inWords && block % kCodesPerWord != 0))
    return emitOpError("a block has at least one element, and whole words");
  if (getWindow() != ArrayRef<int64_t>{1} || getGroups() != 1 || getTogether() != 1 || ShapedType::isDynamic(steps) ||
      packed.getRank() != 3 || !packed.hasStaticShape())
    return emitOpError("codes are those of one matrix of numbers");
  SmallVector<int64_t> shape(packed.getShape());
  shape[1] = inWords ? static_cast<int64_t>(llvm::divideCeil(steps, kCodesPerWord)) : steps;
  if (shape != packed.getShape())
    return emitOpError("codes must be [panels, ") << shape[1] << ", width]";
  shape[1] = static_cast<int64_t>(llvm::divideCeil(steps, block));
  if (getScales().size() < 1 || getScales().size() > 2)
    return emitOpError("takes scales, and zero points or none");
  for (Value scales : getScales())
    if (cast<RankedTensorType>(scales.getType()).getShape() != ArrayRef<int64_t>(shape))
      return emitOpError("scales and zero points must be [panels, ") << shape[1] << ", width]";
  return success();
}

LogicalResult WinogradOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), packed = cast<RankedTensorType>(getPacked().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  graph::Extents from = graph::extentsOf(input), to = graph::extentsOf(result);
  size_t dims = getWindow().size();
  if (dims < 1 || dims > 2 || getTile().size() != dims || getDilations().size() != dims || from.size() != dims + 2 ||
      packed.getRank() != 4 || to.size() != dims + 2 || from[0] != to[0])
    return emitOpError("input and result must have a batch, the window's one or two dims, and channels");
  int64_t products = 1;
  for (auto [dim, taps, count, dilation] : llvm::enumerate(getWindow(), getTile(), getDilations())) {
    std::optional<graph::WinogradTile> tile = graph::winogradTile(taps, count);
    if (!tile || dilation < 1)
      return emitOpError("there is no tile of ") << count << " results for a window of " << taps;
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

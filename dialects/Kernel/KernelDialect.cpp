// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

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
  if (from.size() != 4 || packed.getRank() != 4 || to.size() != 4 || from[0] != to[0])
    return emitOpError("input, packed and result must be of rank 4, with one batch");
  // Of a symbolic dim, as much as whole tiles may need.
  for (int64_t dim : {1, 2})
    if (from[dim] != to[dim].ceilDiv(4) * 4 + 2 && (to[dim].isNumber() || from[dim] != to[dim] + 5))
      return emitOpError("the input must cover whole tiles of 4x4 results and a border of 2");
  if (packed.getDimSize(1) != 36 || packed.getDimSize(2) != input.getDimSize(3) ||
      packed.getDimSize(0) != static_cast<int64_t>(llvm::divideCeil(result.getDimSize(3), packed.getDimSize(3))))
    return emitOpError("packed must be [panels, 36, ") << input.getDimSize(3) << ", width]";
  return success();
}

} // namespace smelt::kernel

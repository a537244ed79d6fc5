// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include <cstring>

using namespace mlir;

namespace smelt::graph {

LogicalResult BitCastOp::verify() {
  RankedTensorType from = typeOf(getInput()), to = getType();
  unsigned bytes = elementBytes(from.getElementType());
  if (extentsOf(from) != extentsOf(to) || bytes == 0 || bytes != elementBytes(to.getElementType()))
    return emitOpError("cannot take the bytes of ") << from << " for " << to;
  return success();
}

LogicalResult BitCastOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  if (results[0].size() > 0)
    std::memcpy(results[0].mutableBytes().data(), operands[0].bytes().data(), results[0].bytes().size());
  return success();
}

} // namespace smelt::graph

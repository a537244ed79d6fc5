// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult IfOp::verify() {
  if (getCondition().size() != 1 || getFirstSizes().size() != getSymbols().size() ||
      getSecondSizes().size() != getSymbols().size())
    return emitOpError("needs one condition, and two sizes for each of its symbols");
  return success();
}

LogicalResult WhileOp::verify() {
  size_t count = getSymbols().size();
  if (getCondition().size() != 1 || count == 0 || getInitial().size() != count || getNext().size() != count ||
      getMost().size() != count)
    return emitOpError("needs one condition, a symbol at least, and an initial size, a next one and a bound for each");
  if (getCarried() > getInputs().size() || getCarried() > getNumResults())
    return emitOpError("carries more than its inputs or results");
  return success();
}

} // namespace smelt::graph

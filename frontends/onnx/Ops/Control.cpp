// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;

namespace smelt::frontend::onnx {

// If, where the condition is known: the branch that it chooses                                ONNX If, versions 1–25
static Values ifElse(NodeReader &node) {
  graph::HostTensor condition = node.constantInput(0);
  const GraphProto &thenBranch = node.graph("then_branch"), &elseBranch = node.graph("else_branch");
  if (condition.size() != 1 || !condition.elementType().isInteger(1))
    malformed("needs a condition of one bool");
  return node.inlineGraph(condition.get(0).asBool() ? thenBranch : elseBranch, {});
}

static constexpr Operator kOperators[] = {{"If", 7, ifElse}};

ArrayRef<Operator> controlOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

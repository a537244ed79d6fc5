// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

// If: the branch that a known condition chooses. Otherwise both are computed, as no op has effects, and each result
// is selected                                                                                   ONNX If, versions 1–25
static Values ifElse(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value condition = node.input(0, Bools);
  const GraphProto &thenBranch = node.graph("then_branch"), &elseBranch = node.graph("else_branch");
  if (graph::typeOf(condition).getNumElements() != 1)
    malformed("needs a condition of one bool");
  if (std::optional<graph::HostTensor> known = graph::constantOf(condition))
    return node.inlineGraph(known->get(0).asBool() ? thenBranch : elseBranch, {});
  Values left = node.inlineGraph(thenBranch, {}), right = node.inlineGraph(elseBranch, {}), results;
  if (left.size() != right.size())
    malformed("its branches make " + Twine(left.size()) + " and " + Twine(right.size()) + " values");
  condition = b.reshape(condition, {});
  for (auto [a, c] : llvm::zip_equal(left, right)) {
    if (a.getType() != c.getType())
      unsupported("its branches make tensors of different types, " + inWords(a.getType()) + " and " +
                  inWords(c.getType()) + "; its condition must be constant");
    results.push_back(b.make<graph::SelectOp>(condition, a, c));
  }
  return results;
}

static constexpr Operator kOperators[] = {{"If", 7, ifElse}};

ArrayRef<Operator> controlOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

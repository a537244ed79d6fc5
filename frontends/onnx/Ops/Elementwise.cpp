// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;

namespace smelt::frontend::onnx {

/// One operand, one result, nothing else.
template <typename Op, unsigned elements> static Values unary(NodeReader &node) {
  return {node.builder().make<Op>(node.input(0, elements))};
}

/// Two operands of one element type.
template <typename Op, unsigned elements> static Values binary(NodeReader &node) {
  return {node.builder().make<Op>(node.input(0, elements), node.input(1, elements))};
}

static constexpr Operator kOperators[] = {
    {"Add", 7, binary<graph::AddOp, Numbers>},
    {"Relu", 7, unary<graph::ReluOp, Numbers>},
};

ArrayRef<Operator> elementwiseOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

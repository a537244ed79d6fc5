// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Einsum.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;

namespace smelt::frontend::onnx {

// Einsum                                                                                     ONNX Einsum, version 12
static Values einsum(NodeReader &node) {
  std::string equation = node.text("equation");
  return {frontend::einsum(node.builder(), equation, node.allInputs(Numbers))};
}

static constexpr Operator kOperators[] = {{"Einsum", 12, einsum}};

ArrayRef<Operator> einsumOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

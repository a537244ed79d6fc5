// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;

namespace smelt::frontend::onnx {

static Values matMul(NodeReader &node) {
  Value lhs = node.input(0, Numbers), rhs = node.input(1, Numbers);
  return {node.builder().matMul(lhs, rhs)};
}

// Gemm: alpha · op(A) · op(B) + beta · C                                                    ONNX Gemm, versions 7–13
static Values gemm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = node.input(0, Numbers), rhs = node.input(1, Numbers), bias = node.optionalInput(2, Numbers);
  double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
  bool transposeLhs = node.flag("transA", false), transposeRhs = node.flag("transB", false);
  if (rankOf(lhs) != 2 || rankOf(rhs) != 2)
    malformed("needs operands of two dims");
  auto scaled = [&](Value value, double factor) {
    return factor == 1 ? value : b.make<graph::MulOp>(value, b.scalarLike(value, factor));
  };
  lhs = transposeLhs ? b.transpose(lhs, {1, 0}) : lhs;
  rhs = transposeRhs ? b.transpose(rhs, {1, 0}) : rhs;
  Value product = scaled(b.make<graph::MatMulOp>(lhs, rhs), alpha);
  if (!bias)
    return {product};
  Value result = b.make<graph::AddOp>(product, scaled(bias, beta));
  if (result.getType() != product.getType())
    malformed("has a C of dims " + inWords(shapeOf(bias)) + ", which does not broadcast to " +
              inWords(shapeOf(product)));
  return {result};
}

static constexpr Operator kOperators[] = {
    {"Gemm", 7, gemm},
    {"MatMul", 7, matMul},
};

ArrayRef<Operator> matMulOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

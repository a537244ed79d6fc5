// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Activations.h"

using namespace mlir;

namespace smelt::frontend::onnx {

static Values matMul(NodeReader &node) {
  Value lhs = node.input(0, Numbers), rhs = node.input(1, Numbers);
  return {node.builder().matMul(lhs, rhs)};
}

/// alpha · op(A) · op(B) + beta · C
static Value product(NodeReader &node) {
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
  Value product = scaled(b.matMul(lhs, rhs), alpha);
  if (!bias)
    return product;
  return b.expect(b.make<graph::AddOp>(product, scaled(bias, beta)), extentsOf(product), "C");
}

// Gemm                                                                                      ONNX Gemm, versions 7–13
static Values gemm(NodeReader &node) { return {product(node)}; }

// FusedGemm: activation(Gemm)
static Values fusedGemm(NodeReader &node) {
  SmallVector<double> parameters;
  for (StringRef name : {"activation_alpha", "activation_beta", "activation_gamma"})
    if (node.has(name))
      parameters.push_back(node.number(name));
  return {activated(node.builder(), product(node), node.text("activation", ""), parameters)};
}

/// Its first dim moved before the last, where `batch`; then the last two swapped, where `matrix`.
static Value turned(GraphBuilder &b, Value value, bool batch, bool matrix) {
  int64_t rank = rankOf(value);
  if (rank < 2)
    return value;
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (batch)
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (matrix)
    std::swap(order[rank - 2], order[rank - 1]);
  return b.transpose(value, order);
}

// FusedMatMul: alpha · op(A) · op(B)
static Values fusedMatMul(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = turned(b, node.input(0, Floats), node.flag("transBatchA", false), node.flag("transA", false));
  Value rhs = turned(b, node.input(1, Floats), node.flag("transBatchB", false), node.flag("transB", false));
  Value result = b.matMul(lhs, rhs);
  double alpha = node.number("alpha", 1);
  return {alpha == 1 ? result : b.make<graph::MulOp>(result, b.scalarLike(result, alpha))};
}

static constexpr Operator kOperators[] = {
    {"Gemm", 7, gemm},
    {"MatMul", 7, matMul},
    {"FusedGemm", 1, fusedGemm, "com.microsoft"},
    {"FusedMatMul", 1, fusedMatMul, "com.microsoft"},
    {"TransposeMatMul", 1, fusedMatMul, "com.microsoft"},
};

ArrayRef<Operator> matMulOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

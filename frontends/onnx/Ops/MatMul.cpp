// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Activations.h"
#include <cmath>

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
  if (node.opset() < 7)
    node.ignore("broadcast"); // of C, as it does later
  bool transposeLhs = node.flag("transA", false), transposeRhs = node.flag("transB", false);
  if (rankOf(lhs) != 2 || rankOf(rhs) != 2)
    malformed("needs operands of two dims");
  auto scaled = [&](Value value, double factor) {
    return factor == 1 ? value : b.make<graph::MulOp>(value, b.scalarLike(value, factor));
  };
  lhs = transposeLhs ? b.transpose(lhs, {1, 0}) : lhs;
  rhs = transposeRhs ? b.transpose(rhs, {1, 0}) : rhs;
  Value product = b.matMul(lhs, rhs);
  Type element = elementOf(product);
  if (!isa<FloatType>(element) && (alpha != std::trunc(alpha) || beta != std::trunc(beta))) {
    // Integers times fractions.
    product = b.cast(product, b.builder().getF64Type());
    bias = bias ? b.cast(bias, b.builder().getF64Type()) : bias;
  }
  product = scaled(product, alpha);
  if (!bias)
    return b.cast(product, element);
  Value result = b.make<graph::AddOp>(product, scaled(bias, beta));
  return b.cast(b.expect(result, extentsOf(product), "C"), element);
}

// Gemm                                                                                      ONNX Gemm, versions 7–13
static Values gemm(NodeReader &node) { return {product(node)}; }

/// As the node's attributes say.
static Value activatedProduct(NodeReader &node, Value product) {
  SmallVector<double> parameters;
  for (StringRef name : {"activation_alpha", "activation_beta", "activation_gamma"})
    if (node.has(name))
      parameters.push_back(node.number(name));
  return activated(node.builder(), product, node.text("activation", ""), parameters);
}

// FusedGemm: activation(Gemm)
static Values fusedGemm(NodeReader &node) { return {activatedProduct(node, product(node))}; }

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
static Value scaledMatMul(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = turned(b, node.input(0, Floats), node.flag("transBatchA", false), node.flag("transA", false));
  Value rhs = turned(b, node.input(1, Floats), node.flag("transBatchB", false), node.flag("transB", false));
  Value result = b.matMul(lhs, rhs);
  double alpha = node.number("alpha", 1);
  return alpha == 1 ? result : b.make<graph::MulOp>(result, b.scalarLike(result, alpha));
}
static Values fusedMatMul(NodeReader &node) { return {scaledMatMul(node)}; }

// FusedMatMulActivation: activation(FusedMatMul)
static Values fusedMatMulActivation(NodeReader &node) { return {activatedProduct(node, scaledMatMul(node))}; }

// GemmFastGelu: gelu(X · W + bias), by tanh
static Values gemmFastGelu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value product = b.matMul(node.input(0, Floats), node.input(1, Floats)), bias = node.optionalInput(2, Floats);
  return {b.make<graph::GeluOp>(bias ? b.make<graph::AddOp>(product, bias) : product, /*tanh_form=*/true)};
}

// MatMulInteger16: in 32 bits
static Values matMulInteger16(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Type i32 = b.builder().getI32Type();
  return {b.matMul(b.cast(node.input(0, AnyInteger), i32), b.cast(node.input(1, AnyInteger), i32))};
}

static constexpr Operator kOperators[] = {
    {"Gemm", 1, gemm},
    {"MatMul", 1, matMul},
    {"FusedGemm", 1, fusedGemm, "com.microsoft"},
    {"FusedMatMul", 1, fusedMatMul, "com.microsoft"},
    {"FusedMatMulActivation", 1, fusedMatMulActivation, "com.microsoft"},
    {"GemmFastGelu", 1, gemmFastGelu, "com.microsoft"},
    {"MatMulInteger16", 1, matMulInteger16, "com.microsoft"},
    {"TransposeMatMul", 1, fusedMatMul, "com.microsoft"},
};

ArrayRef<Operator> matMulOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

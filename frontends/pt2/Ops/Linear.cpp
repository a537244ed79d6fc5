// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Einsum.h"
#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

// Linear layers and products of matrices.

/// [n, m] as [m, n]
static Value transposed(GraphBuilder &b, Value matrix) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(matrix)));
  if (order.size() >= 2)
    std::swap(order[order.size() - 1], order[order.size() - 2]);
  return b.transpose(matrix, order);
}

/// Integers of less than 32 bits are summed in 32: what is cut off then is the same.
static Value product(GraphBuilder &b, Value lhs, Value rhs) {
  Type type = elementOf(lhs);
  if (isa<FloatType>(type) || type.getIntOrFloatBitWidth() >= 32)
    return b.matMul(lhs, rhs);
  Type wide = b.builder().getI32Type();
  return b.cast(b.matMul(b.cast(lhs, wide), b.cast(rhs, wide)), type);
}

static Value linear(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value weight = node.tensor("weight"), result = product(b, node.tensor("input"), transposed(b, weight));
  Value bias = node.optionalTensor("bias");
  return bias ? combine<graph::AddOp>(b, result, bias) : result;
}

template <int64_t rank> static Value productOf(NodeReader &node, StringRef lhs, StringRef rhs) {
  Value a = node.tensor(lhs), c = node.tensor(rhs);
  if (rankOf(a) != rank || rankOf(c) != rank)
    malformed("needs operands of " + Twine(rank) + " dims, not " + inWords(extentsOf(a)) + " and " +
              inWords(extentsOf(c)));
  return product(node.builder(), a, c);
}

static Value mm(NodeReader &node) { return productOf<2>(node, "self", "mat2"); }
static Value bmm(NodeReader &node) { return productOf<3>(node, "self", "mat2"); }
static Value matmul(NodeReader &node) { return product(node.builder(), node.tensor("self"), node.tensor("other")); }
static Value mv(NodeReader &node) { return product(node.builder(), node.tensor("self"), node.tensor("vec")); }
static Value dot(NodeReader &node) { return product(node.builder(), node.tensor("self"), node.tensor("tensor")); }

/// Of integers of 8 bits, summed in 32.
static Value intMm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Type wide = b.builder().getI32Type();
  return b.matMul(b.cast(node.tensor("self"), wide), b.cast(node.tensor("mat2"), wide));
}

static Value vdot(NodeReader &node) { return product(node.builder(), node.tensor("self"), node.tensor("other")); }

static Value multiple(NodeReader &node, Value x, StringRef factor) {
  std::optional<Number> number = node.scalar(factor);
  if (!number || (!number->tensor && number->value == 1))
    return x;
  return node.builder().make<graph::MulOp>(x, scalarOf(node.builder(), *number, elementOf(x)));
}

/// beta · self + alpha · product
static Value added(NodeReader &node, Value product) {
  product = multiple(node, product, "alpha");
  std::optional<Number> beta = node.scalar("beta");
  if (beta && !beta->tensor && beta->value == 0 && (!beta->size || beta->size->isNumber()))
    return node.ignore("self"), product;
  return combine<graph::AddOp>(node.builder(), product, multiple(node, node.tensor("self"), "beta"));
}
static Value addmm(NodeReader &node) { return added(node, productOf<2>(node, "mat1", "mat2")); }
static Value baddbmm(NodeReader &node) { return added(node, productOf<3>(node, "batch1", "batch2")); }
static Value addmv(NodeReader &node) {
  return added(node, product(node.builder(), node.tensor("mat"), node.tensor("vec")));
}

static Value outer(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value a = node.tensor("self"), c = node.tensor("vec2");
  return b.make<graph::MulOp>(b.reshape(a, {elementsOf(extentsOf(a)), 1}), b.reshape(c, {1, elementsOf(extentsOf(c))}));
}

/// beta · self + alpha · vec1 ⊗ vec2
static Value addr(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value a = node.tensor("vec1"), c = node.tensor("vec2");
  return added(node, b.make<graph::MulOp>(b.reshape(a, {elementsOf(extentsOf(a)), 1}),
                                          b.reshape(c, {1, elementsOf(extentsOf(c))})));
}

// y_k = x1ᵀ W_k x2 + b_k
static Value bilinear(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value left = node.tensor("input1"), right = node.tensor("input2"), weight = node.tensor("weight");
  if (rankOf(weight) != 3 || rankOf(left) < 1 || rankOf(left) != rankOf(right))
    malformed("has weights of " + Twine(rankOf(weight)) + " dims for " + Twine(rankOf(left)) + " and " +
              Twine(rankOf(right)));
  const Extent results = extentsOf(weight)[0], columns = extentsOf(weight)[2];
  Value rows = b.reshape(b.transpose(weight, {1, 0, 2}), Extents{extentsOf(weight)[1], results * columns});
  Extents shape(ArrayRef(extentsOf(left)).drop_back()), wide(ArrayRef(extentsOf(right)).drop_back());
  shape.append({results, columns});
  wide.append({Extent(1), extentsOf(right).back()});
  Value products = b.make<graph::MulOp>(b.reshape(b.matMul(left, rows), shape), b.reshape(right, wide));
  const auto axis = static_cast<int64_t>(shape.size()) - 1;
  Value result = b.dropDim(b.make<graph::ReduceOp>(products, graph::ReduceKind::Sum, axis), axis);
  Value bias = node.optionalTensor("bias");
  return bias ? combine<graph::AddOp>(b, result, bias) : result;
}

/// Three tensors, each with dims of 1 at places of its own, multiplied and summed over dims.
static Value trilinear(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("unroll_dim");
  Value product;
  for (auto [name, places] : {std::pair("i1", "expand1"), std::pair("i2", "expand2"), std::pair("i3", "expand3")}) {
    Value x = node.tensor(name);
    Extents shape = extentsOf(x);
    for (int64_t place : node.integers(places)) {
      if (place < 0 || place > static_cast<int64_t>(shape.size()))
        malformed("adds a dim at " + Twine(place) + " of " + Twine(shape.size()));
      shape.insert(shape.begin() + place, Extent(1));
    }
    x = b.reshape(x, shape);
    product = product ? combine<graph::MulOp>(b, product, x) : x;
  }
  Integers axes = normalAxes(node.integers("sumdim"), rankOf(product));
  if (axes.empty())
    return product;
  Value sum = b.make<graph::ReduceOp>(product, graph::ReduceKind::Sum, axes);
  for (int64_t axis : llvm::reverse(axes))
    sum = b.dropDim(sum, axis);
  return sum;
}

static Value einsumOf(NodeReader &node) {
  node.ignore("path");
  Values operands = node.tensors("tensors");
  Type type = promotedType(operands, {}, node.context());
  for (Value &operand : operands)
    operand = node.builder().cast(operand, type);
  return einsum(node.builder(), node.text("equation"), operands);
}

/// v · g / ‖v‖, the norm over all dims but one.
static Value weightNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value v = node.tensor("v"), g = node.tensor("g");
  int64_t dim = node.axis("dim", v);
  Integers axes;
  for (int64_t axis = 0; axis < rankOf(v); ++axis)
    if (axis != dim)
      axes.push_back(axis);
  Value norm = b.make<graph::ReduceOp>(v, graph::ReduceKind::L2, axes);
  return b.make<graph::MulOp>(v, b.make<graph::DivOp>(g, norm));
}
static Values weightNormInterface(NodeReader &node) { return {weightNorm(node)}; }

static constexpr Operator kOperators[] = {
    {"aten._int_mm.default", intMm},
    {"aten._trilinear.default", trilinear},
    {"aten._weight_norm.default", weightNorm},
    {"aten._weight_norm_interface.default", weightNormInterface},
    {"aten.addmm.default", addmm},
    {"aten.addmv.default", addmv},
    {"aten.addr.default", addr},
    {"aten.baddbmm.default", baddbmm},
    {"aten.bilinear.default", bilinear},
    {"aten.bmm.default", bmm},
    {"aten.dot.default", dot},
    {"aten.vdot.default", vdot},
    {"aten.einsum.default", einsumOf},
    {"aten.linear.default", linear},
    {"aten.matmul.default", matmul},
    {"aten.mm.default", mm},
    {"aten.mv.default", mv},
    {"aten.outer.default", outer},
};

ArrayRef<Operator> linearOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

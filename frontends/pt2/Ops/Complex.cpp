// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Complex numbers: two tensors of floats. What moves, adds and sums up numbers does so with each part; a product is
// sums of products of parts; what is neither has a function here.

#include "frontends/common/ArcTangent.h"
#include "frontends/pt2/Ops/Math.h"
#include "frontends/pt2/Ops/Norms.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

static Things thingsOf(const ComplexValue &value) { return {Thing(value)}; }

// Into complex numbers and out of them.

/// Of a last dim of 2, real and imaginary.
static Things viewAsComplex(NodeReader &node) {
  Value parts = node.tensor("self");
  const int64_t last = rankOf(parts) - 1;
  if (last < 0 || extentsOf(parts)[last] != Extent(2))
    malformed("needs a last dim of 2, not " + inWords(extentsOf(parts)));
  return thingsOf(complexFrom(node.builder(), parts));
}

static Value viewAsReal(NodeReader &node) {
  ComplexValue x = node.complex("self");
  return x.together(node.builder(), rankOf(x.real));
}

static Things fromParts(NodeReader &node) {
  Operands parts = readFloats(node, "real", "imag");
  GraphBuilder &b = node.builder();
  auto shape = extentsOf(combine<graph::AddOp>(b, parts.lhs, parts.rhs)); // an unused sum, whose dims both parts take
  return thingsOf({b.broadcast(parts.lhs, shape), b.broadcast(parts.rhs, shape)});
}

static Things fromPolar(NodeReader &node) {
  Operands operands = readFloats(node, "abs", "angle");
  return thingsOf(polar(node.builder(), operands.lhs, operands.rhs));
}

static Value realPart(NodeReader &node) { return node.complex("self").real; }
static Value imaginaryPart(NodeReader &node) { return node.complex("self").imaginaryOrZeros(node.builder()); }

static Value absolute(NodeReader &node) { return magnitude(node.builder(), node.complex("self")); }

/// Of reals: 0, or π where they are negative.
static Value angle(NodeReader &node) {
  GraphBuilder &b = node.builder();
  ComplexValue x = node.complex("self");
  if (!isa<FloatType>(elementOf(x.real)))
    x.real = b.cast(x.real, b.builder().getF32Type());
  return arcTangent(b, x.imaginaryOrZeros(b), x.real);
}

static Things conjugate(NodeReader &node) {
  ComplexValue x = node.complex("self");
  if (!x.isReal())
    x.imaginary = node.builder().make<graph::NegOp>(x.imaginary);
  return thingsOf(x);
}

/// Of the last two dims swapped.
static Things conjugateTransposed(NodeReader &node) {
  GraphBuilder &b = node.builder();
  ComplexValue x = node.complex("self");
  if (rankOf(x.real) < 2)
    malformed("needs matrices, not " + inWords(extentsOf(x.real)));
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x.real)));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  x.real = b.transpose(x.real, order);
  if (!x.isReal())
    x.imaginary = b.make<graph::NegOp>(b.transpose(x.imaginary, order));
  return thingsOf(x);
}

static Things unchanged(NodeReader &node) { return thingsOf(node.complex("self")); }

// Arithmetic that is not a product.

/// The type of both operands' parts.
static std::pair<ComplexValue, ComplexValue> bothOperands(NodeReader &node) {
  GraphBuilder &b = node.builder();
  ComplexValue x = node.complex("self"), y = node.complex("other", elementOf(x.real));
  Type type = promotedType({x.real, y.real}, {}, node.context());
  auto widen = [&](ComplexValue &value) {
    value.real = b.cast(value.real, type);
    value.imaginary = value.isReal() ? Value() : b.cast(value.imaginary, type);
  };
  widen(x);
  widen(y);
  return {x, y};
}

static Things divide(NodeReader &node) {
  auto [x, y] = bothOperands(node);
  return thingsOf(quotient(node.builder(), x, y));
}

static Value isEqual(GraphBuilder &b, const ComplexValue &x, const ComplexValue &y) {
  Value real = combine<graph::EqualOp>(b, x.real, y.real);
  Value imaginary = combine<graph::EqualOp>(b, x.imaginaryOrZeros(b), y.imaginaryOrZeros(b));
  return combine<graph::AndOp>(b, real, imaginary);
}

static Value equal(NodeReader &node) {
  auto [x, y] = bothOperands(node);
  return isEqual(node.builder(), x, y);
}

static Value notEqual(NodeReader &node) {
  auto [x, y] = bothOperands(node);
  return node.builder().make<graph::NotOp>(isEqual(node.builder(), x, y));
}

/// e^(a + i b) = e^a (cos b + i sin b)
static Things exponential(NodeReader &node) {
  ComplexValue x = node.complex("self");
  GraphBuilder &b = node.builder();
  return thingsOf(polar(b, b.make<graph::ExpOp>(x.real), x.imaginary));
}

/// log |x| + i angle
static ComplexValue logarithmOf(GraphBuilder &b, const ComplexValue &x) {
  return {b.make<graph::LogOp>(magnitude(b, x)), arcTangent(b, x.imaginary, x.real)};
}
static Things logarithm(NodeReader &node) { return thingsOf(logarithmOf(node.builder(), node.complex("self"))); }

/// To another base.
template <int base> static Things logarithmTo(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const ComplexValue x = node.complex("self");
  return thingsOf(scaled(b, logarithmOf(b, x), 1 / std::log(double(base))));
}

// Functions of a + i b by those of a and b.

/// sinh a cos b + i cosh a sin b
static ComplexValue hyperbolicSine(GraphBuilder &b, const ComplexValue &x) {
  Math m(b);
  return {m.mul(b.make<graph::SinhOp>(x.real), b.make<graph::CosOp>(x.imaginary)),
          m.mul(b.make<graph::CoshOp>(x.real), b.make<graph::SinOp>(x.imaginary))};
}

/// cosh a cos b + i sinh a sin b
static ComplexValue hyperbolicCosine(GraphBuilder &b, const ComplexValue &x) {
  Math m(b);
  return {m.mul(b.make<graph::CoshOp>(x.real), b.make<graph::CosOp>(x.imaginary)),
          m.mul(b.make<graph::SinhOp>(x.real), b.make<graph::SinOp>(x.imaginary))};
}

/// (sinh a cosh a + i sin b cos b) / (sinh² a + cos² b)
static ComplexValue hyperbolicTangent(GraphBuilder &b, const ComplexValue &x) {
  constexpr double kFar = 20; // from where on it is ±1, and sinh² is not infinite
  Math m(b);
  Value a = m.max(m.min(x.real, kFar), -kFar), sinh = b.make<graph::SinhOp>(a), cosh = b.make<graph::CoshOp>(a);
  Value sin = b.make<graph::SinOp>(x.imaginary), cos = b.make<graph::CosOp>(x.imaginary);
  Value divisor = m.add(m.mul(sinh, sinh), m.mul(cos, cos));
  return {m.div(m.mul(sinh, cosh), divisor), m.div(m.mul(sin, cos), divisor)};
}

/// sin z = -i sinh(i z), cos z = cosh(i z), tan z = -i tanh(i z)
static ComplexValue turned(GraphBuilder &b, const ComplexValue &x) {
  return {b.make<graph::NegOp>(x.imaginary), x.real};
}
static ComplexValue turnedBack(GraphBuilder &b, const ComplexValue &x) {
  return {x.imaginary, b.make<graph::NegOp>(x.real)};
}

using ComplexFunction = ComplexValue (*)(GraphBuilder &b, const ComplexValue &x);

template <ComplexFunction function> static Things applied(NodeReader &node) {
  return thingsOf(function(node.builder(), node.complex("self")));
}
template <ComplexFunction function> static Things appliedTurned(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return thingsOf(turnedBack(b, function(b, turned(b, node.complex("self")))));
}
static Things cosine(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return thingsOf(hyperbolicCosine(b, turned(b, node.complex("self"))));
}

/// (1 + tanh(z / 2)) / 2
static ComplexValue sigmoid(GraphBuilder &b, const ComplexValue &x) {
  ComplexValue result = scaled(b, hyperbolicTangent(b, scaled(b, x, 0.5)), 0.5);
  result.real = Math(b).add(result.real, 0.5);
  return result;
}

/// |x|^p at p times the angle; powers of few factors are products.
static ComplexValue raised(GraphBuilder &b, const ComplexValue &x, double power) {
  constexpr int kMostFactors = 4;
  if (power >= 1 && power <= kMostFactors && power == static_cast<int>(power)) {
    ComplexValue result = x;
    for (int factor = 1; factor < static_cast<int>(power); ++factor)
      result = product(b, result, x);
    return result;
  }
  Math m(b);
  Value length = b.make<graph::PowOp>(magnitude(b, x), b.scalarLike(x.real, power));
  return polar(b, length, m.mul(arcTangent(b, x.imaginary, x.real), power));
}

static Things power(NodeReader &node) {
  return thingsOf(raised(node.builder(), node.complex("self"), node.number("exponent")));
}
static Things square(NodeReader &node) { return thingsOf(raised(node.builder(), node.complex("self"), 2)); }
static Things root(NodeReader &node) { return thingsOf(raised(node.builder(), node.complex("self"), 0.5)); }
static Things inverseRoot(NodeReader &node) { return thingsOf(raised(node.builder(), node.complex("self"), -0.5)); }

static Things reciprocal(NodeReader &node) {
  GraphBuilder &b = node.builder();
  ComplexValue x = node.complex("self");
  return thingsOf(quotient(b, {b.broadcast(b.scalarLike(x.real, 1), extentsOf(x.real)), nullptr}, x));
}

/// x / |x|, 0 of 0
static Things sign(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  ComplexValue x = node.complex("self");
  Value length = magnitude(b, x), divisor = m.where(m.equal(length, 0), 1, length);
  return thingsOf(quotient(b, x, {divisor, nullptr}));
}

// The operators are tables of the functions above.

using Kind = ComplexForm::Kind;

static constexpr ComplexForm kForms[] = {
    {"aten._conj.default", Kind::Own, conjugate},
    {"aten._conj_physical.default", Kind::Own, conjugate},
    {"aten.abs.default", Kind::Own, absolute},
    {"aten.adjoint.default", Kind::Own, conjugateTransposed},
    {"aten.angle.default", Kind::Own, angle},
    {"aten.complex.default", Kind::Own, fromParts},
    {"aten.conj.default", Kind::Own, conjugate},
    {"aten.conj_physical.default", Kind::Own, conjugate},
    {"aten.cos.default", Kind::Own, cosine},
    {"aten.cosh.default", Kind::Own, applied<hyperbolicCosine>},
    {"aten.div.Scalar", Kind::Own, divide},
    {"aten.div.Tensor", Kind::Own, divide},
    {"aten.eq.Scalar", Kind::Own, equal},
    {"aten.eq.Tensor", Kind::Own, equal},
    {"aten.exp.default", Kind::Own, exponential},
    {"aten.imag.default", Kind::Own, imaginaryPart},
    {"aten.linalg_matrix_norm.default", Kind::Own, matrixNorm},
    {"aten.linalg_matrix_norm.str_ord", Kind::Own, matrixNorm},
    {"aten.linalg_norm.default", Kind::Own, anyNorm},
    {"aten.linalg_vector_norm.default", Kind::Own, vectorNorm},
    {"aten.log.default", Kind::Own, logarithm},
    {"aten.log10.default", Kind::Own, logarithmTo<10>},
    {"aten.log2.default", Kind::Own, logarithmTo<2>},
    {"aten.mH.default", Kind::Own, conjugateTransposed},
    {"aten.matrix_H.default", Kind::Own, conjugateTransposed},
    {"aten.ne.Scalar", Kind::Own, notEqual},
    {"aten.ne.Tensor", Kind::Own, notEqual},
    {"aten.norm.Scalar", Kind::Own, norm},
    {"aten.norm.ScalarOpt_dim", Kind::Own, norm},
    {"aten.polar.default", Kind::Own, fromPolar},
    {"aten.pow.Tensor_Scalar", Kind::Own, power},
    {"aten.real.default", Kind::Own, realPart},
    {"aten.reciprocal.default", Kind::Own, reciprocal},
    {"aten.resolve_conj.default", Kind::Own, unchanged},
    {"aten.resolve_neg.default", Kind::Own, unchanged},
    {"aten.rsqrt.default", Kind::Own, inverseRoot},
    {"aten.sgn.default", Kind::Own, sign},
    {"aten.sigmoid.default", Kind::Own, applied<sigmoid>},
    {"aten.sin.default", Kind::Own, appliedTurned<hyperbolicSine>},
    {"aten.sinh.default", Kind::Own, applied<hyperbolicSine>},
    {"aten.sqrt.default", Kind::Own, root},
    {"aten.square.default", Kind::Own, square},
    {"aten.tan.default", Kind::Own, appliedTurned<hyperbolicTangent>},
    {"aten.tanh.default", Kind::Own, applied<hyperbolicTangent>},
    {"aten.view_as_complex.default", Kind::Own, viewAsComplex},
    {"aten.view_as_complex_copy.default", Kind::Own, viewAsComplex},
    {"aten.view_as_real.default", Kind::Own, viewAsReal},
    {"aten.view_as_real_copy.default", Kind::Own, viewAsReal},
};

/// Of which each part is computed as the whole is.
static constexpr StringLiteral kParts[] = {
    "aten._assert_tensor_metadata.default",
    "aten._reshape_alias.default",
    "aten._to_copy.default",
    "aten._unsafe_view.default",
    "aten.add.Scalar",
    "aten.add.Tensor",
    "aten.alias.default",
    "aten.as_strided.default",
    "aten.as_strided_scatter.default",
    "aten.broadcast_tensors.default",
    "aten.cat.default",
    "aten.chunk.default",
    "aten.clone.default",
    "aten.concat.default",
    "aten.concatenate.default",
    "aten.constant_pad_nd.default",
    "aten.contiguous.default",
    "aten.copy.default",
    "aten.cumsum.default",
    "aten.detach.default",
    "aten.diagonal.default",
    "aten.diagonal_scatter.default",
    "aten.dropout.default",
    "aten.expand.default",
    "aten.expand_as.default",
    "aten.fft_fftshift.default",
    "aten.fft_ifftshift.default",
    "aten.flatten.using_ints",
    "aten.flip.default",
    "aten.full.default",
    "aten.full_like.default",
    "aten.gather.default",
    "aten.hstack.default",
    "aten.index.Tensor",
    "aten.index_add.default",
    "aten.index_put.default",
    "aten.index_select.default",
    "aten.lift_fresh_copy.default",
    "aten.mT.default",
    "aten.masked_fill.Scalar",
    "aten.mean.default",
    "aten.mean.dim",
    "aten.movedim.int",
    "aten.movedim.intlist",
    "aten.narrow.default",
    "aten.neg.default",
    "aten.new_zeros.default",
    "aten.numpy_T.default",
    "aten.pad.default",
    "aten.permute.default",
    "aten.repeat.default",
    "aten.repeat_interleave.self_int",
    "aten.reshape.default",
    "aten.roll.default",
    "aten.rsub.Scalar",
    "aten.rsub.Tensor",
    "aten.scalar_tensor.default",
    "aten.select.int",
    "aten.select_scatter.default",
    "aten.slice.Tensor",
    "aten.slice_scatter.default",
    "aten.split.Tensor",
    "aten.split_with_sizes.default",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.stack.default",
    "aten.sub.Scalar",
    "aten.sub.Tensor",
    "aten.sum.default",
    "aten.sum.dim_IntList",
    "aten.t.default",
    "aten.tile.default",
    "aten.to.device",
    "aten.to.dtype",
    "aten.to.dtype_layout",
    "aten.to.other",
    "aten.transpose.int",
    "aten.tril.default",
    "aten.triu.default",
    "aten.type_as.default",
    "aten.unbind.int",
    "aten.unflatten.int",
    "aten.unfold.default",
    "aten.unsqueeze.default",
    "aten.view.default",
    "aten.view_as.default",
    "aten.vstack.default",
    "aten.where.ScalarOther",
    "aten.where.ScalarSelf",
    "aten.where.self",
    "aten.zeros.default",
    "aten.zeros_like.default",
};

static constexpr StringLiteral kProducts[] = {
    "aten.bmm.default", "aten.dot.default", "aten.einsum.default",  "aten.matmul.default", "aten.mm.default",
    "aten.mul.Scalar",  "aten.mul.Tensor",  "aten.multiply.Tensor", "aten.mv.default",     "aten.outer.default",
};

ArrayRef<ComplexForm> complexForms() {
  static const std::vector<ComplexForm> all = [] {
    std::vector<ComplexForm> forms(std::begin(kForms), std::end(kForms));
    for (StringLiteral name : kParts)
      forms.push_back({name, Kind::Parts, std::nullopt});
    for (StringLiteral name : kProducts)
      forms.push_back({name, Kind::Product, std::nullopt});
    for (ArrayRef<Operator> family : {spectralOperators(), controlOperators()})
      for (const Operator &row : family)
        forms.push_back({row.name, Kind::Own, row.import});
    return forms;
  }();
  return all;
}

} // namespace smelt::frontend::pt2

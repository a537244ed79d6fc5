// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;

namespace smelt::frontend::pt2 {

// Functions of one tensor, element by element.

/// Of floats; integers are converted first.
template <typename Op> static Value floating(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  return b.make<Op>(b.cast(x, floatOf(elementOf(x))));
}

template <typename Op> static Value any(NodeReader &node) { return node.builder().make<Op>(node.tensor("self")); }

/// Of floats; integers stay what they are.
template <typename Op> static Value rounded(NodeReader &node) {
  Value x = node.tensor("self");
  return isa<FloatType>(elementOf(x)) ? node.builder().make<Op>(x) : x;
}

/// The operand as floats.
static Value floats(NodeReader &node) {
  Value x = node.tensor("self");
  return node.builder().cast(x, floatOf(elementOf(x)));
}

/// factor · f(x)
template <typename Op> static Value multipleOf(NodeReader &node, double factor) {
  GraphBuilder &b = node.builder();
  return inSingle(b, node.tensor("self"), [&](Value x) {
    Value y = b.make<Op>(x);
    return b.make<graph::MulOp>(y, b.scalarLike(y, factor));
  });
}

constexpr double kLog2 = 0.693147180559945309417, kLog10 = 2.302585092994045684018, kPi = 3.14159265358979323846;

// 2ˣ; e to the power of x log 2 would have an error that grows with x
static Value exp2(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return inSingle(b, node.tensor("self"), [&](Value x) { return b.make<graph::PowOp>(b.scalarLike(x, 2), x); });
}
static Value log2(NodeReader &node) { return multipleOf<graph::LogOp>(node, 1 / kLog2); }
static Value log10(NodeReader &node) { return multipleOf<graph::LogOp>(node, 1 / kLog10); }

static Value rsqrt(NodeReader &node) {
  return node.builder().make<graph::ReciprocalOp>(node.builder().make<graph::SqrtOp>(floats(node)));
}

static Value square(NodeReader &node) {
  Value x = node.tensor("self");
  return node.builder().make<graph::MulOp>(x, x);
}

// expm1(x) = elu(x) where x < 0, else e^x - 1; elu has what cancels near 0
static Value expm1Of(GraphBuilder &b, Value x) {
  Value zero = b.scalarLike(x, 0);
  Value negative = b.make<graph::EluOp>(x, llvm::APFloat(1.0));
  // e^x - 1 = -e^x · (e^-x - 1)
  Value mirrored = b.make<graph::EluOp>(b.make<graph::NegOp>(x), llvm::APFloat(1.0));
  Value positive = b.make<graph::NegOp>(b.make<graph::MulOp>(b.make<graph::ExpOp>(x), mirrored));
  Value isLarge = b.make<graph::GreaterOp>(x, b.scalarLike(x, 40)); // where e^-x - 1 is -1, and e^x may be ∞
  positive = b.make<graph::SelectOp>(isLarge, b.make<graph::ExpOp>(x), positive);
  return b.make<graph::SelectOp>(b.make<graph::GreaterOp>(x, zero), positive, negative);
}

// log1p(x) = log(u) · x / (u - 1), u = 1 + x, which has what rounding takes from u (Kahan; Higham 2002, 1.14.1)
static Value log1pOf(GraphBuilder &b, Value x) {
  Value one = b.scalarLike(x, 1), u = b.make<graph::AddOp>(x, one);
  Value rest = b.make<graph::SubOp>(u, one), log = b.make<graph::LogOp>(u);
  Value corrected = b.make<graph::MulOp>(log, b.make<graph::DivOp>(x, rest));
  Value isSmall = b.make<graph::EqualOp>(u, one), isInfinite = b.make<graph::EqualOp>(u, b.scalarLike(x, HUGE_VAL));
  return b.make<graph::SelectOp>(isSmall, x, b.make<graph::SelectOp>(isInfinite, u, corrected));
}

/// What a formula makes of the operand.
template <Value formula(GraphBuilder &, Value)> static Value ofFormula(NodeReader &node) {
  return inSingle(node.builder(), node.tensor("self"), [&](Value x) { return formula(node.builder(), x); });
}

/// Towards zero.
static Value truncated(GraphBuilder &b, Value x) {
  Value isNegative = b.make<graph::LessOp>(x, b.scalarLike(x, 0));
  return b.make<graph::SelectOp>(isNegative, b.make<graph::CeilOp>(x), b.make<graph::FloorOp>(x));
}

// 0 of NaN, and of -0
static Value sign(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  if (!isa<FloatType>(elementOf(x)))
    return elementOf(x).isInteger(1) ? x : b.make<graph::SignOp>(x);
  Value zero = b.scalarLike(x, 0), isOther = b.make<graph::GreaterOp>(b.make<graph::AbsOp>(x), zero);
  return b.make<graph::SelectOp>(isOther, b.make<graph::SignOp>(x), zero);
}

static Value trunc(NodeReader &node) {
  Value x = node.tensor("self");
  return isa<FloatType>(elementOf(x)) ? truncated(node.builder(), x) : x;
}

static Value frac(NodeReader &node) {
  Value x = floats(node);
  return node.builder().make<graph::SubOp>(x, truncated(node.builder(), x));
}

// logit(x) = log(x / (1 - x)), of x in [eps, 1 - eps]
static Value logit(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const std::optional<double> eps = node.optionalNumber("eps");
  return inSingle(b, node.tensor("self"), [&](Value x) {
    if (eps)
      x = b.make<graph::ClampOp>(x, b.scalarLike(x, *eps), b.scalarLike(x, 1 - *eps));
    return b.make<graph::LogOp>(b.make<graph::DivOp>(x, b.make<graph::SubOp>(b.scalarLike(x, 1), x)));
  });
}

static Value times(NodeReader &node, double factor) {
  GraphBuilder &b = node.builder();
  return inSingle(b, node.tensor("self"), [&](Value x) { return b.make<graph::MulOp>(x, b.scalarLike(x, factor)); });
}
static Value deg2rad(NodeReader &node) { return times(node, kPi / 180); }
static Value rad2deg(NodeReader &node) { return times(node, 180 / kPi); }

static Value logicalNot(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  return elementOf(x).isInteger(1) ? b.make<graph::NotOp>(x) : b.make<graph::EqualOp>(x, b.scalarLike(x, 0));
}

static Value bitwiseNot(NodeReader &node) {
  Value x = node.tensor("self");
  return elementOf(x).isInteger(1) ? node.builder().make<graph::NotOp>(x) : node.builder().make<graph::BitwiseNotOp>(x);
}

static Value isNan(NodeReader &node) { return node.builder().make<graph::IsNanOp>(floats(node)); }

static Value isInf(NodeReader &node) {
  return node.builder().make<graph::IsInfOp>(floats(node), /*positive=*/true, /*negative=*/true);
}

// What is complex is refused before.
static Value isReal(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return b.broadcast(b.scalar(b.builder().getI1Type(), 1.0), extentsOf(node.tensor("self")));
}

static Value isFinite(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = floats(node);
  return b.make<graph::EqualOp>(b.make<graph::SubOp>(x, x), b.scalarLike(x, 0)); // ∞ - ∞ and NaN are NaN
}

static Value nanToNum(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  auto type = dyn_cast<FloatType>(elementOf(x));
  if (!type)
    return x;
  double largest = llvm::APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
  double nan = node.optionalNumber("nan").value_or(0);
  double high = node.optionalNumber("posinf").value_or(largest), low = node.optionalNumber("neginf").value_or(-largest);
  auto where = [&](Value condition, double number, Value otherwise) {
    return b.make<graph::SelectOp>(condition, b.scalarLike(x, number), otherwise);
  };
  Value result = where(b.make<graph::IsInfOp>(x, true, false), high, x);
  result = where(b.make<graph::IsInfOp>(x, false, true), low, result);
  return where(b.make<graph::IsNanOp>(x), nan, result);
}

static constexpr Operator kOperators[] = {
    {"aten.abs.default", any<graph::AbsOp>},
    {"aten.acos.default", floating<graph::AcosOp>},
    {"aten.acosh.default", floating<graph::AcoshOp>},
    {"aten.asin.default", floating<graph::AsinOp>},
    {"aten.asinh.default", floating<graph::AsinhOp>},
    {"aten.atan.default", floating<graph::AtanOp>},
    {"aten.atanh.default", floating<graph::AtanhOp>},
    {"aten.bitwise_not.default", bitwiseNot},
    {"aten.ceil.default", rounded<graph::CeilOp>},
    {"aten.cos.default", floating<graph::CosOp>},
    {"aten.cosh.default", floating<graph::CoshOp>},
    {"aten.deg2rad.default", deg2rad},
    {"aten.erf.default", floating<graph::ErfOp>},
    {"aten.exp.default", floating<graph::ExpOp>},
    {"aten.exp2.default", exp2},
    {"aten.expm1.default", ofFormula<expm1Of>},
    {"aten.floor.default", rounded<graph::FloorOp>},
    {"aten.frac.default", frac},
    {"aten.isfinite.default", isFinite},
    {"aten.isinf.default", isInf},
    {"aten.isnan.default", isNan},
    {"aten.isreal.default", isReal},
    {"aten.log.default", floating<graph::LogOp>},
    {"aten.log10.default", log10},
    {"aten.log1p.default", ofFormula<log1pOf>},
    {"aten.log2.default", log2},
    {"aten.logical_not.default", logicalNot},
    {"aten.logit.default", logit},
    {"aten.nan_to_num.default", nanToNum},
    {"aten.neg.default", any<graph::NegOp>},
    {"aten.rad2deg.default", rad2deg},
    {"aten.reciprocal.default", floating<graph::ReciprocalOp>},
    {"aten.round.default", rounded<graph::RoundOp>},
    {"aten.rsqrt.default", rsqrt},
    {"aten.sgn.default", sign},
    {"aten.sigmoid.default", floating<graph::SigmoidOp>},
    {"aten.sign.default", sign},
    {"aten.sin.default", floating<graph::SinOp>},
    {"aten.sinh.default", floating<graph::SinhOp>},
    {"aten.sqrt.default", floating<graph::SqrtOp>},
    {"aten.square.default", square},
    {"aten.tan.default", floating<graph::TanOp>},
    {"aten.tanh.default", floating<graph::TanhOp>},
    {"aten.trunc.default", trunc},
};

ArrayRef<Operator> unaryOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

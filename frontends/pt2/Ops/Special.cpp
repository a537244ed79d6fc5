// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of mathematics that have formulas: the gamma function and its kin, signs and neighbours of floats, and what
// has to do with divisors.

#include "frontends/pt2/Ops/Math.h"
#include "frontends/pt2/Ops/Series.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

constexpr double kPi = 3.14159265358979323846, kLog2 = 0.693147180559945309417;

/// The operand as floats.
static Value floats(NodeReader &node) {
  Value x = node.tensor("self");
  return node.builder().cast(x, floatOf(elementOf(x)));
}

/// πx without what is whole of x, from -π/2 to π/2: of an x that is all but 0 it keeps the digits.
static Value piOfRest(const Math &m, Value x) { return m.mul(m.sub(x, m.round(x)), kPi); }

// log Γ(x): Stirling's series from 8 on, Γ(x) = Γ(x + 8) / (x (x + 1) … (x + 7)) below, and Γ(x) Γ(1 - x) = π / sin(πx)
// below 1/2 (NIST Handbook of Mathematical Functions, 5.5 and 5.11)
static Value logGammaOf(const Math &m, Value given) {
  constexpr double kTerms[] = {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360};
  constexpr double kHalfLog2Pi = 0.918938533204672741780;
  Value isLow = m.less(given, 0.5), x = m.where(isLow, m.sub(1, given), given);
  Value isSmall = m.less(x, 8), bounded = m.min(x, 8), product = bounded;
  for (int more = 1; more < 8; ++more)
    product = m.mul(product, m.add(bounded, more));
  Value z = m.where(isSmall, m.add(x, 8), x), inverse = m.div(1, z), square = m.mul(inverse, inverse);
  Value series = m.number(z, 0);
  for (double term : llvm::reverse(kTerms))
    series = m.add(m.mul(series, square), term);
  Value result = m.add(m.sub(m.mul(m.add(z, -0.5), m.log(z)), z), kHalfLog2Pi);
  result = m.add(result, m.mul(series, inverse));
  result = m.where(isSmall, m.sub(result, m.log(product)), result);
  Value mirrored = m.sub(m.log(m.div(kPi, m.abs(m.b.make<graph::SinOp>(piOfRest(m, given))))), result);
  result = m.where(isLow, mirrored, result);
  return m.where(m.isInf(given), HUGE_VAL, result);
}
static Value logGamma(NodeReader &node) { return inDouble(node, logGammaOf); }

// ψ(x): log x - 1 / 2x - Σ from 8 on, ψ(x) = ψ(x + 8) - 1 / x - … - 1 / (x + 7) below, ψ(1 - x) - π cot(πx) below 0
static Value diGammaOf(const Math &m, Value given) {
  constexpr double kTerms[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760};
  Value isLow = m.less(given, 0), x = m.where(isLow, m.sub(1, given), given), isSmall = m.less(x, 8);
  Value bounded = m.min(x, 8), sum = m.div(1, bounded);
  for (int more = 1; more < 8; ++more)
    sum = m.add(sum, m.div(1, m.add(bounded, more)));
  Value z = m.where(isSmall, m.add(x, 8), x), inverse = m.div(1, z), square = m.mul(inverse, inverse);
  Value series = m.number(z, 0);
  for (double term : llvm::reverse(kTerms))
    series = m.mul(m.add(series, term), square);
  Value result = m.sub(m.sub(m.log(z), m.mul(inverse, 0.5)), series);
  result = m.where(isSmall, m.sub(result, sum), result);
  Value rest = piOfRest(m, given);
  Value cotangent = m.div(m.b.make<graph::CosOp>(rest), m.b.make<graph::SinOp>(rest));
  Value mirrored = m.where(m.equal(rest, 0), NAN, m.sub(result, m.mul(cotangent, kPi)));
  return m.where(isLow, mirrored, m.where(m.equal(given, 0), m.div(-1, given), result)); // of -0 it is infinity
}
static Value diGamma(NodeReader &node) { return inDouble(node, diGammaOf); }

// ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x); ψ'(x) = π² / sin²(πx) - ψ'(1 - x) below 1/2. Others below 0 are NaN.
static Value polyGamma(NodeReader &node) {
  constexpr int64_t kHighest = 170; // of which n! is a number
  const int64_t order = node.integer("n");
  if (order < 0 || order > kHighest)
    unsupported("is of order " + Twine(order));
  return inDouble(node, [&](const Math &m, Value x) {
    if (order == 0)
      return diGammaOf(m, x);
    const auto n = static_cast<double>(order);
    if (order > 1)
      return m.mul(hurwitzZeta(m, m.number(x, n + 1), x), (order % 2 ? 1 : -1) * std::tgamma(n + 1));
    Value isLow = m.less(x, 0.5), result = hurwitzZeta(m, m.number(x, 2), m.where(isLow, m.sub(1, x), x));
    Value sine = m.b.make<graph::SinOp>(piOfRest(m, x));
    return m.where(isLow, m.sub(m.div(kPi * kPi, m.mul(sine, sine)), result), result);
  });
}

// The inverse of erf: a first guess (Winitzki 2008), and Newton's steps
static Value inverseErfOf(const Math &m, Value x) {
  constexpr double kA = 0.147;
  const double slope = 2 / std::sqrt(kPi);
  Value log = m.log(m.sub(1, m.mul(x, x))), part = m.add(m.mul(log, 0.5), 2 / (kPi * kA));
  Value size = m.sqrt(m.max(m.sub(m.sqrt(m.sub(m.mul(part, part), m.div(log, kA))), part), 0));
  Value y = m.where(m.less(x, 0), m.neg(size), size);
  for (int step = 0; step < 4; ++step) {
    Value error = m.sub(m.b.make<graph::ErfOp>(y), x);
    Value by = m.mul(m.exp(m.neg(m.mul(y, y))), slope);
    y = m.sub(y, m.where(m.equal(by, 0), 0, m.div(error, by)));
  }
  Value isEnd = m.equal(m.abs(x), 1);
  return m.where(isEnd, m.where(m.less(x, 0), m.number(x, -HUGE_VAL), m.number(x, HUGE_VAL)), y);
}
static Value inverseErf(NodeReader &node) { return inDouble(node, inverseErfOf); }

// sin(πx) / (πx), 1 at 0
static Value sinc(NodeReader &node) {
  return inSingle(node.builder(), node.tensor("self"), [&](Value given) {
    Math m(node.builder());
    Value x = m.mul(given, kPi);
    return m.where(m.equal(x, 0), 1, m.div(m.b.make<graph::SinOp>(x), x));
  });
}

// -x log x
static Value entropy(NodeReader &node) {
  Math m(node.builder());
  Value x = floats(node), result = m.neg(m.mul(x, m.log(x)));
  return m.where(m.equal(x, 0), 0, m.where(m.less(x, 0), -HUGE_VAL, result));
}

// erfc(x) = e^(-x²) g(x) / (1 + 2x) of x >= 0, g a polynomial of (x - 3.75) / (x + 3.75), as that has it (Shepherd and
// Laframboise, Mathematics of Computation 36, 1981), here of degree 25: the terms of g's series of Chebyshev
// polynomials beyond are below 1e-16. erfc(-x) = 2 - erfc(x)
static Value complementOfErf(const Math &m, Value given) {
  constexpr double kTerms[] = {
      1.2375126308378275,     -0.14024059858554702,   0.0035854154854644293,   0.08227673849015102,
      -0.10880393014174886,   0.09230432116019834,    -0.05869339858963677,    0.0283622774215156,
      -0.009746579558029276,  0.0017556258324217529,  0.0002937136655913448,   -0.00029015397928986765,
      5.164909889268241e-05,  2.2383912036550678e-05, -1.1444146237700524e-05, -9.72849582211122e-07,
      1.751637648849062e-06,  -5.826281078800777e-08, -2.5866850716155884e-07, 2.4289762925488707e-08,
      3.8675334242222354e-08, -4.389284159986328e-09, -5.1739902140113095e-09, 5.457157304704688e-10,
      4.2514714447963895e-10, -3.75315827795962e-11};
  constexpr double kMiddle = 3.75, kZero = 28; // where e^(-x²) is 0
  Value x = m.min(m.abs(given), kZero), at = m.div(m.add(x, -kMiddle), m.add(x, kMiddle)), g = m.number(at, 0);
  for (double term : llvm::reverse(kTerms))
    g = m.add(m.mul(g, at), term);
  Value result = m.mul(m.div(g, m.add(m.mul(x, 2), 1)), m.exp(m.neg(m.mul(x, x))));
  return m.where(m.less(given, 0), m.sub(2, result), result);
}
static Value erfc(NodeReader &node) { return inDouble(node, complementOfErf); }

// erfc(-x / √2) / 2
static Value normalDistribution(NodeReader &node) {
  return inDouble(node,
                  [](const Math &m, Value x) { return m.mul(complementOfErf(m, m.mul(x, -std::sqrt(0.5))), 0.5); });
}

// x log(1 + y), 0 where x is
static Value xLog1pY(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Operands given = readFloats(node);
  Type wide = b.builder().getF64Type(); // 1 + y keeps the digits of an f32
  Value product = m.mul(b.cast(given.lhs, wide), m.log(m.add(b.cast(given.rhs, wide), 1)));
  product = b.cast(product, given.type);
  return m.where(m.isNan(given.rhs), product, m.where(m.equal(given.lhs, 0), 0, product));
}

// log2(2ᵃ + 2ᵇ)
static Value logAddExp2(NodeReader &node) {
  Math m(node.builder());
  Operands given = readFloats(node);
  Value most = m.max(given.lhs, given.rhs), apart = m.neg(m.abs(m.sub(given.lhs, given.rhs)));
  Value sum = m.add(most, m.div(m.softplus(m.mul(apart, kLog2)), kLog2));
  return m.where(m.isInf(most), most, sum);
}

// x 2ᵉ in f64, of an f64 in steps none of whose powers is ∞ or 0
static Value loadExponent(NodeReader &node) {
  Operands given = readFloats(node);
  Math m(node.builder());
  Type wide = m.b.builder().getF64Type();
  constexpr double kStep = 700, kSteps = 3; // together beyond the 2098 from the greatest f64 to the least
  Value x = m.b.cast(given.lhs, wide), left = m.b.cast(given.rhs, wide);
  left = m.min(m.max(left, -kStep * kSteps), kStep * kSteps);
  for (int step = 0; step < kSteps; ++step) {
    Value by = m.min(m.max(left, -kStep), kStep);
    x = m.mul(x, combine<graph::PowOp>(m.b, m.number(by, 2), by));
    left = m.sub(left, by);
  }
  return m.b.cast(x, given.type);
}

static Value floatPower(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Type wide = b.builder().getF64Type();
  return combine<graph::PowOp>(b, operandAs(node, "self", wide), operandAs(node, "exponent", wide));
}

static Value roundedTo(NodeReader &node) {
  Math m(node.builder());
  Value x = node.tensor("self");
  const int64_t decimals = node.integer("decimals");
  constexpr int64_t kMostDecimals = 300;
  if (std::abs(decimals) > kMostDecimals)
    unsupported("rounds to " + Twine(decimals) + " decimals");
  if (!isa<FloatType>(elementOf(x)))
    return x;
  const double power = std::pow(10.0, static_cast<double>(std::abs(decimals)));
  if (decimals == 0)
    return m.round(x);
  return decimals > 0 ? m.div(m.round(m.mul(x, power)), power) : m.mul(m.round(m.div(x, power)), power);
}

// values where x is 0, else whether it is above, which NaN is not
static Value heaviside(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "values");
  Value step = m.b.cast(m.less(m.number(given.lhs, 0), given.lhs), given.type);
  return m.where(m.equal(given.lhs, 0), given.rhs, step);
}

// Signs and neighbours.

/// The bits of floats as integers.
static Value bitsOf(GraphBuilder &b, Value x) {
  Type type = b.builder().getIntegerType(elementOf(x).getIntOrFloatBitWidth());
  return b.makeAs<graph::BitCastOp>(checkedType(extentsOf(x), type), x);
}

/// Whether the sign's bit is set: of -0 it is.
static Value isNegative(const Math &m, Value x) { return m.less(isa<FloatType>(elementOf(x)) ? bitsOf(m.b, x) : x, 0); }
static Value signBit(NodeReader &node) {
  Value x = node.tensor("self");
  if (elementOf(x).isInteger(1) || elementOf(x).isUnsignedInteger())
    return node.builder().broadcast(node.builder().scalar(node.builder().builder().getI1Type(), 0.0), extentsOf(x));
  return isNegative(Math(node.builder()), x);
}

static Value copySign(NodeReader &node) {
  Math m(node.builder());
  Operands given = readFloats(node);
  Value size = m.abs(given.lhs);
  return m.where(isNegative(m, given.rhs), m.neg(size), size);
}

/// The next float towards another: one more or less of the bits as a number.
static Value nextAfter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Operands given = readFloats(node);
  Value x = given.lhs, y = given.rhs, shape = m.add(x, y);
  x = b.broadcast(x, extentsOf(shape));
  y = b.broadcast(y, extentsOf(shape));
  Value bits = bitsOf(b, x), one = m.number(bits, 1), zero = m.number(x, 0);
  Value goesUp = m.less(x, y), isPositive = m.less(zero, x);
  Value away = m.equal(b.cast(goesUp, elementOf(bits)), b.cast(isPositive, elementOf(bits)));
  Value moved = m.where(away, m.add(bits, one), m.sub(bits, one));
  Value fromZero = m.where(
      goesUp, one, m.add(b.makeAs<graph::BitCastOp>(checkedType(Extents(), elementOf(bits)), m.number(x, -0.0)), one));
  moved = m.where(m.equal(x, 0), fromZero, moved);
  Value result = b.makeAs<graph::BitCastOp>(checkedType(extentsOf(shape), elementOf(x)), moved);
  result = m.where(m.equal(x, y), y, result);
  return m.where(m.either(m.isNan(x), m.isNan(y)), NAN, result);
}

/// x = mantissa · 2ᵉ, 1/2 <= |mantissa| < 1: of 0, infinity and NaN it is x, and e is 0.
static Values mantissaAndExponent(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value given = node.tensor("self");
  if (!isa<FloatType>(elementOf(given)))
    malformed("takes floats, not " + inWords(elementOf(given)));
  const bool isWide = elementOf(given).isF64();
  const int stored = isWide ? DBL_MANT_DIG - 1 : FLT_MANT_DIG - 1, bias = isWide ? DBL_MAX_EXP : FLT_MAX_EXP;
  Value x = isWide ? given : b.cast(given, b.builder().getF32Type());
  // Denormal numbers become normal ones.
  const double raised = std::ldexp(1.0, stored + 1);
  Value isSmall = m.less(m.abs(x), isWide ? DBL_MIN : FLT_MIN);
  Value bits = bitsOf(b, m.where(isSmall, m.mul(x, raised), x));
  const uint64_t exponentBits = (uint64_t(2) * bias - 1) << stored, half = uint64_t(bias - 2) << stored;
  auto integer = [&](uint64_t number) { return b.scalar(elementOf(bits), graph::Scalar::ofUnsigned(number)); };
  Value stands = combine<graph::AndOp>(b, bits, integer(exponentBits));
  Value exponent = combine<graph::ShiftRightOp>(b, stands, integer(stored));
  exponent = m.sub(exponent, m.where(isSmall, integer(bias - 1 + stored), integer(bias - 2)));
  Value mantissa = combine<graph::OrOp>(b, m.sub(bits, stands), integer(half));
  mantissa = b.makeAs<graph::BitCastOp>(checkedType(extentsOf(x), elementOf(x)), mantissa);
  Value isItself = m.either(m.either(m.equal(x, 0), m.isInf(x)), m.isNan(x));
  return {b.cast(m.where(isItself, x, mantissa), elementOf(given)),
          b.cast(m.where(isItself, 0, exponent), b.builder().getI32Type())};
}

static Value angle(NodeReader &node) {
  Math m(node.builder());
  Value x = floats(node);
  return m.where(m.isNan(x), x, m.where(m.less(x, 0), m.number(x, kPi), m.number(x, 0)));
}

template <bool isHigh> static Value isInfinite(NodeReader &node) {
  return node.builder().make<graph::IsInfOp>(floats(node), isHigh, !isHigh);
}

/// The same bytes as another type of as many.
static Value viewedAs(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  std::optional<Type> type = node.optionalType("dtype");
  if (!type)
    malformed("lacks its argument 'dtype'");
  auto bytes = [](Type of) { return of.isInteger(1) ? 8 : of.getIntOrFloatBitWidth(); };
  if (bytes(*type) != bytes(elementOf(x)) || type->isInteger(1) || elementOf(x).isInteger(1))
    unsupported("takes the bytes of " + inWords(elementOf(x)) + " for " + inWords(*type));
  return *type == elementOf(x) ? x : b.makeAs<graph::BitCastOp>(checkedType(extentsOf(x), *type), x);
}

static Value itself(NodeReader &node) { return node.tensor("self"); }

// |a - b| <= atol + rtol |b|, or both equal
static Value isClose(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node);
  const double relative = node.number("rtol"), absolute = node.number("atol");
  Value isEqual = m.equal(given.lhs, given.rhs);
  if (!isa<FloatType>(given.type))
    return isEqual;
  Value apart = m.abs(m.sub(given.lhs, given.rhs)), most = m.add(m.mul(m.abs(given.rhs), relative), absolute);
  Value isNear = m.both(m.lessEqual(apart, most), m.less(apart, HUGE_VAL));
  Value result = m.either(isEqual, isNear);
  return node.flag("equal_nan") ? m.either(result, m.both(m.isNan(given.lhs), m.isNan(given.rhs))) : result;
}

// Divisors.

/// Euclid's algorithm, of as many steps as Fibonacci numbers of the type need.
static Value greatestDivisor(const Math &m, Value x, Value y) {
  Type type = elementOf(x);
  const unsigned width = type.getIntOrFloatBitWidth();
  const unsigned steps = width * 3 / 2 - 1; // Lamé: log(2^width) / log((1 + √5) / 2)
  Value a = m.abs(x), c = m.abs(y);
  for (unsigned step = 0; step < steps; ++step) {
    Value isDone = m.equal(c, 0), rest = m.b.make<graph::ModOp>(a, m.where(isDone, 1, c), /*fmod=*/true);
    a = m.where(isDone, a, c);
    c = m.where(isDone, 0, rest);
  }
  return a;
}
static Operands wholeOperands(NodeReader &node) {
  Operands given = readOperands(node);
  matchDims(node.builder(), given.lhs, given.rhs);
  if (isa<FloatType>(given.type) || given.type.isInteger(1))
    malformed("takes divisors of " + inWords(given.type));
  return given;
}
static Value greatestCommonDivisor(NodeReader &node) {
  Operands given = wholeOperands(node);
  return greatestDivisor(Math(node.builder()), given.lhs, given.rhs);
}
static Value leastCommonMultiple(NodeReader &node) {
  Math m(node.builder());
  Operands given = wholeOperands(node);
  Type type = given.type; // C++ multiplies narrow integers as ints, whose size's low bits are the result
  if (type.getIntOrFloatBitWidth() < 32)
    for (Value *each : {&given.lhs, &given.rhs})
      *each = m.b.cast(*each, m.b.builder().getI32Type());
  Value divisor = greatestDivisor(m, given.lhs, given.rhs);
  return m.b.cast(m.abs(m.mul(m.div(given.lhs, m.max(divisor, 1)), given.rhs)), type);
}

static constexpr Operator kOperators[] = {
    {"aten.angle.default", angle},
    {"aten.copysign.Scalar", copySign},
    {"aten.copysign.Tensor", copySign},
    {"aten.digamma.default", diGamma},
    {"aten.erfinv.default", inverseErf},
    {"aten.erfc.default", erfc},
    {"aten.float_power.Scalar", floatPower},
    {"aten.float_power.Tensor_Scalar", floatPower},
    {"aten.float_power.Tensor_Tensor", floatPower},
    {"aten.frexp.Tensor", mantissaAndExponent},
    {"aten.gcd.default", greatestCommonDivisor},
    {"aten.heaviside.default", heaviside},
    {"aten.isclose.default", isClose},
    {"aten.isneginf.default", isInfinite<false>},
    {"aten.isposinf.default", isInfinite<true>},
    {"aten.lcm.default", leastCommonMultiple},
    {"aten.ldexp.Tensor", loadExponent},
    {"aten.lgamma.default", logGamma},
    {"aten.logaddexp2.default", logAddExp2},
    {"aten.nextafter.default", nextAfter},
    {"aten.polygamma.default", polyGamma},
    {"aten.positive.default", itself},
    {"aten.real.default", itself},
    {"aten.round.decimals", roundedTo},
    {"aten.signbit.default", signBit},
    {"aten.sinc.default", sinc},
    {"aten.special_entr.default", entropy},
    {"aten.special_ndtr.default", normalDistribution},
    {"aten.special_xlog1py.default", xLog1pY},
    {"aten.view.dtype", viewedAs},
};

ArrayRef<Operator> specialOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// graph.pow: floats and integers to the power of either.

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Elementwise.h"
#include "dialects/Graph/Ops/MathFunctions.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace smelt::graph {

/// a^n in wrapping arithmetic; for negative n, 1 / a^|n| truncated, and 0 of 0.
static uint64_t integerPower(uint64_t a, bool isNegative, uint64_t n) {
  if (isNegative && a != 1 && a != ~uint64_t(0))
    return 0;
  uint64_t result = 1;
  for (uint64_t square = a; n != 0; n >>= 1, square *= square)
    if (n & 1)
      result *= square;
  return result;
}

/// As above. The exponent may be of another integer type.
static Expr integerPower(Expr a, Expr exponent) {
  Expr isNegative = exponent < exponent.integer(0);
  Expr start = exponent.isUnsigned() ? exponent : select(isNegative, -exponent, exponent);
  auto isLeft = [](ArrayRef<Expr> state) { return state[2] != state[2].integer(0); };
  auto step = [](ArrayRef<Expr> state) -> SmallVector<Expr> {
    Expr result = state[0], square = state[1], n = state[2];
    Expr isOdd = (n & n.integer(1)) != n.integer(0);
    return {select(isOdd, result * square, result), square * square, shiftRightUnsigned(n, 1)};
  };
  Expr result = repeatWhile({a.integer(1), a, start}, isLeft, step).front();
  if (exponent.isUnsigned())
    return result;
  Expr isUnit = a == a.integer(1);
  if (!a.isUnsigned())
    isUnit = isUnit | (a == a.integer(-1));
  return select(isNegative & !isUnit, a.integer(0), result);
}

/// x^y for the exponents that models are full of, without a logarithm; nothing for others.
static std::optional<Expr> constantPower(Expr x, double y) {
  if (y == 0)
    return x.real(1);
  if (y == 1)
    return x;
  if (y == 2)
    return x * x;
  if (y == 3)
    return x * x * x;
  if (y == -1)
    return 1.0 / x;
  if (y == 0.5) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return select(x == -kInfinity, kInfinity, sqrt(x) + 0.0); // unlike the root, +0 of -0
  }
  return std::nullopt;
}

FailureOr<Scalar> PowOp::evaluateScalar(ArrayRef<Scalar> operands) {
  Scalar a = operands[0], b = operands[1];
  if (!a.isFloat() && !b.isFloat()) {
    bool isNegative = b.isSigned() && b.asSigned() < 0;
    uint64_t power = integerPower(a.asUnsigned(), isNegative, isNegative ? -b.asUnsigned() : b.asUnsigned());
    return Scalar::ofUnsigned(power);
  }
  Scalar power = Scalar::ofFloat(std::pow(a.asFloat(), b.asFloat()));
  if (a.isFloat())
    return power;
  return a.isSigned() ? Scalar::ofSigned(power.asSigned()) : Scalar::ofUnsigned(power.asUnsigned());
}

Value PowOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  Type element = elementOf(getLhs());
  if (isa<FloatType>(element))
    return emitFormula(*this, builder, operands, Domain::Floats, [&](Expr a, Expr b) {
      std::optional<HostTensor> exponent = constantOf(getRhs());
      if (exponent && exponent->size() == 1)
        if (std::optional<Expr> power = constantPower(a, exponent->get(0).asFloat()))
          return *power;
      return pow(a, castTo(b, a.element()));
    });
  return emitFormula(*this, builder, operands, Domain::Integers, [&](Expr a, Expr b) {
    if (!b.isFloat())
      return integerPower(a, b);
    Type f64 = builder.getF64Type();
    Expr number = castTo(b, f64);
    Expr whole = integerPower(a, castTo(number, builder.getI32Type()));
    return select(floor(number) == number, whole, castTo(pow(castTo(a, f64), number), element));
  });
}

} // namespace smelt::graph

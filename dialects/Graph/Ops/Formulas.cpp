// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Formulas.h"
#include "dialects/Graph/Ops/FloatParts.h"
#include <limits>

namespace smelt::graph::formula {

// The processor traps where b is 0, and where the quotient overflows.
Expr quotient(Expr a, Expr b) {
  if (a.isFloat())
    return a / b;
  Expr zero = b.integer(0), one = b.integer(1);
  Expr isZero = b == zero;
  if (a.isUnsigned())
    return select(isZero, zero, a / select(isZero, one, b));
  Expr isMinusOne = b == b.integer(-1);
  Expr result = select(isMinusOne, -a, a / select(isZero | isMinusOne, one, b));
  return select(isZero, zero, result);
}

Expr absolute(Expr x) {
  if (x.isFloat())
    return abs(x);
  return x.isUnsigned() ? x : select(x < x.integer(0), -x, x);
}

Expr sign(Expr x) {
  Expr zero = x.number(0);
  Expr unlessPositive = x.isUnsigned() ? x : select(x < zero, x.number(-1), x);
  return select(x > zero, x.number(1), unlessPositive);
}

Expr larger(Expr a, Expr b) { return a.isFloat() ? maximum(a, b) : select(a > b, a, b); }
Expr smaller(Expr a, Expr b) { return a.isFloat() ? minimum(a, b) : select(a < b, a, b); }

// In this order of operands each is one instruction on x86, and passes NaN on.
Expr bounded(Expr x, Expr low, Expr high) {
  x = select(low > x, low, x);
  return select(high < x, high, x);
}
Expr relu(Expr x) { return select(x.number(0) > x, x.number(0), x); }

Expr leaky(Expr x, Expr slope) { return select(x < x.number(0), x * slope, x); }

Expr isInfinite(Expr x, bool positive, bool negative) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Expr isPositive = x == (positive ? kInfinity : std::numeric_limits<double>::quiet_NaN());
  return negative ? isPositive | (x == -kInfinity) : isPositive;
}

// With e^-|x| nothing overflows, and small results keep their digits. What would be no normal number is 0, since those
// take some processors a hundred cycles.
Expr sigmoid(Expr x) {
  Expr least = x.real(isF64(x) ? -708.39 : -87.33), a = -abs(x);
  Expr e = exp(select(least > a, least, a));
  return select(x < least, 0.0, select(x < 0.0, e, 1.0)) / (e + 1.0);
}

// tanh(ln(1 + e)) = n / (n + 2), n = e (e + 2); 1 in f32 from x = 10 on.
Expr mish(Expr x) {
  Expr e = exp(select(x.real(20) < x, 20.0, x));
  Expr n = e * (e + 2.0);
  return x * (n / (n + 2.0));
}

// (1 + tanh u) / 2 = sigmoid 2u
Expr geluByTanh(Expr x) { return x * sigmoid(x * fma(x * x, 2 * kGeluScale * kGeluCubic, x.real(2 * kGeluScale))); }

} // namespace smelt::graph::formula

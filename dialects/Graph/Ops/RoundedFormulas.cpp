// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/RoundedFormulas.h"
#include "dialects/Graph/Ops/FloatParts.h"

namespace smelt::graph {

// x Φ(x) = max(x, 0) - a Φ(-a), a = |x|, and a Φ(-a) = -a p(a) on [0, 4], beyond which it is 0; p: least maximum of the
// error in a p(a), 0 at 4.
Expr roundedGelu(Expr x) {
  constexpr double kEnd = 4;
  Expr a = abs(x);
  a = select(a < kEnd, a, kEnd);
  Expr p = polynomial(
      a, {-0.500637884, 0.391533655, 0.0416156916, -0.139045844, 0.0572019442, -0.00985084159, 0.000637487858});
  return fma(a, p, select(x < 0.0, 0.0, x)); // NaN stays
}

// e^x = 2^n 2^f, |f| ≤ 1/2; p(f): least maximum of the relative error. The bits of 2^-127 as a normal number are those
// of 0.
Expr roundedExp(Expr x) {
  constexpr double kLog2E = 0x1.71547652b82fep0, kLeast = -127;
  Expr y = x * kLog2E;
  y = select(y < kLeast, kLeast, y); // NaN stays
  Rounded n = roundSmall(y);
  return polynomial(y - n.number, {0.999928067, 0.693260988, 0.242611226, 0.0551717104}) * powerOfTwo(n.integer);
}

} // namespace smelt::graph

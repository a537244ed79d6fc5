// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/RoundedFormulas.h"
#include "dialects/Graph/Ops/FloatParts.h"

namespace smelt::graph {

// Φ(x) = 1/2 + x p(x²) on [-4, 4], beyond which it is 0 or 1; p: least maximum of the error in x · Φ(x).
Expr roundedGelu(Expr x) {
  constexpr double kEnd = 4;
  Expr inside = select(x > -kEnd, x, -kEnd);
  inside = select(inside < kEnd, inside, kEnd);
  Expr p = polynomial(inside * inside, {0.397883157, -0.0645728643, 0.0087722798, -0.00081399319, 4.79531921e-05,
                                        -1.59848262e-06, 2.27790368e-08});
  Expr share = fma(inside, p, x.real(0.5));
  return x * select(share > 0.0, share, 0.0);
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

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/RoundedFormulas.h"

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

} // namespace smelt::graph

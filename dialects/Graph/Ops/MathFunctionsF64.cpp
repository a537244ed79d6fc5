// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Logarithm and error function of f64: series, or interpolation in Chebyshev points, on ranges so small that
// they end where f64 does.

#include "dialects/Graph/Ops/FloatParts.h"
#include "dialects/Graph/Ops/MathFunctions.h"
#include <limits>

using namespace mlir;

namespace smelt::graph {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLn2High = 0x1.62e42feep-1; // a product with 20 bits is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

SmallVector<double> inverseOdds(int first, int count) {
  SmallVector<double> result;
  for (int k = 0; k < count; ++k)
    result.push_back(1.0 / (first + 2 * k));
  return result;
}

// ln x = e ln 2 + ln m, m in [√½, √2); ln m = 2 artanh s = 2 (s + s³ / 3 + s⁵ / 5 + …), s = (m - 1) / (m + 1)
Expr logOfF64(Expr x) {
  auto [m, e] = splitMantissa(x);
  Expr f = m - 1.0, s = f / (f + 2.0), square = s * s;
  constexpr int kTerms = 10; // 0.172^22 / 23 < 2^-60
  // 2 s = f - s f, which keeps the digits of f.
  Expr tail = square * polynomial(square, inverseOdds(3, kTerms)) * 2.0;
  Expr low = fma(e, kLn2Low, s * (tail - f));
  Expr result = fma(e, kLn2High, f + low);
  result = select(x < kInfinity, result, x); // NaN too
  result = select(x == 0.0, -kInfinity, result);
  return select(x < 0.0, kNaN, result);
}

// Below 1: x + x r(x²). From there on: 1 - e^(-x² - q(x)), q = -ln erfc x - x² over [1, 6].
Expr erfOfF64(Expr x) {
  Expr a = clamp(abs(x), 0, 6); // 1 from 5.93 on
  Expr near = fma(
      a,
      polynomial(a * a, {0.1283791670955126, -0.37612638903183754, 0.11283791670955126, -0.026866170645131218,
                         0.005223977625441674, -0.0008548327023403001, 0.00012055332978879483, -1.4925650236967501e-05,
                         1.6462110782018636e-06, -1.636576864883207e-07, 1.4806027146128752e-08,
                         -1.2277734486795524e-09, 9.323723518153027e-11, -6.1967364287877e-12, 2.8067128195611264e-13}),
      a);
  Expr u = (a - 3.5) * 0.4; // in [-1, 1], where powers do not get large
  Expr q =
      polynomial(u, {1.862437402148174,      0.6652489709129772,      -0.20779340786114012,    0.0816509097178122,
                     -0.034128411075984806,  0.014384548330034056,    -0.005953704546707301,   0.0023739972871857783,
                     -0.000893575902216765,  0.00030781949005153524,  -9.090481707720762e-05,  1.8474935013349413e-05,
                     1.4917592686842429e-06, -4.56748228287393e-06,   3.387990651103627e-06,   -1.914247497267893e-06,
                     9.678311639437117e-07,  -3.9018039170275555e-07, 7.64411331566818e-08,    -2.0037511430812822e-08,
                     3.763040107372945e-08,  -4.239998243092615e-09,  -1.8019347257583866e-08, 7.159677424539575e-09});
  Expr far = 1.0 - exp(-fma(a, a, q));
  return copySign(select(a < 1.0, near, far), x);
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions of f64: plain series on ranges so small that they end where f64 does.

#include "dialects/Graph/Ops/MathFunctions.h"
#include <limits>

using namespace mlir;

namespace smelt::graph {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLog2E = 0x1.71547652b82fep0;
constexpr double kLn2High = 0x1.62e42feep-1; // a product with 20 bits is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr int64_t kExponentBias = 1023;
constexpr unsigned kFractionBits = 52;

static Expr powerOfTwo(Expr n) { return shiftLeft(n + n.integer(kExponentBias), kFractionBits).asFloat(); }

// e^x = 2^n e^r, x = n ln 2 + r, |r| ≤ ln 2 / 2
Expr expOfF64(Expr x) {
  constexpr double kRounder = 0x1.8p52; // x + kRounder has no fraction
  constexpr int64_t kRounderBits = 0x4338000000000000;
  x = clamp(x, -746, 710); // 0 and infinity beyond
  Expr rounded = fma(x, kLog2E, x.real(kRounder));
  Expr n = rounded - kRounder, exponent = rounded.asInteger() - x.integer(kRounderBits);
  Expr r = fma(n, -kLn2Low, fma(n, -kLn2High, x));
  constexpr size_t kTerms = 14; // 0.35^14 / 14! < 2^-57
  SmallVector<double> inverseFactorials{1};
  for (size_t k = 1; k < kTerms; ++k)
    inverseFactorials.push_back(inverseFactorials.back() / static_cast<double>(k));
  // In two steps, so that subnormal results and those just below overflow are right.
  Expr half = shiftRightSigned(exponent, 1);
  return polynomial(r, inverseFactorials) * powerOfTwo(half) * powerOfTwo(exponent - half);
}

// ln x = e ln 2 + ln m, m in [√½, √2); ln m = 2 artanh s = 2 (s + s³ / 3 + s⁵ / 5 + …), s = (m - 1) / (m + 1)
Expr logOfF64(Expr x) {
  constexpr int64_t kSqrtHalfBits = 0x3fe6a09e667f3bcd;
  Expr subnormal = x < 0x1p-1022;
  Expr bits = select(subnormal, x * 0x1p52, x).asInteger();
  Expr exponent = shiftRightSigned(bits - x.integer(kSqrtHalfBits), kFractionBits);
  Expr m = (bits - shiftLeft(exponent, kFractionBits)).asFloat();
  Expr e = exponent.to<arith::SIToFPOp>(x.element());
  e = select(subnormal, e - 52.0, e);
  Expr f = m - 1.0, s = f / (f + 2.0), square = s * s;
  constexpr int kTerms = 10; // 0.172^22 / 23 < 2^-60
  SmallVector<double> inverseOdds;
  for (int k = 1; k <= kTerms; ++k)
    inverseOdds.push_back(2.0 / (2 * k + 1));
  // 2 s = f - s f, which keeps the digits of f.
  Expr tail = square * polynomial(square, inverseOdds);
  Expr low = fma(e, kLn2Low, s * (tail - f));
  Expr result = fma(e, kLn2High, f + low);
  result = select(x < kInfinity, result, x); // NaN too
  result = select(x == 0.0, -kInfinity, result);
  return select(x < 0.0, kNaN, result);
}

} // namespace smelt::graph

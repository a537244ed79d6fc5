// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the trigonometric functions do with f64 in their own way.

#include "dialects/Graph/Ops/Angles.h"
#include "dialects/Graph/Ops/FloatParts.h"
#include <array>

using namespace mlir;

namespace smelt::graph {

constexpr double kPi = 0x1.921fb54442d18p+1;

Angle reduceSmallOfF64(Expr x) {
  Rounded n = roundSmall(x * 0x1.45f306dc9c883p-1);
  return {n.integer, subtractQuadrants(x, n.number)};
}

/// The upper 64 bits of a product of integers below 2^63 and 2^64, or up to 2 less.
static Expr highProduct(Expr a, Expr b) {
  Expr low = a.integer(0xffffffff), aHigh = shiftRightUnsigned(a, 32), bHigh = shiftRightUnsigned(b, 32);
  return aHigh * bHigh + shiftRightUnsigned((a & low) * bHigh, 32) + shiftRightUnsigned(aHigh * (b & low), 32);
}

// Payne and Hanek: x = m 2^e, m of 53 bits. Of x · 2/π only the last two bits before the point and those behind it are
// wanted, so m meets a window of 128 bits of 2/π that begins at the bit which 2^e moves to weight 2.
Angle reduceLargeOfF64(Expr x) {
  // The binary digits of 2/π behind 64 zeros: bit 0 has weight 2^63.
  static constexpr std::array<uint64_t, 19> kDigits = {
      0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
      0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41,
      0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7,
      0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08};
  constexpr size_t kWindow = 3, kStarts = kDigits.size() - kWindow + 1;
  Expr bits = x.asInteger(), one = x.integer(1);
  Expr biased = shiftRightUnsigned(bits, 52) & x.integer(0x7ff);
  Expr start = biased - x.integer(1013); // e + 62; e = biased - 1075
  Expr word = shiftRightUnsigned(start, 6), shift = start & x.integer(63);
  SmallVector<Expr, kWindow> words;
  for (size_t i = 0; i < kWindow; ++i) {
    Expr digits = x.integer(static_cast<int64_t>(kDigits[i]));
    for (size_t first = 1; first < kStarts; ++first)
      digits = select(word == x.integer(static_cast<int64_t>(first)),
                      x.integer(static_cast<int64_t>(kDigits[first + i])), digits);
    words.push_back(digits);
  }
  SmallVector<Expr, kWindow - 1> window;
  for (size_t i = 0; i + 1 < kWindow; ++i) {
    Expr high = words[i].apply<arith::ShLIOp>(shift);
    // In two steps, as a shift by 64 has no value.
    Expr low = shiftRightUnsigned(words[i + 1], 1).apply<arith::ShRUIOp>(x.integer(63) - shift);
    window.push_back(high | low);
  }
  Expr mantissa = (bits & x.integer(0xfffffffffffff)) | shiftLeft(one, 52);
  Expr sum = mantissa * window[0] + highProduct(mantissa, window[1]); // weight 2 in bit 63

  Expr fraction = shiftLeft(sum, 2); // signed: in [-1/2, 1/2) of a quadrant, in units of 2^-64
  Expr quadrant = shiftRightUnsigned(sum, 62) + shiftRightUnsigned(fraction, 63);
  Expr number = fraction.to<arith::SIToFPOp>(x.element()) * (kPi / 2 * 0x1p-64);
  Expr negative = x < 0.0;
  return {select(negative, -quadrant, quadrant), select(negative, -number, number)};
}

/// Σ (-1)^k r^2k / (first + 2k)! from k = 0 on, as far as |r| ≤ π/4 needs it.
static Expr alternating(Expr square, int first) {
  constexpr int kTerms = 9; // (π/4)^18 / 20! < 2^-67
  SmallVector<double> coefficients;
  double term = 1;
  for (int k = 2; k <= first; ++k)
    term /= k;
  for (int k = 0; k < kTerms; ++k) {
    coefficients.push_back(term);
    term /= -(first + 2 * k + 1.0) * (first + 2 * k + 2.0);
  }
  return polynomial(square, coefficients);
}

// r - r³ / 3! + …, as a product, so that -0 stays.
Expr sinReducedOfF64(Expr r) {
  Expr square = r * r;
  return r * fma(square, -alternating(square, 3), r.real(1));
}

// 1 - r² / 2 + r⁴ / 4! - …
Expr cosReducedOfF64(Expr r) {
  Expr square = r * r;
  return fma(square * square, alternating(square, 4), fma(square, -0.5, r.real(1)));
}

Expr asinReducedOfF64(Expr y, Expr square) {
  Expr tail = polynomial(square, {0.16666666666666669, 0.07499999999998433, 0.04464285714635543, 0.030381944138531247,
                                  0.02237217294214989, 0.017352392720869973, 0.013971212973552933, 0.011479177415184906,
                                  0.01032281435018578, 0.005457506718640358, 0.01740087944269402, -0.014851887071247204,
                                  0.028757851367421566});
  return fma(y * square, tail, y);
}

// atan y = π/4 + atan((y - 1) / (y + 1)) beyond tan π/8
Expr atanReducedOfF64(Expr y) {
  constexpr double kTanEighthPi = 0x1.a827999fcef32p-2;
  const HalfPi halfPi = halfPiOf(y);
  Expr isMiddle = y > kTanEighthPi;
  Expr t = select(isMiddle, (y - 1.0) / (y + 1.0), y), square = t * t;
  Expr tail = polynomial(square, {-0.3333333333333333, 0.19999999999999993, -0.14285714285711515, 0.11111111110754218,
                                  -0.09090909066979425, 0.07692306734927001, -0.06666641996244854, 0.05881924906427421,
                                  -0.05258038193993904, 0.04719373571989158, -0.04104349551664522, 0.030633694931617585,
                                  -0.01391619613961017});
  Expr angle = fma(t * square, tail, t);
  return select(isMiddle, halfPi.high * 0.5 + (angle + halfPi.middle * 0.5), angle);
}

} // namespace smelt::graph

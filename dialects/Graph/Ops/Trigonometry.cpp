// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sine, cosine, tangent and their inverses; what f64 does in its own way is in TrigonometryF64.cpp.

#include "dialects/Graph/Ops/Angles.h"
#include "dialects/Graph/Ops/FloatParts.h"
#include "dialects/Graph/Ops/MathFunctions.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <array>

using namespace mlir;

namespace smelt::graph {

constexpr double kTwoOverPi = 0x1.45f306p-1;
constexpr double kPi = 0x1.921fb54442d18p+1;

HalfPi halfPiOf(Expr x) {
  if (isF64(x))
    return {0x1.921fb54442d18p+0, 0x1.1a62633145c06p-54, 0x1.c1cd129024e09p-107};
  return {0x1.921fb4p+0, 0x1.4442dp-24, 0x1.84698ap-48};
}

// Where fma may round products, all but the last are exact: of parts of 12 bits with counts of as many.
Expr subtractQuadrants(Expr x, Expr count) {
  if (roundsProducts(x)) {
    for (double part : {0x1.92p+0, 0x1.fb4p-12, 0x1.444p-24, 0x1.68c234p-39})
      x = subtractExact(x, count, part);
    return x;
  }
  auto [high, middle, low] = halfPiOf(x);
  return fma(count, -low, fma(count, -middle, fma(count, -high, x)));
}

/// For |x| below largeAngle().
static Angle reduceSmall(Expr x) {
  if (isF64(x))
    return reduceSmallOfF64(x);
  constexpr double kRounder = 0x1.8p+23; // leaves the rounded sum's integer in its low bits
  Expr sum = x * kTwoOverPi + kRounder;
  Expr n = sum - kRounder;
  return {sum.asInteger(), subtractQuadrants(x, n)};
}
static double largeAngle(Expr x) { return isF64(x) ? 0x1p50 : roundsProducts(x) ? 0x1p12 : 0x1p20; }

// Payne and Hanek: x = m 2^e, m of 24 bits. Of x · 2/π only the last two bits before the point and those behind it are
// wanted, so m meets a window of 96 bits of 2/π that begins at the bit which 2^e moves to weight 2.
static Angle reduceLarge(Expr x) {
  if (isF64(x))
    return reduceLargeOfF64(x);
  // The binary digits of 2/π behind 32 zeros: bit 0 has weight 2^31.
  static constexpr std::array<int64_t, 8> kDigits = {0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                                     0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
  constexpr size_t kWindow = 4, kStarts = kDigits.size() - kWindow + 1;
  Expr bits = x.asInteger();
  Expr biased = shiftRightUnsigned(bits, 23) & x.integer(0xff);
  Expr start = biased - x.integer(120); // e + 30; e = biased - 150
  Expr word = shiftRightUnsigned(start, 5), shift = start & x.integer(31);

  SmallVector<Expr, kWindow> words;
  for (size_t i = 0; i < kWindow; ++i) {
    Expr digits = x.integer(kDigits[i]);
    for (size_t first = 1; first < kStarts; ++first)
      digits = select(word == x.integer(static_cast<int64_t>(first)), x.integer(kDigits[first + i]), digits);
    words.push_back(digits);
  }
  Type wide = x.builder().getI64Type();
  SmallVector<Expr, kWindow - 1> window;
  for (size_t i = 0; i + 1 < kWindow; ++i) {
    Expr high = words[i].apply<arith::ShLIOp>(shift);
    // In two steps, as a shift by 32 has no value.
    Expr low = shiftRightUnsigned(words[i + 1], 1).apply<arith::ShRUIOp>(x.integer(31) - shift);
    window.push_back((high | low).to<arith::ExtUIOp>(wide));
  }
  Expr mantissa = ((bits & x.integer(0x7fffff)) | x.integer(0x800000)).to<arith::ExtUIOp>(wide);
  Expr sum = shiftRightUnsigned(mantissa * window[2], 32) + mantissa * window[1];
  sum = sum + shiftLeft(mantissa * window[0], 32); // weight 2 in bit 63; what lies above is a multiple of 4

  Expr fraction = shiftLeft(sum, 2); // signed: in [-1/2, 1/2) of a quadrant, in units of 2^-64
  Expr quadrant = shiftRightUnsigned(sum, 62) + shiftRightUnsigned(fraction, 63);
  Expr number = fraction.to<arith::SIToFPOp>(x.element()) * (kPi / 2 * 0x1p-64);
  Expr quadrant32 = quadrant.to<arith::TruncIOp>(bits.element());
  Expr negative = x < 0.0;
  return {select(negative, -quadrant32, quadrant32), select(negative, -number, number)};
}

/// Large angles are so rare that the loop's other lanes should not pay for them. An infinite angle has no remainder:
/// it stays NaN.
static Angle reduceAngle(Expr x) {
  ImplicitLocOpBuilder &builder = x.builder();
  Angle small = reduceSmall(x);
  Expr a = abs(x);
  Expr isLarge = (a >= largeAngle(x)) & (a < std::numeric_limits<double>::infinity());
  auto branch = scf::IfOp::create(builder, TypeRange{small.quadrant.type(), small.r.type()}, anyLane(isLarge).value(),
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  Angle large = reduceLarge(x);
  Expr quadrant = select(isLarge, large.quadrant, small.quadrant);
  Expr r = select(isLarge, large.r, small.r);
  scf::YieldOp::create(builder, ValueRange{quadrant.value(), r.value()});
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, ValueRange{small.quadrant.value(), small.r.value()});
  return {{builder, branch.getResult(0)}, {builder, branch.getResult(1)}};
}

// Written as a product, so that -0 stays.
static Expr sinReduced(Expr r) {
  if (isF64(r))
    return sinReducedOfF64(r);
  Expr square = r * r;
  Expr tail =
      polynomial(square, {-0.1666666716337204, 0.008333378471434116, -0.00019852464902214706, 2.824350303853862e-06});
  return r * fma(square, tail, r.real(1));
}

static Expr cosReduced(Expr r) {
  if (isF64(r))
    return cosReducedOfF64(r);
  Expr square = r * r;
  Expr tail = polynomial(square, {0.04166664555668831, -0.0013887288514524698, 2.442821096337866e-05});
  return fma(square * square, tail, fma(square, -0.5, r.real(1)));
}

/// sin of an angle `quarters` quadrants further on.
static Expr sinOf(Angle angle, int64_t quarters) {
  Expr quadrant = angle.quadrant + angle.quadrant.integer(quarters);
  Expr isOdd = (quadrant & quadrant.integer(1)) != quadrant.integer(0);
  Expr magnitude = select(isOdd, cosReduced(angle.r), sinReduced(angle.r));
  Expr sign = shiftLeft(quadrant & quadrant.integer(2), quadrant.width() - 2);
  return (magnitude.asInteger() ^ sign).asFloat();
}

Expr sin(Expr x) { return sinOf(reduceAngle(x), 0); }
Expr cos(Expr x) { return sinOf(reduceAngle(x), 1); }

Expr tan(Expr x) {
  Angle angle = reduceAngle(x);
  Expr s = sinReduced(angle.r), c = cosReduced(angle.r);
  Expr isOdd = (angle.quadrant & angle.quadrant.integer(1)) != angle.quadrant.integer(0);
  return select(isOdd, -c, s) / select(isOdd, s, c);
}

/// asin on [0, ½], given the square: y + y³ p(y²).
static Expr asinReduced(Expr y, Expr square) {
  if (isF64(y))
    return asinReducedOfF64(y, square);
  Expr tail = polynomial(square, {0.16666659712791443, 0.0750051960349083, 0.04451413080096245, 0.03183049336075783,
                                  0.014354843646287918, 0.03763137385249138});
  return fma(y * square, tail, y);
}

/// asin |x| = `near`, or π/2 - 2 · `far` beyond ½: asin x = π/2 - 2 asin √((1 - x) / 2).
struct HalfAngle {
  Expr isFar;
  Expr angle;
};
static HalfAngle asinParts(Expr a) {
  Expr isFar = a > 0.5;
  Expr square = select(isFar, (1.0 - a) * 0.5, a * a);
  return {isFar, asinReduced(select(isFar, sqrt(square), a), square)};
}

Expr asin(Expr x) {
  const HalfPi halfPi = halfPiOf(x);
  auto [isFar, angle] = asinParts(abs(x));
  Expr far = fma(angle, -2.0, angle.real(halfPi.high)) + halfPi.middle;
  return copySign(select(isFar, far, angle), x);
}

Expr acos(Expr x) {
  const HalfPi halfPi = halfPiOf(x);
  auto [isFar, angle] = asinParts(abs(x));
  Expr twice = angle * 2.0;
  Expr far = select(x < 0.0, fma(angle, -2.0, angle.real(2 * halfPi.high)) + 2 * halfPi.middle, twice);
  return select(isFar, far, (halfPi.high - copySign(angle, x)) + halfPi.middle);
}

/// atan on [0, 1].
static Expr atanReduced(Expr y) {
  if (isF64(y))
    return atanReducedOfF64(y);
  Expr square = y * y;
  Expr tail = polynomial(square, {-0.33333301544189453, 0.1999862939119339, -0.1426515132188797, 0.10957101732492447,
                                  -0.08418115973472595, 0.05821217969059944, -0.031433939933776855,
                                  0.011053000576794147, -0.001824702019803226});
  return fma(y * square, tail, y);
}

// atan |x| = π/2 - atan(1 / |x|) beyond 1
Expr atan(Expr x) {
  const HalfPi halfPi = halfPiOf(x);
  Expr a = abs(x);
  Expr isFar = a > 1.0;
  Expr angle = atanReduced(select(isFar, 1.0 / a, a));
  return copySign(select(isFar, (halfPi.high - angle) + halfPi.middle, angle), x);
}

} // namespace smelt::graph

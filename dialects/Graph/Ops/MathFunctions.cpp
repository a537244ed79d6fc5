// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exponentials, logarithms, powers and what is made of them; angles are in Trigonometry.cpp.

#include "dialects/Graph/Ops/MathFunctions.h"
#include "dialects/Graph/Ops/FloatParts.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace smelt::graph {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLn2 = 0x1.62e42fefa39efp-1;
// ln 2 = high + low; high has 15 bits, or 32, so that its product with an exponent is exact.
constexpr double kLn2High = 0x1.62e4p-1, kLn2Low = 0x1.7f7d1cp-20;
constexpr double kLn2High64 = 0x1.62e42feep-1, kLn2Low64 = 0x1.a39ef35793c76p-33;

/// x = n ln 2 + r, |r| ≤ ln 2 / 2.
struct ExpReduction {
  Rounded n;
  Expr r;
};
static ExpReduction reduceExp(Expr x) {
  bool wide = isF64(x);
  Rounded n = roundSmall(x * (wide ? 0x1.71547652b82fep0 : 0x1.715476p+0));
  Expr r = subtractExact(x, n.number, wide ? kLn2High64 : kLn2High);
  return {n, fma(n.number, wide ? -kLn2Low64 : -kLn2Low, r)};
}

/// 1 / k!, as far as f64 needs them for |x| ≤ ln 2 / 2.
static SmallVector<double> inverseFactorials(size_t first) {
  constexpr size_t kTerms = 14; // 0.35^14 / 14! < 2^-57
  SmallVector<double> all{1};
  for (size_t k = 1; k < kTerms; ++k)
    all.push_back(all.back() / static_cast<double>(k));
  return SmallVector<double>(llvm::drop_begin(all, first));
}

/// e^r - 1 on the reduced range: r + r² q(r).
static Expr expm1Reduced(Expr r) {
  if (isF64(r))
    return fma(r * r, polynomial(r, inverseFactorials(2)), r);
  return fma(
      r * r,
      polynomial(r, {0.5, 0.16666515171527863, 0.04166637361049652, 0.008369393646717072, 0.0013943254016339779}), r);
}

// e^x = 2^n e^r
Expr exp(Expr x) {
  auto [n, r] = reduceExp(isF64(x) ? clamp(x, -746, 710) : clamp(x, -104.5, 89)); // 0 and infinity beyond
  // What will be 0 is 0 before: a product that underflows takes some processors a hundred cycles, and what a mask
  // takes out of a softmax is such.
  Expr power = select(x < (isF64(x) ? -745.14 : -103.98), 0.0, expm1Reduced(r) + 1.0);
  return scaleByPowerOfTwo(power, n.integer);
}

// e^x - 1 = 2^n (e^r - 1) + 2^n - 1; 2^n is halved, since 2^128, or 2^1024, is not a number.
Expr expm1(Expr x) {
  auto [n, r] = reduceExp(isF64(x) ? clamp(x, -40, 710) : clamp(x, -18, 89));
  Expr scale = powerOfTwo(n.integer - n.integer.integer(1));
  return copySign(fma(scale, expm1Reduced(r), scale - 0.5) * 2.0, x); // keeps -0
}

// ln x = ln(1 + f) + e ln 2,  ln(1 + f) = f - f²/2 + f³ p(f)
Expr log(Expr x) {
  if (isF64(x))
    return logOfF64(x);
  auto [m, e] = splitMantissa(x);
  Expr f = m - 1.0;
  Expr square = f * f;
  Expr tail = polynomial(f, {0.33333316445350647, -0.25000810623168945, 0.20002301037311554, -0.16624557971954346,
                             0.14180947840213776, -0.13128504157066345, 0.12882941961288452, -0.07861663401126862});
  Expr low = fma(square, f.real(-0.5), fma(e, kLn2Low, square * f * tail));
  Expr result = fma(e, kLn2High, f + low);
  result = select(x < kInfinity, result, x); // NaN too
  result = select(x == 0.0, -kInfinity, result);
  return select(x < 0.0, kNaN, result);
}

// ln(1 + x) = ln(u) x / (u - 1), u = 1 + x rounded: the errors of u cancel.
Expr log1p(Expr x) {
  Expr u = x + 1.0;
  Expr result = log(u) * (x / (u - 1.0));
  result = select(u == kInfinity, u, result);
  return select(u == 1.0, x, result);
}

// tanh |x| = t / (t + 2), t = e^(2|x|) - 1
Expr tanh(Expr x) {
  Expr t = expm1(clamp(abs(x) * 2.0, 0, isF64(x) ? 40 : 20)); // 1 from 18.03 on, in f64 from 38.1
  return copySign(t / (t + 2.0), x);
}

// erf |x| = 1 - e^(-a - a p(a)), which expm1 keeps exact near 0; p: least maximum of the error in erf over [0, 4].
Expr erf(Expr x) {
  if (isF64(x))
    return erfOfF64(x);
  Expr a = clamp(abs(x), 0, 4); // 1 in f32 from 3.83 on
  Expr p = polynomial(a, {0.12837917, 0.6366194, 0.10277783, -0.019153066, -0.00016039266, 0.0016670243, -0.00063283526,
                          0.00011764085, -0.00000925622});
  auto [n, r] = reduceExp(-fma(a, p, a));
  Expr scale = powerOfTwo(n.integer);
  return copySign(fma(scale, expm1Reduced(r), scale - 1.0), x);
}

/// e^a / 2 where e^a overflows, as (e^(a/2) / 2) e^(a/2).
static Expr halfExpLarge(Expr a) {
  Expr root = exp(a * 0.5);
  return root * 0.5 * root;
}
static double expNearOverflow(Expr x) { return isF64(x) ? 709 : 88; }

// sinh |x| = (t + t / (t + 1)) / 2, t = e^|x| - 1
Expr sinh(Expr x) {
  Expr a = abs(x);
  Expr t = expm1(a);
  Expr result = (t + t / (t + 1.0)) * 0.5;
  return copySign(select(a > expNearOverflow(a), halfExpLarge(a), result), x);
}

Expr cosh(Expr x) {
  Expr a = abs(x);
  Expr e = exp(a);
  return select(a > expNearOverflow(a), halfExpLarge(a), fma(e, 0.5, 0.5 / e));
}

/// ln 2a, from where √(a² ± 1) rounds to a.
static Expr logOfDouble(Expr a) { return log(a) + kLn2; }
static double squareSwallowsOne(Expr x) { return isF64(x) ? 0x1p27 : 0x1p13; }

// asinh |x| = ln(|x| + √(x² + 1)) = ln(1 + |x| + x² / (1 + √(x² + 1)))
Expr asinh(Expr x) {
  Expr a = abs(x);
  Expr square = a * a;
  Expr near = log1p(a + square / (1.0 + sqrt(square + 1.0)));
  return copySign(select(a > squareSwallowsOne(x), logOfDouble(a), near), x);
}

// acosh x = ln(x + √(x² - 1)) = ln(1 + t + √(t (t + 2))), t = x - 1
Expr acosh(Expr x) {
  Expr t = x - 1.0;
  Expr near = log1p(t + sqrt(t * (t + 2.0)));
  Expr result = select(x > squareSwallowsOne(x), logOfDouble(x), near);
  return select(x < 1.0, kNaN, result);
}

// atanh |x| = ln(1 + 2|x| / (1 - |x|)) / 2
Expr atanh(Expr x) {
  Expr a = abs(x);
  return copySign(log1p(a * 2.0 / (1.0 - a)) * 0.5, x);
}

// log2 of a positive finite x to some 2^-40, or 2^-65: with t = (m - 1) / (m + 1),
//   log2 x = e + 2/ln 2 · t (1 + t² (1/3 + t² p(t²)))
static Pair log2Pair(Expr x) {
  auto [m, e] = splitMantissa(x);
  Expr numerator = m - 1.0; // exact
  Expr denominator = m + 1.0;
  Expr denominatorLow = m - (denominator - 1.0);
  Expr quotient = numerator / denominator;
  Expr remainder = fma(-quotient, denominatorLow, subtractProduct(numerator, quotient, denominator));
  Pair t{quotient, remainder / denominator};
  Pair square = productOf(t, t);
  bool wide = isF64(x);
  SmallVector<double> odds{0.20000076293945312, 0.14273542165756226, 0.11709947884082794};
  if (wide)
    odds = inverseOdds(5, 12);
  Expr tail = square.high * polynomial(square.high, odds);
  Pair series = sumOf(tail.real(wide ? 0x1.5555555555555p-2 : 0x1.555556p-2), tail);
  series.low = series.low + (wide ? 0x1.5555555555555p-56 : -9.934107758624577e-09);
  series = productOf(square, series);
  Pair factor = sumOf(series.high.real(1), series.high);
  factor.low = factor.low + series.low;
  Pair scale = wide ? pairOf(m, 0x1.71547652b82fep+1, 0x1.777d0ffda0d24p-55)
                    : pairOf(m, 2.885390043258667, 3.851926067000022e-08);
  Pair fraction = productOf(productOf(t, factor), scale);
  Pair result = sumOf(e, fraction.high);
  result.low = result.low + fraction.low;
  return result;
}

// |x|^y = 2^(y log2 |x|), for what is neither 0, infinite nor NaN, or leads to 0 or infinity.
static Expr powMagnitude(Expr a, Expr y) {
  const double surelyOverflows = isF64(a) ? 1200 : 200;
  Pair log = log2Pair(a);
  log.high = select(a == 0.0, -kInfinity, select(a == kInfinity, kInfinity, log.high));
  Expr high = y * log.high;
  Expr low = errorOfProduct(y, log.high, high) + y * log.low;
  Expr clamped = clamp(high, -surelyOverflows, surelyOverflows);
  low = select(clamped == high, low, 0.0);
  Rounded n = roundSmall(clamped);
  Expr f = (clamped - n.number) + low;
  // 2^f
  SmallVector<double> powers{0.6931471824645996,    0.24022650718688965,    0.05550406128168106,   0.009618084877729416,
                             0.0013336619595065713, 0.00015453301602974534, 1.4691882824990898e-05};
  if (isF64(a)) {
    powers = inverseFactorials(1);
    for (size_t k = powers.size(); k-- > 0;)
      for (size_t factor = 0; factor <= k; ++factor)
        powers[k] *= kLn2;
  }
  Expr p = polynomial(f, powers);
  return scaleByPowerOfTwo(fma(f, p, f.real(1)), n.integer);
}

Expr pow(Expr x, Expr y) {
  Expr a = abs(x);
  Expr result = select(a == 1.0, 1.0, powMagnitude(a, y)); // y may be infinite
  Expr yIsInteger = floor(y) == y;
  Expr half = y * 0.5;
  Expr yIsOdd = yIsInteger & (floor(half) != half);
  result = select(yIsOdd, copySign(result, x), result);
  result = select((x < 0.0) & (a < kInfinity) & !yIsInteger, kNaN, result);
  Expr sum = x + y;
  result = select((x != x) | (y != y), sum, result);
  return select((x == 1.0) | (y == 0.0), 1.0, result);
}

namespace {
template <typename Op, Expr (*function)(Expr)> struct ExpandUnary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    rewriter.replaceOp(op, function({builder, op.getOperand()}).value());
    return success();
  }
};

struct ExpandPow : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    ImplicitLocOpBuilder builder(op.getLoc(), rewriter);
    rewriter.replaceOp(op, pow({builder, op.getLhs()}, {builder, op.getRhs()}).value());
    return success();
  }
};
} // namespace

constexpr unsigned short kPreferred = 2; // MLIR's own have 1

void populateMathFunctionPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandUnary<math::ExpOp, exp>, ExpandUnary<math::ExpM1Op, expm1>, ExpandUnary<math::LogOp, log>,
               ExpandUnary<math::Log1pOp, log1p>, ExpandUnary<math::TanhOp, tanh>, ExpandUnary<math::ErfOp, erf>,
               ExpandUnary<math::SinhOp, sinh>, ExpandUnary<math::CoshOp, cosh>, ExpandUnary<math::AsinhOp, asinh>,
               ExpandUnary<math::AcoshOp, acosh>, ExpandUnary<math::AtanhOp, atanh>, ExpandUnary<math::SinOp, sin>,
               ExpandUnary<math::CosOp, cos>, ExpandUnary<math::TanOp, tan>, ExpandUnary<math::AsinOp, asin>,
               ExpandUnary<math::AcosOp, acos>, ExpandUnary<math::AtanOp, atan>, ExpandPow>(patterns.getContext(),
                                                                                            kPreferred);
}

} // namespace smelt::graph

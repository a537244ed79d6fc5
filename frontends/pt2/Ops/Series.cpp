// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions that are sums of series, in f64: Bessel's of imaginary arguments and Hurwitz's zeta; and the inverse of the
// normal distribution.

#include "frontends/pt2/Ops/Series.h"
#include <cmath>

using namespace mlir;

namespace smelt::frontend::pt2 {

/// c[0] + c[1] x + c[2] x² + …
static Value polynomial(const Math &m, Value x, ArrayRef<double> coefficients) {
  Value sum = m.number(x, coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = m.add(m.mul(sum, x), coefficient);
  return sum;
}

// Iᵥ(x) = (x/2)ᵛ Σ (x²/4)ᵏ / (k! (k + v)!) up to 20, and e^x / √(2πx) · Σ aₖ / xᵏ from there on, where
// aₖ / aₖ₋₁ = -(4v² - (2k - 1)²) / 8k (NIST Handbook of Mathematical Functions, 10.25 and 10.40)
template <int order, bool isScaled> static Value besselI(NodeReader &node) {
  constexpr double kTwoPi = 6.28318530717958647692, kFar = 20;
  constexpr int kTerms = 50, kFarTerms = 24;
  SmallVector<double> near{1}, far{1}; // of x²/4 and of 1/x
  for (int k = 1; k < kTerms; ++k)
    near.push_back(near.back() / (static_cast<double>(k) * (k + order)));
  for (int k = 1; k < kFarTerms; ++k)
    far.push_back(far.back() * ((2.0 * k - 1) * (2.0 * k - 1) - 4.0 * order * order) / (8.0 * k));
  return inDouble(node, [&](const Math &m, Value given) {
    Value x = m.abs(given), isFar = m.less(m.number(x, kFar), x), close = m.min(x, kFar), distant = m.max(x, kFar);
    Value half = m.mul(close, 0.5), sum = polynomial(m, m.mul(half, half), near);
    if (order == 1)
      sum = m.mul(sum, half);
    Value tail = m.div(polynomial(m, m.div(1, distant), far), m.sqrt(m.mul(distant, kTwoPi)));
    if (isScaled)
      sum = m.mul(sum, m.exp(m.neg(close)));
    else // in two halves, so that it is infinite no sooner than the result
      tail = m.mul(m.mul(tail, m.exp(m.mul(distant, 0.5))), m.exp(m.mul(distant, 0.5)));
    if (!isScaled)
      tail = m.where(m.isInf(x), x, tail);
    Value result = m.where(isFar, tail, sum);
    return order == 1 ? m.where(m.less(given, 0), m.neg(result), result) : result;
  });
}

// Σ (q + k)⁻ˢ of the first k, and what Euler and Maclaurin's formula makes of the others.
Value hurwitzZeta(const Math &m, Value s, Value q) {
  constexpr int kTerms = 10;
  constexpr double kBernoulli[] = {1.0 / 12, // B₂ⱼ / (2j)!
                                   -1.0 / 720,
                                   1.0 / 30240,
                                   -1.0 / 1209600,
                                   1.0 / 47900160,
                                   -691.0 / 1307674368000,
                                   1.0 / 74724249600,
                                   -3617.0 / 10670622842880000};
  auto power = [&](Value base, Value exponent) { return combine<graph::PowOp>(m.b, base, exponent); };
  Value negative = m.neg(s), sum = power(q, negative);
  for (int k = 1; k < kTerms; ++k)
    sum = m.add(sum, power(m.add(q, k), negative));
  Value w = m.add(q, kTerms), last = power(w, negative), factor = m.mul(m.div(last, w), s);
  sum = m.add(sum, m.add(m.div(m.mul(last, w), m.add(s, -1)), m.mul(last, 0.5)));
  for (auto [j, bernoulli] : llvm::enumerate(kBernoulli)) {
    sum = m.add(sum, m.mul(factor, bernoulli));
    const auto risen = static_cast<double>(2 * j + 1);
    factor = m.mul(m.div(factor, m.mul(w, w)), m.mul(m.add(s, risen), m.add(s, risen + 1)));
  }
  Value isWhole = m.equal(m.floor(q), q), isLow = m.lessEqual(q, 0);
  sum = m.where(isLow, m.where(isWhole, m.number(q, HUGE_VAL), m.number(q, NAN)), sum);
  return m.where(m.equal(s, 1), HUGE_VAL, m.where(m.less(s, 1), NAN, sum));
}
static Value zeta(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readFloats(node);
  Type wide = b.builder().getF64Type();
  return b.cast(hurwitzZeta(Math(b), b.cast(given.lhs, wide), b.cast(given.rhs, wide)), given.type);
}

// Where the normal distribution is p: three quotients of polynomials (Wichura 1988, algorithm AS 241).
static Value normalQuantile(NodeReader &node) {
  constexpr double kMiddle[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                3.3430575583588128105e4, 2.5090809287301226727e3};
  constexpr double kUnderMiddle[] = {1,
                                     4.2313330701600911252e1,
                                     6.8718700749205790830e2,
                                     5.3941960214247511077e3,
                                     2.1213794301586595867e4,
                                     3.9307895800092710610e4,
                                     2.8729085735721942674e4,
                                     5.2264952788528545610e3};
  constexpr double kNear[] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                              3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double kUnderNear[] = {1,
                                   2.05319162663775882187e0,
                                   1.67638483018380384940e0,
                                   6.89767334985100004550e-1,
                                   1.48103976427480074590e-1,
                                   1.51986665636164571966e-2,
                                   5.47593808499534494600e-4,
                                   1.05075007164441684324e-9};
  constexpr double kFar[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                             2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                             2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double kUnderFar[] = {1,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};
  return inDouble(node, [&](const Math &m, Value p) {
    auto quotient = [&](Value x, ArrayRef<double> above, ArrayRef<double> below) {
      return m.div(polynomial(m, x, above), polynomial(m, x, below));
    };
    Value q = m.add(p, -0.5), isLow = m.less(q, 0);
    Value middle = m.mul(q, quotient(m.sub(0.180625, m.mul(q, q)), kMiddle, kUnderMiddle));
    Value r = m.sqrt(m.neg(m.log(m.where(isLow, p, m.sub(1, p)))));
    Value tail = m.where(m.lessEqual(r, 5), quotient(m.add(r, -1.6), kNear, kUnderNear),
                         quotient(m.add(r, -5), kFar, kUnderFar));
    tail = m.where(m.isInf(r), r, tail);
    return m.where(m.lessEqual(m.abs(q), 0.425), middle, m.where(isLow, m.neg(tail), tail));
  });
}

static constexpr Operator kOperators[] = {
    {"aten.i0.default", besselI<0, false>},         {"aten.special_i0e.default", besselI<0, true>},
    {"aten.special_i1.default", besselI<1, false>}, {"aten.special_i1e.default", besselI<1, true>},
    {"aten.special_ndtri.default", normalQuantile}, {"aten.special_zeta.default", zeta},
    {"aten.special_zeta.other_scalar", zeta},       {"aten.special_zeta.self_scalar", zeta},
};

ArrayRef<Operator> seriesOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

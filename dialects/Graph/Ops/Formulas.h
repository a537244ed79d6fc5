// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the formulas in ElementwiseOps.td are made of: each function on numbers (double, int64_t and uint64_t, or only
// double), which is the reference, and on Expr, which is what targets emit.

#ifndef SMELT_DIALECTS_GRAPH_OPS_FORMULAS_H
#define SMELT_DIALECTS_GRAPH_OPS_FORMULAS_H

#include "dialects/Graph/Ops/Elementwise.h"
#include "dialects/Graph/Ops/MathFunctions.h"
#include <cmath>

namespace smelt::graph::formula {

using std::abs, std::acos, std::acosh, std::asin, std::asinh, std::atan, std::atanh, std::ceil, std::cos, std::cosh,
    std::erf, std::exp, std::expm1, std::floor, std::log, std::log1p, std::sin, std::sinh, std::sqrt, std::tan,
    std::tanh;

/// The number of an F64Attr.
inline double number(const llvm::APFloat &value) { return value.convertToDouble(); }

// Arithmetic. Integers wrap.

/// What T is computed in: integers without the undefined overflow of signed ones.
template <typename T> using Modular = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;

template <typename T> T sum(T a, T b) { return static_cast<T>(Modular<T>(a) + Modular<T>(b)); }
inline Expr sum(Expr a, Expr b) { return a + b; }

template <typename T> T difference(T a, T b) { return static_cast<T>(Modular<T>(a) - Modular<T>(b)); }
inline Expr difference(Expr a, Expr b) { return a - b; }

template <typename T> T product(T a, T b) { return static_cast<T>(Modular<T>(a) * Modular<T>(b)); }
inline Expr product(Expr a, Expr b) { return a * b; }

template <typename T> T negative(T x) { return static_cast<T>(-Modular<T>(x)); }
inline Expr negative(Expr x) { return -x; }

/// a / b; of integers 0 where b is 0, and the most negative number by -1 wraps to itself.
template <typename T> T quotient(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a / b;
  else if (b == T(0))
    return 0;
  else
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? negative(a) : a / b;
}
Expr quotient(Expr a, Expr b);

template <typename T> T absolute(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(x);
  else
    return x < T(0) ? negative(x) : x;
}
Expr absolute(Expr x);

template <typename T> T sign(T x) { return x > T(0) ? T(1) : x < T(0) ? static_cast<T>(-1) : x; }
Expr sign(Expr x);

// Order. NaN passes on, but for bounds that are NaN.

inline double select(bool condition, double a, double b) { return condition ? a : b; }

template <typename T> T larger(T a, T b) { return a > b || a != a ? a : b; }
Expr larger(Expr a, Expr b);

template <typename T> T smaller(T a, T b) { return a < b || a != a ? a : b; }
Expr smaller(Expr a, Expr b);

template <typename T> T bounded(T x, T low, T high) {
  T raised = low > x ? low : x;
  return high < raised ? high : raised;
}
Expr bounded(Expr x, Expr low, Expr high);
inline double clamp(double x, double low, double high) { return bounded(x, low, high); }

template <typename T> T relu(T x) { return x < T(0) ? T(0) : x; }
Expr relu(Expr x);

template <typename T> T leaky(T x, T slope) { return x < T(0) ? product(x, slope) : x; }
Expr leaky(Expr x, Expr slope);

// Floats.

inline double roundEven(double x) { return std::nearbyint(x); }

inline bool isInfinite(double x, bool positive, bool negative) {
  return std::isinf(x) && (std::signbit(x) ? negative : positive);
}
Expr isInfinite(Expr x, bool positive, bool negative);

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
Expr sigmoid(Expr x);

/// The larger part is added last.
template <typename X> X softplus(X x) { return log1p(exp(-abs(x))) + relu(x); }

inline double mish(double x) { return x * std::tanh(softplus(x)); }
Expr mish(Expr x);

/// Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, and their approximation.
template <typename X> X gelu(X x) { return x * 0.5 * (1.0 + erf(x * 0x1.6a09e667f3bcdp-1)); } // √½
constexpr double kGeluScale = 0x1.9884533d43651p-1;                                           // √(2/π)
constexpr double kGeluCubic = 0.044715;
inline double geluByTanh(double x) { return x * 0.5 * (1 + std::tanh(kGeluScale * (x + kGeluCubic * x * x * x))); }
Expr geluByTanh(Expr x);

/// Random bits, integers of 64 bits alone; see Philox.cpp.
uint64_t philox(uint64_t counter, uint64_t seed);
int64_t philox(int64_t counter, uint64_t seed);
Expr philox(Expr counter, uint64_t seed);

} // namespace smelt::graph::formula

#endif // SMELT_DIALECTS_GRAPH_OPS_FORMULAS_H

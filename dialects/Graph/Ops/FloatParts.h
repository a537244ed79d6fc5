// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exponents, fractions and pairs of floats: what the functions in MathFunctions.h take numbers of f32 and f64 apart
// into.

#ifndef SMELT_DIALECTS_GRAPH_OPS_FLOATPARTS_H
#define SMELT_DIALECTS_GRAPH_OPS_FLOATPARTS_H

#include "dialects/Graph/Ops/Expression.h"

namespace smelt::graph {

inline bool isF64(Expr x) { return x.width() == 64; }

/// x rounded to an integer, as a float and as an integer; any integer where x has none of its fraction's bits to spare
/// (not below 2^22, or 2^51).
struct Rounded {
  Expr number;
  Expr integer;
};
Rounded roundSmall(Expr x);

/// 2^n for an integer in the range of normal numbers.
Expr powerOfTwo(Expr n);
/// x · 2^n in two steps, so that subnormal results and those just below overflow are right; |n| less than twice what
/// powerOfTwo takes.
Expr scaleByPowerOfTwo(Expr x, Expr n);

/// x = m 2^e, m in [√½, √2), for positive finite x, subnormal ones too.
struct Mantissa {
  Expr m;
  Expr e; // a float
};
Mantissa splitMantissa(Expr x);

/// An unevaluated sum of two floats, low below half an ulp of high.
struct Pair {
  Expr high;
  Expr low;
};
Pair pairOf(Expr like, double high, double low);
/// a + b exactly; |a| ≥ |b|.
Pair sumOf(Expr a, Expr b);
Pair productOf(Pair a, Pair b);
/// a · b - product, `product` being a · b rounded.
Expr errorOfProduct(Expr a, Expr b, Expr product);
/// c - a · b, which is small beside c.
Expr subtractProduct(Expr c, Expr a, Expr b);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_FLOATPARTS_H

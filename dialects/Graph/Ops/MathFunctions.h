// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transcendental functions of f32 and f64 in arith, math.fma and vector ops: no table, no library call, the same on
// every target. Special values are those of C's Annex F. The largest errors were measured against double (see
// README.md), and hold where a device does not fuse fma (kRoundsProducts).

#ifndef SMELT_DIALECTS_GRAPH_OPS_MATHFUNCTIONS_H
#define SMELT_DIALECTS_GRAPH_OPS_MATHFUNCTIONS_H

#include "dialects/Graph/Ops/Expression.h"
#include "mlir/IR/PatternMatch.h"

namespace smelt::graph {

/// Rewrites the math dialect's transcendental ops on f32, or vectors of it, into the functions below. To be run before
/// scf is lowered, and in preference to MLIR's approximations; ops on other types stay.
void populateMathFunctionPatterns(mlir::RewritePatternSet &patterns);

Expr exp(Expr x);
Expr expm1(Expr x);
Expr log(Expr x);
Expr log1p(Expr x);
Expr tanh(Expr x);
Expr erf(Expr x);
Expr sinh(Expr x);
Expr cosh(Expr x);
Expr asinh(Expr x);
Expr acosh(Expr x);
Expr atanh(Expr x);
Expr sin(Expr x);
Expr cos(Expr x);
Expr tan(Expr x);
Expr asin(Expr x);
Expr acos(Expr x);
Expr atan(Expr x);
Expr pow(Expr x, Expr y);

// What f64 does in its own way.
Expr logOfF64(Expr x);
Expr erfOfF64(Expr x);
/// 1 / first, 1 / (first + 2), …
llvm::SmallVector<double> inverseOdds(int first, int count);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_MATHFUNCTIONS_H

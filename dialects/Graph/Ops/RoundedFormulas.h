// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions whose result is rounded to bf16, or to 8 bits, at once: no more digits than that keeps.

#ifndef SMELT_DIALECTS_GRAPH_OPS_ROUNDEDFORMULAS_H
#define SMELT_DIALECTS_GRAPH_OPS_ROUNDEDFORMULAS_H

#include "dialects/Graph/Ops/Expression.h"

namespace smelt::graph {

/// Attribute of an op that may be computed by such a formula.
inline constexpr llvm::StringLiteral kCoarse = "graph.coarse";

/// What roundedGelu is off by at most.
constexpr double kRoundedGeluError = 2.1e-4;
/// x · Φ(x) of an f32.
Expr roundedGelu(Expr x);
/// e^x of an f32 below 88, off by 8e-5 of itself at most; 0 from -88 down.
Expr roundedExp(Expr x);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_ROUNDEDFORMULAS_H

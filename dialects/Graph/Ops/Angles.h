// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Trigonometry.cpp and TrigonometryF64.cpp have in common.

#ifndef SMELT_DIALECTS_GRAPH_OPS_ANGLES_H
#define SMELT_DIALECTS_GRAPH_OPS_ANGLES_H

#include "dialects/Graph/Ops/Expression.h"

namespace smelt::graph {

/// x = quadrant · π/2 + r, |r| ≤ π/4 but for rounding. Only the quadrant's last two bits count.
struct Angle {
  Expr quadrant; // an integer as wide as x
  Expr r;
};

/// π/2 in parts of 24 bits for f32, of 53 for f64. None is negative, so that no quadrants leave -0 as it is.
struct HalfPi {
  double high, middle, low;
};
HalfPi halfPiOf(Expr x);
/// x - count · π/2: the three parts are subtracted, the first without error.
Expr subtractQuadrants(Expr x, Expr count);

Angle reduceSmallOfF64(Expr x);
Angle reduceLargeOfF64(Expr x);
Expr sinReducedOfF64(Expr r);
Expr cosReducedOfF64(Expr r);
/// On [0, ½], given the square: y + y³ p(y²).
Expr asinReducedOfF64(Expr y, Expr square);
/// On [0, 1].
Expr atanReducedOfF64(Expr y);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_ANGLES_H

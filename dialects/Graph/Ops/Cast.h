// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_GRAPH_OPS_CAST_H
#define SMELT_DIALECTS_GRAPH_OPS_CAST_H

#include "dialects/Graph/Ops/SmallFloats.h"

namespace smelt::graph {

/// x, a number of a compute type, converted to element type `to`, in that one's compute type. Floats go to integers
/// towards zero, NaN to 0; beyond 32 bits (64 for wider types) they saturate, and narrower types keep the low bits.
Expr castTo(Expr x, mlir::Type to, CastRules rules = {});

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_CAST_H

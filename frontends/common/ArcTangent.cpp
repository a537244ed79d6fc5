// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/ArcTangent.h"
#include "frontends/common/MatchDims.h"

using namespace mlir;

namespace smelt::frontend {

/// Whether x has a minus sign, as -0 has.
static Value isSigned(GraphBuilder &b, Value x) {
  Value zero = b.scalarLike(x, 0);
  Value reciprocal = b.make<graph::DivOp>(b.scalarLike(x, 1), x);
  Value told = b.make<graph::SelectOp>(b.make<graph::EqualOp>(x, zero), reciprocal, x);
  return b.make<graph::LessOp>(told, zero);
}

// The angle within the first octant, and from there by reflections.
Value arcTangent(GraphBuilder &b, Value y, Value x) {
  constexpr double kPi = 3.14159265358979323846;
  matchDims(b, y, x);
  auto select = [&](Value condition, Value left, Value right) {
    return b.make<graph::SelectOp>(condition, left, right);
  };
  Value height = b.make<graph::AbsOp>(y), width = b.make<graph::AbsOp>(x);
  Value isSteep = b.make<graph::LessOp>(width, height);
  Value slope = b.make<graph::DivOp>(select(isSteep, width, height), select(isSteep, height, width));
  // 0 / 0 and ∞ / ∞
  Value one = b.scalarLike(x, 1), zero = b.scalarLike(x, 0);
  Value diagonal = select(b.make<graph::EqualOp>(height, zero), height, one);
  slope = select(b.make<graph::EqualOp>(height, width), diagonal, slope);
  Value angle = b.make<graph::AtanOp>(slope);
  angle = select(isSteep, b.make<graph::SubOp>(b.scalarLike(x, kPi / 2), angle), angle);
  angle = select(isSigned(b, x), b.make<graph::SubOp>(b.scalarLike(x, kPi), angle), angle);
  return select(isSigned(b, y), b.make<graph::NegOp>(angle), angle);
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/FloorDivision.h"

using namespace mlir;

namespace smelt::frontend {

/// What C++ makes of x / y, which is rounded towards zero, less one where the rest x - y (x / y) and y have different
/// signs. None of it lies beyond the type's range, as x less its remainder may.
Value floorQuotient(GraphBuilder &b, Value lhs, Value rhs) {
  Value quotient = b.make<graph::DivOp>(lhs, rhs);
  if (elementOf(lhs).isUnsignedInteger())
    return quotient;
  Value rest = b.make<graph::SubOp>(lhs, b.make<graph::MulOp>(quotient, rhs)), zero = b.scalarLike(rest, 0);
  auto isNegative = [&](Value x) { return b.make<graph::LessOp>(x, zero); };
  Value isAbove = b.make<graph::AndOp>(b.make<graph::NotOp>(b.make<graph::EqualOp>(rest, zero)),
                                       b.make<graph::XorOp>(isNegative(rest), isNegative(rhs)));
  return b.make<graph::SubOp>(quotient, b.cast(isAbove, elementOf(quotient)));
}

} // namespace smelt::frontend

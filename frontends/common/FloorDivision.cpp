// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/FloorDivision.h"

using namespace mlir;

namespace smelt::frontend {

/// (x - mod(x, y)) / y: what the remainder, which has the divisor's sign, leaves is divided without a rest. It may lie
/// beyond the type's range, as 127 - mod(127, -7) does, so that narrow integers are widened; those of 64 bits cannot
/// be.
Value floorQuotient(GraphBuilder &b, Value lhs, Value rhs) {
  Type narrow = elementOf(lhs);
  const unsigned width = narrow.getIntOrFloatBitWidth();
  if (width < 64) {
    Type wide = b.builder().getIntegerType(width < 32 ? 32 : 64);
    lhs = b.cast(lhs, wide);
    rhs = b.cast(rhs, wide);
  }
  Value rest = b.make<graph::ModOp>(lhs, rhs, /*fmod=*/false);
  return b.cast(b.make<graph::DivOp>(b.make<graph::SubOp>(lhs, rest), rhs), narrow);
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shifts, and the choice by a condition.

#include "dialects/Graph/Ops/Elementwise.h"

using namespace mlir;

namespace smelt::graph {

/// The reference of a shift; `beyond` of the number where the count, taken as unsigned, reaches its width.
template <typename Shift, typename Beyond>
static FailureOr<Scalar> evaluateShift(Value shifted, ArrayRef<Scalar> operands, Shift shift, Beyond beyond) {
  return evaluateFormula<Domain::Integers>(operands, [&](auto a, auto b) {
    return static_cast<uint64_t>(b) < elementOf(shifted).getIntOrFloatBitWidth() ? shift(a, b) : beyond(a);
  });
}

/// Longer shifts are poison in MLIR.
static Expr isWithinWidth(Expr count) { return count.as(/*isUnsigned=*/true) < count.integer(count.width()); }

FailureOr<Scalar> ShiftLeftOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return evaluateShift(
      getLhs(), operands, [](auto a, auto b) { return static_cast<decltype(a)>(static_cast<uint64_t>(a) << b); },
      [](auto a) { return decltype(a)(0); });
}
Value ShiftLeftOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Integers,
                     [](Expr a, Expr b) { return select(isWithinWidth(b), a.apply<arith::ShLIOp>(b), a.integer(0)); });
}

FailureOr<Scalar> ShiftRightOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return evaluateShift(
      getLhs(), operands, [](auto a, auto b) { return a >> b; },
      [](auto a) { return a < 0 ? static_cast<decltype(a)>(-1) : decltype(a)(0); });
}
Value ShiftRightOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Integers, [](Expr a, Expr b) {
    if (a.isUnsigned())
      return select(isWithinWidth(b), a.apply<arith::ShRUIOp>(b), a.integer(0));
    return a.apply<arith::ShRSIOp>(select(isWithinWidth(b), b, b.integer(b.width() - 1)));
  });
}

FailureOr<Scalar> SelectOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return operands[0].asBool() ? operands[1] : operands[2];
}
Value SelectOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Integers,
                     [](Expr condition, Expr a, Expr b) { return select(condition, a, b); });
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shifts, and the choice by a condition.

#include "dialects/Graph/Ops/Elementwise.h"

using namespace mlir;

namespace smelt::graph {

/// The reference of a shift; 0 where the count, taken as unsigned, reaches the width of `shifted`.
template <typename Shift>
static FailureOr<Scalar> evaluateShift(Value shifted, ArrayRef<Scalar> operands, Shift shift) {
  return evaluateFormula<Domain::Integers>(operands, [&](auto a, auto b) {
    return static_cast<uint64_t>(b) < elementOf(shifted).getIntOrFloatBitWidth() ? shift(a, b) : decltype(a)(0);
  });
}

/// Longer shifts are poison in MLIR.
static Expr zeroFromWidth(Expr shifted, Expr count) {
  return select(count.as(/*isUnsigned=*/true) < count.integer(count.width()), shifted, shifted.integer(0));
}

FailureOr<Scalar> ShiftLeftOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return evaluateShift(getLhs(), operands,
                       [](auto a, auto b) { return static_cast<decltype(a)>(static_cast<uint64_t>(a) << b); });
}
Value ShiftLeftOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Integers,
                     [](Expr a, Expr b) { return zeroFromWidth(a.apply<arith::ShLIOp>(b), b); });
}

FailureOr<Scalar> ShiftRightOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return evaluateShift(getLhs(), operands, [](auto a, auto b) { return a >> b; });
}
Value ShiftRightOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Integers, [](Expr a, Expr b) {
    return zeroFromWidth(a.isUnsigned() ? a.apply<arith::ShRUIOp>(b) : a.apply<arith::ShRSIOp>(b), b);
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

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparisons, selection, and operations on bits and on bool.

#include "dialects/Graph/Ops/Elementwise.h"

using namespace mlir;

namespace smelt::graph {

template <typename Function> static Scalar compare(ArrayRef<Scalar> x, Function function) {
  switch (x[0].kind()) {
  case Scalar::Kind::Float:
    return Scalar::ofBool(function(x[0].asFloat(), x[1].asFloat()));
  case Scalar::Kind::Signed:
    return Scalar::ofBool(function(x[0].asSigned(), x[1].asSigned()));
  case Scalar::Kind::Unsigned:
    return Scalar::ofBool(function(x[0].asUnsigned(), x[1].asUnsigned()));
  }
  llvm_unreachable("a scalar of no kind");
}

FailureOr<Scalar> EqualOp::evaluateScalar(ArrayRef<Scalar> x) {
  return compare(x, [](auto a, auto b) { return a == b; });
}
Value EqualOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  return (x[0] == x[1]).value();
}

FailureOr<Scalar> LessOp::evaluateScalar(ArrayRef<Scalar> x) {
  return compare(x, [](auto a, auto b) { return a < b; });
}
Value LessOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  return (!x.isFloat() && x.isUnsigned ? below(a, b) : a < b).value();
}

FailureOr<Scalar> LessEqualOp::evaluateScalar(ArrayRef<Scalar> x) {
  return compare(x, [](auto a, auto b) { return a <= b; });
}
Value LessEqualOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  return (!x.isFloat() && x.isUnsigned ? !below(b, a) : a <= b).value();
}

FailureOr<Scalar> GreaterOp::evaluateScalar(ArrayRef<Scalar> x) {
  return compare(x, [](auto a, auto b) { return a > b; });
}
Value GreaterOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  return (!x.isFloat() && x.isUnsigned ? below(b, a) : a > b).value();
}

FailureOr<Scalar> GreaterEqualOp::evaluateScalar(ArrayRef<Scalar> x) {
  return compare(x, [](auto a, auto b) { return a >= b; });
}
Value GreaterEqualOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  return (!x.isFloat() && x.isUnsigned ? !below(a, b) : a >= b).value();
}

/// A function of integers' bits; fails on floats.
static FailureOr<Scalar> onBits(ArrayRef<Scalar> x, llvm::function_ref<uint64_t(uint64_t, uint64_t)> function) {
  if (x[0].isFloat())
    return failure();
  uint64_t bits = function(x[0].asUnsigned(), x.back().asUnsigned());
  return x[0].isSigned() ? Scalar::ofSigned(static_cast<int64_t>(bits)) : Scalar::ofUnsigned(bits);
}

template <typename Op> static Value emitIntegers(Operation *op, OpBuilder &builder, ValueRange values) {
  Operands x(op, builder, values);
  return x.isFloat() ? Value() : Op::create(x.builder, values);
}

FailureOr<Scalar> AndOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](uint64_t a, uint64_t b) { return a & b; });
}
Value AndOp::emitScalar(OpBuilder &builder, ValueRange x) { return emitIntegers<arith::AndIOp>(*this, builder, x); }

FailureOr<Scalar> OrOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](uint64_t a, uint64_t b) { return a | b; });
}
Value OrOp::emitScalar(OpBuilder &builder, ValueRange x) { return emitIntegers<arith::OrIOp>(*this, builder, x); }

FailureOr<Scalar> XorOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](uint64_t a, uint64_t b) { return a ^ b; });
}
Value XorOp::emitScalar(OpBuilder &builder, ValueRange x) { return emitIntegers<arith::XOrIOp>(*this, builder, x); }

FailureOr<Scalar> BitwiseNotOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](uint64_t a, uint64_t) { return ~a; });
}
Value BitwiseNotOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  return x.isFloat() ? Value() : (x[0] ^ x[0].integer(-1)).value();
}

FailureOr<Scalar> NotOp::evaluateScalar(ArrayRef<Scalar> x) { return Scalar::ofBool(!x[0].asBool()); }
Value NotOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  return x[0].element().isInteger(1) ? (!x[0]).value() : Value();
}

/// A shift by the width or more is poison in MLIR and 0 here.
template <typename Op> static Value emitShift(Operation *op, OpBuilder &builder, ValueRange values) {
  Operands x(op, builder, values);
  if (x.isFloat())
    return nullptr;
  Expr amount = x[1], zero = amount.integer(0), fits = below(amount, amount.integer(amount.width()));
  return select(fits, x[0].apply<Op>(select(fits, amount, zero)), zero).value();
}

FailureOr<Scalar> ShiftLeftOp::evaluateScalar(ArrayRef<Scalar> x) {
  uint64_t width = elementOf(getLhs()).getIntOrFloatBitWidth();
  return onBits(x, [&](uint64_t a, uint64_t b) { return b < width ? a << b : 0; });
}
Value ShiftLeftOp::emitScalar(OpBuilder &builder, ValueRange values) {
  return emitShift<arith::ShLIOp>(*this, builder, values);
}

FailureOr<Scalar> ShiftRightOp::evaluateScalar(ArrayRef<Scalar> x) {
  uint64_t width = elementOf(getLhs()).getIntOrFloatBitWidth();
  return onBits(x, [&](uint64_t a, uint64_t b) { return b < width ? a >> b : 0; });
}
Value ShiftRightOp::emitScalar(OpBuilder &builder, ValueRange values) {
  return emitShift<arith::ShRUIOp>(*this, builder, values);
}

FailureOr<Scalar> SelectOp::evaluateScalar(ArrayRef<Scalar> x) { return x[0].asBool() ? x[1] : x[2]; }
Value SelectOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  return select(x[0], x[1], x[2]).value();
}

FailureOr<Scalar> IsNanOp::evaluateScalar(ArrayRef<Scalar> x) { return Scalar::ofBool(std::isnan(x[0].asFloat())); }
Value IsNanOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  return x.isFloat() ? (x[0] != x[0]).value() : Value();
}

FailureOr<Scalar> IsInfOp::evaluateScalar(ArrayRef<Scalar> x) {
  double value = x[0].asFloat();
  return Scalar::ofBool((getPositive() && value == HUGE_VAL) || (getNegative() && value == -HUGE_VAL));
}
Value IsInfOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  if (!x.isFloat())
    return nullptr;
  double positive = getPositive() ? HUGE_VAL : -HUGE_VAL, negative = getNegative() ? -HUGE_VAL : HUGE_VAL;
  Expr either = (x[0] == positive) | (x[0] == negative);
  return getPositive() || getNegative() ? either.value() : (x[0] < x[0]).value();
}

} // namespace smelt::graph

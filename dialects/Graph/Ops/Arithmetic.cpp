// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on floats and integers. Integers wrap; a target computes them at their own width, the reference at 64
// bits, whose low bits are the same.

#include "dialects/Graph/Ops/Elementwise.h"

using namespace mlir;

namespace smelt::graph {

/// A function of one kind of numbers: the first operand's.
template <typename Function> static Scalar onNumbers(ArrayRef<Scalar> x, Function function) {
  switch (x[0].kind()) {
  case Scalar::Kind::Float:
    return Scalar::ofFloat(function(x[0].asFloat(), x[1].asFloat()));
  case Scalar::Kind::Signed:
    return Scalar::ofSigned(function(x[0].asSigned(), x[1].asSigned()));
  case Scalar::Kind::Unsigned:
    return Scalar::ofUnsigned(function(x[0].asUnsigned(), x[1].asUnsigned()));
  }
  llvm_unreachable("a scalar of no kind");
}

/// The same, where integers of both kinds are computed modulo 2^64.
template <typename Function> static Scalar onBits(ArrayRef<Scalar> x, Function function) {
  if (x[0].isFloat())
    return Scalar::ofFloat(function(x[0].asFloat(), x[1].asFloat()));
  uint64_t bits = function(x[0].asUnsigned(), x[1].asUnsigned());
  return x[0].isSigned() ? Scalar::ofSigned(static_cast<int64_t>(bits)) : Scalar::ofUnsigned(bits);
}

FailureOr<Scalar> AddOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](auto a, auto b) { return a + b; });
}
Value AddOp::emitScalar(OpBuilder &builder, ValueRange x) {
  return emitEither<arith::AddFOp, arith::AddIOp>(*this, builder, x);
}

FailureOr<Scalar> SubOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](auto a, auto b) { return a - b; });
}
Value SubOp::emitScalar(OpBuilder &builder, ValueRange x) {
  return emitEither<arith::SubFOp, arith::SubIOp>(*this, builder, x);
}

FailureOr<Scalar> MulOp::evaluateScalar(ArrayRef<Scalar> x) {
  return onBits(x, [](auto a, auto b) { return a * b; });
}
Value MulOp::emitScalar(OpBuilder &builder, ValueRange x) {
  return emitEither<arith::MulFOp, arith::MulIOp>(*this, builder, x);
}

FailureOr<Scalar> MaxOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat())
    return Scalar::ofFloat(formula::maximum(x[0].asFloat(), x[1].asFloat()));
  return onNumbers(x, [](auto a, auto b) { return std::max(a, b); });
}
Value MaxOp::emitScalar(OpBuilder &builder, ValueRange x) {
  return emitEither<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(*this, builder, x);
}

FailureOr<Scalar> MinOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat())
    return Scalar::ofFloat(formula::minimum(x[0].asFloat(), x[1].asFloat()));
  return onNumbers(x, [](auto a, auto b) { return std::min(a, b); });
}
Value MinOp::emitScalar(OpBuilder &builder, ValueRange x) {
  return emitEither<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(*this, builder, x);
}

FailureOr<Scalar> NegOp::evaluateScalar(ArrayRef<Scalar> x) {
  return x[0].isFloat() ? Scalar::ofFloat(-x[0].asFloat())
                        : Scalar::ofSigned(static_cast<int64_t>(0 - x[0].asUnsigned()));
}
Value NegOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  return (-x[0]).value();
}

FailureOr<Scalar> AbsOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat())
    return Scalar::ofFloat(std::abs(x[0].asFloat()));
  bool negative = x[0].isSigned() && x[0].asSigned() < 0;
  return negative ? Scalar::ofSigned(static_cast<int64_t>(0 - x[0].asUnsigned())) : x[0];
}
Value AbsOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  if (x.isFloat())
    return abs(x[0]).value();
  return x.isUnsigned ? values[0] : select(x[0] < x[0].integer(0), -x[0], x[0]).value();
}

FailureOr<Scalar> SignOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat()) {
    double value = x[0].asFloat();
    return Scalar::ofFloat(value > 0 ? 1 : value < 0 ? -1 : value);
  }
  bool negative = x[0].isSigned() && x[0].asSigned() < 0;
  return Scalar::ofSigned(negative ? -1 : x[0].asBool());
}
Value SignOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0];
  if (x.isFloat())
    return select(a > 0.0, 1.0, select(a < 0.0, -1.0, a)).value();
  Expr one = select(a == a.integer(0), a, a.integer(1));
  return (x.isUnsigned ? one : select(a < a.integer(0), a.integer(-1), one)).value();
}

FailureOr<Scalar> ReluOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat())
    return x[0].asFloat() < 0 ? Scalar::ofFloat(0) : x[0];
  return x[0].isSigned() && x[0].asSigned() < 0 ? Scalar::ofSigned(0) : x[0];
}
Value ReluOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  if (x.isFloat())
    return select(x[0] < 0.0, 0.0, x[0]).value(); // one instruction on x86, and NaN stays
  return x.isUnsigned ? values[0] : select(x[0] < x[0].integer(0), x[0].integer(0), x[0]).value();
}

FailureOr<Scalar> ClampOp::evaluateScalar(ArrayRef<Scalar> x) {
  auto bound = [](auto a, auto low, auto high) {
    auto least = a < low ? low : a;
    return least > high ? high : least;
  };
  if (x[0].isFloat())
    return Scalar::ofFloat(bound(x[0].asFloat(), x[1].asFloat(), x[2].asFloat()));
  return x[0].isSigned() ? Scalar::ofSigned(bound(x[0].asSigned(), x[1].asSigned(), x[2].asSigned()))
                         : Scalar::ofUnsigned(bound(x[0].asUnsigned(), x[1].asUnsigned(), x[2].asUnsigned()));
}
Value ClampOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  auto less = [&](Expr a, Expr b) { return x.isUnsigned ? below(a, b) : a < b; };
  Expr least = select(less(x[0], x[1]), x[1], x[0]);
  return select(less(x[2], least), x[2], least).value();
}

FailureOr<Scalar> PReluOp::evaluateScalar(ArrayRef<Scalar> x) {
  bool negative = x[0].isFloat() ? x[0].asFloat() < 0 : x[0].isSigned() && x[0].asSigned() < 0;
  return negative ? onBits(x, [](auto a, auto b) { return a * b; }) : x[0];
}
Value PReluOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  if (!x.isFloat() && x.isUnsigned)
    return values[0];
  Expr negative = x.isFloat() ? x[0] < 0.0 : x[0] < x[0].integer(0);
  return select(negative, x[0] * x[1], x[0]).value();
}

} // namespace smelt::graph

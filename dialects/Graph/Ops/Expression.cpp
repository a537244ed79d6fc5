// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Expression.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::graph {

Type Expr::typeOf(Type element) const {
  auto vector = dyn_cast<VectorType>(type());
  return vector ? vector.clone(element) : element;
}

static Expr constant(const Expr &like, Type element, Attribute number) {
  Type type = like.typeOf(element);
  auto vector = dyn_cast<VectorType>(type);
  TypedAttr value = vector ? TypedAttr(SplatElementsAttr::get(vector, number)) : cast<TypedAttr>(number);
  return {like.builder(), arith::ConstantOp::create(like.builder(), type, value), like.isUnsigned()};
}

Expr Expr::real(double value) const { return constant(*this, element(), builder_->getFloatAttr(element(), value)); }

Expr Expr::integer(int64_t value) const {
  Type type = builder_->getIntegerType(width());
  llvm::APInt bits(width(), static_cast<uint64_t>(value), /*isSigned=*/true, /*implicitTrunc=*/true);
  return constant(*this, type, builder_->getIntegerAttr(type, bits));
}

Expr Expr::asInteger() const { return to<arith::BitcastOp>(builder_->getIntegerType(width())); }

Expr Expr::asFloat() const {
  return to<arith::BitcastOp>(width() == 64 ? Type(builder_->getF64Type()) : builder_->getF32Type());
}

template <typename Float, typename Integer> static Expr binary(Expr a, Expr b) {
  return a.isFloat() ? a.apply<Float>(b) : a.apply<Integer>(b);
}

Expr operator+(Expr a, Expr b) { return binary<arith::AddFOp, arith::AddIOp>(a, b); }
Expr operator-(Expr a, Expr b) { return binary<arith::SubFOp, arith::SubIOp>(a, b); }
Expr operator*(Expr a, Expr b) { return binary<arith::MulFOp, arith::MulIOp>(a, b); }
Expr operator-(Expr a) { return a.isFloat() ? a.apply<arith::NegFOp>() : a.integer(0) - a; }
Expr operator/(Expr a, Expr b) {
  if (a.isFloat())
    return a.apply<arith::DivFOp>(b);
  return a.isUnsigned() ? a.apply<arith::DivUIOp>(b) : a.apply<arith::DivSIOp>(b);
}
Expr operator&(Expr a, Expr b) { return a.apply<arith::AndIOp>(b); }
Expr operator|(Expr a, Expr b) { return a.apply<arith::OrIOp>(b); }
Expr operator^(Expr a, Expr b) { return a.apply<arith::XOrIOp>(b); }
Expr operator~(Expr a) { return a ^ a.integer(-1); }
Expr operator!(Expr condition) { return condition ^ condition.integer(1); }

namespace {
/// One comparison of floats and of integers.
struct Comparison {
  arith::CmpFPredicate floats;
  arith::CmpIPredicate signedIntegers, unsignedIntegers;
};
} // namespace

static Expr compare(Expr a, Expr b, Comparison comparison) {
  ImplicitLocOpBuilder &builder = a.builder();
  if (a.isFloat())
    return {builder, arith::CmpFOp::create(builder, comparison.floats, a.value(), b.value()), /*isUnsigned=*/true};
  arith::CmpIPredicate predicate = a.isUnsigned() ? comparison.unsignedIntegers : comparison.signedIntegers;
  return {builder, arith::CmpIOp::create(builder, predicate, a.value(), b.value()), /*isUnsigned=*/true};
}

using F = arith::CmpFPredicate;
using I = arith::CmpIPredicate;
Expr operator<(Expr a, Expr b) { return compare(a, b, {F::OLT, I::slt, I::ult}); }
Expr operator<=(Expr a, Expr b) { return compare(a, b, {F::OLE, I::sle, I::ule}); }
Expr operator>(Expr a, Expr b) { return compare(a, b, {F::OGT, I::sgt, I::ugt}); }
Expr operator>=(Expr a, Expr b) { return compare(a, b, {F::OGE, I::sge, I::uge}); }
Expr operator==(Expr a, Expr b) { return compare(a, b, {F::OEQ, I::eq, I::eq}); }
Expr operator!=(Expr a, Expr b) { return compare(a, b, {F::UNE, I::ne, I::ne}); }

Expr select(Expr condition, Expr a, Expr b) {
  ImplicitLocOpBuilder &builder = a.builder();
  return {builder, arith::SelectOp::create(builder, condition.value(), a.value(), b.value()), a.isUnsigned()};
}

Expr shiftLeft(Expr a, unsigned bits) { return a.apply<arith::ShLIOp>(a.integer(bits)); }
Expr shiftRightSigned(Expr a, unsigned bits) { return a.apply<arith::ShRSIOp>(a.integer(bits)); }
Expr shiftRightUnsigned(Expr a, unsigned bits) { return a.apply<arith::ShRUIOp>(a.integer(bits)); }

Expr fma(Expr a, Expr b, Expr c) { return a.apply<math::FmaOp>(b, c); }
bool roundsProducts(Expr a) {
  for (Operation *op = a.builder().getInsertionBlock()->getParentOp(); op; op = op->getParentOp())
    if (op->hasAttr(kRoundsProducts))
      return true;
  return false;
}
Expr subtractExact(Expr c, Expr a, double b) { return roundsProducts(c) ? c - a * b : fma(a, -b, c); }
Expr abs(Expr a) { return a.apply<math::AbsFOp>(); }
Expr sqrt(Expr a) { return a.apply<math::SqrtOp>(); }
Expr floor(Expr a) { return a.apply<math::FloorOp>(); }
Expr ceil(Expr a) { return a.apply<math::CeilOp>(); }
Expr roundEven(Expr a) { return a.apply<math::RoundEvenOp>(); }
Expr trunc(Expr a) { return a.apply<math::TruncOp>(); }
Expr copySign(Expr magnitude, Expr sign) { return magnitude.apply<math::CopySignOp>(sign); }
Expr maximum(Expr a, Expr b) { return a.apply<arith::MaximumFOp>(b); }
Expr minimum(Expr a, Expr b) { return a.apply<arith::MinimumFOp>(b); }

// Comparisons and not minimumf: `limit < x ? limit : x` is one instruction on x86 and passes NaN on.
Expr clamp(Expr x, double low, double high) {
  x = select(x.real(high) < x, high, x);
  return select(x.real(low) > x, low, x);
}

Expr polynomial(Expr x, ArrayRef<double> coefficients) {
  Expr sum = x.real(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, x.real(coefficient));
  return sum;
}

Expr anyLane(Expr condition) {
  if (!isa<VectorType>(condition.type()))
    return condition;
  ImplicitLocOpBuilder &builder = condition.builder();
  return {builder, vector::ReductionOp::create(builder, vector::CombiningKind::OR, condition.value())};
}

SmallVector<Expr> repeatWhile(ArrayRef<Expr> state, function_ref<Expr(ArrayRef<Expr>)> condition,
                              function_ref<SmallVector<Expr>(ArrayRef<Expr>)> step) {
  ImplicitLocOpBuilder &builder = state.front().builder();
  auto valuesOf = [](ArrayRef<Expr> expressions) {
    return llvm::map_to_vector(expressions, [](const Expr &expression) { return expression.value(); });
  };
  auto stateOf = [&](ValueRange values) {
    SmallVector<Expr> expressions;
    for (auto [value, like] : llvm::zip_equal(values, state))
      expressions.emplace_back(builder, value, like.isUnsigned());
    return expressions;
  };
  SmallVector<Value> start = valuesOf(state);
  SmallVector<Type> types(ValueRange(start).getTypes());
  SmallVector<Location> locations(start.size(), builder.getLoc());
  auto loop = scf::WhileOp::create(builder, types, start);
  OpBuilder::InsertionGuard guard(builder);
  Block *before = builder.createBlock(&loop.getBefore(), {}, types, locations);
  scf::ConditionOp::create(builder, anyLane(condition(stateOf(before->getArguments()))).value(),
                           before->getArguments());
  Block *after = builder.createBlock(&loop.getAfter(), {}, types, locations);
  scf::YieldOp::create(builder, valuesOf(step(stateOf(after->getArguments()))));
  return stateOf(loop.getResults());
}

Expr numberOf(Count count, Expr like) {
  if (std::optional<int64_t> number = count.number())
    return like.number(*number);
  ImplicitLocOpBuilder &b = like.builder();
  auto integer = dyn_cast<IntegerType>(like.element());
  Expr wide(b, arith::IndexCastOp::create(b, integer ? integer : b.getI64Type(), count.in(b)), like.isUnsigned());
  Expr scalar = integer ? wide : wide.to<arith::SIToFPOp>(like.element());
  auto vector = dyn_cast<VectorType>(like.type());
  return vector ? Expr(b, vector::BroadcastOp::create(b, vector, scalar.value()), like.isUnsigned()) : scalar;
}

} // namespace smelt::graph

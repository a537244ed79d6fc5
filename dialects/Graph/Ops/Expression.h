// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formulas over SSA values, written as in C: `x / (1.0 + abs(x))` emits the arith ops, on scalars and vectors alike.

#ifndef SMELT_DIALECTS_GRAPH_OPS_EXPRESSION_H
#define SMELT_DIALECTS_GRAPH_OPS_EXPRESSION_H

#include "dialects/Graph/Emission.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

namespace smelt::graph {

/// Of a function whose device may round the product of an fma, and may reorder sums of such products: Vulkan's. Where
/// formulas need more they multiply and add there, which no driver may reorder.
constexpr llvm::StringLiteral kRoundsProducts = "graph.rounds_products";

/// A float or signless integer, or a 1-D vector of them, in a formula that is being emitted. Refers to its builder.
/// Binary operators take operands of one type, or a double with an Expr of floats. Whether integers are signed is known
/// of the expression, and passes on to what is made of it.
class Expr {
public:
  Expr(mlir::ImplicitLocOpBuilder &builder, mlir::Value value, bool isUnsigned = false)
      : builder_(&builder), value_(value), isUnsigned_(isUnsigned) {}

  mlir::Value value() const { return value_; }
  bool isUnsigned() const { return isUnsigned_; }
  mlir::ImplicitLocOpBuilder &builder() const { return *builder_; }
  mlir::Type type() const { return value_.getType(); }
  mlir::Type element() const { return mlir::getElementTypeOrSelf(type()); }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(element()); }
  unsigned width() const { return element().getIntOrFloatBitWidth(); }

  /// This expression's type with other elements: a vector of as many lanes, or a scalar.
  mlir::Type typeOf(mlir::Type element) const;
  /// Constants of this expression's type. `integer` of a float one is as wide an integer.
  Expr real(double value) const;
  Expr integer(int64_t value) const;
  Expr number(int64_t value) const { return isFloat() ? real(static_cast<double>(value)) : integer(value); }
  /// The same value, its integers taken as unsigned or signed.
  Expr as(bool isUnsigned) const { return {*builder_, value_, isUnsigned}; }
  /// The same bits as an integer, or as f32 / f64.
  Expr asInteger() const;
  Expr asFloat() const;

  /// Emits `Op` of this and further operands, with the operands' type as its result's.
  template <typename Op, typename... Rest> Expr apply(Rest... rest) const {
    return {*builder_, Op::create(*builder_, value_, rest.value()...), isUnsigned_};
  }
  /// Emits the conversion `Op` to another element type.
  template <typename Op> Expr to(mlir::Type element) const {
    return {*builder_, Op::create(*builder_, typeOf(element), value_), isUnsigned_};
  }

private:
  mlir::ImplicitLocOpBuilder *builder_;
  mlir::Value value_;
  bool isUnsigned_;
};

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator/(Expr a, Expr b); // an integer b is neither 0 nor -1
Expr operator&(Expr a, Expr b); // integers and i1
Expr operator|(Expr a, Expr b);
Expr operator^(Expr a, Expr b);
Expr operator~(Expr a);
Expr operator!(Expr condition); // i1

inline Expr operator+(Expr a, double b) { return a + a.real(b); }
inline Expr operator-(Expr a, double b) { return a - a.real(b); }
inline Expr operator*(Expr a, double b) { return a * a.real(b); }
inline Expr operator/(Expr a, double b) { return a / a.real(b); }
inline Expr operator+(double a, Expr b) { return b.real(a) + b; }
inline Expr operator-(double a, Expr b) { return b.real(a) - b; }
inline Expr operator*(double a, Expr b) { return b.real(a) * b; }
inline Expr operator/(double a, Expr b) { return b.real(a) / b; }

/// i1 results; false where either is NaN, but for !=.
Expr operator<(Expr a, Expr b);
Expr operator<=(Expr a, Expr b);
Expr operator>(Expr a, Expr b);
Expr operator>=(Expr a, Expr b);
Expr operator==(Expr a, Expr b);
Expr operator!=(Expr a, Expr b);
inline Expr operator<(Expr a, double b) { return a < a.real(b); }
inline Expr operator<=(Expr a, double b) { return a <= a.real(b); }
inline Expr operator>(Expr a, double b) { return a > a.real(b); }
inline Expr operator>=(Expr a, double b) { return a >= a.real(b); }
inline Expr operator==(Expr a, double b) { return a == a.real(b); }
inline Expr operator!=(Expr a, double b) { return a != a.real(b); }

Expr select(Expr condition, Expr a, Expr b);
inline Expr select(Expr condition, double a, Expr b) { return select(condition, b.real(a), b); }
inline Expr select(Expr condition, Expr a, double b) { return select(condition, a, a.real(b)); }

/// Shifts of integers by a constant below their width.
Expr shiftLeft(Expr a, unsigned bits);
Expr shiftRightSigned(Expr a, unsigned bits);
Expr shiftRightUnsigned(Expr a, unsigned bits);

/// a · b + c, rounded once, or twice where the function has kRoundsProducts.
Expr fma(Expr a, Expr b, Expr c);
inline Expr fma(Expr a, double b, Expr c) { return fma(a, a.real(b), c); }
/// Whether what is emitted at `a`'s builder is for a device of kRoundsProducts.
bool roundsProducts(Expr a);
/// c - a · b, for a product that has no more bits than the type.
Expr subtractExact(Expr c, Expr a, double b);
Expr abs(Expr a);  // floats
Expr sqrt(Expr a); // floats
Expr floor(Expr a);
Expr ceil(Expr a);
Expr roundEven(Expr a); // to nearest, ties to even
Expr trunc(Expr a);
Expr copySign(Expr magnitude, Expr sign);
/// The larger and smaller of two floats, NaN where either is.
Expr maximum(Expr a, Expr b);
Expr minimum(Expr a, Expr b);
/// x within [low, high]; NaN stays NaN.
Expr clamp(Expr x, double low, double high);
/// c[0] + c[1] x + c[2] x² + … by Horner's rule.
Expr polynomial(Expr x, llvm::ArrayRef<double> coefficients);

/// A count as a number of `like`'s type.
Expr numberOf(Count count, Expr like);

/// A scalar i1: whether a condition holds in any lane.
Expr anyLane(Expr condition);

/// Emits a loop that replaces `state` by `step` of it while `condition` of it holds in any lane. Lanes in which it no
/// longer holds go through the step as well.
llvm::SmallVector<Expr> repeatWhile(llvm::ArrayRef<Expr> state,
                                    llvm::function_ref<Expr(llvm::ArrayRef<Expr>)> condition,
                                    llvm::function_ref<llvm::SmallVector<Expr>(llvm::ArrayRef<Expr>)> step);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_EXPRESSION_H

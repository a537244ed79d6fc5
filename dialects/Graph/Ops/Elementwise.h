// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the elementwise operators share: type inference, and the loops' and the reference's view of their operands.

#ifndef SMELT_DIALECTS_GRAPH_OPS_ELEMENTWISE_H
#define SMELT_DIALECTS_GRAPH_OPS_ELEMENTWISE_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/MathFunctions.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

namespace smelt::graph {

/// The element type of a tensor; null for other values.
mlir::Type elementOf(mlir::Value tensor);

/// The result type of an elementwise op: `operands` broadcast to each other, those in `alike` have one element type,
/// and the result has `element`, or that type when `element` is null. Otherwise an error in words.
llvm::LogicalResult inferElementwise(std::optional<mlir::Location> location, mlir::ValueRange operands,
                                     mlir::ValueRange alike, mlir::Type element,
                                     llvm::SmallVectorImpl<mlir::Type> &types);

/// The number of an F64Attr.
inline double number(const llvm::APFloat &value) { return value.convertToDouble(); }

/// The reference of a function of floats; fails on other operands.
llvm::FailureOr<Scalar> evaluateFloat(llvm::ArrayRef<Scalar> operands, llvm::function_ref<double(double)> function);

/// Which floats an emission is accurate on. Transcendental functions are written for f32 alone.
enum class Floats { F32, All };

/// Emits a formula on float operands; null where the compute type of operand 0 is not among `supported`.
mlir::Value emitFloat(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange operands, Floats supported,
                      llvm::function_ref<Expr(Expr)> formula);

/// The operands as formulas; integers' signedness is that of operand `like` of the op.
struct Operands {
  Operands(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange values, unsigned like = 0);

  Expr operator[](size_t i) { return {builder, values[i]}; }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(values[0])); }

  mlir::ImplicitLocOpBuilder builder;
  mlir::ValueRange values;
  bool isUnsigned;
};

/// Emits one op: that of floats, of signed or of unsigned integers.
template <typename Float, typename Signed, typename Unsigned = Signed>
mlir::Value emitEither(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange values) {
  Operands x(op, builder, values);
  if (x.isFloat())
    return Float::create(x.builder, values);
  return x.isUnsigned ? mlir::Value(Unsigned::create(x.builder, values))
                      : mlir::Value(Signed::create(x.builder, values));
}

/// The operators' formulas read alike on doubles and on Exprs.
namespace formula {
using std::abs, std::acos, std::acosh, std::asin, std::asinh, std::atan, std::atanh, std::cos, std::cosh, std::erf,
    std::exp, std::expm1, std::floor, std::log, std::log1p, std::sin, std::sinh, std::sqrt, std::tan, std::tanh;

inline double select(bool condition, double a, double b) { return condition ? a : b; }
inline double maximum(double a, double b) { return std::isnan(a) || a > b ? a : b; }
inline double minimum(double a, double b) { return std::isnan(a) || a < b ? a : b; }
inline double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
inline double roundEven(double x) { return std::nearbyint(x); }
inline Expr maximum(Expr a, double b) { return smelt::graph::maximum(a, a.real(b)); }
inline Expr minimum(Expr a, double b) { return smelt::graph::minimum(a, a.real(b)); }
inline Expr roundEven(Expr x) { return x.apply<mlir::math::RoundEvenOp>(); }

/// Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
template <typename X> X geluOf(X x, bool tanhForm) {
  if (tanhForm)
    return 0.5 * x * (1.0 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
}
} // namespace formula

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_ELEMENTWISE_H

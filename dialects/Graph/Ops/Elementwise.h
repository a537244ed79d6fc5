// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the elementwise operators share: type inference, and how one function of a few scalars serves as an op's
// reference (on numbers) and as its emission (on Expr).

#ifndef SMELT_DIALECTS_GRAPH_OPS_ELEMENTWISE_H
#define SMELT_DIALECTS_GRAPH_OPS_ELEMENTWISE_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Expression.h"
#include <string>
#include <type_traits>

namespace smelt::graph {

/// The element type of a tensor; null for other values.
mlir::Type elementOf(mlir::Value tensor);

/// A shape as messages spell it: [1, 3, ?].
std::string inWords(llvm::ArrayRef<int64_t> shape);

/// The result type of an elementwise op: `operands` broadcast to each other, those in `alike` have one element type,
/// which may be one of StoredTypes.h where `takesStoredTypes`, and the result has `element`, or that type when
/// `element` is null. Otherwise an error in words.
llvm::LogicalResult inferElementwise(std::optional<mlir::Location> location, mlir::ValueRange operands,
                                     mlir::ValueRange alike, mlir::Type element, bool takesStoredTypes,
                                     llvm::SmallVectorImpl<mlir::Type> &types);

/// Which element types a function is defined on.
enum class Domain { Floats, Integers, Numbers };
bool isIn(Domain domain, mlir::Type computeType);

/// Emits `formula(Expr...)` on the operands of an elementwise op; null where the first's type is not in `domain`.
template <typename Formula>
mlir::Value emitFormula(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange operands, Domain domain,
                        Formula formula) {
  if (!isIn(domain, mlir::getElementTypeOrSelf(operands[0].getType())))
    return nullptr;
  mlir::ImplicitLocOpBuilder b(op->getLoc(), builder);
  auto operand = [&](unsigned i) { return Expr(b, operands[i], isUnsignedElement(elementOf(op->getOperand(i)))); };
  if constexpr (std::is_invocable_v<Formula, Expr>)
    return formula(operand(0)).value();
  else if constexpr (std::is_invocable_v<Formula, Expr, Expr>)
    return formula(operand(0), operand(1)).value();
  else
    return formula(operand(0), operand(1), operand(2)).value();
}

inline Scalar toScalar(double value) { return Scalar::ofFloat(value); }
inline Scalar toScalar(int64_t value) { return Scalar::ofSigned(value); }
inline Scalar toScalar(uint64_t value) { return Scalar::ofUnsigned(value); }
inline Scalar toScalar(bool value) { return Scalar::ofBool(value); }

template <typename T> T fromScalar(Scalar scalar) {
  if constexpr (std::is_same_v<T, double>)
    return scalar.asFloat();
  else if constexpr (std::is_same_v<T, int64_t>)
    return scalar.asSigned();
  else
    return scalar.asUnsigned();
}

/// Calls a function of one to three T on as many operands.
template <typename T, typename Function> Scalar evaluateOn(llvm::ArrayRef<Scalar> operands, Function function) {
  auto operand = [&](unsigned i) { return fromScalar<T>(operands[i]); };
  if constexpr (std::is_invocable_v<Function, T>)
    return toScalar(function(operand(0)));
  else if constexpr (std::is_invocable_v<Function, T, T>)
    return toScalar(function(operand(0), operand(1)));
  else
    return toScalar(function(operand(0), operand(1), operand(2)));
}

/// The reference: calls `function` on doubles, int64_t or uint64_t, by the kind of operand 0; fails on those outside
/// `domain`.
template <Domain domain, typename Function>
llvm::FailureOr<Scalar> evaluateFormula(llvm::ArrayRef<Scalar> operands, Function function) {
  constexpr bool takesFloats = domain != Domain::Integers;
  constexpr bool takesIntegers = domain == Domain::Integers || domain == Domain::Numbers;
  if (operands[0].isFloat()) {
    if constexpr (takesFloats)
      return evaluateOn<double>(operands, function);
  } else if constexpr (takesIntegers) {
    return operands[0].isSigned() ? evaluateOn<int64_t>(operands, function) : evaluateOn<uint64_t>(operands, function);
  }
  return llvm::failure();
}

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_ELEMENTWISE_H

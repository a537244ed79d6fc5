// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_OPERANDS_H
#define SMELT_FRONTENDS_PT2_OPS_OPERANDS_H

#include "frontends/common/MatchDims.h"
#include "frontends/pt2/Operators.h"

namespace smelt::frontend::pt2 {

/// Two operands, tensors or scalars, as tensors of the type that PyTorch computes in.
struct Operands {
  Value lhs, rhs;
  Type type;
};
Operands readOperands(NodeReader &node, llvm::StringRef lhs = "self", llvm::StringRef rhs = "other");
/// The same of floats, whatever the operands are.
Operands readFloats(NodeReader &node, llvm::StringRef lhs = "self", llvm::StringRef rhs = "other");

/// The type that formulas of several steps are computed in: of bf16 and f16 f32, as in PyTorch.
Type widerOf(Type type);
/// What a formula makes of a value as floats, in the value's type again.
template <typename Formula> Value inSingle(GraphBuilder &builder, Value x, Formula formula) {
  Type type = floatOf(elementOf(x));
  return builder.cast(formula(builder.cast(x, widerOf(type))), type);
}

/// op(a, b), of dims that are made equal where they are of one origin.
template <typename Op> Value combine(GraphBuilder &builder, Value a, Value b) {
  matchDims(builder, a, b);
  return builder.make<Op>(a, b);
}

/// An argument that is a tensor or a scalar, as a tensor of a type.
Value operandAs(NodeReader &node, llvm::StringRef name, Type type);

/// A number that nothing is to pass, as a scalar of a type: beyond the range of integers it is their end, where
/// elsewhere PyTorch lets numbers wrap.
Value boundOf(GraphBuilder &builder, graph::Scalar bound, Type type);

/// a / b rounded down, of floats and integers.
Value floorDivided(GraphBuilder &builder, Value a, Value b);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_OPERANDS_H

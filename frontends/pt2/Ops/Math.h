// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_MATH_H
#define SMELT_FRONTENDS_PT2_OPS_MATH_H

#include "frontends/pt2/Ops/Operands.h"

namespace smelt::frontend::pt2 {

/// Formulas of values that broadcast, and of numbers, which become scalars of the other operand's type.
class Math {
public:
  explicit Math(GraphBuilder &builder) : b(builder) {}

  Value number(Value like, double value) const { return b.scalarLike(like, value); }

  Value add(Value x, Value y) const { return combine<graph::AddOp>(b, x, y); }
  Value sub(Value x, Value y) const { return combine<graph::SubOp>(b, x, y); }
  Value mul(Value x, Value y) const { return combine<graph::MulOp>(b, x, y); }
  Value div(Value x, Value y) const { return combine<graph::DivOp>(b, x, y); }
  Value max(Value x, Value y) const { return combine<graph::MaxOp>(b, x, y); }
  Value min(Value x, Value y) const { return combine<graph::MinOp>(b, x, y); }
  Value less(Value x, Value y) const { return combine<graph::LessOp>(b, x, y); }
  Value lessEqual(Value x, Value y) const { return combine<graph::LessEqualOp>(b, x, y); }
  Value equal(Value x, Value y) const { return combine<graph::EqualOp>(b, x, y); }
  Value both(Value x, Value y) const { return combine<graph::AndOp>(b, x, y); }
  Value either(Value x, Value y) const { return combine<graph::OrOp>(b, x, y); }

  Value add(Value x, double y) const { return add(x, number(x, y)); }
  Value sub(double x, Value y) const { return sub(number(y, x), y); }
  Value mul(Value x, double y) const { return mul(x, number(x, y)); }
  Value div(Value x, double y) const { return div(x, number(x, y)); }
  Value div(double x, Value y) const { return div(number(y, x), y); }
  Value max(Value x, double y) const { return max(x, number(x, y)); }
  Value min(Value x, double y) const { return min(x, number(x, y)); }
  Value less(Value x, double y) const { return less(x, number(x, y)); }
  Value lessEqual(Value x, double y) const { return lessEqual(x, number(x, y)); }
  Value equal(Value x, double y) const { return equal(x, number(x, y)); }

  Value neg(Value x) const { return b.make<graph::NegOp>(x); }
  Value abs(Value x) const { return b.make<graph::AbsOp>(x); }
  Value exp(Value x) const { return b.make<graph::ExpOp>(x); }
  Value log(Value x) const { return b.make<graph::LogOp>(x); }
  Value sqrt(Value x) const { return b.make<graph::SqrtOp>(x); }
  Value floor(Value x) const { return b.make<graph::FloorOp>(x); }
  Value round(Value x) const { return b.make<graph::RoundOp>(x); }
  /// log(1 + eˣ)
  Value softplus(Value x) const { return b.make<graph::SoftplusOp>(x); }
  Value isNan(Value x) const { return b.make<graph::IsNanOp>(x); }
  Value isInf(Value x) const { return b.make<graph::IsInfOp>(x, true, true); }
  Value no(Value x) const { return b.make<graph::NotOp>(x); }

  Value where(Value condition, Value yes, Value no) const {
    matchDims(b, condition, yes);
    matchDims(b, condition, no);
    matchDims(b, yes, no);
    return b.make<graph::SelectOp>(condition, yes, no);
  }
  Value where(Value condition, Value yes, double no) const { return where(condition, yes, number(yes, no)); }
  Value where(Value condition, double yes, Value no) const { return where(condition, number(no, yes), no); }

  /// Along one dim, which stays as a dim of 1, or goes.
  Value kept(graph::ReduceKind kind, Value x, int64_t axis) const { return b.make<graph::ReduceOp>(x, kind, axis); }
  Value along(graph::ReduceKind kind, Value x, int64_t axis) const { return b.dropDim(kept(kind, x, axis), axis); }
  /// Of all elements, a scalar.
  Value whole(graph::ReduceKind kind, Value x) const {
    if (rankOf(x) == 0)
      return x;
    auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
    return b.reshape(b.make<graph::ReduceOp>(x, kind, axes), Extents());
  }
  Value sum(Value x) const { return whole(graph::ReduceKind::Sum, x); }
  Value sum(Value x, int64_t axis) const { return along(graph::ReduceKind::Sum, x, axis); }

  /// The same with a dim of 1 more.
  Value withDim(Value x, int64_t axis) const {
    Extents shape = extentsOf(x);
    shape.insert(shape.begin() + axis, Extent(1));
    return b.reshape(x, shape);
  }

  GraphBuilder &b;
};

/// What a formula makes of the operand `name` in f64, in the operand's type again.
template <typename Function> Value inDouble(NodeReader &node, Function formula, llvm::StringRef name = "self") {
  GraphBuilder &b = node.builder();
  Value x = node.tensor(name);
  Type type = floatOf(elementOf(x));
  return b.cast(formula(Math(b), b.cast(x, b.builder().getF64Type())), type);
}

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_MATH_H

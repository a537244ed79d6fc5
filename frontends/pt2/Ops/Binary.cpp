// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Arithmetic, comparisons, logic and choices: functions of several tensors, element by element.

#include "frontends/common/ArcTangent.h"
#include "frontends/common/FloorDivision.h"
#include "frontends/pt2/Ops/Math.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir;

namespace smelt::frontend::pt2 {

Operands readOperands(NodeReader &node, StringRef lhs, StringRef rhs) {
  Values tensors;
  SmallVector<Number> numbers;
  for (StringRef name : {lhs, rhs}) {
    if (node.isTensor(name))
      tensors.push_back(node.tensor(name));
    else if (std::optional<Number> number = node.scalar(name))
      numbers.push_back(*number);
    else
      malformed("lacks its argument '" + name + "'");
  }
  Type type = promotedType(tensors, numbers, node.context());
  return {operandAs(node, lhs, type), operandAs(node, rhs, type), type};
}

Operands readFloats(NodeReader &node, StringRef lhs, StringRef rhs) {
  Operands operands = readOperands(node, lhs, rhs);
  GraphBuilder &b = node.builder();
  operands.type = floatOf(operands.type);
  operands.lhs = b.cast(operands.lhs, operands.type);
  operands.rhs = b.cast(operands.rhs, operands.type);
  return operands;
}

Type widerOf(Type type) { return type.getIntOrFloatBitWidth() < 32 ? Float32Type::get(type.getContext()) : type; }

Value operandAs(NodeReader &node, StringRef name, Type type) {
  if (node.isTensor(name))
    return node.builder().cast(node.tensor(name), type);
  std::optional<Number> number = node.scalar(name);
  if (!number)
    malformed("lacks its argument '" + name + "'");
  return scalarOf(node.builder(), *number, type);
}

Value boundOf(GraphBuilder &b, graph::Scalar bound, Type type) {
  if (isa<FloatType>(type))
    return b.scalar(type, bound);
  const unsigned width = type.getIntOrFloatBitWidth();
  const bool isSigned = !type.isUnsignedInteger() && width > 1;
  const int64_t least = isSigned ? llvm::minIntN(width) : 0;
  const int64_t most = isSigned || width == 64 ? llvm::maxIntN(width) : static_cast<int64_t>(llvm::maxUIntN(width));
  return b.scalar(type, graph::Scalar::ofSigned(std::clamp(bound.asSigned(), least, most)));
}

template <typename Op> static Value binary(NodeReader &node) {
  Operands operands = readOperands(node);
  return combine<Op>(node.builder(), operands.lhs, operands.rhs);
}

/// Of bools: or for +, and for ·.
template <typename Op, typename BoolOp> static Value arithmetic(GraphBuilder &b, Value x, Value y) {
  return elementOf(x).isInteger(1) ? combine<BoolOp>(b, x, y) : combine<Op>(b, x, y);
}

/// y · alpha
static Value scaled(NodeReader &node, Value y) {
  std::optional<Number> alpha = node.scalar("alpha");
  if (!alpha || (!alpha->tensor && alpha->value == 1 && (!alpha->size || alpha->size->isNumber())))
    return y;
  return node.builder().make<graph::MulOp>(y, scalarOf(node.builder(), *alpha, elementOf(y)));
}

static Value add(NodeReader &node) {
  Operands operands = readOperands(node);
  return arithmetic<graph::AddOp, graph::OrOp>(node.builder(), operands.lhs, scaled(node, operands.rhs));
}

static Value sub(NodeReader &node) {
  Operands operands = readOperands(node);
  return combine<graph::SubOp>(node.builder(), operands.lhs, scaled(node, operands.rhs));
}

static Value rsub(NodeReader &node) {
  Operands operands = readOperands(node);
  return combine<graph::SubOp>(node.builder(), operands.rhs, scaled(node, operands.lhs));
}

static Value mul(NodeReader &node) {
  Operands operands = readOperands(node);
  return arithmetic<graph::MulOp, graph::AndOp>(node.builder(), operands.lhs, operands.rhs);
}

static Value div(NodeReader &node) {
  Operands operands = readFloats(node);
  return combine<graph::DivOp>(node.builder(), operands.lhs, operands.rhs);
}

/// Where integers are divided towards zero, one less where there is a rest of the other sign.
Value floorDivided(GraphBuilder &b, Value x, Value y) {
  matchDims(b, x, y);
  if (isa<FloatType>(elementOf(x))) {
    // As c10::div_floor_floating: what C's remainder leaves is divided, so that what is whole stays so, and one less is
    // the quotient where there is a remainder of the other sign. A 0 has the sign of x / y.
    Math m(b);
    Value plain = m.div(x, y), rest = b.make<graph::ModOp>(x, y, /*fmod=*/true);
    Value quotient = m.div(m.sub(x, rest), y);
    Value isAbove = m.either(m.both(m.less(y, 0), m.less(m.number(rest, 0), rest)),
                             m.both(m.less(m.number(y, 0), y), m.less(rest, 0)));
    quotient = m.round(m.where(isAbove, m.sub(quotient, m.number(quotient, 1)), quotient));
    quotient = m.where(m.equal(quotient, 0), m.mul(plain, 0), quotient);
    return m.where(m.equal(y, 0), plain, quotient);
  }
  return floorQuotient(b, x, y);
}

/// Of floats, a quotient that is rounded is that of numbers in f32, and so are numbers that the file states.
static Operands readDivided(NodeReader &node) {
  Operands operands = readOperands(node);
  if (!isa<FloatType>(operands.type) || widerOf(operands.type) == operands.type)
    return operands;
  Type wide = widerOf(operands.type);
  auto widened = [&](StringRef name, Value narrow) {
    return node.isTensor(name) ? node.builder().cast(narrow, wide) : operandAs(node, name, wide);
  };
  return {widened("self", operands.lhs), widened("other", operands.rhs), operands.type};
}

static Value floorDivide(NodeReader &node) {
  Operands operands = readDivided(node);
  return node.builder().cast(floorDivided(node.builder(), operands.lhs, operands.rhs), operands.type);
}

static Value divMode(NodeReader &node) {
  GraphBuilder &b = node.builder();
  std::string mode = node.optionalText("rounding_mode").value_or("");
  if (mode.empty())
    return div(node);
  if (mode == "floor")
    return floorDivide(node);
  if (mode != "trunc")
    malformed("has rounding_mode '" + printable(mode) + "'");
  Operands operands = readDivided(node);
  Value quotient = combine<graph::DivOp>(b, operands.lhs, operands.rhs);
  if (!isa<FloatType>(operands.type))
    return quotient;
  Value isNegative = b.make<graph::LessOp>(quotient, b.scalarLike(quotient, 0));
  quotient = b.make<graph::SelectOp>(isNegative, b.make<graph::CeilOp>(quotient), b.make<graph::FloorOp>(quotient));
  return b.cast(quotient, operands.type);
}

template <bool fmod> static Value remainder(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands operands = readOperands(node);
  matchDims(b, operands.lhs, operands.rhs);
  return b.make<graph::ModOp>(operands.lhs, operands.rhs, fmod);
}

/// A power that is written as a product or a root where the exponent is one of a few.
static Value power(GraphBuilder &b, Value x, double exponent) {
  auto times = [&](Value u, Value v) { return b.make<graph::MulOp>(u, v); };
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return times(x, x);
  if (exponent == 3)
    return times(times(x, x), x);
  if (isa<FloatType>(elementOf(x))) {
    if (exponent == 0.5)
      return b.make<graph::SqrtOp>(x);
    if (exponent == -0.5)
      return b.make<graph::ReciprocalOp>(b.make<graph::SqrtOp>(x));
    if (exponent == -1)
      return b.make<graph::ReciprocalOp>(x);
  }
  return b.make<graph::PowOp>(x, b.scalarLike(x, exponent));
}

static Value pow(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands operands = readOperands(node, "self", "exponent");
  if (!node.isTensor("exponent"))
    if (std::optional<Number> exponent = node.scalar("exponent");
        !exponent->tensor && (!exponent->size || exponent->size->isNumber()))
      return power(b, operands.lhs, exponent->value);
  return combine<graph::PowOp>(b, operands.lhs, operands.rhs);
}

template <typename Op> static Value comparison(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands operands = readOperands(node);
  const bool isBool = operands.type.isInteger(1);
  auto wide = [&](Value x) { return isBool ? b.cast(x, b.builder().getI32Type()) : x; };
  return combine<Op>(b, wide(operands.lhs), wide(operands.rhs));
}

static Value notEqual(NodeReader &node) { return node.builder().make<graph::NotOp>(comparison<graph::EqualOp>(node)); }

/// Whether elements are other than 0.
static Value asBool(GraphBuilder &b, Value x) {
  if (elementOf(x).isInteger(1))
    return x;
  return b.make<graph::NotOp>(b.make<graph::EqualOp>(x, b.scalarLike(x, 0)));
}

template <typename Op> static Value logical(NodeReader &node) {
  GraphBuilder &b = node.builder();
  return combine<Op>(b, asBool(b, node.tensor("self")), asBool(b, node.tensor("other")));
}

// Choices.

static Value chosen(GraphBuilder &b, Value condition, Value x, Value y) {
  matchDims(b, condition, x);
  matchDims(b, condition, y);
  matchDims(b, x, y);
  return b.make<graph::SelectOp>(condition, x, y);
}

static Value where(NodeReader &node) {
  Operands operands = readOperands(node);
  return chosen(node.builder(), asBool(node.builder(), node.tensor("condition")), operands.lhs, operands.rhs);
}

static Value maskedFill(NodeReader &node) {
  Value x = node.tensor("self");
  return chosen(node.builder(), node.tensor("mask"), operandAs(node, "value", elementOf(x)), x);
}

/// An argument of clamp's as a tensor of a type.
static Value boundAs(NodeReader &node, StringRef name, Type type) {
  if (!node.isTensor(name))
    if (std::optional<Number> bound = node.scalar(name); bound && bound->size && bound->size->isNumber())
      return boundOf(node.builder(), graph::Scalar::ofSigned(bound->size->number()), type);
  return operandAs(node, name, type);
}

/// Bounds that are there.
static Value clampBetween(NodeReader &node, StringRef low, StringRef high) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Values tensors{x};
  SmallVector<Number> numbers;
  for (StringRef name : {low, high}) {
    if (name.empty() || !node.has(name))
      continue;
    if (node.isTensor(name))
      tensors.push_back(node.tensor(name));
    else
      numbers.push_back(*node.scalar(name));
  }
  Type type = promotedType(tensors, numbers, node.context());
  x = b.cast(x, type);
  const bool hasLow = !low.empty() && node.has(low), hasHigh = !high.empty() && node.has(high);
  auto isScalar = [&](StringRef name) { return !node.isTensor(name); };
  if (hasLow && hasHigh && isScalar(low) && isScalar(high))
    return b.make<graph::ClampOp>(x, boundAs(node, low, type), boundAs(node, high, type));
  if (hasLow)
    x = combine<graph::MaxOp>(b, x, boundAs(node, low, type));
  if (hasHigh)
    x = combine<graph::MinOp>(b, x, boundAs(node, high, type));
  return x;
}

static Value clamp(NodeReader &node) { return clampBetween(node, "min", "max"); }
static Value clampMin(NodeReader &node) { return clampBetween(node, "min", ""); }
static Value clampMax(NodeReader &node) { return clampBetween(node, "", "max"); }

// Of three tensors.

// self + weight · (end - self), from the nearer end, as at::native::lerp: a weight of 1 gives the end itself
static Value lerp(NodeReader &node) {
  Math m(node.builder());
  Operands operands = readOperands(node, "self", "end");
  Value way = m.sub(operands.rhs, operands.lhs), weight = operandAs(node, "weight", operands.type);
  Value fromSelf = m.add(operands.lhs, m.mul(way, weight));
  Value fromEnd = m.sub(operands.rhs, m.mul(way, m.sub(1, weight)));
  return m.where(m.less(m.abs(weight), 0.5), fromSelf, fromEnd);
}

/// self + (value · tensor1) op tensor2
template <typename Op> static Value addCombined(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), first = node.tensor("tensor1"), second = node.tensor("tensor2");
  Type type = promotedType({x, first, second}, {}, node.context()), wide = isa<FloatType>(type) ? widerOf(type) : type;
  Value y = b.make<graph::MulOp>(b.cast(first, wide), operandAs(node, "value", wide));
  y = combine<Op>(b, y, b.cast(second, wide));
  return b.cast(combine<graph::AddOp>(b, b.cast(x, wide), y), type);
}

static Value atan2(NodeReader &node) {
  Operands operands = readFloats(node);
  return arcTangent(node.builder(), operands.lhs, operands.rhs);
}

// The operators are tables of the functions above.

static constexpr Operator kOperators[] = {
    {"aten.__and__.Scalar", binary<graph::AndOp>},
    {"aten.__and__.Tensor", binary<graph::AndOp>},
    {"aten.__or__.Scalar", binary<graph::OrOp>},
    {"aten.__or__.Tensor", binary<graph::OrOp>},
    {"aten.__lshift__.Scalar", binary<graph::ShiftLeftOp>},
    {"aten.__lshift__.Tensor", binary<graph::ShiftLeftOp>},
    {"aten.__rshift__.Scalar", binary<graph::ShiftRightOp>},
    {"aten.__rshift__.Tensor", binary<graph::ShiftRightOp>},
    {"aten.__xor__.Scalar", binary<graph::XorOp>},
    {"aten.__xor__.Tensor", binary<graph::XorOp>},
    {"aten.add.Scalar", add},
    {"aten.add.Tensor", add},
    {"aten.addcdiv.default", addCombined<graph::DivOp>},
    {"aten.addcmul.default", addCombined<graph::MulOp>},
    {"aten.atan2.default", atan2},
    {"aten.bitwise_and.Scalar", binary<graph::AndOp>},
    {"aten.bitwise_and.Scalar_Tensor", binary<graph::AndOp>},
    {"aten.bitwise_and.Tensor", binary<graph::AndOp>},
    {"aten.bitwise_left_shift.Scalar_Tensor", binary<graph::ShiftLeftOp>},
    {"aten.bitwise_left_shift.Tensor", binary<graph::ShiftLeftOp>},
    {"aten.bitwise_left_shift.Tensor_Scalar", binary<graph::ShiftLeftOp>},
    {"aten.bitwise_or.Scalar", binary<graph::OrOp>},
    {"aten.bitwise_or.Scalar_Tensor", binary<graph::OrOp>},
    {"aten.bitwise_or.Tensor", binary<graph::OrOp>},
    {"aten.bitwise_right_shift.Scalar_Tensor", binary<graph::ShiftRightOp>},
    {"aten.bitwise_right_shift.Tensor", binary<graph::ShiftRightOp>},
    {"aten.bitwise_right_shift.Tensor_Scalar", binary<graph::ShiftRightOp>},
    {"aten.bitwise_xor.Scalar", binary<graph::XorOp>},
    {"aten.bitwise_xor.Scalar_Tensor", binary<graph::XorOp>},
    {"aten.bitwise_xor.Tensor", binary<graph::XorOp>},
    {"aten.clamp.Tensor", clamp},
    {"aten.clamp.default", clamp},
    {"aten.clamp_max.Tensor", clampMax},
    {"aten.clamp_max.default", clampMax},
    {"aten.clamp_min.Tensor", clampMin},
    {"aten.clamp_min.default", clampMin},
    {"aten.clip.default", clamp},
    {"aten.div.Scalar", div},
    {"aten.div.Tensor", div},
    {"aten.div.Scalar_mode", divMode},
    {"aten.div.Tensor_mode", divMode},
    {"aten.eq.Scalar", comparison<graph::EqualOp>},
    {"aten.eq.Tensor", comparison<graph::EqualOp>},
    {"aten.floor_divide.Scalar", floorDivide},
    {"aten.floor_divide.default", floorDivide},
    {"aten.fmod.Scalar", remainder<true>},
    {"aten.fmod.Tensor", remainder<true>},
    {"aten.ge.Scalar", comparison<graph::GreaterEqualOp>},
    {"aten.ge.Tensor", comparison<graph::GreaterEqualOp>},
    {"aten.gt.Scalar", comparison<graph::GreaterOp>},
    {"aten.gt.Tensor", comparison<graph::GreaterOp>},
    {"aten.le.Scalar", comparison<graph::LessEqualOp>},
    {"aten.le.Tensor", comparison<graph::LessEqualOp>},
    {"aten.lerp.Scalar", lerp},
    {"aten.lerp.Tensor", lerp},
    {"aten.logical_and.default", logical<graph::AndOp>},
    {"aten.logical_or.default", logical<graph::OrOp>},
    {"aten.logical_xor.default", logical<graph::XorOp>},
    {"aten.lt.Scalar", comparison<graph::LessOp>},
    {"aten.lt.Tensor", comparison<graph::LessOp>},
    {"aten.masked_fill.Scalar", maskedFill},
    {"aten.masked_fill.Tensor", maskedFill},
    {"aten.max.other", binary<graph::MaxOp>},
    {"aten.maximum.default", binary<graph::MaxOp>},
    {"aten.min.other", binary<graph::MinOp>},
    {"aten.minimum.default", binary<graph::MinOp>},
    {"aten.mul.Scalar", mul},
    {"aten.mul.Tensor", mul},
    {"aten.multiply.Tensor", mul},
    {"aten.ne.Scalar", notEqual},
    {"aten.ne.Tensor", notEqual},
    {"aten.pow.Scalar", pow},
    {"aten.pow.Tensor_Scalar", pow},
    {"aten.pow.Tensor_Tensor", pow},
    {"aten.remainder.Scalar", remainder<false>},
    {"aten.remainder.Tensor", remainder<false>},
    {"aten.rsub.Scalar", rsub},
    {"aten.rsub.Tensor", rsub},
    {"aten.sub.Scalar", sub},
    {"aten.sub.Tensor", sub},
    {"aten.true_divide.Tensor", div},
    {"aten.where.Scalar", where},
    {"aten.where.ScalarOther", where},
    {"aten.where.ScalarSelf", where},
    {"aten.where.self", where},
};

ArrayRef<Operator> binaryOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

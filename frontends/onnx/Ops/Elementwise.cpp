// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic, comparisons, logic and casts: one function of the elements at the same place.

#include "frontends/common/MatchDims.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace smelt::frontend::onnx {

/// One operand, one result, nothing else.
template <typename Op, unsigned elements> static Values unary(NodeReader &node) {
  return {node.builder().make<Op>(node.input(0, elements))};
}

template <typename Op> static Value combine(GraphBuilder &builder, Value a, Value b) {
  matchDims(builder, a, b);
  return builder.make<Op>(a, b);
}

/// The second operand before version 7: as it is, or, where `broadcast`, against the dims of the first from `axis` on.
static Value broadcastOperand(NodeReader &node, Value a, Value b) {
  if (node.opset() >= 7 || !node.flag("broadcast", false) || !node.has("axis"))
    return b;
  int64_t axis = normalAxis(node.integer("axis"), rankOf(a));
  graph::Extents shape = extentsOf(b);
  shape.append(std::max<int64_t>(rankOf(a) - axis - rankOf(b), 0), 1);
  return node.builder().reshape(b, shape);
}

/// Two operands of one element type.
template <typename Op, unsigned elements> static Values binary(NodeReader &node) {
  Value a = node.input(0, elements), b = node.input(1, elements);
  return {combine<Op>(node.builder(), a, broadcastOperand(node, a, b))};
}

/// One or more operands of one element type, combined from the left.
template <typename Op, unsigned elements> static Value combined(NodeReader &node) {
  Values operands = node.allInputs(elements);
  Value result = operands.front();
  for (Value operand : ArrayRef<Value>(operands).drop_front())
    result = combine<Op>(node.builder(), result, operand);
  return result;
}
template <typename Op, unsigned elements> static Values variadic(NodeReader &node) {
  return {combined<Op, elements>(node)};
}

// Mean(x…) = sum(x…) / count                                                               ONNX Mean, versions 8–13
static Values mean(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value sum = combined<graph::AddOp, Floats>(node);
  return {b.make<graph::DivOp>(sum, b.scalarLike(sum, node.inputCount()))};
}

static Values mod(NodeReader &node) {
  Value a = node.input(0, Numbers), b = node.input(1, Numbers);
  bool fmod = node.flag("fmod", false);
  if (!fmod && isa<FloatType>(elementOf(a)) && node.opset() < 28)
    malformed("the remainder of floats needs fmod = 1");
  return {node.builder().make<graph::ModOp>(a, b, fmod)};
}

static Values pow(NodeReader &node) {
  Value a = node.input(0, Numbers), b = node.input(1, Numbers);
  return {node.builder().make<graph::PowOp>(a, broadcastOperand(node, a, b))};
}

static Values bitShift(NodeReader &node) {
  unsigned elements = node.opset() < 28 ? unsigned(UnsignedIntegers) : unsigned(AnyInteger);
  Value a = node.input(0, elements), b = node.input(1, elements);
  bool left = node.choice<bool>("direction", "", {{"LEFT", true}, {"RIGHT", false}});
  return {left ? node.builder().make<graph::ShiftLeftOp>(a, b) : node.builder().make<graph::ShiftRightOp>(a, b)};
}

static Values where(NodeReader &node) {
  Value condition = node.input(0, Bools), a = node.input(1), b = node.input(2);
  matchDims(node.builder(), condition, a);
  matchDims(node.builder(), condition, b);
  matchDims(node.builder(), a, b);
  return {node.builder().make<graph::SelectOp>(condition, a, b)};
}

/// A float of 8 bits as f32, of which more can be asked.
static Value comparable(NodeReader &node) {
  Value x = node.input(0, Floats | Float8s);
  GraphBuilder &b = node.builder();
  return graph::isStoredFloat(elementOf(x)) ? b.cast(x, b.builder().getF32Type()) : x;
}

static Values isInf(NodeReader &node) {
  bool negative = node.flag("detect_negative", true), positive = node.flag("detect_positive", true);
  return {node.builder().make<graph::IsInfOp>(comparable(node), positive, negative)};
}

static Values isNan(NodeReader &node) { return {node.builder().make<graph::IsNanOp>(comparable(node))}; }

// Clip: min(max(x, low), high)                                                            ONNX Clip, versions 6–13

/// What limits nothing: the least, or greatest, number of an element type. Of floats the least is finite, as ONNX says
/// and ONNX Runtime does; the greatest is not, so that a Clip at 0 is a Relu.
static graph::Scalar limitOf(Type element, bool greatest) {
  if (auto floating = dyn_cast<FloatType>(element))
    return graph::Scalar::ofFloat(
        greatest ? HUGE_VAL : APFloat::getLargest(floating.getFloatSemantics(), /*Negative=*/true).convertToDouble());
  unsigned width = element.getIntOrFloatBitWidth();
  if (element.isUnsignedInteger())
    return graph::Scalar::ofUnsigned(greatest ? llvm::maxUIntN(width) : 0);
  return graph::Scalar::ofSigned(greatest ? llvm::maxIntN(width) : llvm::minIntN(width));
}

static Value clipBound(NodeReader &node, StringRef attribute, unsigned index, Type element) {
  GraphBuilder &b = node.builder();
  if (node.opset() < 11 && node.has(attribute))
    return b.scalar(element, node.number(attribute));
  Value bound = node.opset() < 11 ? nullptr : node.optionalInput(index, Numbers);
  if (!bound)
    return b.scalar(element, limitOf(element, /*greatest=*/attribute == "max"));
  if (!isSingle(bound))
    malformed("its bound '" + attribute + "' is no scalar");
  return b.reshape(bound, {});
}

static Values clip(NodeReader &node) {
  Value x = node.input(0, Numbers);
  const bool isFree = node.opset() < 11 ? !node.has("min") && !node.has("max") : !node.hasInput(1) && !node.hasInput(2);
  if (isFree)
    return {x};
  Value low = clipBound(node, "min", 1, elementOf(x)), high = clipBound(node, "max", 2, elementOf(x));
  return {node.builder().make<graph::ClampOp>(x, low, high)};
}

// Dropout, when a model is not being trained: the input, and a mask that keeps all.
static Values dropout(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats | Float8s);
  node.ignore("ratio");
  node.ignore("is_test"); // a model that is not being trained is what is asked for
  node.ignore("seed");
  node.optionalInput(1);
  std::optional<graph::HostTensor> training = node.opset() < 12 ? std::nullopt : node.optionalConstant(2);
  if (training && training->size() == 1 && training->get(0).asBool())
    unsupported("training_mode is not supported");
  Type element = node.opset() < 10 ? elementOf(x) : b.builder().getI1Type();
  Value mask = node.hasOutput(1) ? b.broadcast(b.scalar(element, 1.0), extentsOf(x)) : nullptr;
  return {x, mask};
}

static constexpr Operator kOperators[] = {
    {"Abs", 1, unary<graph::AbsOp, Numbers>},
    {"Acos", 7, unary<graph::AcosOp, Floats>},
    {"Acosh", 9, unary<graph::AcoshOp, Floats>},
    {"Add", 1, binary<graph::AddOp, Numbers>},
    {"And", 1, binary<graph::AndOp, Bools>},
    {"Asin", 7, unary<graph::AsinOp, Floats>},
    {"Asinh", 9, unary<graph::AsinhOp, Floats>},
    {"Atan", 7, unary<graph::AtanOp, Floats>},
    {"Atanh", 9, unary<graph::AtanhOp, Floats>},
    {"BitShift", 11, bitShift, "", 0, "shifts by the width of the type or more leave nothing."},
    {"BitwiseAnd", 18, binary<graph::AndOp, AnyInteger>},
    {"BitwiseNot", 18, unary<graph::BitwiseNotOp, AnyInteger>},
    {"BitwiseOr", 18, binary<graph::OrOp, AnyInteger>},
    {"BitwiseXor", 18, binary<graph::XorOp, AnyInteger>},
    {"Ceil", 1, unary<graph::CeilOp, Floats>},
    {"Clip", 1, clip, "", 0,
     "without max, +∞ stays what it is, without both, -∞ too; ONNX Runtime has the greatest finite number."},
    {"Cos", 7, unary<graph::CosOp, Floats>},
    {"Cosh", 9, unary<graph::CoshOp, Floats>},
    {"Div", 1, binary<graph::DivOp, Numbers>, "", 0, "an integer divided by 0 is 0; ONNX Runtime crashes."},
    {"Dropout", 1, dropout},
    {"Equal", 1, binary<graph::EqualOp, Numbers | Bools>},
    {"Erf", 9, unary<graph::ErfOp, Floats>},
    {"Exp", 1, unary<graph::ExpOp, Floats>},
    {"Floor", 1, unary<graph::FloorOp, Floats>},
    {"Greater", 1, binary<graph::GreaterOp, Numbers>},
    {"GreaterOrEqual", 12, binary<graph::GreaterEqualOp, Numbers>},
    {"IsInf", 10, isInf},
    {"IsNaN", 9, isNan},
    {"Less", 1, binary<graph::LessOp, Numbers>},
    {"LessOrEqual", 12, binary<graph::LessEqualOp, Numbers>},
    {"Log", 1, unary<graph::LogOp, Floats>},
    {"Max", 1, variadic<graph::MaxOp, Numbers>},
    {"Mean", 1, mean},
    {"Min", 1, variadic<graph::MinOp, Numbers>},
    {"Mod", 10, mod},
    {"Mul", 1, binary<graph::MulOp, Numbers>},
    {"Neg", 1, unary<graph::NegOp, Numbers>},
    {"Not", 1, unary<graph::NotOp, Bools>},
    {"Or", 1, binary<graph::OrOp, Bools>},
    {"Pow", 1, pow},
    {"Reciprocal", 1, unary<graph::ReciprocalOp, Floats>},
    {"Round", 11, unary<graph::RoundOp, Floats>},
    {"Sign", 9, unary<graph::SignOp, Numbers>},
    {"Sin", 7, unary<graph::SinOp, Floats>},
    {"Sinh", 9, unary<graph::SinhOp, Floats>},
    {"Sqrt", 1, unary<graph::SqrtOp, Floats>},
    {"Sub", 1, binary<graph::SubOp, Numbers>},
    {"Sum", 1, variadic<graph::AddOp, Floats>},
    {"Tan", 7, unary<graph::TanOp, Floats>},
    {"Where", 9, where},
    {"Xor", 1, binary<graph::XorOp, Bools>},
};

ArrayRef<Operator> elementwiseOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

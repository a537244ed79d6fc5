// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Functions of two tensors' elements, and of conditions.

#include "frontends/common/ArcTangent.h"
#include "frontends/common/FloorDivision.h"
#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Activations.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

template <typename Op> static Values binary(OperatorReader &node) {
  return {node.builder().make<Op>(node.real(0), node.real(1))};
}

template <typename Op, typename Options> static Values fused(OperatorReader &node) {
  Value result = node.builder().make<Op>(node.real(0), node.real(1));
  return {activated(node, result, node.template options<Options>().fused_activation_function())};
}

static Values addN(OperatorReader &node) {
  Value sum = node.real(0);
  for (unsigned index = 1; index < node.inputCount(); ++index)
    sum = node.builder().make<graph::AddOp>(sum, node.real(index));
  return {sum};
}

static Values squaredDifference(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value difference = b.make<graph::SubOp>(node.real(0), node.real(1));
  return {b.make<graph::MulOp>(difference, difference)};
}

// FLOOR_DIV: the quotient, rounded down
static Values floorDiv(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = node.real(0), rhs = node.real(1);
  if (isa<FloatType>(elementOf(lhs)))
    return {b.make<graph::FloorOp>(b.make<graph::DivOp>(lhs, rhs))};
  return {floorQuotient(b, lhs, rhs)};
}

static Values floorMod(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value lhs = node.real(0), rhs = node.real(1);
  if (!isa<FloatType>(elementOf(lhs)))
    return {b.make<graph::ModOp>(lhs, rhs, /*fmod=*/false)};
  // With the divisor's sign, where it is not 0.
  Value rest = b.make<graph::ModOp>(lhs, rhs, /*fmod=*/true), zero = b.scalarLike(lhs, 0);
  Value isOther = b.make<graph::XorOp>(b.make<graph::LessOp>(rest, zero), b.make<graph::LessOp>(rhs, zero));
  Value isRest = b.make<graph::NotOp>(b.make<graph::EqualOp>(rest, zero));
  return {b.make<graph::SelectOp>(b.make<graph::AndOp>(isOther, isRest), b.make<graph::AddOp>(rest, rhs), rest)};
}

static Values notEqual(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  return {b.make<graph::NotOp>(b.make<graph::EqualOp>(node.real(0), node.real(1)))};
}

// SELECT: a condition of one dim chooses rows
static Values select(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value condition = node.input(0), lhs = node.moved(1), rhs = node.moved(2);
  if (elementOf(lhs) != elementOf(rhs)) { // one is quantised in another way than the result
    lhs = node.real(1);
    rhs = node.real(2);
  }
  if (rankOf(condition) == 1 && rankOf(lhs) > 1) {
    graph::Extents shape(rankOf(lhs), 1);
    shape[0] = extentsOf(condition)[0];
    condition = b.reshape(condition, shape);
  }
  return {b.make<graph::SelectOp>(condition, lhs, rhs)};
}
// SELECT_V2: all three broadcast
static Values selectV2(OperatorReader &node) {
  Value condition = node.input(0), lhs = node.moved(1), rhs = node.moved(2);
  if (elementOf(lhs) != elementOf(rhs)) {
    lhs = node.real(1);
    rhs = node.real(2);
  }
  return {node.builder().make<graph::SelectOp>(condition, lhs, rhs)};
}

static Values cast(OperatorReader &node) {
  // As what the tensor holds, quantised or not; of complex numbers, the real parts.
  Value x = node.isComplex(0) ? node.complexInput(0).real : node.input(0);
  return {node.builder().cast(x, node.outputType(0))};
}

// ATAN2: the angle of (x, y), of inputs y and x
static Values atan2(OperatorReader &node) { return {arcTangent(node.builder(), node.real(0), node.real(1))}; }

static Values rightShift(OperatorReader &node) {
  return {node.builder().make<graph::ShiftRightOp>(node.input(0), node.input(1))};
}

// BITCAST: the same bytes as elements of as many bytes each
static Values bitcast(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  Type to = node.outputType(0);
  if (graph::elementBytes(to) != graph::elementBytes(elementOf(x)))
    unsupported("takes elements of " + inWords(elementOf(x)) + " as " + inWords(to) + ", of another size");
  return {elementOf(x) == to ? x : b.makeAs<graph::BitCastOp>(graph::typeOf(x).clone(to), x)};
}

// BUCKETIZE: how many boundaries are no more than each element
static Values bucketize(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  constexpr size_t kMostBoundaries = 1 << 16;
  ArrayRef<float> boundaries = numbersOf(node.options<schema::BucketizeOptions>().boundaries());
  if (boundaries.size() > kMostBoundaries)
    unsupported("has " + Twine(boundaries.size()) + " boundaries");
  Value x = node.real(0);
  graph::HostTensor list = graph::HostTensor::zeros(
      RankedTensorType::get({static_cast<int64_t>(boundaries.size())}, b.builder().getF32Type()));
  llvm::copy(boundaries, list.asMutable<float>().begin());
  graph::Extents column = extentsOf(x);
  column.push_back(1);
  Value wide = b.reshape(b.cast(x, b.builder().getF32Type()), column);
  Value isBeyond = b.make<graph::GreaterEqualOp>(wide, b.constant(list));
  Value counts = b.make<graph::ReduceOp>(b.cast(isBeyond, b.builder().getI32Type()), graph::ReduceKind::Sum,
                                         ArrayRef<int64_t>{rankOf(wide) - 1});
  return {b.reshape(counts, extentsOf(x))};
}

static constexpr Operator kOperators[] = {
    {"ADD", fused<graph::AddOp, schema::AddOptions>},
    {"ADD_N", addN},
    {"ATAN2", atan2},
    {"BITCAST", bitcast},
    {"BITWISE_XOR", binary<graph::XorOp>},
    {"BUCKETIZE", bucketize},
    {"CAST", cast},
    {"DIV", fused<graph::DivOp, schema::DivOptions>},
    {"EQUAL", binary<graph::EqualOp>},
    {"FLOOR_DIV", floorDiv},
    {"FLOOR_MOD", floorMod},
    {"GREATER", binary<graph::GreaterOp>},
    {"GREATER_EQUAL", binary<graph::GreaterEqualOp>},
    {"LESS", binary<graph::LessOp>},
    {"LESS_EQUAL", binary<graph::LessEqualOp>},
    {"LOGICAL_AND", binary<graph::AndOp>},
    {"LOGICAL_OR", binary<graph::OrOp>},
    {"MAXIMUM", binary<graph::MaxOp>},
    {"MINIMUM", binary<graph::MinOp>},
    {"MUL", fused<graph::MulOp, schema::MulOptions>},
    {"NOT_EQUAL", notEqual},
    {"POW", binary<graph::PowOp>},
    {"RIGHT_SHIFT", rightShift},
    {"SELECT", select},
    {"SELECT_V2", selectV2},
    {"SQUARED_DIFFERENCE", squaredDifference},
    {"SUB", fused<graph::SubOp, schema::SubOptions>},
};

ArrayRef<Operator> arithmeticOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

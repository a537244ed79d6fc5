// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make tensors.

#include "frontends/common/Axes.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include <cmath>

using namespace mlir;

namespace smelt::frontend::onnx {

using graph::HostTensor, graph::Scalar;

/// A list, or a scalar, of numbers as a constant.
template <typename Numbers, typename Convert>
static Value listed(NodeReader &node, const Numbers &numbers, bool isScalar, Type element, Convert convert) {
  SmallVector<int64_t> shape;
  if (!isScalar)
    shape.push_back(static_cast<int64_t>(numbers.size()));
  HostTensor tensor = HostTensor::zeros(RankedTensorType::get(shape, element));
  for (auto [position, number] : llvm::enumerate(numbers))
    tensor.set(static_cast<int64_t>(position), convert(number));
  return node.builder().constant(tensor);
}

// Constant: exactly one of its attributes                                              ONNX Constant, versions 1–25
static Values constant(NodeReader &node) {
  Type f32 = node.builder().builder().getF32Type(), i64 = node.builder().builder().getI64Type();
  if (ElementsAttr value = node.tensorValue("value"))
    return {node.builder().constant(value)};
  if (ElementsAttr value = node.sparseTensorValue("sparse_value"))
    return {node.builder().constant(value)};
  if (node.has("value_float"))
    return {listed(node, ArrayRef<double>(node.number("value_float")), true, f32, Scalar::ofFloat)};
  if (node.has("value_int"))
    return {listed(node, ArrayRef<int64_t>(node.integer("value_int")), true, i64, Scalar::ofSigned)};
  if (auto numbers = node.numbers("value_floats"))
    return {listed(node, *numbers, false, f32, Scalar::ofFloat)};
  if (auto numbers = node.integers("value_ints"))
    return {listed(node, *numbers, false, i64, Scalar::ofSigned)};
  if (node.has("value_string") || node.has("value_strings"))
    unsupported("strings are not supported");
  malformed("has no value");
}

static Values constantOfShape(NodeReader &node) {
  GraphBuilder &b = node.builder();
  graph::Extents shape = node.extentsInput(0, GraphBuilder::Sign::NotNegative);
  std::optional<Tensor> value = node.tensor("value");
  if (value && value->type.getNumElements() != 1)
    malformed("needs a value of one element");
  Value element = value ? b.reshape(b.constant(value->view()), {}) : b.scalar(b.builder().getF32Type(), 0.0);
  return {b.broadcast(element, shape)};
}

// Range: start, start + delta, … up to limit, exclusive                                    ONNX Range, versions 11–27

static int64_t integerCount(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0)
    malformed("has a delta of 0");
  if (delta > 0 ? start >= limit : start <= limit)
    return 0;
  // The distance takes up to 64 bits without a sign, of which the count may take as many.
  uint64_t distance = delta > 0 ? uint64_t(limit) - uint64_t(start) : uint64_t(start) - uint64_t(limit);
  uint64_t stride = delta > 0 ? uint64_t(delta) : -uint64_t(delta);
  uint64_t count = (distance - 1) / stride + 1;
  return count > INT64_MAX ? INT64_MAX : static_cast<int64_t>(count);
}

static int64_t floatCount(double start, double limit, double delta) {
  double count = std::ceil((limit - start) / delta);
  if (!std::isfinite(count) || count >= 0x1p62)
    malformed("has no end");
  return count > 0 ? static_cast<int64_t>(count) : 0;
}

/// The extent that a scalar is, as an integer or as the float that it was cast to.
static std::optional<graph::Extent> wholeNumber(Value value) {
  if (auto cast = value.getDefiningOp<graph::CastOp>())
    value = cast.getInput();
  std::optional<HostTensor> constant = graph::constantOf(value);
  if (constant && constant->size() == 1 && constant->get(0).isFloat()) {
    double number = constant->get(0).asFloat();
    bool isWhole = std::fabs(number) < 0x1p53 && std::floor(number) == number;
    return isWhole ? std::optional(graph::Extent(static_cast<int64_t>(number))) : std::nullopt;
  }
  std::optional<graph::Extents> known = knownExtents(value);
  return known && known->size() == 1 ? std::optional(known->front()) : std::nullopt;
}

/// How many numbers a range of integers has.
static graph::Extent foundCount(GraphBuilder &b, ArrayRef<Value> bounds) {
  using graph::Extent;
  graph::Extents numbers;
  for (Value bound : bounds)
    numbers.push_back(b.sizesFrom(bound).front());
  Extent way = numbers[1] - numbers[0], step = numbers[2];
  if (step == Extent(0))
    malformed("has a delta of 0");
  if (step == Extent(1))
    return Extent::max(way, 0);
  // Backwards, both have the other sign; the run fails where a step is 0.
  Extent direction = Extent(1) - b.named(isNegative(step)) * 2;
  return b.named(Extent::max(b.named(way * direction), 0).ceilDiv(b.named(step * direction)));
}

/// The same of floats, as ONNX Runtime has it: in f64.
static graph::Extent foundFloatCount(GraphBuilder &b, ArrayRef<Value> bounds) {
  Type f64 = b.builder().getF64Type();
  SmallVector<Value> wide;
  for (Value bound : bounds)
    wide.push_back(b.cast(bound, f64));
  Value steps = b.make<graph::CeilOp>(b.make<graph::DivOp>(b.make<graph::SubOp>(wide[1], wide[0]), wide[2]));
  Value count = b.cast(b.make<graph::MaxOp>(steps, b.scalar(f64, 0.0)), b.builder().getI64Type());
  return b.sizesFrom(count, GraphBuilder::Sign::NotNegative).front();
}

/// A range whose bounds are not all constant.
static std::optional<Value> foundRange(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values bounds;
  for (unsigned i = 0; i < 3; ++i) {
    Value bound = node.input(i, Numbers);
    if (graph::productOf(extentsOf(bound)) != graph::Extent(1) || (i > 0 && elementOf(bound) != elementOf(bounds[0])))
      malformed("needs three scalars of one type");
    bounds.push_back(b.reshape(bound, {}));
  }
  if (llvm::all_of(bounds, [](Value bound) { return graph::constantOf(bound).has_value(); }))
    return std::nullopt;
  Type element = elementOf(bounds[0]);
  std::optional<graph::Extent> start = wholeNumber(bounds[0]), limit = wholeNumber(bounds[1]),
                               step = wholeNumber(bounds[2]);
  graph::Extent count;
  if (start && limit && step && step->isNumber() && step->number() > 0)
    count = graph::Extent::max((*limit - *start).ceilDiv(*step), 0);
  else
    count = isa<IntegerType>(element) ? foundCount(b, bounds) : foundFloatCount(b, bounds);
  return b.makeAs<graph::IotaOp>(checkedType(ArrayRef<graph::Extent>(count), element), bounds[0], bounds[2], 0);
}

static Values range(NodeReader &node) {
  GraphBuilder &b = node.builder();
  if (std::optional<Value> found = foundRange(node))
    return {*found};
  HostTensor bounds[3];
  for (unsigned i = 0; i < 3; ++i) {
    bounds[i] = node.constantInput(i);
    if (bounds[i].size() != 1 || bounds[i].elementType() != bounds[0].elementType())
      malformed("needs three scalars of one type");
  }
  Scalar start = bounds[0].get(0), limit = bounds[1].get(0), delta = bounds[2].get(0);
  int64_t count = start.isFloat() ? floatCount(start.asFloat(), limit.asFloat(), delta.asFloat())
                                  : integerCount(start.asSigned(), limit.asSigned(), delta.asSigned());
  RankedTensorType type = checkedType(count, bounds[0].elementType());
  Value first = b.scalar(type.getElementType(), start), step = b.scalar(type.getElementType(), delta);
  return {b.makeAs<graph::IotaOp>(type, first, step, 0)};
}

// EyeLike: 1 where column = row + k, else 0                                              ONNX EyeLike, versions 9–22
static Values eyeLike(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value like = node.input(0);
  Type element = elementOf(like), i64 = b.builder().getI64Type();
  if (node.has("dtype"))
    element = elementTypeOf(node.integer("dtype"), i64.getContext(), "its result");
  int64_t k = node.integer("k", 0);
  if (rankOf(like) != 2)
    malformed("needs an input of two dims");
  Value rows = b.countAlong({extentsOf(like)[0], 1}, 0, k), columns = b.countAlong({1, extentsOf(like)[1]}, 1);
  return {b.cast(b.make<graph::EqualOp>(rows, columns), element)};
}

static constexpr Operator kOperators[] = {
    {"Constant", 1, constant}, {"ConstantOfShape", 9, constantOfShape},  {"EyeLike", 9, eyeLike},
    {"Range", 11, range},      {"Range", 1, range, "com.microsoft", 11},
};

ArrayRef<Operator> constantOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

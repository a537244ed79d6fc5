// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that make tensors.

#include "frontends/common/Range.h"
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
static Values range(NodeReader &node) {
  Value start = node.input(0, Numbers), limit = node.input(1, Numbers), delta = node.input(2, Numbers);
  return {frontend::range(node.builder(), start, limit, delta)};
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

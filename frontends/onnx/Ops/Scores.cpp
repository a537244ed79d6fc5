// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/Scores.h"

using namespace mlir;

namespace smelt::frontend::onnx {

using graph::ReduceKind;
using graph::Scalar;

Numbers64 numbersOf(NodeReader &node, StringRef name) { return node.numbers(name).value_or(Numbers64()); }

PostTransform postTransformOf(NodeReader &node) {
  return node.choice<PostTransform>("post_transform", "NONE",
                                    {{"NONE", PostTransform::None},
                                     {"SOFTMAX", PostTransform::Softmax},
                                     {"LOGISTIC", PostTransform::Logistic},
                                     {"SOFTMAX_ZERO", PostTransform::SoftmaxZero},
                                     {"PROBIT", PostTransform::Probit}});
}

/// e^(x - max) / sum, where zeros stay out of the sum: they become x · e^-max / sum.
static Value softmaxZero(GraphBuilder &b, Value x) {
  constexpr double kZero = 1e-7;
  Value largest = b.make<graph::ReduceOp>(x, ReduceKind::Max, ArrayRef<int64_t>{1});
  Value counts = b.make<graph::GreaterOp>(b.make<graph::AbsOp>(x), b.scalarLike(x, kZero));
  Value power = b.make<graph::ExpOp>(b.make<graph::SubOp>(x, largest));
  Value taken = b.make<graph::SelectOp>(counts, power, b.scalarLike(x, 0));
  Value sum = b.make<graph::ReduceOp>(taken, ReduceKind::Sum, ArrayRef<int64_t>{1});
  Value left = b.make<graph::MulOp>(x, b.make<graph::ExpOp>(b.make<graph::NegOp>(largest)));
  return b.make<graph::DivOp>(b.make<graph::SelectOp>(counts, power, left), sum);
}

/// √2 · erf⁻¹(2x - 1), by the approximation of ONNX Runtime: with l = ln(1 - (2x - 1)²) and v = 2 / (π a) + l / 2,
/// erf⁻¹ = ± √(√(v² - l / a) - v).
static Value probit(GraphBuilder &b, Value x) {
  constexpr double kA = 0.147, kPi = 3.14159;
  auto number = [&](double value) { return b.scalarLike(x, value); };
  auto times = [&](Value a, Value c) { return b.make<graph::MulOp>(a, c); };
  auto minus = [&](Value a, Value c) { return b.make<graph::SubOp>(a, c); };
  Value y = minus(times(x, number(2)), number(1));
  Value l = b.make<graph::LogOp>(minus(number(1), times(y, y)));
  Value v = b.make<graph::AddOp>(times(l, number(0.5)), number(2 / (kPi * kA)));
  Value root = b.make<graph::SqrtOp>(minus(times(v, v), times(l, number(1 / kA))));
  Value size = b.make<graph::SqrtOp>(times(minus(root, v), number(2)));
  return b.make<graph::SelectOp>(b.make<graph::LessOp>(y, number(0)), b.make<graph::NegOp>(size), size);
}

Value transformed(GraphBuilder &b, Value scores, PostTransform how) {
  switch (how) {
  case PostTransform::None:
    return scores;
  case PostTransform::Softmax:
    return b.make<graph::SoftmaxOp>(scores, int64_t(1));
  case PostTransform::Logistic:
    return b.make<graph::SigmoidOp>(scores);
  case PostTransform::SoftmaxZero:
    return softmaxZero(b, scores);
  case PostTransform::Probit:
    return probit(b, scores);
  }
  llvm_unreachable("all transforms are handled");
}

Value featureRows(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  if (rankOf(x) == 1)
    x = b.reshape(x, {1, extentsOf(x)[0]});
  if (rankOf(x) != 2)
    malformed("needs rows of features, an input of two dims");
  fixedDim(x, 1);
  return elementOf(x).isF64() ? x : b.cast(x, b.builder().getF32Type());
}

ClassLabels classLabels(NodeReader &node, StringRef numbersName) {
  ClassLabels labels;
  labels.numbers = node.integers(numbersName);
  std::optional<SmallVector<std::string>> texts = node.texts("classlabels_strings");
  if (texts && !texts->empty())
    labels.numbers.reset();
  labels.count = static_cast<int64_t>(labels.numbers ? labels.numbers->size() : texts ? texts->size() : 0);
  if (labels.count == 0)
    malformed("has no labels of classes");
  return labels;
}

Value labelsAt(GraphBuilder &b, const ClassLabels &labels, Value positions) {
  if (!labels.numbers)
    return nullptr;
  return b.make<graph::GatherOp>(b.integers(*labels.numbers), positions, int64_t(0));
}

Value largestOf(GraphBuilder &b, Value scores) {
  Value positions = b.make<graph::ArgReduceOp>(scores, int64_t(1), /*minimum=*/false, /*last=*/false);
  return b.reshape(positions, {extentsOf(scores)[0]});
}

Value listOf(GraphBuilder &b, ArrayRef<double> numbers, Type elementType) {
  auto tensor = graph::HostTensor::zeros(RankedTensorType::get(static_cast<int64_t>(numbers.size()), elementType));
  for (auto [position, number] : llvm::enumerate(numbers))
    tensor.set(static_cast<int64_t>(position), Scalar::ofFloat(number));
  return b.constant(tensor);
}

} // namespace smelt::frontend::onnx

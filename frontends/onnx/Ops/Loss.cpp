// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::ReduceKind;

/// -log_probability[n, target[n, …], …], weighted by class, 0 for ignored targets; then reduced as the node says.
static Value negativeLogLikelihood(NodeReader &node, Value logProbability, Value target, Value weight) {
  GraphBuilder &b = node.builder();
  bool mean = node.text("reduction", "mean") == "mean";
  bool reduced = node.choice<bool>("reduction", "mean", {{"none", false}, {"sum", true}, {"mean", true}});
  graph::Extents expected = extentsOf(logProbability);
  if (expected.size() < 2)
    malformed("needs an input of two dims or more");
  const graph::Extent classes = expected[1];
  expected.erase(expected.begin() + 1);
  target = b.expect(target, expected, "targets");
  if (weight)
    weight = b.expect(weight, classes, "weights of classes");

  Type element = elementOf(logProbability);
  Value isIgnored, weights = nullptr;
  if (node.has("ignore_index")) {
    auto ignored = graph::Scalar::ofSigned(node.integer("ignore_index"));
    isIgnored = b.make<graph::EqualOp>(target, b.scalar(elementOf(target), ignored));
    target = b.make<graph::SelectOp>(isIgnored, b.scalar(elementOf(target), graph::Scalar::ofSigned(0)), target);
  }
  if (weight)
    weights = b.make<graph::GatherOp>(weight, target, int64_t(0));
  else if (isIgnored)
    weights = b.broadcast(b.scalar(element, 1.0), extentsOf(target));
  if (isIgnored)
    weights = b.make<graph::SelectOp>(isIgnored, b.scalar(element, 0.0), weights);

  graph::Extents oneClass = extentsOf(logProbability);
  oneClass[1] = 1;
  Value chosen = b.make<graph::GatherElementsOp>(logProbability, b.reshape(target, oneClass), int64_t(1));
  Value loss = b.make<graph::NegOp>(b.reshape(chosen, expected));
  if (weights)
    loss = b.make<graph::MulOp>(loss, weights);
  if (!reduced)
    return loss;
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(expected.size())));
  auto total = [&](Value value, ReduceKind kind) { return b.reshape(b.make<graph::ReduceOp>(value, kind, all), {}); };
  if (mean && weights)
    return b.make<graph::DivOp>(total(loss, ReduceKind::Sum), total(weights, ReduceKind::Sum));
  return total(loss, mean ? ReduceKind::Mean : ReduceKind::Sum);
}

// NegativeLogLikelihoodLoss                                     ONNX NegativeLogLikelihoodLoss, versions 12–22
static Values negativeLogLikelihoodLoss(NodeReader &node) {
  Value input = node.input(0, Floats), target = node.input(1, SignedIntegers), weight = node.optionalInput(2, Floats);
  return {negativeLogLikelihood(node, input, target, weight)};
}

// SoftmaxCrossEntropyLoss, and the logarithm of the probabilities  ONNX SoftmaxCrossEntropyLoss, versions 12–13
static Values softmaxCrossEntropyLoss(NodeReader &node) {
  Value scores = node.input(0, Floats), target = node.input(1, SignedIntegers), weight = node.optionalInput(2, Floats);
  if (rankOf(scores) < 2)
    malformed("needs scores of two dims or more");
  Value logProbability = node.builder().make<graph::SoftmaxOp>(scores, int64_t(1), /*log=*/true);
  return {negativeLogLikelihood(node, logProbability, target, weight), logProbability};
}

static constexpr Operator kOperators[] = {
    {"NegativeLogLikelihoodLoss", 12, negativeLogLikelihoodLoss},
    {"SoftmaxCrossEntropyLoss", 12, softmaxCrossEntropyLoss},
};

ArrayRef<Operator> lossOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear models of ai.onnx.ml.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Scores.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

/// X · coefficientsᵀ + intercepts, f32: [n, targets].
static Value linearScores(NodeReader &node, int64_t targets) {
  GraphBuilder &b = node.builder();
  Type f32 = b.builder().getF32Type();
  Value x = b.cast(featureRows(node, node.input(0, Numbers)), f32);
  const Numbers64 coefficients = numbersOf(node, "coefficients");
  const Numbers64 intercepts = numbersOf(node, "intercepts");
  const int64_t features = fixedDim(x, 1);
  if (targets < 1 || static_cast<int64_t>(coefficients.size()) != checkedMul(targets, features) ||
      (!intercepts.empty() && static_cast<int64_t>(intercepts.size()) != targets))
    malformed("has " + Twine(coefficients.size()) + " coefficients and " + Twine(intercepts.size()) +
              " intercepts for " + Twine(targets) + " targets of " + Twine(features) + " features");
  Value weights = b.reshape(listOf(b, coefficients, f32), {targets, features});
  Value scores = b.matMul(x, b.transpose(weights, {1, 0}));
  return intercepts.empty() ? scores : b.make<graph::AddOp>(scores, listOf(b, intercepts, f32));
}

// LinearRegressor                                                              ai.onnx.ml LinearRegressor, version 1
static Values linearRegressor(NodeReader &node) {
  return {transformed(node.builder(), linearScores(node, node.integer("targets", 1)), postTransformOf(node))};
}

// LinearClassifier: the label of the largest score, or of two by the sign of one            ai.onnx.ml, version 1
static Values linearClassifier(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const ClassLabels labels = classLabels(node, "classlabels_ints");
  node.ignore("multi_class");
  const PostTransform how = postTransformOf(node);
  const auto targets = static_cast<int64_t>(numbersOf(node, "intercepts").size());
  Value scores = linearScores(node, targets);
  if (targets > 1) {
    if (labels.count != targets)
      malformed("has " + Twine(labels.count) + " labels for " + Twine(targets) + " targets");
    return {labelsAt(b, labels, largestOf(b, scores)), transformed(b, scores, how)};
  }
  if (labels.count != 2)
    unsupported("has one target and " + Twine(labels.count) + " labels; Smelt takes two");
  Value isSecond = b.make<graph::GreaterOp>(scores, b.scalarLike(scores, 0));
  Value places = b.reshape(b.cast(isSecond, b.builder().getI64Type()), {extentsOf(scores)[0]});
  if (how != PostTransform::None && how != PostTransform::Logistic)
    unsupported("has a post_transform of one score of two classes that is neither NONE nor LOGISTIC");
  scores = transformed(b, scores, how);
  return {labelsAt(b, labels, places), b.concat({b.make<graph::SubOp>(b.scalarLike(scores, 1), scores), scores}, 1)};
}

static constexpr Operator kOperators[] = {
    {"LinearClassifier", 1, linearClassifier, "ai.onnx.ml"},
    {"LinearRegressor", 1, linearRegressor, "ai.onnx.ml"},
};

ArrayRef<Operator> linearOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Support vector machines of ai.onnx.ml.

#include "frontends/common/Loops.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Scores.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::HostTensor, graph::ReduceKind, graph::Scalar;

static Value plus(GraphBuilder &b, Value x, double number) { return b.make<graph::AddOp>(x, b.scalarLike(x, number)); }

static Value times(GraphBuilder &b, Value x, double number) { return b.make<graph::MulOp>(x, b.scalarLike(x, number)); }

/// What the kernel makes of each row of x [n, f] and each of `count` vectors: [n, count].
static Value kernelOf(NodeReader &node, Value x, int64_t count) {
  enum class Kernel { Linear, Polynomial, Radial, Sigmoid };
  GraphBuilder &b = node.builder();
  const auto kind = node.choice<Kernel>("kernel_type", "LINEAR",
                                        {{"LINEAR", Kernel::Linear},
                                         {"POLY", Kernel::Polynomial},
                                         {"RBF", Kernel::Radial},
                                         {"SIGMOID", Kernel::Sigmoid}});
  const Numbers64 vectors = numbersOf(node, "support_vectors");
  Numbers64 parameters = numbersOf(node, "kernel_params"); // gamma, coef0, degree
  parameters.resize(3, 0);
  const int64_t features = fixedDim(x, 1);
  if (static_cast<int64_t>(vectors.size()) != checkedMul(count, features))
    malformed("has support vectors of " + Twine(vectors.size()) + " numbers, not " + Twine(count) + " of " +
              Twine(features));
  Value table = b.reshape(listOf(b, vectors, elementOf(x)), {count, features});
  if (kind == Kernel::Radial) {
    Value apart = b.make<graph::SubOp>(b.reshape(x, {extentsOf(x)[0], 1, features}), table);
    Value squares = b.make<graph::ReduceOp>(apart, ReduceKind::SumSquare, ArrayRef<int64_t>{2});
    return b.make<graph::ExpOp>(times(b, b.reshape(squares, {extentsOf(x)[0], count}), -parameters[0]));
  }
  Value products = b.matMul(x, b.transpose(table, {1, 0}));
  if (kind == Kernel::Linear)
    return products;
  Value inner = plus(b, times(b, products, parameters[0]), parameters[1]);
  return kind == Kernel::Sigmoid ? b.make<graph::TanhOp>(inner)
                                 : b.make<graph::PowOp>(inner, b.scalarLike(inner, parameters[2]));
}

/// Rows of features as f32.
static Value readRows(NodeReader &node) {
  return node.builder().cast(featureRows(node, node.input(0, Numbers)), node.builder().builder().getF32Type());
}

/// x · a list of numbers, as one column.
static Value weighed(GraphBuilder &b, Value x, ArrayRef<double> weights) {
  const auto count = static_cast<int64_t>(weights.size());
  if (fixedDim(x, 1) != count)
    malformed("has " + Twine(count) + " coefficients for " + Twine(fixedDim(x, 1)));
  return b.matMul(x, b.reshape(listOf(b, weights, elementOf(x)), {count, 1}));
}

// SVMRegressor: kernel(X, vectors) · coefficients + rho, or, of one class, its sign       ai.onnx.ml, version 1
static Values svmRegressor(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const int64_t count = node.integer("n_supports", 0);
  const Numbers64 rho = numbersOf(node, "rho");
  Value x = readRows(node);
  if (rho.empty() || count < 0 || postTransformOf(node) != PostTransform::None)
    unsupported("has no rho, or a post_transform");
  if (count == 0) { // coefficients of the features
    node.ignore("kernel_type");
    node.ignore("kernel_params");
    node.ignore("support_vectors");
  }
  Value score = plus(b, weighed(b, count == 0 ? x : kernelOf(node, x, count), numbersOf(node, "coefficients")), rho[0]);
  if (node.flag("one_class", false)) {
    Value isInside = b.make<graph::GreaterOp>(score, b.scalarLike(score, 0));
    score = b.make<graph::SelectOp>(isInside, b.scalarLike(score, 1), b.scalarLike(score, -1));
  }
  return {score};
}

namespace {
/// One classifier for each pair of classes (i, j), i < j.
struct Pairs {
  int64_t classes;
  int64_t count() const { return classes * (classes - 1) / 2; }

  void forEach(llvm::function_ref<void(int64_t pair, int64_t first, int64_t second)> visit) const {
    int64_t pair = 0;
    for (int64_t first = 0; first < classes; ++first)
      for (int64_t second = first + 1; second < classes; ++second)
        visit(pair++, first, second);
  }
};
} // namespace

static HostTensor zeros(int64_t rows, int64_t columns, Type element) {
  return HostTensor::zeros(checkedType(Integers{rows, columns}, element));
}

/// The coefficients of all pairs, [vectors, pairs]: of those of class i, row j - 1, of those of class j, row i.
static HostTensor pairWeights(NodeReader &node, Pairs pairs, ArrayRef<int64_t> perClass, Type element) {
  const Numbers64 coefficients = numbersOf(node, "coefficients");
  Integers begins{0};
  for (int64_t count : perClass) {
    if (count < 0)
      malformed("has " + Twine(count) + " vectors of a class");
    begins.push_back(checkedAdd(begins.back(), count));
  }
  const int64_t vectors = begins.back();
  if (static_cast<int64_t>(coefficients.size()) != checkedMul(pairs.classes - 1, vectors))
    malformed("has " + Twine(coefficients.size()) + " coefficients for " + Twine(vectors) + " vectors of " +
              Twine(pairs.classes) + " classes");
  constexpr int64_t kMostWeights = 1 << 26;
  if (vectors > kMostWeights / pairs.count())
    unsupported("has " + Twine(vectors) + " vectors for " + Twine(pairs.count()) + " pairs of classes");
  HostTensor weights = zeros(vectors, pairs.count(), element);
  pairs.forEach([&](int64_t pair, int64_t first, int64_t second) {
    auto copy = [&](int64_t of, int64_t row) {
      for (int64_t vector = begins[of]; vector < begins[of + 1]; ++vector)
        weights.set(vector * pairs.count() + pair, Scalar::ofFloat(coefficients[row * vectors + vector]));
    };
    copy(first, second - 1);
    copy(second, first);
  });
  return weights;
}

/// The class that most pairs decide for: of scores [n, pairs], the first where they are above 0.
static Value mostVotes(GraphBuilder &b, Pairs pairs, Value scores) {
  Type element = elementOf(scores);
  HostTensor firsts = zeros(pairs.count(), pairs.classes, element);
  HostTensor seconds = zeros(pairs.count(), pairs.classes, element);
  pairs.forEach([&](int64_t pair, int64_t first, int64_t second) {
    firsts.set(pair * pairs.classes + first, Scalar::ofFloat(1));
    seconds.set(pair * pairs.classes + second, Scalar::ofFloat(1));
  });
  Value isFirst = b.cast(b.make<graph::GreaterOp>(scores, b.scalarLike(scores, 0)), element);
  Value isSecond = b.make<graph::SubOp>(b.scalarLike(scores, 1), isFirst);
  Value votes = b.make<graph::AddOp>(b.matMul(isFirst, b.constant(firsts)), b.matMul(isSecond, b.constant(seconds)));
  return largestOf(b, votes);
}

/// Probabilities [n, c] that fit those of pairs r [n, c, c] best, by the iteration of Wu, Lin and Weng (2004), as
/// libsvm has it: Q[i, i] = Σ r[j, i]², Q[i, j] = -r[j, i] r[i, j]; p changes until p Q p is about Q p.
static Value coupled(GraphBuilder &b, Value r, int64_t classes) {
  constexpr int64_t kRounds = 100;
  const Extent count = extentsOf(r)[0];
  Type element = elementOf(r);
  auto mul = [&](Value x, Value y) { return b.make<graph::MulOp>(x, y); };
  auto along = [&](Value x, ReduceKind kind) { return b.make<graph::ReduceOp>(x, kind, ArrayRef<int64_t>{1}); };
  HostTensor unit = zeros(classes, classes, element);
  for (int64_t place = 0; place < classes; ++place)
    unit.set(place * (classes + 1), Scalar::ofFloat(1));
  Value squares = b.reshape(along(mul(r, r), ReduceKind::Sum), {count, 1, classes}); // Σ over j of r[j, i]²
  Value products = b.make<graph::NegOp>(mul(r, b.transpose(r, {0, 2, 1})));
  Value q = b.make<graph::AddOp>(products, mul(squares, b.constant(unit))); // r[i, i] is 0
  const double least = 0.005 / static_cast<double>(classes);
  Value initial = b.broadcast(b.scalar(element, 1 / static_cast<double>(classes)), {count, classes});
  return LoopBuilder(b, {initial}, Extent(kRounds), 1).build([&](const Extent &, ArrayRef<Value> state) {
    Value p = state.front();
    Value qp = b.reshape(b.matMul(q, b.reshape(p, {count, classes, 1})), {count, classes});
    Value total = along(mul(p, qp), ReduceKind::Sum);
    Value error = along(b.make<graph::AbsOp>(b.make<graph::SubOp>(qp, total)), ReduceKind::Max);
    Value isActive = b.make<graph::GreaterEqualOp>(error, b.scalar(element, least)); // [n, 1]
    for (int64_t i = 0; i < classes; ++i) {
      Value row = b.reshape(b.sliceDim(q, 1, i, 1), {count, classes}), own = b.sliceDim(row, 1, i, 1);
      Value at = b.sliceDim(qp, 1, i, 1);
      Value change = b.make<graph::DivOp>(b.make<graph::SubOp>(total, at), own), whole = plus(b, change, 1);
      Value more = mul(change, b.make<graph::AddOp>(mul(change, own), times(b, at, 2)));
      total = b.make<graph::DivOp>(b.make<graph::DivOp>(b.make<graph::AddOp>(total, more), whole), whole);
      qp = b.make<graph::DivOp>(b.make<graph::AddOp>(qp, mul(change, row)), whole);
      HostTensor here = zeros(1, classes, element);
      here.set(i, Scalar::ofFloat(1));
      p = b.make<graph::DivOp>(b.make<graph::AddOp>(p, mul(change, b.constant(here))), whole);
    }
    Value next = b.make<graph::SelectOp>(isActive, p, state.front());
    Value any =
        b.make<graph::ReduceOp>(b.cast(isActive, b.builder().getI32Type()), ReduceKind::Max, ArrayRef<int64_t>{0, 1});
    return LoopBuilder::Round{b.cast(b.reshape(any, Extents()), b.builder().getI1Type()), {next}, {}};
  })[0];
}

/// Probabilities of classes from scores of pairs: r[i, j] = 1 - σ(a s + b), clamped, and r[j, i] = 1 - r[i, j].
static Value probabilities(NodeReader &node, Pairs pairs, Value scores) {
  constexpr double kLeast = 1e-7;
  GraphBuilder &b = node.builder();
  const Numbers64 a = numbersOf(node, "prob_a"), shift = numbersOf(node, "prob_b");
  if (static_cast<int64_t>(a.size()) != pairs.count() || a.size() != shift.size())
    malformed("has " + Twine(a.size()) + " and " + Twine(shift.size()) + " probability coefficients for " +
              Twine(pairs.count()) + " pairs of classes");
  Type element = elementOf(scores);
  Value inner = b.make<graph::AddOp>(b.make<graph::MulOp>(scores, listOf(b, a, element)), listOf(b, shift, element));
  Value first = b.make<graph::SigmoidOp>(b.make<graph::NegOp>(inner));
  first = b.make<graph::ClampOp>(first, b.scalar(element, kLeast), b.scalar(element, 1 - kLeast));
  Value second = b.make<graph::SubOp>(b.scalar(element, 1.0), first);
  Value zero = b.broadcast(b.scalar(element, 0.0), {extentsOf(scores)[0], 1});
  Integers places(pairs.classes * pairs.classes, 2 * pairs.count()); // in all numbers side by side; last is the 0
  pairs.forEach([&](int64_t pair, int64_t i, int64_t j) {
    places[i * pairs.classes + j] = pair;
    places[j * pairs.classes + i] = pairs.count() + pair;
  });
  Value all = b.make<graph::GatherOp>(b.concat({first, second, zero}, 1), b.integers(places), int64_t(1));
  return coupled(b, b.reshape(all, {extentsOf(scores)[0], pairs.classes, pairs.classes}), pairs.classes);
}

// SVMClassifier: a classifier for each pair of classes, and the class that most of them decide for; probabilities where
// there are coefficients for them, else the scores of pairs                                 ai.onnx.ml, version 1
static Values svmClassifier(NodeReader &node) {
  constexpr int64_t kMostClasses = 256;
  GraphBuilder &b = node.builder();
  const ClassLabels labels = classLabels(node, "classlabels_ints");
  const Pairs pairs{labels.count};
  const PostTransform how = postTransformOf(node);
  const Integers perClass = node.integers("vectors_per_class").value_or(Integers());
  if (labels.count < 2 || labels.count > kMostClasses || static_cast<int64_t>(perClass.size()) != labels.count)
    unsupported("has " + Twine(labels.count) + " classes, and support vectors of " + Twine(perClass.size()) +
                "; Smelt takes 2 to " + Twine(kMostClasses) + " classes that have vectors");
  Value x = readRows(node);
  const HostTensor weights = pairWeights(node, pairs, perClass, elementOf(x));
  const Numbers64 rho = numbersOf(node, "rho");
  if (static_cast<int64_t>(rho.size()) != pairs.count())
    malformed("has " + Twine(rho.size()) + " numbers rho for " + Twine(pairs.count()) + " pairs of classes");
  Value scores = b.matMul(kernelOf(node, x, weights.shape()[0]), b.constant(weights));
  scores = b.make<graph::AddOp>(scores, listOf(b, rho, elementOf(scores)));
  Value label = labelsAt(b, labels, mostVotes(b, pairs, scores));
  if (node.has("prob_a") && !numbersOf(node, "prob_a").empty())
    return {label, transformed(b, probabilities(node, pairs, scores), how)};
  node.ignore("prob_a");
  node.ignore("prob_b");
  if (labels.count > 2)
    return {label, transformed(b, scores, how)};
  if (how != PostTransform::None)
    unsupported("has a post_transform of one score of two classes");
  return {label, b.concat({b.make<graph::NegOp>(scores), scores}, 1)};
}

static constexpr Operator kOperators[] = {
    {"SVMClassifier", 1, svmClassifier, "ai.onnx.ml"},
    {"SVMRegressor", 1, svmRegressor, "ai.onnx.ml"},
};

ArrayRef<Operator> supportVectorOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

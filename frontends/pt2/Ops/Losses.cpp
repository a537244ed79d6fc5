// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Losses: elementwise ones, those of classes, and those that compare examples.

#include "frontends/pt2/Ops/Math.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind;

/// Nothing, the mean or the sum, as `reduction` says.
static Value reducedLoss(NodeReader &node, Value loss) {
  Math m(node.builder());
  const int64_t reduction = node.integer("reduction");
  if (reduction < 0 || reduction > 2)
    malformed("has reduction " + Twine(reduction));
  return reduction == 0 ? loss : m.whole(reduction == 1 ? ReduceKind::Mean : ReduceKind::Sum, loss);
}

// Of each element.

template <typename Function> static Value ofDifference(NodeReader &node, Function loss) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "target");
  return reducedLoss(node, loss(m, m.sub(given.lhs, given.rhs)));
}

static Value squares(NodeReader &node) {
  return ofDifference(node, [](const Math &m, Value d) { return m.mul(d, d); });
}
static Value distancesOf(NodeReader &node) {
  return ofDifference(node, [](const Math &m, Value d) { return m.abs(d); });
}

// d² / (2 beta) where |d| < beta, else |d| - beta / 2
static Value smooth(NodeReader &node) {
  const double beta = node.number("beta");
  return ofDifference(node, [&](const Math &m, Value d) {
    Value size = m.abs(d);
    if (beta == 0)
      return size;
    return m.where(m.less(size, beta), m.div(m.mul(m.mul(d, d), 0.5), beta), m.add(size, -beta / 2));
  });
}

// d² / 2 where |d| <= delta, else delta (|d| - delta / 2)
static Value huber(NodeReader &node) {
  const double delta = node.number("delta");
  return ofDifference(node, [&](const Math &m, Value d) {
    Value size = m.abs(d);
    return m.where(m.lessEqual(size, delta), m.mul(m.mul(d, d), 0.5), m.mul(m.add(size, -delta / 2), delta));
  });
}

static Value weighed(NodeReader &node, Value loss) {
  Value weight = node.optionalTensor("weight");
  return weight ? Math(node.builder()).mul(loss, weight) : loss;
}

// -(t log x + (1 - t) log(1 - x)), no logarithm below -100
static Value crossEntropyOfChances(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "target");
  auto bounded = [&](Value x) { return m.max(m.log(x), -100); };
  Value yes = m.mul(given.rhs, bounded(given.lhs)), no = m.mul(m.sub(1, given.rhs), bounded(m.sub(1, given.lhs)));
  return reducedLoss(node, weighed(node, m.neg(m.add(yes, no))));
}

// (1 - t) x + (1 + (p - 1) t) log(1 + e^-x)
static Value crossEntropyOfLogits(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "target");
  Value rest = m.softplus(m.neg(given.lhs));
  if (Value positive = node.optionalTensor("pos_weight"))
    rest = m.mul(rest, m.add(m.mul(m.add(positive, -1), given.rhs), 1));
  return reducedLoss(node, weighed(node, m.add(m.mul(m.sub(1, given.rhs), given.lhs), rest)));
}

// t (log t - x), or eᵗ (t - x)
static Value divergence(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "target");
  Value x = given.lhs, t = given.rhs;
  if (node.flag("log_target"))
    return reducedLoss(node, m.mul(m.exp(t), m.sub(t, x)));
  Value own = m.where(m.equal(t, 0), 0, m.mul(t, m.log(t)));
  return reducedLoss(node, m.sub(own, m.mul(t, x)));
}

// eˣ - t x, or x - t log(x + eps); with Stirling's approximation of log t! where `full`
static Value poisson(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "input", "target");
  Value x = given.lhs, t = given.rhs;
  const double eps = node.number("eps");
  constexpr double kTwoPi = 6.28318530717958647693;
  Value loss = node.flag("log_input") ? m.sub(m.exp(x), m.mul(t, x)) : m.sub(x, m.mul(t, m.log(m.add(x, eps))));
  if (node.flag("full")) {
    Value more = m.add(m.sub(m.mul(t, m.log(t)), t), m.mul(m.log(m.mul(t, kTwoPi)), 0.5));
    loss = m.add(loss, m.where(m.lessEqual(t, 1), 0, more));
  }
  return reducedLoss(node, loss);
}

// log(1 + e^(-t x))
static Value softMargin(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "target");
  return reducedLoss(node, m.softplus(m.neg(m.mul(given.lhs, given.rhs))));
}

// x where t = 1, max(0, margin - x) where it is -1
static Value hinge(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "self", "target");
  Value away = m.max(m.sub(node.number("margin"), given.lhs), 0);
  Value loss = m.add(m.where(m.equal(given.rhs, 1), 0, away), m.where(m.equal(given.rhs, -1), 0, given.lhs));
  return reducedLoss(node, loss);
}

// max(0, margin - t (a - b))
static Value ranking(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "input1", "input2");
  Value product = m.mul(node.tensor("target"), m.sub(given.lhs, given.rhs));
  return reducedLoss(node, m.max(m.sub(node.number("margin"), product), 0));
}

// Of classes, along the second dim, or the only one.

namespace {
/// What a loss takes of the examples: their losses, and what they weigh; 0 where the class is the one to be ignored.
struct Examples {
  Value loss, weight;
};
} // namespace

static int64_t classAxis(Value x) {
  if (rankOf(x) < 1)
    malformed("has no dim of classes");
  return rankOf(x) > 1 ? 1 : 0;
}

/// A weight for each class as a tensor that broadcasts along a dim.
static Value alongClasses(GraphBuilder &b, Value weight, Value like, int64_t axis) {
  Extents shape(rankOf(like), Extent(1));
  shape[axis] = elementsOf(extentsOf(weight));
  return b.reshape(weight, shape);
}

/// -w[t] x[t] of each example; x are logarithms.
static Examples negativeLikelihood(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  Math m(b);
  const int64_t axis = classAxis(x);
  Value ignored = b.number(node.integer("ignore_index"));
  Value target = b.cast(node.tensor("target"), b.builder().getI64Type());
  if (rankOf(target) != rankOf(x) - 1)
    malformed("has targets of " + Twine(rankOf(target)) + " dims for " + Twine(rankOf(x)));
  Value isIgnored = m.equal(target, ignored), safe = m.where(isIgnored, 0, target);
  Value picked = b.dropDim(b.make<graph::GatherElementsOp>(x, m.withDim(safe, axis), axis), axis);
  Value weight = node.optionalTensor("weight");
  Value weights =
      weight ? b.make<graph::GatherOp>(weight, safe, int64_t(0)) : b.broadcast(b.scalarLike(x, 1), extentsOf(target));
  return {m.where(isIgnored, 0, m.neg(m.mul(picked, weights))), m.where(isIgnored, 0, weights)};
}

/// The mean is that of the weights, too.
static Value reducedExamples(NodeReader &node, const Examples &examples) {
  Math m(node.builder());
  const int64_t reduction = node.integer("reduction");
  if (reduction == 1)
    return m.div(m.sum(examples.loss), m.sum(examples.weight));
  return reducedLoss(node, examples.loss);
}

static Value likelihood(NodeReader &node) {
  return reducedExamples(node, negativeLikelihood(node, node.tensor("self")));
}

/// The loss, and what all examples weigh.
static Values likelihoodAndWeight(NodeReader &node) {
  Math m(node.builder());
  Examples examples = negativeLikelihood(node, node.tensor("self"));
  return {reducedExamples(node, examples), m.sum(examples.weight)};
}

/// -Σ w p log q of chances p
static Value crossEntropyOfTargets(NodeReader &node, Value logarithms, double smoothing) {
  GraphBuilder &b = node.builder();
  Math m(b);
  const int64_t axis = classAxis(logarithms), reduction = node.integer("reduction");
  node.ignore("ignore_index");
  Value chances = b.cast(node.tensor("target"), elementOf(logarithms));
  if (smoothing > 0) {
    Value classes = b.cast(b.number(extentsOf(logarithms)[axis]), elementOf(logarithms));
    chances = m.add(m.mul(chances, 1 - smoothing), m.div(smoothing, classes));
  }
  Value product = m.mul(logarithms, chances);
  if (Value weight = node.optionalTensor("weight"))
    product = m.mul(product, alongClasses(b, weight, logarithms, axis));
  Value loss = m.neg(m.sum(product, axis));
  return reduction == 1 ? m.whole(ReduceKind::Mean, loss) : reducedLoss(node, loss);
}

static Value crossEntropy(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self");
  const int64_t axis = classAxis(x);
  const double smoothing = node.number("label_smoothing");
  Value logarithms = b.make<graph::SoftmaxOp>(x, axis, /*log=*/true);
  if (isa<FloatType>(elementOf(node.tensor("target"))))
    return crossEntropyOfTargets(node, logarithms, smoothing);
  Examples examples = negativeLikelihood(node, logarithms);
  if (smoothing == 0)
    return reducedExamples(node, examples);
  // (1 - s) nll + s / c · -Σ w log q, which counts where the example does.
  Value weight = node.optionalTensor("weight"), all = logarithms;
  if (weight)
    all = m.mul(all, alongClasses(b, weight, logarithms, axis));
  Value ignored = b.number(node.integer("ignore_index"));
  Value target = b.cast(node.tensor("target"), b.builder().getI64Type());
  all = m.where(m.equal(target, ignored), 0, m.neg(m.sum(all, axis)));
  Value classes = b.cast(b.number(extentsOf(x)[axis]), elementOf(x));
  Value part = m.mul(all, m.div(smoothing, classes));
  return reducedExamples(node, {m.add(m.mul(examples.loss, 1 - smoothing), part), examples.weight});
}

// Σ max(0, margin - x[t] + x[i])ᵖ / classes, i other than t
static Value multiMargin(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self"), target = b.cast(node.tensor("target"), b.builder().getI64Type());
  const double p = node.number("p");
  const int64_t axis = classAxis(x);
  if (rankOf(x) != rankOf(target) + 1 || (p != 1 && p != 2))
    unsupported("compares " + Twine(rankOf(x)) + " dims with " + Twine(rankOf(target)) + ", or has another power");
  Value index = m.withDim(target, axis), own = b.make<graph::GatherElementsOp>(x, index, axis);
  Value apart = m.max(m.add(m.sub(x, own), node.number("margin")), 0);
  if (p == 2)
    apart = m.mul(apart, apart);
  apart = m.where(m.equal(b.countAlong(extentsOf(x), axis), index), 0, apart);
  if (Value weight = node.optionalTensor("weight"))
    apart = m.mul(apart, m.withDim(b.make<graph::GatherOp>(weight, target, int64_t(0)), axis));
  return reducedLoss(node, m.along(ReduceKind::Mean, apart, axis));
}

/// Targets are classes in a row, up to the first below 0: Σ max(0, 1 - x[t] + x[i]) / classes, of i that are no
/// targets.
static Values multiLabelMargin(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = node.tensor("self"), target = b.cast(node.tensor("target"), b.builder().getI64Type());
  if (rankOf(x) != rankOf(target) || rankOf(x) < 1 || rankOf(x) > 2)
    malformed("compares " + Twine(rankOf(x)) + " dims with " + Twine(rankOf(target)));
  const int64_t axis = rankOf(x) - 1;
  Type i64 = b.builder().getI64Type();
  Value counts =
      b.make<graph::CumulativeOp>(b.cast(m.no(m.less(target, 0)), i64), axis, false, false, /*product=*/true);
  Value isGiven = m.equal(counts, 1), safe = m.where(isGiven, target, 0);
  // [… given, class]
  Value given = m.withDim(isGiven, axis + 1), index = m.withDim(safe, axis + 1);
  Extents classes(rankOf(x) + 1, Extent(1));
  classes[axis + 1] = extentsOf(x)[axis];
  Value isThis = m.both(m.equal(b.countAlong(classes, axis + 1), index), given);
  Value isTarget = m.along(ReduceKind::Max, isThis, axis);
  Value own = m.withDim(b.make<graph::GatherElementsOp>(x, safe, axis), axis + 1);
  Value apart = m.max(m.sub(1, m.sub(own, m.withDim(x, axis))), 0);
  Value counted = m.both(given, m.no(m.withDim(isTarget, axis)));
  Value sums = m.along(ReduceKind::Mean, m.sum(m.where(counted, apart, 0.0), axis), axis);
  return {reducedLoss(node, sums), b.cast(isTarget, elementOf(x))};
}
static Value multiLabelMarginLoss(NodeReader &node) { return multiLabelMargin(node).front(); }

// That compare examples.

// 1 - cos where t = 1, max(0, cos - margin) where it is -1
static Value cosineEmbedding(NodeReader &node) {
  Math m(node.builder());
  Operands given = readOperands(node, "input1", "input2");
  constexpr double kLeast = 1e-12;
  Value product = m.mul(given.lhs, given.rhs);
  const int64_t axis = rankOf(product) - 1;
  if (axis < 0)
    malformed("compares scalars");
  auto size = [&](Value x) { return m.add(m.sum(m.mul(x, x), axis), kLeast); };
  Value cosine = m.div(m.sum(product, axis), m.sqrt(m.mul(size(given.lhs), size(given.rhs))));
  Value target = node.tensor("target"), away = m.max(m.add(cosine, -node.number("margin")), 0);
  Value yes = m.where(m.equal(target, 1), m.sub(1, cosine), 0.0), no = m.where(m.equal(target, -1), away, 0.0);
  return reducedLoss(node, m.add(yes, no));
}

// max(0, margin + |a - p| - |a - n|)
static Value triplet(NodeReader &node) {
  Math m(node.builder());
  Value anchor = node.tensor("anchor"), positive = node.tensor("positive"), negative = node.tensor("negative");
  const double p = node.number("p"), eps = node.number("eps");
  auto distance = [&](Value x, Value y) {
    Value apart = m.abs(m.add(m.sub(x, y), eps));
    if (rankOf(apart) == 0)
      malformed("compares scalars");
    const int64_t axis = rankOf(apart) - 1;
    if (p == 1 || p == 2)
      return m.along(p == 1 ? ReduceKind::L1 : ReduceKind::L2, apart, axis);
    Value sum = m.sum(m.b.make<graph::PowOp>(apart, m.number(apart, p)), axis);
    return m.b.make<graph::PowOp>(sum, m.number(apart, 1 / p));
  };
  Value near = distance(anchor, positive), far = distance(anchor, negative);
  if (node.flag("swap"))
    far = m.min(far, distance(positive, negative));
  return reducedLoss(node, m.max(m.add(m.sub(near, far), node.number("margin")), 0));
}

static constexpr Operator kOperators[] = {
    {"aten.binary_cross_entropy.default", crossEntropyOfChances},
    {"aten.binary_cross_entropy_with_logits.default", crossEntropyOfLogits},
    {"aten.cosine_embedding_loss.default", cosineEmbedding},
    {"aten.cross_entropy_loss.default", crossEntropy},
    {"aten.hinge_embedding_loss.default", hinge},
    {"aten.huber_loss.default", huber},
    {"aten.kl_div.default", divergence},
    {"aten.l1_loss.default", distancesOf},
    {"aten.margin_ranking_loss.default", ranking},
    {"aten.mse_loss.default", squares},
    {"aten.multi_margin_loss.default", multiMargin},
    {"aten.multilabel_margin_loss.default", multiLabelMarginLoss},
    {"aten.multilabel_margin_loss_forward.default", multiLabelMargin},
    {"aten.nll_loss.default", likelihood},
    {"aten.nll_loss2d.default", likelihood},
    {"aten.nll_loss2d_forward.default", likelihoodAndWeight},
    {"aten.nll_loss_forward.default", likelihoodAndWeight},
    {"aten.nll_loss_nd.default", likelihood},
    {"aten.poisson_nll_loss.default", poisson},
    {"aten.smooth_l1_loss.default", smooth},
    {"aten.soft_margin_loss.default", softMargin},
    {"aten.triplet_margin_loss.default", triplet},
};

ArrayRef<Operator> lossOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

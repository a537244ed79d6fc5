// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ensembles of decision trees: random forests, boosted trees, isolation forests.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Scores.h"
#include "frontends/onnx/Ops/TreeEnsemble.h"
#include "frontends/onnx/Tensors.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using Aggregate = TreeEnsemble::Aggregate;
using Test = TreeNode::Test;

static Numbers64 numbersOf(const Tensor &tensor) {
  Numbers64 numbers;
  for (int64_t position = 0; position < tensor.view().size(); ++position)
    numbers.push_back(tensor.view().get(position).asFloat());
  return numbers;
}

/// An attribute of floats, or that of the same name as a tensor.
static Numbers64 anyNumbersOf(NodeReader &node, const std::string &name) {
  Numbers64 numbers = numbersOf(node, name);
  std::optional<Tensor> tensor = node.tensor(name + "_as_tensor");
  return tensor ? numbersOf(*tensor) : numbers;
}

static Integers integersOf(NodeReader &node, StringRef name) { return node.integers(name).value_or(Integers()); }

static void checkCount(StringRef name, size_t has, size_t wanted) {
  if (has != wanted)
    malformed("has " + Twine(has) + " entries in '" + name + "' for " + Twine(wanted));
}

static Integers integersOf(NodeReader &node, StringRef name, size_t count) {
  Integers numbers = integersOf(node, name);
  checkCount(name, numbers.size(), count);
  return numbers;
}

static Test testOf(StringRef mode) {
  static constexpr std::pair<llvm::StringLiteral, Test> kTests[] = {
      {"BRANCH_LEQ", Test::AtMost}, {"BRANCH_LT", Test::Below}, {"BRANCH_GTE", Test::AtLeast},
      {"BRANCH_GT", Test::Above},   {"BRANCH_EQ", Test::Equal}, {"BRANCH_NEQ", Test::Unequal},
      {"LEAF", Test::Leaf}};
  for (const auto &[name, test] : kTests)
    if (name == mode)
      return test;
  malformed("has a node of mode '" + printable(mode) + "', which there is not");
}

/// Nodes by the numbers that their trees give them.
using NodeNumbers = llvm::DenseMap<std::pair<int64_t, int64_t>, int64_t>;

static int64_t numberOf(const NodeNumbers &numbers, int64_t tree, int64_t node) {
  auto found = numbers.find({tree, node});
  if (found == numbers.end())
    malformed("has no node " + Twine(node) + " in tree " + Twine(tree));
  return found->second;
}

/// Nodes that no other leads to.
static void findRoots(TreeEnsemble &ensemble) {
  std::vector<bool> isChild(ensemble.nodes.size(), false);
  for (const TreeNode &node : ensemble.nodes)
    if (node.test != Test::Leaf)
      isChild[node.whenTrue] = isChild[node.whenFalse] = true;
  for (size_t number = 0; number < ensemble.nodes.size(); ++number)
    if (!isChild[number])
      ensemble.roots.push_back(static_cast<int64_t>(number));
}

/// The attributes nodes_…
static NodeNumbers readNodes(NodeReader &node, TreeEnsemble &ensemble) {
  const Integers trees = integersOf(node, "nodes_treeids");
  const size_t count = trees.size();
  const Integers ids = integersOf(node, "nodes_nodeids", count), features = integersOf(node, "nodes_featureids", count),
                 whenTrue = integersOf(node, "nodes_truenodeids", count),
                 whenFalse = integersOf(node, "nodes_falsenodeids", count),
                 nanHolds = integersOf(node, "nodes_missing_value_tracks_true");
  const Numbers64 thresholds = anyNumbersOf(node, "nodes_values");
  const SmallVector<std::string> modes = node.texts("nodes_modes").value_or(SmallVector<std::string>());
  checkCount("nodes_values", thresholds.size(), count);
  checkCount("nodes_modes", modes.size(), count);
  if (!nanHolds.empty())
    checkCount("nodes_missing_value_tracks_true", nanHolds.size(), count);
  node.ignore("nodes_hitrates");
  node.ignore("nodes_hitrates_as_tensor");
  NodeNumbers numbers;
  for (size_t number = 0; number < count; ++number)
    if (!numbers.insert({{trees[number], ids[number]}, static_cast<int64_t>(number)}).second)
      malformed("has two nodes " + Twine(ids[number]) + " in tree " + Twine(trees[number]));
  for (size_t number = 0; number < count; ++number) {
    TreeNode made{testOf(modes[number]), features[number], thresholds[number], !nanHolds.empty() && nanHolds[number]};
    if (made.test != Test::Leaf) {
      made.whenTrue = numberOf(numbers, trees[number], whenTrue[number]);
      made.whenFalse = numberOf(numbers, trees[number], whenFalse[number]);
    }
    ensemble.nodes.push_back(made);
  }
  findRoots(ensemble);
  return numbers;
}

/// The attributes target_…, or class_…
static void readWeights(NodeReader &node, TreeEnsemble &ensemble, const NodeNumbers &numbers, const std::string &kind) {
  const Integers trees = integersOf(node, kind + "_treeids");
  const size_t count = trees.size();
  const Integers ids = integersOf(node, kind + "_nodeids", count), targets = integersOf(node, kind + "_ids", count);
  const Numbers64 weights = anyNumbersOf(node, kind + "_weights");
  checkCount(kind + "_weights", weights.size(), count);
  for (size_t number = 0; number < count; ++number)
    ensemble.weights.push_back({numberOf(numbers, trees[number], ids[number]), targets[number], weights[number]});
}

/// scores + base values: one for all targets, or one for each.
static Value withBase(GraphBuilder &b, Value scores, ArrayRef<double> base, int64_t targets) {
  if (base.empty())
    return scores;
  if (base.size() != 1 && static_cast<int64_t>(base.size()) != targets)
    malformed("has " + Twine(base.size()) + " base values for " + Twine(targets));
  return b.make<graph::AddOp>(scores, listOf(b, base, elementOf(scores)));
}

// TreeEnsembleRegressor                                                    ai.onnx.ml TreeEnsembleRegressor, versions
// 1–5
static Values treeEnsembleRegressor(NodeReader &node) {
  GraphBuilder &b = node.builder();
  TreeEnsemble ensemble;
  ensemble.targets = node.integer("n_targets", 1);
  readWeights(node, ensemble, readNodes(node, ensemble), "target");
  auto aggregate = node.choice<Aggregate>(
      "aggregate_function", "SUM",
      {{"AVERAGE", Aggregate::Average}, {"SUM", Aggregate::Sum}, {"MIN", Aggregate::Min}, {"MAX", Aggregate::Max}});
  Value scores = evaluateTrees(b, ensemble, featureRows(node, node.input(0, Numbers)), aggregate);
  scores = withBase(b, scores, anyNumbersOf(node, "base_values"), ensemble.targets);
  return {b.cast(transformed(b, scores, postTransformOf(node)), b.builder().getF32Type())};
}

/// Scores [n, 2] of one score s [n, 1], which is the first class's where it has the weights (and speaks for the
/// second), as ONNX Runtime has them: σ(-s) and σ(s); else 1 - s and s of probabilities, -s and s of others.
static Value ofTwoClasses(GraphBuilder &b, Value s, bool isFirst, bool isProbability, PostTransform how) {
  auto both = [&](Value first, Value second) { return b.concat({first, second}, 1); };
  if (!isFirst)
    return transformed(b, both(b.broadcast(b.scalarLike(s, 0), extentsOf(s)), s), how);
  if (how == PostTransform::Probit)
    unsupported("has the post_transform PROBIT for one score of two classes");
  if (how == PostTransform::Logistic)
    return both(b.make<graph::SigmoidOp>(b.make<graph::NegOp>(s)), b.make<graph::SigmoidOp>(s));
  return both(isProbability ? b.make<graph::SubOp>(b.scalarLike(s, 1), s) : b.make<graph::NegOp>(s), s);
}

/// The places of labels [n], and scores [n, classes].
static std::pair<Value, Value> classified(NodeReader &node, const TreeEnsemble &ensemble, Value scores) {
  GraphBuilder &b = node.builder();
  const PostTransform how = postTransformOf(node);
  const Numbers64 base = anyNumbersOf(node, "base_values");
  llvm::SmallSet<int64_t, 4> given;
  bool isProbability = true;
  for (const TreeEnsemble::Weight &weight : ensemble.weights) {
    given.insert(weight.target);
    isProbability &= weight.weight >= 0;
  }
  if (ensemble.targets != 2 || given.size() != 1) {
    scores = withBase(b, scores, base, ensemble.targets);
    return {largestOf(b, scores), transformed(b, scores, how)};
  }
  const bool isFirst = given.contains(0);
  if (base.size() > (isFirst ? 1 : 0))
    unsupported("has " + Twine(base.size()) + " base values for two classes of which one has weights");
  Value score = withBase(b, b.sliceDim(scores, 1, isFirst ? 0 : 1, 1), base, 1);
  Value isSecond = b.make<graph::GreaterOp>(score, b.scalarLike(score, isProbability ? 0.5 : 0));
  Value places = b.reshape(b.cast(isSecond, b.builder().getI64Type()), {extentsOf(score)[0]});
  return {places, ofTwoClasses(b, score, isFirst, isProbability, how)};
}

// TreeEnsembleClassifier                                                  ai.onnx.ml TreeEnsembleClassifier, versions
// 1–5
static Values treeEnsembleClassifier(NodeReader &node) {
  GraphBuilder &b = node.builder();
  TreeEnsemble ensemble;
  const ClassLabels labels = classLabels(node, "classlabels_int64s");
  ensemble.targets = labels.count;
  readWeights(node, ensemble, readNodes(node, ensemble), "class");
  Value sums = evaluateTrees(b, ensemble, featureRows(node, node.input(0, Numbers)), Aggregate::Sum);
  auto [places, scores] = classified(node, ensemble, sums);
  return {labelsAt(b, labels, places), b.cast(scores, b.builder().getF32Type())};
}

/// What a node of the newer form asks: numbers 0 to 5 are tests, 6 asks whether the feature is one of a list.
constexpr Test kTests[] = {Test::AtMost, Test::Below, Test::AtLeast, Test::Above, Test::Equal, Test::Unequal};
constexpr int64_t kMember = 6;

/// Lists one after another, with NaN between them.
static SmallVector<Numbers64> listsOf(ArrayRef<double> numbers) {
  SmallVector<Numbers64> lists(1);
  for (double number : numbers)
    if (std::isnan(number))
      lists.emplace_back();
    else
      lists.back().push_back(number);
  return lists;
}

namespace {
/// Nodes and leaves as TreeEnsemble has them. A node that asks for members of a list is as many that ask for equality:
/// the first keeps its number, the others come behind the leaves.
class NewerTrees {
public:
  NewerTrees(NodeReader &node);
  TreeEnsemble take() { return std::move(ensemble_); }

private:
  void addMembers(size_t number, const Numbers64 &members);
  int64_t target(int64_t id, bool isLeaf) const;

  TreeEnsemble ensemble_;
  int64_t inner_ = 0, leaves_ = 0;
};
} // namespace

int64_t NewerTrees::target(int64_t id, bool isLeaf) const {
  if (id < 0 || id >= (isLeaf ? leaves_ : inner_))
    malformed("has a node that leads to " + Twine(isLeaf ? "leaf " : "node ") + Twine(id) + ", which there is not");
  return isLeaf ? inner_ + id : id;
}

void NewerTrees::addMembers(size_t number, const Numbers64 &members) {
  std::vector<TreeNode> &nodes = ensemble_.nodes;
  if (members.empty())
    malformed("has a node that asks for one of no members");
  nodes[number].test = Test::Equal;
  nodes[number].threshold = members.front();
  for (double member : ArrayRef<double>(members).drop_front()) {
    TreeNode next = nodes[number];
    next.threshold = member;
    nodes[number].whenFalse = static_cast<int64_t>(nodes.size());
    number = nodes.size();
    nodes.push_back(next);
  }
}

NewerTrees::NewerTrees(NodeReader &node) {
  auto tensor = [&](StringRef name) {
    std::optional<Tensor> given = node.tensor(name);
    return given ? numbersOf(*given) : Numbers64();
  };
  const Integers features = integersOf(node, "nodes_featureids"), leafTargets = integersOf(node, "leaf_targetids");
  const size_t count = features.size();
  const Integers whenTrue = integersOf(node, "nodes_truenodeids", count),
                 whenFalse = integersOf(node, "nodes_falsenodeids", count),
                 trueLeaf = integersOf(node, "nodes_trueleafs", count),
                 falseLeaf = integersOf(node, "nodes_falseleafs", count),
                 nanHolds = integersOf(node, "nodes_missing_value_tracks_true"), roots = integersOf(node, "tree_roots");
  const Numbers64 modes = tensor("nodes_modes"), splits = tensor("nodes_splits"), weights = tensor("leaf_weights"),
                  members = tensor("membership_values");
  node.ignore("nodes_hitrates");
  checkCount("nodes_modes", modes.size(), count);
  checkCount("nodes_splits", splits.size(), count);
  checkCount("leaf_weights", weights.size(), leafTargets.size());
  if (!nanHolds.empty())
    checkCount("nodes_missing_value_tracks_true", nanHolds.size(), count);
  inner_ = static_cast<int64_t>(count);
  leaves_ = static_cast<int64_t>(weights.size());
  ensemble_.targets = node.integer("n_targets", 1);
  ensemble_.nodes.resize(count + weights.size());
  for (size_t leaf = 0; leaf < weights.size(); ++leaf)
    ensemble_.weights.push_back({inner_ + static_cast<int64_t>(leaf), leafTargets[leaf], weights[leaf]});
  for (size_t number = 0; number < count; ++number)
    ensemble_.nodes[number] = {Test::Equal,
                               features[number],
                               splits[number],
                               !nanHolds.empty() && nanHolds[number],
                               target(whenTrue[number], trueLeaf[number]),
                               target(whenFalse[number], falseLeaf[number])};
  SmallVector<Numbers64> lists = listsOf(members);
  size_t list = 0;
  for (size_t number = 0; number < count; ++number) {
    if (!(modes[number] >= 0 && modes[number] <= kMember)) // which NaN is not, either
      malformed("has a node whose mode is none of 0 to " + Twine(kMember));
    const auto mode = static_cast<int64_t>(modes[number]);
    if (mode == kMember && list == lists.size())
      malformed("has a node of mode " + Twine(mode) + " without its members");
    if (mode == kMember)
      addMembers(number, lists[list++]);
    else
      ensemble_.nodes[number].test = kTests[mode];
  }
  ensemble_.roots.assign(roots.begin(), roots.end());
}

// TreeEnsemble                                                                       ai.onnx.ml TreeEnsemble, version 5
static Values treeEnsemble(NodeReader &node) {
  constexpr Aggregate kAggregates[] = {Aggregate::Average, Aggregate::Sum, Aggregate::Min, Aggregate::Max};
  constexpr PostTransform kTransforms[] = {PostTransform::None, PostTransform::Softmax, PostTransform::Logistic,
                                           PostTransform::SoftmaxZero, PostTransform::Probit};
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  const int64_t aggregate = node.integer("aggregate_function", 1), how = node.integer("post_transform", 0);
  if (static_cast<uint64_t>(aggregate) >= std::size(kAggregates) ||
      static_cast<uint64_t>(how) >= std::size(kTransforms))
    malformed("has aggregate_function " + Twine(aggregate) + " and post_transform " + Twine(how));
  const TreeEnsemble ensemble = NewerTrees(node).take();
  Value scores = evaluateTrees(b, ensemble, featureRows(node, x), kAggregates[aggregate]);
  return {b.cast(transformed(b, scores, kTransforms[how]), elementOf(x))};
}

static constexpr Operator kOperators[] = {
    {"TreeEnsemble", 5, treeEnsemble, "ai.onnx.ml"},
    {"TreeEnsembleClassifier", 1, treeEnsembleClassifier, "ai.onnx.ml"},
    {"TreeEnsembleRegressor", 1, treeEnsembleRegressor, "ai.onnx.ml"},
};

ArrayRef<Operator> treeOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

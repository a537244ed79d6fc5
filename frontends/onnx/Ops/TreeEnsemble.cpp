// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/TreeEnsemble.h"
#include "frontends/common/Loops.h"
#include <cmath>
#include <deque>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::HostTensor, graph::ReduceKind, graph::Scalar;
using Test = TreeNode::Test;

constexpr size_t kMostNodes = size_t(1) << 28; // their places in tables are i32
constexpr int64_t kMostUnrolled = 32;          // levels; of deeper trees they are rounds of a loop
constexpr int kWays = 3;                       // where a test fails, where it holds, and where there is no number

namespace {
/// Nodes in the order of the tables: from the roots on, and leaves last.
struct Order {
  std::vector<int64_t> nodes;   // by place
  std::vector<int32_t> places;  // by node
  int64_t inner = 0, depth = 0; // how many are no leaves; how many tests there are at most on a way down
};
} // namespace

static bool isLeaf(const TreeNode &node) { return node.test == Test::Leaf; }

/// How many others lead to each node that a root leads to; nothing for others.
static std::vector<int32_t> leadingTo(const TreeEnsemble &ensemble) {
  const auto count = static_cast<int64_t>(ensemble.nodes.size());
  std::vector<int32_t> uses(count, 0);
  std::deque<int64_t> reached;
  auto reach = [&](int64_t node) {
    if (node < 0 || node >= count)
      malformed("has a tree with a node " + Twine(node) + " of " + Twine(count));
    if (uses[node]++ == 0)
      reached.push_back(node);
  };
  for (int64_t root : ensemble.roots)
    reach(root);
  for (; !reached.empty(); reached.pop_front())
    if (const TreeNode &node = ensemble.nodes[reached.front()]; !isLeaf(node)) {
      reach(node.whenTrue);
      reach(node.whenFalse);
    }
  return uses;
}

/// Each node comes once all that lead to it have come: those of a circle never do.
static Order orderOf(const TreeEnsemble &ensemble) {
  if (ensemble.nodes.size() > kMostNodes)
    unsupported("has " + Twine(ensemble.nodes.size()) + " nodes");
  std::vector<int32_t> uses = leadingTo(ensemble);
  const int64_t reachable = llvm::count_if(uses, [](int32_t count) { return count > 0; });
  std::vector<int64_t> depths(ensemble.nodes.size(), 0), leaves;
  Order order;
  std::deque<int64_t> ready;
  auto arrive = [&](int64_t node, int64_t depth) {
    depths[node] = std::max(depths[node], depth);
    if (--uses[node] == 0)
      ready.push_back(node);
  };
  for (int64_t root : ensemble.roots)
    arrive(root, 0);
  for (; !ready.empty(); ready.pop_front()) {
    const int64_t number = ready.front();
    const TreeNode &node = ensemble.nodes[number];
    order.depth = std::max(order.depth, depths[number]);
    (isLeaf(node) ? leaves : order.nodes).push_back(number);
    if (!isLeaf(node))
      for (int64_t next : {node.whenTrue, node.whenFalse})
        arrive(next, depths[number] + 1);
  }
  order.inner = static_cast<int64_t>(order.nodes.size());
  order.nodes.insert(order.nodes.end(), leaves.begin(), leaves.end());
  if (static_cast<int64_t>(order.nodes.size()) != reachable)
    malformed("has nodes that lead to themselves");
  order.places.assign(ensemble.nodes.size(), -1);
  for (auto [place, node] : llvm::enumerate(order.nodes))
    order.places[node] = static_cast<int32_t>(place);
  return order;
}

/// The next smaller number of a type: x < t is x <= below(t).
static double below(double threshold, Type type) {
  return type.isF64() ? std::nextafter(threshold, -HUGE_VAL)
                      : std::nextafter(static_cast<float>(threshold), -HUGE_VALF);
}

namespace {
/// What a round looks up for each node, as constants. All tests are x <= threshold, or x == threshold.
class Tables {
public:
  Tables(GraphBuilder &b, const TreeEnsemble &ensemble, const Order &order, Value x);

  /// One level down: places [n, trees] of nodes.
  Value down(Value places) const;

private:
  Value at(Value table, Value places) const { return b_.make<graph::GatherOp>(table, places, int64_t(0)); }

  GraphBuilder &b_;
  Value x_, features_, thresholds_, next_;
  Value compares_; // whether a test is for equality; null where none is
};
} // namespace

Tables::Tables(GraphBuilder &b, const TreeEnsemble &ensemble, const Order &order, Value x) : b_(b), x_(x) {
  const auto count = static_cast<int64_t>(order.nodes.size());
  const int64_t known = fixedDim(x, 1);
  Type i32 = b.builder().getI32Type(), element = elementOf(x);
  auto zeros = [](int64_t size, Type type) { return HostTensor::zeros(RankedTensorType::get(size, type)); };
  HostTensor features = zeros(count, i32), thresholds = zeros(count, element), next = zeros(count * kWays, i32);
  HostTensor compares = zeros(count, b.builder().getI1Type());
  bool comparesAny = false;
  for (auto [place, number] : llvm::enumerate(order.nodes)) {
    const TreeNode &node = ensemble.nodes[number];
    auto row = next.asMutable<int32_t>().slice(place * kWays, kWays);
    if (isLeaf(node)) {
      llvm::fill(row, static_cast<int32_t>(place));
      continue;
    }
    if (node.feature < 0 || node.feature >= known)
      malformed("asks for feature " + Twine(node.feature) + " of " + Twine(known));
    const bool isStrict = node.test == Test::Below || node.test == Test::AtLeast;
    const bool isNegated = node.test == Test::Above || node.test == Test::AtLeast || node.test == Test::Unequal;
    const int32_t yes = order.places[node.whenTrue], no = order.places[node.whenFalse];
    row[0] = isNegated ? yes : no;
    row[1] = isNegated ? no : yes;
    row[2] = node.nanHolds || node.test == Test::Unequal ? yes : no;
    features.asMutable<int32_t>()[place] = static_cast<int32_t>(node.feature);
    thresholds.set(static_cast<int64_t>(place),
                   Scalar::ofFloat(isStrict ? below(node.threshold, element) : node.threshold));
    if (node.test == Test::Equal || node.test == Test::Unequal) {
      compares.set(static_cast<int64_t>(place), Scalar::ofSigned(1));
      comparesAny = true;
    }
  }
  features_ = b.constant(features);
  thresholds_ = b.constant(thresholds);
  next_ = b.constant(next);
  compares_ = comparesAny ? b.constant(compares) : nullptr;
}

Value Tables::down(Value places) const {
  Type i32 = elementOf(places);
  Value x = b_.make<graph::GatherElementsOp>(x_, at(features_, places), int64_t(1));
  Value threshold = at(thresholds_, places);
  Value holds = b_.make<graph::LessEqualOp>(x, threshold);
  if (compares_)
    holds = b_.make<graph::SelectOp>(at(compares_, places), b_.make<graph::EqualOp>(x, threshold), holds);
  auto number = [&](int64_t value) { return b_.scalar(i32, Scalar::ofSigned(value)); };
  Value way = b_.make<graph::SelectOp>(b_.make<graph::IsNanOp>(x), number(2), b_.cast(holds, i32));
  return at(next_, b_.make<graph::AddOp>(b_.make<graph::MulOp>(places, number(kWays)), way));
}

/// The weights of each leaf, [leaves, targets]: `none` where a leaf has none.
static HostTensor weightsOf(const TreeEnsemble &ensemble, const Order &order, Type element, double none) {
  constexpr int64_t kMostWeights = 1 << 26;
  const int64_t leaves = static_cast<int64_t>(order.nodes.size()) - order.inner;
  if (ensemble.targets > kMostWeights / std::max<int64_t>(leaves, 1))
    unsupported("has weights of " + Twine(leaves) + " leaves for each of " + Twine(ensemble.targets) + " targets");
  HostTensor table = HostTensor::zeros(checkedType(Integers{leaves, ensemble.targets}, element));
  std::vector<bool> isSet(table.size(), false);
  for (int64_t position = 0; none != 0 && position < table.size(); ++position)
    table.set(position, Scalar::ofFloat(none));
  for (const TreeEnsemble::Weight &weight : ensemble.weights) {
    if (weight.node < 0 || weight.node >= static_cast<int64_t>(order.places.size()) || weight.target < 0 ||
        weight.target >= ensemble.targets)
      malformed("has a weight of node " + Twine(weight.node) + " for target " + Twine(weight.target) + " of " +
                Twine(ensemble.targets));
    const int64_t leaf = order.places[weight.node] - order.inner;
    if (leaf < 0)
      continue;
    const int64_t position = leaf * ensemble.targets + weight.target;
    const double before = isSet[position] ? table.get(position).asFloat() : 0;
    table.set(position, Scalar::ofFloat(before + weight.weight));
    isSet[position] = true;
  }
  return table;
}

static Value leavesOf(GraphBuilder &b, const TreeEnsemble &ensemble, const Order &order, Value x) {
  const auto trees = static_cast<int64_t>(ensemble.roots.size());
  HostTensor roots = HostTensor::zeros(RankedTensorType::get({1, trees}, b.builder().getI32Type()));
  for (auto [tree, root] : llvm::enumerate(ensemble.roots))
    roots.asMutable<int32_t>()[tree] = order.places[root];
  Tables tables(b, ensemble, order, x);
  Value places = b.broadcast(b.constant(roots), {extentsOf(x)[0], trees});
  if (order.depth > kMostUnrolled)
    places = LoopBuilder(b, {places}, Extent(order.depth), 1).build([&](const Extent &, ArrayRef<Value> state) {
      return LoopBuilder::Round{nullptr, {tables.down(state.front())}, {}};
    })[0];
  else
    for (int64_t level = 0; level < order.depth; ++level)
      places = tables.down(places);
  return b.make<graph::SubOp>(places, b.scalar(elementOf(places), Scalar::ofSigned(order.inner)));
}

Value evaluateTrees(GraphBuilder &b, const TreeEnsemble &ensemble, Value x, TreeEnsemble::Aggregate aggregate) {
  using Aggregate = TreeEnsemble::Aggregate;
  if (ensemble.roots.empty() || ensemble.targets < 1)
    malformed("has no trees, or no targets");
  const Order order = orderOf(ensemble);
  const bool picks = aggregate == Aggregate::Min || aggregate == Aggregate::Max;
  const double none = !picks ? 0 : aggregate == Aggregate::Min ? HUGE_VAL : -HUGE_VAL;
  Value table = b.constant(weightsOf(ensemble, order, elementOf(x), none));
  Value scores = b.make<graph::GatherOp>(table, leavesOf(b, ensemble, order, x), int64_t(0)); // [n, trees, targets]
  const ReduceKind kind = !picks ? ReduceKind::Sum : aggregate == Aggregate::Min ? ReduceKind::Min : ReduceKind::Max;
  scores = b.reshape(b.make<graph::ReduceOp>(scores, kind, ArrayRef<int64_t>{1}), {extentsOf(x)[0], ensemble.targets});
  if (picks) // a target for which no tree has a weight
    scores = b.make<graph::SelectOp>(b.make<graph::EqualOp>(scores, b.scalarLike(x, none)), b.scalarLike(x, 0), scores);
  if (aggregate == Aggregate::Average)
    scores = b.make<graph::DivOp>(scores, b.scalarLike(x, static_cast<double>(ensemble.roots.size())));
  return scores;
}

} // namespace smelt::frontend::onnx

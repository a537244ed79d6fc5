// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Graphs in graphs: torch.cond and torch.while_loop.

#include "frontends/common/Branches.h"
#include "frontends/common/Loops.h"
#include "frontends/common/Parts.h"
#include "frontends/pt2/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

static Value asTensor(GraphBuilder &b, const Thing &thing) {
  if (thing.isLost())
    unsupported("makes nothing in the place of a tensor");
  if (thing.imaginary)
    unsupported("has complex numbers in a branch or a loop, which are not supported there");
  return thing.tensor ? thing.tensor : b.number(*thing.size);
}

static Values inlined(NodeReader &node, const llvm::json::Object &graph, ArrayRef<Thing> inputs) {
  Values values;
  for (const Thing &thing : node.inlineGraph(graph, inputs))
    values.push_back(asTensor(node.builder(), thing));
  return values;
}

/// 1 or 0, of a bool tensor or a size.
static Extent conditionOf(NodeReader &node, const Thing &thing) {
  return thing.size ? *thing.size : conditionFrom(node.builder(), thing.tensor);
}

// cond(condition, then graph, else graph, operands)
static Values cond(NodeReader &node) {
  const Extent condition = conditionOf(node, node.thingAt(0));
  const llvm::json::Object &first = node.graphAt(1), &second = node.graphAt(2);
  const Things operands = node.thingsAt(3);
  if (condition.isNumber())
    return inlined(node, condition == Extent(0) ? second : first, operands);
  return buildBranches(
      node.builder(), condition, [&] { return inlined(node, first, operands); },
      [&] { return inlined(node, second, operands); });
}

// while_loop(condition graph, body graph, state, operands that stay)
static Values whileLoop(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const llvm::json::Object &condition = node.graphAt(0), &body = node.graphAt(1);
  const Things state = node.thingsAt(2), others = node.thingsAt(3);
  Values initial;
  for (const Thing &thing : state)
    initial.push_back(asTensor(b, thing));
  // A size of the state is a tensor between rounds.
  auto inputs = [&](ArrayRef<Value> values) {
    Things things;
    for (auto [value, first] : llvm::zip_equal(values, state))
      things.push_back(first.size ? Thing(b.sizesFrom(value).front()) : Thing(value));
    things.append(others.begin(), others.end());
    return things;
  };
  auto goesOn = [&](ArrayRef<Value> values) {
    Things made = node.inlineGraph(condition, inputs(values));
    if (made.size() != 1)
      malformed("has a condition of " + Twine(made.size()) + " results");
    return made.front();
  };
  LoopBuilder loop(b, initial, std::nullopt, conditionOf(node, goesOn(initial)));
  return loop.build([&](const Extent &, ArrayRef<Value> values) {
    Values next = inlined(node, body, inputs(values));
    if (next.size() != values.size())
      malformed("has a body of " + Twine(next.size()) + " results for a state of " + Twine(values.size()));
    Thing again = goesOn(next);
    Value condition = again.tensor ? again.tensor : b.cast(b.number(*again.size), b.builder().getI1Type());
    return LoopBuilder::Round{condition, next, {}};
  });
}

/// A graph of its own that is computed as it stands: torch.no_grad and the like.
static Things wrapped(NodeReader &node) {
  size_t graph = 0;
  while (graph < node.positionalCount() && !node.isGraph(graph))
    ++graph;
  Things operands;
  for (size_t place = graph + 1; place < node.positionalCount(); ++place)
    operands.push_back(node.thingAt(place));
  return node.inlineGraph(node.graphAt(graph), operands);
}

/// An operator that is kept in order by a token: a check, which says nothing of what is computed.
static Values withEffects(NodeReader &node) {
  const std::string name = node.operatorAt(1);
  if (!llvm::is_contained({"aten._linalg_check_errors.default", "aten._assert_async.msg"}, name))
    unsupported("calls " + printable(name) + ", whose effects are not supported");
  return {};
}

static constexpr Operator kOperators[] = {
    {"higher_order.cond", cond},
    {"higher_order.while_loop", whileLoop},
    {"higher_order.with_effects", withEffects},
    {"higher_order.wrap_with_set_grad_enabled", wrapped},
    {"higher_order.wrap_with_autocast", wrapped},
};

ArrayRef<Operator> controlOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

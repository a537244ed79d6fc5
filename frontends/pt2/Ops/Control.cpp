// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Graphs in graphs: torch.cond and torch.while_loop.

#include "frontends/common/Branches.h"
#include "frontends/common/Loops.h"
#include "frontends/common/Parts.h"
#include "frontends/pt2/Operators.h"
#include "frontends/pt2/Ops/Assertions.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

/// Which of several things are complex numbers.
using Forms = SmallVector<bool>;

static Forms formsOf(ArrayRef<Thing> things) {
  return llvm::map_to_vector(things, [](const Thing &thing) { return thing.imaginary != nullptr; });
}

/// Things as tensors, which is what ops take and make: a size as one, complex numbers as two.
static Values asTensors(GraphBuilder &b, ArrayRef<Thing> things, const Forms &forms) {
  if (things.size() != forms.size())
    malformed("makes " + Twine(things.size()) + " values in the place of " + Twine(forms.size()));
  Values values;
  for (auto [thing, isComplex] : llvm::zip_equal(things, forms)) {
    if (thing.isLost())
      unsupported("makes nothing in the place of a tensor");
    if (thing.imaginary && !isComplex)
      malformed("makes complex numbers in the place of reals");
    values.push_back(thing.tensor ? thing.tensor : b.number(*thing.size));
    if (isComplex)
      values.push_back(ComplexValue{values.back(), thing.imaginary}.imaginaryOrZeros(b));
  }
  return values;
}

/// The reverse.
static Things asThings(ArrayRef<Value> values, const Forms &forms) {
  Things things;
  for (bool isComplex : forms) {
    things.push_back(values.front());
    if (isComplex)
      things.back().imaginary = values[1];
    values = values.drop_front(isComplex ? 2 : 1);
  }
  return things;
}

/// 1 or 0, of a bool tensor or a size.
static Extent conditionOf(NodeReader &node, const Thing &thing) {
  return thing.size ? *thing.size : conditionFrom(node.builder(), thing.tensor);
}

// cond(condition, then graph, else graph, operands)
static Things cond(NodeReader &node) {
  const Extent condition = conditionOf(node, node.thingAt(0));
  const llvm::json::Object &first = node.graphAt(1), &second = node.graphAt(2);
  const Things operands = node.thingsAt(3);
  if (condition.isNumber())
    return node.inlineGraph(condition == Extent(0) ? second : first, operands);
  GraphBuilder &b = node.builder();
  Forms forms; // the first branch's, and so the other's
  auto makeFirst = [&] {
    const Things made = node.inlineGraph(first, operands);
    return asTensors(b, made, forms = formsOf(made));
  };
  auto makeSecond = [&] { return asTensors(b, node.inlineGraph(second, operands), forms); };
  return asThings(buildBranches(b, condition, makeFirst, makeSecond), forms);
}

// while_loop(condition graph, body graph, state, operands that stay)
static Things whileLoop(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const llvm::json::Object &condition = node.graphAt(0), &body = node.graphAt(1);
  const Things state = node.thingsAt(2), others = node.thingsAt(3);
  const Forms forms = formsOf(state);
  const Values initial = asTensors(b, state, forms);
  // A size of the state is a tensor between rounds.
  auto inputs = [&](ArrayRef<Value> values) {
    Things things = asThings(values, forms);
    for (auto [thing, first] : llvm::zip_equal(things, state))
      if (first.size)
        thing = Thing(b.sizesFrom(thing.tensor).front());
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
  Values results = loop.build([&](const Extent &, ArrayRef<Value> values) {
    Values next = asTensors(b, node.inlineGraph(body, inputs(values)), forms);
    Thing again = goesOn(next);
    Value condition = again.tensor ? again.tensor : b.cast(b.number(*again.size), b.builder().getI1Type());
    return LoopBuilder::Round{condition, next, {}};
  });
  return asThings(results, forms);
}

/// A graph once for each place of the first dim of sequences: it makes the next state, and what lies at that place of
/// further results.
static Things goThrough(NodeReader &node, const llvm::json::Object &body, ArrayRef<Thing> state,
                        ArrayRef<Thing> sequences, ArrayRef<Thing> others) {
  GraphBuilder &b = node.builder();
  const Forms stateForms = formsOf(state), sequenceForms = formsOf(sequences);
  const Values initial = asTensors(b, state, stateForms);
  Values equal = asTensors(b, sequences, sequenceForms);
  if (equal.empty() || llvm::any_of(equal, [](Value value) { return rankOf(value) == 0; }))
    malformed("goes through what has no dims");
  Extent rounds = extentsOf(equal.front())[0];
  for (Value value : equal)
    rounds = simplerOf(rounds, extentsOf(value)[0]);
  for (Value &value : equal) {
    value = b.withDim(value, 0, rounds);
    if (extentsOf(value)[0] != rounds)
      malformed("goes through sequences of " + rounds.str() + " and " + extentsOf(value)[0].str());
  }
  Forms forms(stateForms);
  Values results = LoopBuilder(b, initial, rounds, 1).build([&](const Extent &round, ArrayRef<Value> values) {
    Things given = asThings(values, stateForms);
    Values slices;
    for (Value value : equal)
      slices.push_back(b.dropDim(b.sliceDim(value, 0, round, 1), 0));
    given.append(asThings(slices, sequenceForms));
    given.append(others.begin(), others.end());
    const Things made = node.inlineGraph(body, given);
    if (made.size() < state.size())
      malformed("makes " + Twine(made.size()) + " values, of which " + Twine(state.size()) + " are its state");
    const ArrayRef<Thing> added = ArrayRef(made).drop_front(state.size());
    const Forms addedForms = formsOf(added);
    forms = stateForms;
    forms.append(addedForms);
    return LoopBuilder::Round{nullptr, asTensors(b, ArrayRef(made).take_front(state.size()), stateForms),
                              asTensors(b, added, addedForms)};
  });
  return asThings(results, forms);
}

// scan(graph, state, sequences, operands that stay)
static Things scan(NodeReader &node) {
  return goThrough(node, node.graphAt(0), node.thingsAt(1), node.thingsAt(2), node.thingsAt(3));
}

// map_impl(graph, sequences, operands that stay)
static Things map(NodeReader &node) { return goThrough(node, node.graphAt(0), {}, node.thingsAt(1), node.thingsAt(2)); }

/// The place of the first graph among the arguments, behind which its operands are.
static size_t placeOfGraph(NodeReader &node) {
  size_t graph = 0;
  while (graph < node.positionalCount() && !node.isGraph(graph))
    ++graph;
  return graph;
}

static Things thingsBehind(NodeReader &node, size_t graph) {
  Things operands;
  for (size_t place = graph + 1; place < node.positionalCount(); ++place)
    operands.push_back(node.thingAt(place));
  return operands;
}

/// A graph of its own that is computed as it stands: torch.no_grad.
static Things wrapped(NodeReader &node) {
  const size_t graph = placeOfGraph(node);
  return node.inlineGraph(node.graphAt(graph), thingsBehind(node, graph));
}

// wrap_with_autocast(device, dtype, enabled, cache, graph, operands …)
static Things autocast(NodeReader &node) {
  const size_t graph = placeOfGraph(node);
  const bool isOn = node.flagAt(2);
  Autocast region = node.autocastRegion();
  if (node.textAt(0) != "cpu") {
    region.isChecked |= isOn; // it says nothing to tensors of a processor
  } else {
    const Type type = node.typeAt(1), half = node.builder().builder().getBF16Type();
    const Type lower = type ? type : half;
    region.isChecked = isOn && (lower.isF16() || lower.isBF16()); // torch turns others off
    region.lower = region.isChecked ? lower : Type();
  }
  return node.inlineGraph(node.graphAt(graph), thingsBehind(node, graph), region);
}

/// An operator that is kept in order by a token: a check. What matrices are is not checked, as it is not elsewhere.
static Values withEffects(NodeReader &node) {
  const std::string name = node.operatorAt(1);
  if (name == "aten._assert_async.msg")
    assertTensor(node.builder(), node.thingAt(2).tensor, node.textAt(3));
  else if (name != "aten._linalg_check_errors.default")
    unsupported("calls " + printable(name) + ", whose effects are not supported");
  return {};
}

static constexpr Operator kOperators[] = {
    {"higher_order.cond", cond},
    {"higher_order.map_impl", map},
    {"higher_order.scan", scan},
    {"higher_order.while_loop", whileLoop},
    {"higher_order.with_effects", withEffects},
    {"higher_order.wrap_with_set_grad_enabled", wrapped},
    {"higher_order.wrap_with_autocast", autocast},
};

ArrayRef<Operator> controlOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

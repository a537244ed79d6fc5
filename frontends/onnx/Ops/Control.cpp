// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Branches.h"
#include "frontends/common/Loops.h"
#include "frontends/common/Parts.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/ControlItems.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents;

constexpr int64_t kMostRounds = int64_t(1) << 48; // what is more means no limit

/// The dim of which a condition asks whether it is 1, as far as that is not known.
static std::optional<Extent> comparedWithOne(Value condition) {
  auto equal = condition.getDefiningOp<graph::EqualOp>();
  if (!equal)
    return std::nullopt;
  std::optional<Extents> lhs = knownExtents(equal.getLhs()), rhs = knownExtents(equal.getRhs());
  if (!lhs || !rhs || lhs->size() != 1 || rhs->front() != Extent(1) || lhs->front().isNumber())
    return std::nullopt;
  return lhs->front();
}

// If(dim == 1) reshape(x) else x → reshape(x), without the dim: PyTorch's squeeze(dim) of one that is open. No tensor
// has two ranks, and such a model goes on with that one: where the dim is another, the run finds it in the reshape.
static std::optional<Values> squeezed(NodeReader &node, const GraphProto &thenBranch, const GraphProto &elseBranch) {
  std::optional<Extent> dim = comparedWithOne(node.input(0, Bools));
  if (!dim)
    return std::nullopt;
  PartBuilder part(node.builder());
  Items kept = node.inlineItems(elseBranch, {}), made = node.inlineItems(thenBranch, {});
  if (kept.size() == 1 && made.size() == 1 && kept.front().isTensor() && made.front().isTensor()) {
    Value whole = kept.front().tensor, result = made.front().tensor, source = result;
    for (auto reshape = source.getDefiningOp<graph::ReshapeOp>(); reshape && source != whole;
         reshape = source.getDefiningOp<graph::ReshapeOp>())
      source = reshape.getInput();
    if (source == whole && rankOf(result) < rankOf(whole) &&
        graph::productOf(extentsOf(whole)) == *dim * graph::productOf(extentsOf(result)))
      return Values{result};
  }
  part.rollBack();
  return std::nullopt;
}

// If: the branch that a known condition chooses, or both as functions                           ONNX If, versions 1–25
static Items ifElse(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const GraphProto &thenBranch = node.graph("then_branch"), &elseBranch = node.graph("else_branch");
  if (std::optional<Values> results = squeezed(node, thenBranch, elseBranch))
    return {results->begin(), results->end()};
  Extent condition = conditionFrom(b, node.input(0, Bools));
  if (condition.isNumber())
    return node.inlineItems(condition == Extent(1) ? thenBranch : elseBranch, {});
  if (makesItems(thenBranch) || makesItems(elseBranch))
    return itemBranches(node, condition, thenBranch, elseBranch);
  Values results = buildBranches(
      b, condition, [&] { return node.inlineGraph(thenBranch, {}); }, [&] { return node.inlineGraph(elseBranch, {}); });
  return {results.begin(), results.end()};
}

// Loop: rounds up to a count, and while a condition holds                                     ONNX Loop, versions 1–25
static Items loop(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const GraphProto &body = node.graph("body");
  std::optional<Extent> rounds;
  if (Value given = node.optionalInput(0, AnyInteger)) {
    if (!isSingle(given))
      malformed("needs one number of rounds");
    rounds = node.extentsInput(0).front();
  }
  if (rounds && rounds->isNumber() && rounds->number() > kMostRounds)
    rounds.reset();
  Extent condition = 1;
  if (Value given = node.optionalInput(1, Bools))
    condition = conditionFrom(b, given);
  Items initial;
  for (unsigned index = 2; index < node.inputCount(); ++index)
    initial.push_back(node.item(index).value_or(Item::absent()));
  if (body.input_size() != static_cast<int>(initial.size() + 2) ||
      body.output_size() < static_cast<int>(initial.size() + 1))
    malformed("its body takes " + Twine(body.input_size()) + " values and makes " + Twine(body.output_size()) +
              ", which do not fit a state of " + Twine(initial.size()));
  Type i1 = b.builder().getI1Type();
  Items results = itemLoop(node, initial, rounds, condition, [&](const Extent &round, ArrayRef<Item> state) {
    Items inputs = {b.number(round), b.scalar(i1, graph::Scalar::ofSigned(1))};
    llvm::append_range(inputs, state);
    Items made = node.inlineItems(body, inputs);
    auto tensor = [](const Item &item) {
      if (!item.isTensor())
        malformed("has a body that makes a sequence, or what may be absent, in the place of a tensor");
      return item.tensor;
    };
    ArrayRef<Item> next = ArrayRef(made).drop_front().take_front(state.size());
    Values added = llvm::map_to_vector(ArrayRef(made).drop_front(1 + state.size()), tensor);
    return ItemRound{tensor(made.front()), Items(next), std::move(added)};
  });
  // What the body always makes is there, save where there was no round: then it is a sequence of nothing.
  for (auto [result, output] : llvm::zip(results, llvm::drop_begin(body.output())))
    if (!output.type().has_optional_type())
      result.isPresent = nullptr;
  return results;
}

/// What a Scan goes through, and where it puts what it makes.
struct Scanned {
  Value value;
  int64_t axis = 0;
  bool isReversed = false;
};

static Value sliceAt(GraphBuilder &b, const Scanned &input, const Extent &round, const Extent &rounds) {
  Extent at = input.isReversed ? rounds - 1 - round : round;
  return b.dropDim(b.sliceDim(input.value, input.axis, at, 1), input.axis);
}

/// The last state, and the outputs side by side along a first dim.
static Values scanThrough(NodeReader &node, ArrayRef<Value> initial, ArrayRef<Scanned> inputs) {
  GraphBuilder &b = node.builder();
  const GraphProto &body = node.graph("body");
  Extent rounds = extentsOf(inputs.front().value)[inputs.front().axis];
  for (const Scanned &input : inputs)
    rounds = simplerOf(rounds, extentsOf(input.value)[input.axis]);
  SmallVector<Scanned> equal(inputs);
  for (Scanned &input : equal) {
    input.value = b.withDim(input.value, input.axis, rounds);
    if (extentsOf(input.value)[input.axis] != rounds)
      malformed("goes through dims of " + rounds.str() + " and " + extentsOf(input.value)[input.axis].str());
  }
  if (body.input_size() != static_cast<int>(initial.size() + inputs.size()) ||
      body.output_size() < static_cast<int>(initial.size()))
    malformed("its body takes " + Twine(body.input_size()) + " values and makes " + Twine(body.output_size()) +
              ", which do not fit its " + Twine(initial.size() + inputs.size()) + " inputs");
  return LoopBuilder(b, initial, rounds, 1).build([&](const Extent &round, ArrayRef<Value> state) {
    Values given(state);
    for (const Scanned &input : equal)
      given.push_back(sliceAt(b, input, round, rounds));
    const Values made = node.inlineGraph(body, given);
    ArrayRef<Value> next = ArrayRef(made).take_front(state.size()), added = ArrayRef(made).drop_front(state.size());
    return LoopBuilder::Round{nullptr, Values(next), Values(added)};
  });
}

/// One number for each, 0 where the attribute is absent.
static Integers numbersFor(NodeReader &node, StringRef name, size_t count) {
  Integers numbers = node.integers(name).value_or(Integers(count, 0));
  if (numbers.size() != count)
    malformed("has " + Twine(numbers.size()) + " entries in '" + name + "' for " + Twine(count));
  return numbers;
}

// Scan: a body once for each slice of its inputs                                              ONNX Scan, versions 9–25
static Values scan(NodeReader &node) {
  GraphBuilder &b = node.builder();
  int64_t count = node.integer("num_scan_inputs"), all = node.inputCount();
  if (count < 1 || count > all)
    malformed("has " + Twine(count) + " scan inputs of " + Twine(all));
  Integers axes = numbersFor(node, "scan_input_axes", count), ways = numbersFor(node, "scan_input_directions", count);
  Values initial;
  SmallVector<Scanned> inputs;
  for (int64_t index = 0; index < all; ++index) {
    Value value = node.input(index);
    if (int64_t number = index - (all - count); number < 0)
      initial.push_back(value);
    else
      inputs.push_back({value, normalAxis(axes[number], rankOf(value)), ways[number] != 0});
  }
  Values results = scanThrough(node, initial, inputs);
  size_t made = results.size() - initial.size();
  Integers outAxes = numbersFor(node, "scan_output_axes", made),
           outWays = numbersFor(node, "scan_output_directions", made);
  for (size_t number = 0; number < made; ++number) {
    Value &result = results[initial.size() + number];
    if (outWays[number] != 0)
      result = b.reverse(result, int64_t(0));
    result = b.moveDim(result, 0, normalAxis(outAxes[number], rankOf(result)));
  }
  return results;
}

// The first Scan: each example of a batch by itself                                                ONNX Scan, version 8
static Values batchScan(NodeReader &node) {
  constexpr int64_t kMostExamples = 64; // that are loops of their own; more are one around them
  GraphBuilder &b = node.builder();
  int64_t count = node.integer("num_scan_inputs"), all = static_cast<int64_t>(node.inputCount()) - 1;
  Integers ways = numbersFor(node, "directions", std::max<int64_t>(count, 0));
  if (node.optionalInput(0, AnyInteger))
    unsupported("has lengths of its sequences, which Smelt does not take");
  if (count < 1 || count > all)
    malformed("has " + Twine(count) + " scan inputs of " + Twine(all));
  Values given;
  for (int64_t index = 0; index < all; ++index) {
    given.push_back(node.input(index + 1));
    if (rankOf(given.back()) < 1)
      malformed("needs a batch of values, not a scalar");
  }
  Extent examples = extentsOf(given.front())[0];
  for (Value value : given)
    examples = simplerOf(examples, extentsOf(value)[0]);
  for (Value &value : given) {
    Extents shape = extentsOf(value);
    shape[0] = examples;
    value = b.expect(value, shape, "values of one batch");
  }
  auto scanOne = [&](const Extent &example) {
    Values initial;
    SmallVector<Scanned> inputs;
    for (auto [index, batch] : llvm::enumerate(given)) {
      Value value = sliceAt(b, {batch}, example, examples);
      if (int64_t number = static_cast<int64_t>(index) - (all - count); number < 0)
        initial.push_back(value);
      else
        inputs.push_back({value, 0, ways[number] != 0});
    }
    return scanThrough(node, initial, inputs);
  };
  if (!examples.isNumber() || examples.number() < 1 || examples.number() > kMostExamples)
    return LoopBuilder(b, {}, examples, 1).build([&](const Extent &example, ArrayRef<Value>) {
      return LoopBuilder::Round{nullptr, {}, scanOne(example)};
    });
  SmallVector<Values> parts; // of each result
  for (int64_t example = 0; example < examples.number(); ++example) {
    Values results = scanOne(example);
    parts.resize(results.size());
    for (auto [part, result] : llvm::zip_equal(parts, results))
      part.push_back(result);
  }
  Values results;
  for (const Values &part : parts)
    results.push_back(b.stack(part, 0));
  return results;
}

static constexpr Operator kOperators[] = {
    {"If", 7, ifElse}, {"Loop", 7, loop}, {"Scan", 9, scan}, {"Scan", 8, batchScan}};

ArrayRef<Operator> controlOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

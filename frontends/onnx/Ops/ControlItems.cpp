// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/ControlItems.h"
#include "frontends/common/Branches.h"
#include "frontends/common/ItemForm.h"
#include "frontends/common/Loops.h"
#include "frontends/common/Parts.h"
#include "frontends/onnx/Model.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent;
using graph::Extents;
using Forms = SmallVector<ItemForm>;

constexpr int64_t kMostUnrolled = 1024; // rounds
constexpr int kMostForms = 8;           // that the state of a loop goes through before one fits all rounds

// Branches.

/// Operators that make no tensor.
constexpr StringLiteral kItemOperators[] = {"Optional",       "SequenceConstruct", "SequenceEmpty",  "SequenceErase",
                                            "SequenceInsert", "SequenceMap",       "SplitToSequence"};

bool makesItems(const GraphProto &graph) {
  auto isItem = [&](const ValueInfoProto &output) {
    if (output.type().value_case() != TypeProto::VALUE_NOT_SET)
      return output.type().has_sequence_type() || output.type().has_optional_type();
    return llvm::any_of(graph.node(), [&](const NodeProto &node) {
      return llvm::is_contained(kItemOperators, node.op_type()) && llvm::is_contained(node.output(), output.name());
    });
  };
  return llvm::any_of(graph.output(), isItem);
}

/// What a branch makes, found by an import that comes to nothing.
static Forms formsIn(NodeReader &node, const GraphProto &branch) {
  PartBuilder part(node.builder());
  Forms forms = formsOf(node.inlineItems(branch, {}));
  part.rollBack();
  return forms;
}

Items itemBranches(NodeReader &node, const Extent &condition, const GraphProto &first, const GraphProto &second) {
  GraphBuilder &b = node.builder();
  Forms inFirst = formsIn(node, first), inSecond = formsIn(node, second);
  if (inFirst.size() != inSecond.size())
    malformed("its branches make " + Twine(inFirst.size()) + " and " + Twine(inSecond.size()) + " values");
  Forms forms = commonForms(inFirst, inSecond);
  auto make = [&](const GraphProto &branch) { return flattened(b, node.inlineItems(branch, {}), forms); };
  Values results = buildBranches(b, condition, [&] { return make(first); }, [&] { return make(second); });
  ArrayRef<Value> left = results;
  return itemsOf(forms, left);
}

// Loops.

static bool isKnownTrue(Value condition) {
  std::optional<graph::HostTensor> known = condition ? graph::constantOf(condition) : std::nullopt;
  return !condition || (known && known->size() == 1 && known->get(0).asBool());
}

/// What the rounds added, along a new first dim.
static Values stacked(GraphBuilder &b, ArrayRef<Values> rounds) {
  Values results;
  for (size_t number = 0; number < rounds.front().size(); ++number) {
    Values parts;
    for (const Values &added : rounds)
      parts.push_back(added[number]);
    results.push_back(b.stack(parts, 0));
  }
  return results;
}

/// Each round by itself; nothing where the body has a condition that is not known.
static std::optional<Items> unrolled(GraphBuilder &b, ArrayRef<Item> initial, int64_t rounds, ItemBody body) {
  PartBuilder part(b);
  Items state(initial);
  SmallVector<Values> added;
  for (int64_t round = 0; round < rounds; ++round) {
    ItemRound made = body(round, state);
    if (!isKnownTrue(made.goesOn)) {
      part.rollBack();
      return std::nullopt;
    }
    state = made.state;
    added.push_back(made.added);
  }
  for (Value value : added.empty() ? Values() : stacked(b, added))
    state.push_back(value);
  return state;
}

namespace {
/// Thrown by a body whose results have no room in the state's forms.
struct OtherForms {
  Forms forms;
};
} // namespace

static Items builtLoop(GraphBuilder &b, ArrayRef<Item> initial, ArrayRef<ItemForm> forms,
                       const std::optional<Extent> &rounds, const Extent &condition, ItemBody body) {
  LoopBuilder loop(b, flattened(b, initial, forms), rounds, condition);
  Values results = loop.build([&](const Extent &round, ArrayRef<Value> tensors) {
    ItemRound made = body(round, itemsOf(forms, tensors));
    Forms common = commonForms(forms, formsOf(made.state));
    if (ArrayRef(common) != forms)
      throw OtherForms{std::move(common)};
    Value goesOn = isKnownTrue(made.goesOn) ? nullptr : made.goesOn;
    return LoopBuilder::Round{goesOn, flattened(b, made.state, forms), made.added};
  });
  ArrayRef<Value> left = results;
  Items items = itemsOf(forms, left);
  items.append(left.begin(), left.end());
  return items;
}

Items itemLoop(NodeReader &node, ArrayRef<Item> initial, const std::optional<Extent> &rounds, const Extent &condition,
               ItemBody body) {
  GraphBuilder &b = node.builder();
  const bool isKnown = rounds && rounds->isNumber() && rounds->number() > 0 && condition == Extent(1);
  if (isKnown && rounds->number() <= kMostUnrolled &&
      !llvm::all_of(initial, [](const Item &item) { return item.isTensor(); }))
    if (std::optional<Items> results = unrolled(b, initial, rounds->number(), body))
      return *results;
  Forms forms = formsOf(initial);
  for (int attempt = 0; attempt < kMostForms; ++attempt) {
    PartBuilder part(b);
    try {
      return builtLoop(b, initial, forms, rounds, condition, body);
    } catch (OtherForms &other) {
      part.rollBack();
      forms = std::move(other.forms);
    }
  }
  unsupported("has a state whose sequences have tensors of ever more dims");
}

} // namespace smelt::frontend::onnx

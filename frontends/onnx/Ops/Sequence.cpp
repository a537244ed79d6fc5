// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Sequences.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/ControlItems.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent;
using graph::Extents;

/// A position, or nothing where the node gives none.
static std::optional<Extent> positionInput(NodeReader &node, unsigned index) {
  std::optional<Extents> given = node.optionalExtents(index);
  if (given && given->size() != 1)
    malformed("needs a position of one number, not " + inWords(*given));
  return given ? std::optional(given->front()) : std::nullopt;
}

static Items sequenceConstruct(NodeReader &node) { return {sequenceOf(node.builder(), node.allInputs())}; }

static Items sequenceEmpty(NodeReader &node) {
  constexpr int64_t kFloat = 1; // of TensorProto.DataType
  Type element = elementTypeOf(node.integer("dtype", kFloat), node.builder().builder().getContext(), "its dtype");
  return {sequenceOf(node.builder(), {}, element)};
}

static Items sequenceInsert(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const Sequence &sequence = node.sequence(0);
  Value element = node.input(1);
  std::optional<Extent> position = positionInput(node, 2);
  return {position ? inserted(b, sequence, *position, element) : appended(b, sequence, element)};
}

static Items sequenceErase(NodeReader &node) {
  return {erased(node.builder(), node.sequence(0), positionInput(node, 1).value_or(-1))};
}

static Values sequenceAt(NodeReader &node) {
  std::optional<Extent> position = positionInput(node, 1);
  if (!position)
    malformed("lacks its position");
  return {at(node.builder(), node.sequence(0), *position)};
}

static Values sequenceLength(NodeReader &node) { return {node.builder().number(lengthOf(node.sequence(0)))}; }

static Values concatFromSequence(NodeReader &node) {
  return {joined(node.builder(), node.sequence(0), node.integer("axis"), node.flag("new_axis", false))};
}

// SplitToSequence: parts of one extent, of given ones, or single elements                ONNX SplitToSequence, 11–24

static Sequence cutInto(GraphBuilder &b, Value x, int64_t axis, ArrayRef<Extent> parts) {
  Values elements;
  Extent left = extentsOf(x)[axis], from = 0;
  if (parts.empty() && left != Extent(0))
    malformed("splits " + left.str() + " elements into no parts");
  for (auto [number, part] : llvm::enumerate(parts)) {
    // What is left behind the last part is nothing; the run finds where that does not hold.
    Extent extent = part;
    bool isLast = number + 1 == parts.size(), isKnown = part.isNumber() && left.isNumber();
    if (isKnown && (part.number() < 0 || part.number() > left.number() || (isLast && part != left)))
      malformed("cannot split " + extentsOf(x)[axis].str() + " elements into " + inWords(parts));
    if (!isKnown)
      extent = b.named(isLast ? Extent::equal(part, left) : part, GraphBuilder::Sign::NotNegative);
    elements.push_back(b.sliceDim(x, axis, from, extent));
    from += extent;
    left = left - extent;
  }
  return sequenceOf(b, elements, elementOf(x));
}

static Items splitToSequence(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0), given = node.optionalInput(1, AnyInteger);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(x));
  bool keepsDim = node.flag("keepdims", true);
  if (!given)
    return {unstacked(b, x, axis, keepsDim)};
  if (rankOf(given) == 1 && !extentsOf(given)[0].isNumber())
    return {splitInto(b, x, axis, given)};
  Extents parts = node.extentsInput(1);
  return {rankOf(given) == 0 ? split(b, x, axis, parts.front()) : cutInto(b, x, axis, parts)};
}

// SequenceMap: the body once for each tensor of its sequences                                   ONNX SequenceMap, 17

/// Its inputs, with sequences that are all as long as `length` then says.
static Items mappedInputs(NodeReader &node, Extent &length) {
  GraphBuilder &b = node.builder();
  Items inputs;
  length = lengthOf(node.sequence(0));
  for (unsigned index = 0; index < node.inputCount(); ++index) {
    std::optional<Item> input = node.item(index);
    if (!input)
      malformed("lacks its input " + Twine(index));
    if (input->kind == Item::Kind::Sequence)
      length = simplerOf(length, lengthOf(*input->sequence));
    inputs.push_back(*input);
  }
  for (Item &input : inputs) {
    if (input.kind != Item::Kind::Sequence)
      continue;
    Sequence sequence = *input.sequence;
    if (sequence.isTable())
      sequence.shapes = b.withDim(sequence.shapes, 0, length);
    if (lengthOf(sequence) != length)
      malformed("goes through sequences of " + length.str() + " and " + lengthOf(sequence).str());
    input = sequence;
  }
  return inputs;
}

/// What the body makes in a round.
static Values mappedRound(NodeReader &node, ArrayRef<Item> inputs, const Extent &round) {
  Items given;
  for (const Item &input : inputs)
    given.push_back(input.kind == Item::Kind::Sequence ? Item(at(node.builder(), *input.sequence, round)) : input);
  Values results;
  for (const Item &result : node.inlineItems(node.graph("body"), given, round.asNumber())) {
    if (!result.isTensor())
      malformed("has a body that makes what is no tensor");
    results.push_back(result.tensor);
  }
  return results;
}

static Items sequenceMap(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const GraphProto &body = node.graph("body");
  Extent length;
  const Items inputs = mappedInputs(node, length);
  Items results;
  for (const ValueInfoProto &output : body.output()) {
    const int64_t declared = output.type().tensor_type().elem_type();
    Type element = declared == 0 ? nullptr : elementTypeOf(declared, b.builder().getContext(), "its body's output");
    results.push_back(sequenceOf(b, {}, element));
  }
  if (!length.isNumber())
    return itemLoop(node, results, length, 1, [&](const Extent &round, ArrayRef<Item> state) {
      Items longer;
      for (auto [sequence, value] : llvm::zip_equal(state, mappedRound(node, inputs, round)))
        longer.push_back(appended(b, *sequence.sequence, value));
      return ItemRound{nullptr, std::move(longer), {}};
    });
  SmallVector<Values> parts(results.size());
  for (int64_t round = 0; round < length.number(); ++round)
    for (auto [part, value] : llvm::zip_equal(parts, mappedRound(node, inputs, round)))
      part.push_back(value);
  for (auto [result, part] : llvm::zip_equal(results, parts))
    result = sequenceOf(b, part, result.sequence->elementType);
  return results;
}

static constexpr Operator kOperators[] = {
    {"ConcatFromSequence", 11, concatFromSequence}, {"SequenceAt", 11, sequenceAt},
    {"SequenceConstruct", 11, sequenceConstruct},   {"SequenceEmpty", 11, sequenceEmpty},
    {"SequenceErase", 11, sequenceErase},           {"SequenceInsert", 11, sequenceInsert},
    {"SequenceLength", 11, sequenceLength},         {"SequenceMap", 17, sequenceMap},
    {"SplitToSequence", 11, splitToSequence},
};

ArrayRef<Operator> sequenceOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

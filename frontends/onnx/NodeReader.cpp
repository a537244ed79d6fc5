// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/NodeReader.h"
#include "frontends/common/Lists.h"
#include "frontends/onnx/Importer.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

NodeReader::NodeReader(Importer &importer, const NodeProto &node, const Frame &frame)
    : importer_(importer), node_(node), frame_(frame), readAttributes_(node.attribute_size(), false) {
  if (auto version = frame.opsets->find(canonicalDomain(node.domain())); version != frame.opsets->end())
    opset_ = version->second;
}

GraphBuilder &NodeReader::builder() const { return importer_.builder(); }

// Operands.

bool NodeReader::hasInput(unsigned index) const {
  return index < inputCount() && !inputName(index).empty() && !Importer::isOmitted(frame_, inputName(index));
}

bool NodeReader::hasOutput(unsigned index) const {
  return index < outputCount() && !node_.output(static_cast<int>(index)).empty();
}

/// What an element type counts as.
static unsigned classOf(Type element) {
  unsigned width = element.getIntOrFloatBitWidth();
  if (graph::isStoredFloat(element))
    return isa<Float8E8M0FNUType>(element) ? Scales : width == 8 ? Float8s : SmallFloats;
  if (graph::isStoredOnly(element))
    return SmallIntegers;
  if (isa<FloatType>(element))
    return Floats;
  if (element.isInteger(1))
    return Bools;
  return element.isUnsignedInteger() ? UnsignedIntegers : SignedIntegers;
}

Value NodeReader::input(unsigned index, unsigned elements) {
  Value value = optionalInput(index, elements);
  if (!value)
    malformed("lacks its input " + Twine(index));
  return value;
}

const Item *NodeReader::find(unsigned index) {
  readInputs_.insert(index);
  return hasInput(index) ? &importer_.lookup(frame_, inputName(index)) : nullptr;
}

std::optional<Item> NodeReader::item(unsigned index) {
  const Item *given = find(index);
  return given ? std::optional(*given) : std::nullopt;
}

/// "is a sequence"
static StringRef kindInWords(const Item &item) {
  if (item.isPresent || item.kind == Item::Kind::Absent)
    return "is an optional value";
  return item.kind == Item::Kind::Sequence ? "is a sequence" : "is a tensor";
}

const Sequence &NodeReader::sequence(unsigned index) {
  const Item *given = find(index);
  if (!given)
    malformed("lacks its input " + Twine(index));
  if (given->kind != Item::Kind::Sequence || given->isPresent)
    malformed("input '" + printable(inputName(index)) + "' " + kindInWords(*given) +
              ", where the operator takes a sequence");
  return *given->sequence;
}

Value NodeReader::optionalInput(unsigned index, unsigned elements) {
  const Item *given = find(index);
  if (!given)
    return nullptr;
  if (!given->isTensor())
    malformed("input '" + printable(inputName(index)) + "' " + kindInWords(*given) +
              ", where the operator takes a tensor");
  Value value = given->tensor;
  if ((classOf(elementOf(value)) & elements) == 0)
    malformed("input '" + printable(inputName(index)) + "' has elements of type " + inWords(elementOf(value)) +
              ", which the operator does not take");
  return value;
}

Values NodeReader::allInputs(unsigned elements) {
  Values values;
  for (unsigned index = 0; index < std::max(inputCount(), 1U); ++index)
    values.push_back(input(index, elements));
  return values;
}

graph::HostTensor NodeReader::constantInput(unsigned index) {
  return constantOperand(input(index), "input '" + printable(inputName(index)) + "'");
}

std::optional<graph::HostTensor> NodeReader::optionalConstant(unsigned index) {
  readInputs_.insert(index);
  return hasInput(index) ? std::optional(constantInput(index)) : std::nullopt;
}

Integers NodeReader::integersInput(unsigned index) {
  const std::string what = "input '" + printable(inputName(index)) + "'";
  if (rankOf(input(index)) > 1)
    malformed(what + " is no list of integers");
  return integersOperand(input(index), what);
}

graph::Extents NodeReader::extentsInput(unsigned index, GraphBuilder::Sign sign) {
  return extentsOperand(builder(), input(index, AnyInteger), sign, "input '" + printable(inputName(index)) + "'");
}

std::optional<graph::Extents> NodeReader::optionalExtents(unsigned index, GraphBuilder::Sign sign) {
  readInputs_.insert(index);
  return hasInput(index) ? std::optional(extentsInput(index, sign)) : std::nullopt;
}

std::optional<Integers> NodeReader::optionalIntegers(unsigned index) {
  readInputs_.insert(index);
  return hasInput(index) ? std::optional(integersInput(index)) : std::nullopt;
}

std::optional<graph::Extents> NodeReader::extentsOf(StringRef attribute, unsigned input, int64_t inputSince,
                                                    GraphBuilder::Sign sign) {
  if (opset() >= inputSince)
    return optionalExtents(input, sign);
  std::optional<Integers> numbers = integers(attribute);
  return numbers ? std::optional(graph::toExtents(*numbers)) : std::nullopt;
}

// Attributes.

const AttributeProto *NodeReader::attribute(StringRef name) {
  for (auto [position, attribute] : llvm::enumerate(node_.attribute())) {
    if (attribute.name() != name)
      continue;
    readAttributes_[position] = true;
    if (attribute.ref_attr_name().empty())
      return &attribute;
    if (!frame_.attributes || !frame_.attributes->contains(attribute.ref_attr_name()))
      malformed("attribute '" + printable(name) + "' refers to '" + printable(attribute.ref_attr_name()) +
                "', which the function does not have");
    return frame_.attributes->lookup(attribute.ref_attr_name());
  }
  return nullptr;
}

bool NodeReader::has(StringRef name) { return attribute(name) != nullptr; }

const AttributeProto *NodeReader::attribute(StringRef name, AttributeProto::AttributeType type) {
  const AttributeProto *found = attribute(name);
  if (found && found->type() != type)
    malformed("attribute '" + name + "' is of type " + AttributeProto::AttributeType_Name(found->type()) + ", not " +
              AttributeProto::AttributeType_Name(type));
  return found;
}

void NodeReader::lacks(StringRef attribute) const { malformed("lacks its attribute '" + attribute + "'"); }

int64_t NodeReader::integer(StringRef name, std::optional<int64_t> fallback) {
  const AttributeProto *found = attribute(name, AttributeProto::INT);
  if (!found && !fallback)
    lacks(name);
  return found ? found->i() : *fallback;
}

double NodeReader::number(StringRef name, std::optional<double> fallback) {
  const AttributeProto *found = attribute(name, AttributeProto::FLOAT);
  if (!found && !fallback)
    lacks(name);
  return found ? found->f() : *fallback;
}

std::string NodeReader::text(StringRef name, std::optional<StringRef> fallback) {
  const AttributeProto *found = attribute(name, AttributeProto::STRING);
  if (!found && !fallback)
    lacks(name);
  return found ? found->s() : fallback->str();
}

std::optional<Integers> NodeReader::integers(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::INTS);
  return found ? std::optional(Integers(found->ints().begin(), found->ints().end())) : std::nullopt;
}

std::optional<SmallVector<double>> NodeReader::numbers(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::FLOATS);
  return found ? std::optional(SmallVector<double>(found->floats().begin(), found->floats().end())) : std::nullopt;
}

std::optional<SmallVector<std::string>> NodeReader::texts(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::STRINGS);
  return found ? std::optional(SmallVector<std::string>(found->strings().begin(), found->strings().end()))
               : std::nullopt;
}

std::optional<Tensor> NodeReader::tensor(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::TENSOR);
  return found ? std::optional(importer_.tensor(found->t())) : std::nullopt;
}

static constexpr StringLiteral kConstantBlob = "constant";

ElementsAttr NodeReader::tensorValue(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::TENSOR);
  return found ? importer_.valueOf(found->t(), kConstantBlob) : nullptr;
}

ElementsAttr NodeReader::sparseTensorValue(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::SPARSE_TENSOR);
  return found ? importer_.valueOf(found->sparse_tensor(), kConstantBlob) : nullptr;
}

const GraphProto &NodeReader::graph(StringRef name) {
  const AttributeProto *found = attribute(name, AttributeProto::GRAPH);
  if (!found)
    lacks(name);
  return found->g();
}

Items NodeReader::inlineItems(const GraphProto &graph, ArrayRef<Item> inputs, std::optional<int64_t> round) {
  return importer_.inlineGraph(node_, graph, frame_, inputs, round);
}

Values NodeReader::inlineGraph(const GraphProto &graph, ArrayRef<Value> inputs) {
  Values results;
  for (auto [output, item] : llvm::zip_equal(graph.output(), inlineItems(graph, Items(inputs.begin(), inputs.end())))) {
    if (!item.isTensor())
      unsupported("its graph makes '" + printable(output.name()) + "', which " + kindInWords(item) + ", no tensor");
    results.push_back(item.tensor);
  }
  return results;
}

void NodeReader::checkAllRead() const {
  for (auto [position, attribute] : llvm::enumerate(node_.attribute()))
    if (!readAttributes_[position] && !(opset_ < 6 && attribute.name() == "consumed_inputs")) // a hint
      malformed("has an attribute '" + printable(attribute.name()) + "', which is none of this operator");
  for (unsigned index = 0; index < inputCount(); ++index)
    if (hasInput(index) && !readInputs_.contains(index))
      malformed("has " + Twine(inputCount()) + " inputs, more than this operator takes");
}

} // namespace smelt::frontend::onnx

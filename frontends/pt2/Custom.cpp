// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Custom.h"
#include "frontends/common/CustomCall.h"

using llvm::StringRef;
using llvm::Twine;

namespace smelt::frontend::pt2 {

const CustomOperator *findCustom(const CustomOperators &declared, StringRef target) {
  auto [domain, rest] = target.split('.');
  rest.consume_back(".default");
  auto found = declared.find({domain.str(), rest.str()});
  return found == declared.end() ? nullptr : &found->second;
}

/// An integer or a bool.
static int64_t integerOf(NodeReader &node, const std::string &name) {
  std::optional<Number> number = node.scalar(name);
  if (!number || number->isFloat())
    malformed("has an attribute '" + name + "' that is no integer, as its declaration has it");
  if (!number->size || !number->size->isNumber())
    unsupported("has an attribute '" + name + "' that the run finds, where functions take constants");
  return number->size->number();
}

/// The attribute as the node has it; nothing where it does not.
static std::optional<CustomValue> valueOf(NodeReader &node, const CustomAttribute &attribute) {
  using Kind = CustomAttribute::Kind;
  if (!node.has(attribute.name))
    return std::nullopt;
  switch (attribute.kind) {
  case Kind::Int:
    return std::vector<int64_t>{integerOf(node, attribute.name)};
  case Kind::Float:
    return std::vector<double>{node.number(attribute.name)};
  case Kind::String:
    return node.text(attribute.name);
  case Kind::Ints: {
    Integers list = node.integers(attribute.name);
    return std::vector<int64_t>(list.begin(), list.end());
  }
  case Kind::Floats: {
    llvm::SmallVector<double> list = *node.optionalNumbers(attribute.name);
    return std::vector<double>(list.begin(), list.end());
  }
  }
  return std::nullopt;
}

/// The tensors of a node, null where an argument is None.
static Values tensorsOf(NodeReader &node, const CustomOperator &declared) {
  Values tensors;
  for (const std::string &name : node.givenNames()) {
    if (llvm::any_of(declared.attributes, [&](const CustomAttribute &attribute) { return attribute.name == name; }))
      continue;
    if (node.has(name) && !node.isTensor(name))
      unsupported("has an argument '" + printable(name) + "' that is no tensor, and no attribute of its declaration");
    tensors.push_back(node.optionalTensor(name));
  }
  return tensors;
}

Values importCustom(NodeReader &node, const CustomOperator &declared) {
  if (node.resultCount() > declared.outputs.size())
    malformed("has " + Twine(node.resultCount()) + " results, more than its declaration");
  Values inputs = tensorsOf(node, declared);
  if (inputs.size() > declared.inputs.size())
    malformed("has " + Twine(inputs.size()) + " tensors, more than its declaration has inputs");
  inputs.resize(declared.inputs.size());
  for (auto [number, input] : llvm::enumerate(declared.inputs))
    if (!input.isOptional && !inputs[number])
      malformed("lacks input " + Twine(number) + " of its declaration");
  std::vector<CustomValue> values =
      attributesOf(declared, [&](const CustomAttribute &attribute) { return valueOf(node, attribute); });
  return buildCustomCall(node.builder(), declared, inputs, values);
}

} // namespace smelt::frontend::pt2

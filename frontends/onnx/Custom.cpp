// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/CustomCall.h"
#include "frontends/onnx/Operators.h"

using llvm::Twine;

namespace smelt::frontend::onnx {

/// The attribute as the node has it; nothing where it does not.
static std::optional<CustomValue> valueOf(NodeReader &node, const CustomAttribute &attribute) {
  using Kind = CustomAttribute::Kind;
  if (!node.has(attribute.name))
    return std::nullopt;
  switch (attribute.kind) {
  case Kind::Int:
    return std::vector<int64_t>{node.integer(attribute.name)};
  case Kind::Float:
    return std::vector<double>{node.number(attribute.name)};
  case Kind::String:
    return node.text(attribute.name);
  case Kind::Ints: {
    std::optional<Integers> list = node.integers(attribute.name);
    return std::vector<int64_t>(list->begin(), list->end());
  }
  case Kind::Floats: {
    auto list = node.numbers(attribute.name);
    return std::vector<double>(list->begin(), list->end());
  }
  }
  return std::nullopt;
}

Values importCustom(NodeReader &node, const CustomOperator &declared) {
  if (node.outputCount() > declared.outputs.size())
    malformed("has " + Twine(node.outputCount()) + " outputs, more than its declaration");
  Values inputs;
  for (auto [number, input] : llvm::enumerate(declared.inputs))
    inputs.push_back(input.isOptional ? node.optionalInput(number) : node.input(number));
  std::vector<CustomValue> values =
      attributesOf(declared, [&](const CustomAttribute &attribute) { return valueOf(node, attribute); });
  return buildCustomCall(node.builder(), declared, inputs, values);
}

} // namespace smelt::frontend::onnx

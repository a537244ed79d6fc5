// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Uses.h"
#include "frontends/common/Refusal.h"

using namespace llvm;

namespace smelt::frontend::pt2 {

/// Calls `visit` with each name of a tensor that an argument mentions.
static void walkNames(const json::Value &argument, function_ref<void(StringRef name)> visit) {
  const json::Object *object = argument.getAsObject();
  if (!object)
    return;
  if (std::optional<StringRef> name = object->getString("name"))
    visit(*name);
  for (const auto &[kind, value] : *object) {
    if (StringRef(kind) == "as_graph")
      continue; // its names are its own
    walkNames(value, visit);
    if (const json::Array *list = value.getAsArray())
      for (const json::Value &part : *list)
        walkNames(part, visit);
  }
}

/// The first name of a node's arguments, and of its results.
static std::pair<std::string, std::string> ends(const json::Object &node) {
  std::string first, result;
  for (const auto &[list, name] : {std::pair("inputs", &first), std::pair("outputs", &result)})
    for (const json::Value &value : arrayIn(node, list)) {
      const json::Value *argument = &value;
      if (const json::Object *object = value.getAsObject(); object && object->get("arg"))
        argument = object->get("arg");
      walkNames(*argument, [&, to = name](StringRef found) {
        if (to->empty())
          *to = found.str();
      });
    }
  return {first, result};
}

Uses::Uses(const Program &program, const OperatorTable &operators) {
  StringMap<std::string> roots; // what views of buffers and inputs are views of
  StringMap<std::string> graphNames;
  for (const InputSpec &spec : program.inputs()) {
    if (spec.kind == InputSpec::Kind::Buffer)
      graphNames[spec.target] = spec.name;
    if (spec.kind == InputSpec::Kind::Buffer || (spec.kind == InputSpec::Kind::User && !spec.name.empty()))
      roots[spec.name] = spec.name;
  }
  for (const json::Value &value : arrayIn(program.graph(), "nodes")) {
    const json::Object &node = asObject(value, "a node");
    for (const json::Value &input : arrayIn(node, "inputs"))
      if (const json::Value *argument = asObject(input, "an input").get("arg"))
        walkNames(*argument, [&](StringRef name) { used_.insert(name); });
    StringRef target = stringIn(node, "target");
    target.consume_front("torch.ops.");
    OperatorTable::Found row = operators.find(target);
    auto [first, result] = ends(node);
    auto found = roots.find(first);
    if (found == roots.end() || !row.schema)
      continue;
    const std::string root = found->second;
    if (row.isInPlace)
      changed_.insert(root);
    if (row.isInPlace || row.schema->returnsView)
      roots[result] = root;
  }
  for (const OutputSpec &output : program.outputs()) {
    walkNames(*output.argument, [&](StringRef name) { used_.insert(name); });
    if (output.kind == OutputSpec::Kind::BufferMutation)
      changed_.insert(graphNames[output.target]);
    if (output.kind == OutputSpec::Kind::InputMutation)
      changed_.insert(output.target);
  }
  for (const auto &changed : changed_)
    used_.insert(changed.getKey());
}

} // namespace smelt::frontend::pt2

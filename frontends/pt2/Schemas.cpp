// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Schemas.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace smelt::frontend::pt2 {

/// schemas.txt, which the build makes a string of.
extern const char *const kSchemaText;

/// The parts between commas that no bracket or quote encloses.
static SmallVector<StringRef> splitArguments(StringRef text) {
  SmallVector<StringRef> parts;
  int depth = 0;
  bool inString = false;
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    inString ^= c == '"';
    depth += inString ? 0 : (c == '(' || c == '[') - (c == ')' || c == ']');
    if (c != ',' || depth != 0 || inString)
      continue;
    parts.push_back(text.slice(begin, at).trim());
    begin = at + 1;
  }
  if (!text.drop_front(begin).trim().empty())
    parts.push_back(text.drop_front(begin).trim());
  return parts;
}

static json::Value single(StringRef kind, json::Value value) { return json::Object{{kind, std::move(value)}}; }

/// A default as a file would state an argument. A number stands for a list of one length where the type is a list.
static json::Value parseDefault(StringRef text, StringRef type) {
  const bool isList = type.contains('[');
  int64_t integer = 0;
  double number = 0;
  if (text == "None")
    return single("as_none", true);
  if (text == "True" || text == "False")
    return single("as_bool", text == "True");
  if (text.consume_front("\""))
    return single("as_string", text.drop_back());
  if (text.starts_with("[")) {
    json::Array numbers;
    for (StringRef part : splitArguments(text.drop_front().drop_back()))
      if (!part.getAsInteger(10, integer))
        numbers.push_back(integer);
    return single("as_ints", std::move(numbers));
  }
  if (type.starts_with("ScalarType") && !text.getAsInteger(10, integer))
    return single("as_scalar_type", integer + 1); // files count from 1 where declarations count from 0
  if (!text.getAsInteger(10, integer))
    return isList ? single("as_ints", json::Array{integer}) : single("as_int", integer);
  if (!text.getAsDouble(number))
    return single("as_float", number);
  return single("as_string", text); // the name of a constant, as of a memory format
}

/// "SymInt[2] stride=[1, 1]"
static Schema::Argument parseArgument(StringRef text) {
  Schema::Argument argument;
  auto [declaration, fallback] = text.split('=');
  auto [type, name] = declaration.rsplit(' ');
  argument.name = name.str();
  argument.isWritten = type.contains("!)");
  argument.isAliased = type.contains("(");
  if (!fallback.empty())
    argument.fallback = parseDefault(fallback, type);
  return argument;
}

/// "aten::conv2d.padding(Tensor input, …) -> Tensor"
static std::pair<std::string, Schema> parseSchema(StringRef line) {
  auto [full, rest] = line.split('(');
  auto [space, name] = full.split("::");
  auto [arguments, results] = rest.rsplit(" -> ");
  Schema schema;
  for (StringRef argument : splitArguments(arguments.drop_back()))
    if (argument != "*")
      schema.arguments.push_back(parseArgument(argument));
  schema.returnsView = results.contains("(a)") || results.contains("(a ");
  return {(space + "." + name + (name.contains('.') ? "" : ".default")).str(), std::move(schema)};
}

Schemas::Schemas() {
  for (StringRef line : split(StringRef(kSchemaText), '\n')) {
    if (line.trim().empty() || line.starts_with("#"))
      continue;
    auto [name, schema] = parseSchema(line.trim());
    byName_[name] = std::move(schema);
  }
}

const Schema *Schemas::find(StringRef name) const {
  auto found = byName_.find(name);
  return found == byName_.end() ? nullptr : &found->second;
}

const Schema::Argument *Schema::find(StringRef name) const {
  auto found = llvm::find_if(arguments, [&](const Argument &argument) { return argument.name == name; });
  return found == arguments.end() ? nullptr : &*found;
}

} // namespace smelt::frontend::pt2

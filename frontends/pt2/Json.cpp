// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Json.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace llvm;

namespace smelt::frontend::pt2 {

constexpr size_t kMostJsonBytes = size_t(1) << 28, kMostParts = 1 << 22;
constexpr unsigned kDeepest = 200; // a graph in a graph takes twelve

/// Counts what a text nests and consists of, without a parser.
static void checkSize(StringRef text, const Twine &name) {
  if (text.size() > kMostJsonBytes)
    unsupported(name + " takes more than " + Twine(kMostJsonBytes >> 20) + " MiB");
  size_t parts = 0;
  unsigned depth = 0;
  bool inString = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (inString) {
      at += c == '\\' ? 1 : 0;
      inString = c != '"';
      continue;
    }
    inString = c == '"';
    parts += c == ',' || c == '[' || c == '{' ? 1 : 0;
    if ((c == '[' || c == '{') && ++depth > kDeepest)
      malformed(name + " nests more than " + Twine(kDeepest) + " deep");
    if ((c == ']' || c == '}') && depth-- == 0)
      malformed(name + " closes more than it opens");
    if (parts > kMostParts)
      unsupported(name + " has more than " + Twine(kMostParts) + " parts");
  }
}

/// The same text with the numbers that JSON does not have in quotes, as torch writes them, but for 2.6, which leaves
/// them bare.
static std::string withQuotedNumbers(StringRef text) {
  std::string quoted;
  bool inString = false;
  for (size_t at = 0; at < text.size();) {
    size_t length = 1;
    if (inString && text[at] == '\\')
      length = 2;
    else if (text[at] == '"')
      inString = !inString;
    else if (!inString)
      for (StringRef number : {"-Infinity", "Infinity", "NaN"})
        if (text.substr(at).starts_with(number)) {
          quoted += '"';
          quoted += number;
          quoted += '"';
          at += number.size();
          length = 0;
          break;
        }
    quoted += text.substr(at, length);
    at += length;
  }
  return quoted;
}

json::Value parseJson(StringRef text, const Twine &name) {
  checkSize(text, name);
  Expected<json::Value> value = json::parse(text);
  if (!value && (text.contains("Infinity") || text.contains("NaN"))) {
    consumeError(value.takeError());
    value = json::parse(withQuotedNumbers(text));
  }
  if (value)
    return std::move(*value);
  std::string why = printable(toString(value.takeError()), 200);
  malformed(name + " is no JSON: " + why);
}

/// Says which object it is by what else that has.
[[noreturn]] static void lacks(StringRef kind, const json::Object &object, StringRef key) {
  constexpr size_t kMostNames = 6;
  SmallVector<std::string> names;
  for (const auto &[name, value] : object)
    if (StringRef(name) != key)
      names.push_back("'" + printable(StringRef(name), 40) + "'");
  llvm::sort(names);
  const size_t others = names.size();
  if (others > kMostNames)
    names.resize(kMostNames);
  malformed("lacks " + kind + " '" + printable(key) + "' in an object " +
            (names.empty() ? "without members" : "that has " + llvm::join(names, ", ")) +
            (others > kMostNames ? " and " + std::to_string(others - kMostNames) + " more" : "") +
            (object.get(key) ? "; what it calls so is of another kind" : ""));
}

const json::Object &objectIn(const json::Object &object, StringRef key) {
  const json::Object *found = object.getObject(key);
  if (!found)
    lacks("an object", object, key);
  return *found;
}

const json::Array &arrayIn(const json::Object &object, StringRef key) {
  const json::Array *found = object.getArray(key);
  if (!found)
    lacks("a list", object, key);
  return *found;
}

StringRef stringIn(const json::Object &object, StringRef key) {
  std::optional<StringRef> found = object.getString(key);
  if (!found)
    lacks("a text", object, key);
  return *found;
}

int64_t integerIn(const json::Object &object, StringRef key) {
  std::optional<int64_t> found = object.getInteger(key);
  if (!found)
    lacks("an integer", object, key);
  return *found;
}

const json::Object *statedTensor(const json::Object &graph, StringRef name) {
  const json::Object *tensors = graph.getObject("tensor_values");
  return tensors ? tensors->getObject(name) : nullptr;
}

bool flagIn(const json::Object &object, StringRef key, bool fallback) {
  return object.getBoolean(key).value_or(fallback);
}

const json::Object &asObject(const json::Value &value, StringRef what) {
  const json::Object *object = value.getAsObject();
  if (!object)
    malformed("has " + what + " that is no object");
  return *object;
}

Union unionOf(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object || object->size() != 1)
    malformed("has a value that is not of one kind");
  return {StringRef(object->begin()->first), &object->begin()->second};
}

std::optional<double> numberOf(const json::Value &value) {
  if (std::optional<double> number = value.getAsNumber())
    return number;
  std::optional<StringRef> text = value.getAsString();
  if (text == "Infinity")
    return HUGE_VAL;
  if (text == "-Infinity")
    return -HUGE_VAL;
  if (text == "NaN")
    return std::nan("");
  return std::nullopt;
}

} // namespace smelt::frontend::pt2

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors that are changed in place, as TRAINING graphs do: the graph dialect has values, so that a change is another
// value under the same names, and views are made again when they are read.

#include "frontends/pt2/Importer.h"
#include "frontends/pt2/Ops/Views.h"

using namespace mlir;
namespace json = llvm::json;

namespace smelt::frontend::pt2 {

/// The name of the tensor that an argument is; empty where it is none.
static StringRef tensorName(const json::Object &node, StringRef argument) {
  for (const json::Value &value : arrayIn(node, "inputs")) {
    const json::Object &input = asObject(value, "an input");
    const json::Object *given = input.getObject("arg");
    const json::Object *tensor = given ? given->getObject("as_tensor") : nullptr;
    if (tensor && input.getString("name").value_or("") == argument)
      return tensor->getString("name").value_or("");
  }
  return "";
}

StringRef changedName(const json::Object &node, const Schema &schema) {
  StringRef own = schema.arguments.empty() ? "" : tensorName(node, schema.arguments.front().name);
  return own.empty() ? tensorName(node, "self") : own;
}

/// Results that may be views of an operand share its storage.
void Importer::noteAliases(const json::Object &node, const Schema &schema, Frame &frame) {
  const bool isOne =
      arrayIn(node, "outputs").size() == 1 && unionOf(arrayIn(node, "outputs").front()).kind == "as_tensor";
  for (const Schema::Argument &argument : schema.arguments) {
    StringRef of = argument.isAliased ? tensorName(node, argument.name) : "";
    if (of.empty() || !frame.storages.contains(of))
      continue;
    const unsigned storage = frame.storages[of];
    forResults(node, [&](StringRef name) {
      frame.storages[name] = storage;
      if (isOne)
        frame.views[name] = {of.str(), &node};
    });
  }
}

/// A size that the file states, made of numbers and of the inputs' dims alone.
std::optional<Extent> Importer::statedByInputs(const json::Value *size) const {
  std::optional<Extent> stated = size ? statedExtent(*size) : std::nullopt;
  bool isKnown = true;
  if (stated)
    stated->walkSymbols([&](StringRef symbol) { isKnown &= openDims_.contains(symbol); });
  return isKnown ? stated : std::nullopt;
}

Extent Importer::storageOffset(StringRef name, Frame &frame) {
  const json::Object *meta = statedTensor(*frame.graph, name);
  if (std::optional<Extent> stated = statedByInputs(meta ? meta->get("storage_offset") : nullptr))
    return *stated;
  auto view = frame.views.find(name);
  if (view == frame.views.end())
    unsupported("asks where '" + printable(name) + "' begins in its storage, which the file does not say");
  const auto [base, node] = view->second;
  const json::Object *whole = statedTensor(*frame.graph, base);
  const json::Array *stated = whole ? whole->getArray("strides") : nullptr;
  Extents strides;
  for (const json::Value &stride : stated ? *stated : json::Array())
    strides.push_back(statedByInputs(&stride).value_or(Extent::tooLarge()));
  NodeReader reader(*this, frame, *node, operatorOf(*node), operators_.find(operatorOf(*node)).schema);
  return storageOffset(base, frame) + startInStorage(reader, strides);
}

/// Makes a view of what was changed since again. Whether it is one that can be.
bool Importer::makeAgain(StringRef name, Frame &frame) {
  auto view = frame.views.find(name);
  if (view == frame.views.end())
    return false;
  const json::Object &node = *view->second.second;
  OperatorTable::Found row = operators_.find(operatorOf(node));
  NodeReader reader(*this, frame, node, operatorOf(node), row.schema);
  Things results = computed(reader, row);
  frame.values[name] = results.front();
  frame.stale.erase(name);
  return true;
}

/// Gives all names of one storage that stand for a value another one.
void Importer::setAll(const Thing &before, const Thing &after, unsigned storage, Frame &frame) {
  for (auto &entry : frame.storages) {
    Thing &thing = frame.values[entry.getKey()];
    if (entry.second != storage || thing.tensor != before.tensor)
      continue;
    thing = after;
    frame.stale.erase(entry.getKey());
  }
}

/// The operand that an operator changes is the result from here on, and so is what is the same tensor; what it is a
/// view of changes with it, and other views are made again.
void Importer::changeInPlace(const json::Object &node, StringRef changed, const Thing &result, Frame &frame) {
  const unsigned storage = frame.storages[changed];
  SmallVector<std::pair<std::string, Thing>> chain{{changed.str(), lookup(frame, changed)}};
  for (auto view = frame.views.find(changed); view != frame.views.end(); view = frame.views.find(chain.back().first)) {
    const std::string base = view->second.first;
    chain.emplace_back(base, lookup(frame, base));
  }
  for (const auto &entry : frame.storages)
    if (entry.second == storage)
      frame.stale[entry.getKey()] = nameOf(node);
  Thing part = result;
  for (auto [number, link] : llvm::enumerate(chain)) {
    setAll(link.second, part, storage, frame);
    frame.stale.erase(link.first);
    if (number + 1 == chain.size() || link.second.tensor == chain[number + 1].second.tensor)
      continue;
    const json::Object &view = *frame.views[link.first].second;
    NodeReader reader(*this, frame, view, operatorOf(view), operators_.find(operatorOf(view)).schema);
    const Thing &base = chain[number + 1].second;
    if (!part.imaginary != !base.imaginary)
      unsupported("changes parts of complex numbers in place; save ep.run_decompositions({}), where nothing is changed "
                  "in place");
    Thing whole = writtenBack(reader, base.tensor, part.tensor);
    if (base.imaginary)
      whole.imaginary = writtenBack(reader, base.imaginary, part.imaginary);
    part = whole;
  }
  forResults(node, [&](StringRef name) {
    frame.values[name] = result;
    frame.storages[name] = storage;
    if (auto view = frame.views.find(changed); view != frame.views.end())
      frame.views[name] = view->second;
    else
      frame.views.erase(name);
    frame.stale.erase(name);
  });
}

} // namespace smelt::frontend::pt2

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Entry.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using llvm::ArrayRef, llvm::StringRef, llvm::Twine;

namespace smelt::frontend::tflite {

/// A name that no other input or output has: names of the file need not be unique.
static std::string uniqueName(std::string name, llvm::StringMap<int> &taken) {
  if (taken.try_emplace(name).second)
    return name;
  for (int number = 1;; ++number) {
    std::string other = name + "_" + std::to_string(number);
    if (taken.try_emplace(other).second)
      return other;
  }
}

static std::string ownName(const schema::SubGraph &graph, int32_t tensor) {
  StringRef name = textOf(graph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(tensor))->name());
  return name.empty() ? "tensor_" + std::to_string(tensor) : name.str();
}

/// A file's tensors under names that no two share.
static llvm::SmallVector<NamedTensor> named(ArrayRef<NamedTensor> tensors) {
  llvm::SmallVector<NamedTensor> all;
  llvm::StringMap<int> taken;
  for (const NamedTensor &it : tensors)
    all.push_back({it.tensor, uniqueName(it.name, taken)});
  return all;
}

static llvm::SmallVector<NamedTensor> named(const schema::SubGraph &graph, ArrayRef<int32_t> tensors) {
  return named(
      llvm::map_to_vector(tensors, [&](int32_t tensor) { return NamedTensor{tensor, ownName(graph, tensor)}; }));
}

using Signatures = flatbuffers::Vector<flatbuffers::Offset<schema::SignatureDef>>;
using TensorMaps = flatbuffers::Vector<flatbuffers::Offset<schema::TensorMap>>;

static llvm::SmallVector<NamedTensor> namesIn(const TensorMaps *maps) {
  llvm::SmallVector<NamedTensor> all;
  for (size_t at = 0; at < sizeOf(maps); ++at) {
    const schema::TensorMap &map = *maps->Get(static_cast<flatbuffers::uoffset_t>(at));
    all.push_back({static_cast<int32_t>(map.tensor_index()), textOf(map.name()).str()});
  }
  return all;
}

Entry entryOf(const Model &model, const schema::SignatureDef &signature) {
  Entry entry{signature.subgraph_index(), textOf(signature.signature_key()).str(), {}, {}};
  const schema::SubGraph &graph = model.graph(entry.graph);
  llvm::SmallVector<NamedTensor> names = namesIn(signature.inputs()), inputs;
  ArrayRef<int32_t> tensors = numbersOf(graph.inputs());
  for (const NamedTensor &it : names)
    if (!llvm::is_contained(tensors, it.tensor))
      malformed("signature '" + printable(entry.name) + "' has an input '" + printable(it.name) +
                "', which is none of its subgraph");
  for (int32_t tensor : tensors) {
    const auto *found = llvm::find_if(names, [&](const NamedTensor &it) { return it.tensor == tensor; });
    inputs.push_back({tensor, found == names.end() ? ownName(graph, tensor) : found->name});
  }
  entry.inputs = named(inputs);
  entry.outputs = named(namesIn(signature.outputs()));
  return entry;
}

static std::string listOf(const Signatures *signatures) {
  std::string text;
  for (size_t at = 0; at < sizeOf(signatures); ++at)
    text += (at ? ", '" : "'") +
            printable(textOf(signatures->Get(static_cast<flatbuffers::uoffset_t>(at))->signature_key())) + "'";
  return text;
}

Entry entryOf(const Model &model, StringRef signature) {
  const Signatures *signatures = model.root().signature_defs();
  for (size_t at = 0; at < sizeOf(signatures) && !signature.empty(); ++at)
    if (const auto &it = *signatures->Get(static_cast<flatbuffers::uoffset_t>(at));
        textOf(it.signature_key()) == signature)
      return entryOf(model, it);
  if (!signature.empty())
    refuse(ImportError::Kind::Usage, "--signature: there is no '" + printable(signature) + "'; the file has " +
                                         (sizeOf(signatures) ? listOf(signatures) : "none"));
  const schema::SubGraph &graph = model.graph(0);
  return {0, textOf(graph.name()).str(), named(graph, numbersOf(graph.inputs())),
          named(graph, numbersOf(graph.outputs()))};
}

} // namespace smelt::frontend::tflite

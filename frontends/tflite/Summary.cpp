// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What `smelt inspect` tells of a model.

#include "frontends/common/Summary.h"
#include "frontends/tflite/Importer.h"
#include "frontends/tflite/Tflite.h"

using namespace mlir;

namespace smelt::frontend::tflite {

static std::string elementName(int8_t type) {
  MLIRContext context;
  Type element = elementTypeOf(type, &context);
  return element ? inWords(element) : typeName(type);
}

static TensorSummary summarise(const schema::SubGraph &graph, const NamedTensor &tensor) {
  const schema::Tensor &it = *graph.tensors()->Get(static_cast<unsigned>(tensor.tensor));
  TensorSummary summary;
  summary.name = printable(tensor.name);
  summary.elementType = elementName(it.type());
  for (int64_t dim : declaredDims(it))
    summary.extents.push_back(dim < 0 ? "?" : std::to_string(dim));
  return summary;
}

/// Counts the tensors of a subgraph that the file holds.
static void countWeights(const Model &model, const schema::SubGraph &graph, llvm::SmallDenseSet<uint32_t> &counted,
                         ModelSummary &summary) {
  for (size_t number = 0; number < sizeOf(graph.tensors()); ++number) {
    const schema::Tensor &tensor = *graph.tensors()->Get(static_cast<unsigned>(number));
    ArrayRef<char> bytes = tensor.buffer() == 0 ? ArrayRef<char>() : model.buffer(tensor.buffer());
    if (bytes.empty() || !counted.insert(tensor.buffer()).second)
      continue;
    addStoredWeights(summary, nameOf(graph, static_cast<int32_t>(number)),
                     llvm::to_vector_of<int64_t>(numbersOf(tensor.shape())), static_cast<int64_t>(bytes.size()));
  }
}

/// The file's metadata by name, with the texts that are short.
static std::string metadataOf(const Model &model) {
  constexpr size_t kLongest = 64;
  std::string text;
  for (size_t number = 0; number < sizeOf(model.root().metadata()); ++number) {
    const schema::Metadata &entry = *model.root().metadata()->Get(static_cast<unsigned>(number));
    if (entry.buffer() >= sizeOf(model.root().buffers()))
      malformed("metadata '" + printable(textOf(entry.name())) + "' is in buffer " + llvm::Twine(entry.buffer()) +
                " of " + llvm::Twine(sizeOf(model.root().buffers())));
    ArrayRef<char> bytes = model.buffer(entry.buffer());
    StringRef value = StringRef(bytes.data(), bytes.size()).take_until([](char c) { return c == '\0'; });
    const bool isText = value.size() <= kLongest && !value.empty() && llvm::all_of(value, llvm::isPrint);
    text += (text.empty() ? "" : ", ") + printable(textOf(entry.name())) +
            (isText ? " " + value.str() : " (" + std::to_string(bytes.size()) + " bytes)");
  }
  return text;
}

static std::vector<TensorSummary> summarise(const schema::SubGraph &graph, ArrayRef<NamedTensor> tensors) {
  std::vector<TensorSummary> all;
  for (const NamedTensor &tensor : tensors)
    all.push_back(summarise(graph, tensor));
  return all;
}

static std::vector<SignatureSummary> signaturesOf(const Model &model) {
  std::vector<SignatureSummary> all;
  for (size_t at = 0; at < sizeOf(model.root().signature_defs()); ++at) {
    const Entry entry = entryOf(model, *model.root().signature_defs()->Get(static_cast<unsigned>(at)));
    const schema::SubGraph &graph = model.graph(entry.graph);
    all.push_back({printable(entry.name), summarise(graph, entry.inputs), summarise(graph, entry.outputs)});
  }
  return all;
}

ModelSummary summarise(std::shared_ptr<const MappedFile> file, StringRef /*path*/, const ImportOptions &options) {
  Model model(std::move(file));
  ModelSummary summary;
  summary.format = "tflite";
  summary.version = "version " + std::to_string(model.root().version());
  summary.producer = printable(textOf(model.root().description()));
  if (std::string metadata = metadataOf(model); !metadata.empty())
    summary.producer += (summary.producer.empty() ? "" : "; ") + metadata;
  const Entry entry = entryOf(model, options.signature);
  summary.name = printable(entry.name);
  summary.inputs = summarise(model.graph(entry.graph), entry.inputs);
  summary.outputs = summarise(model.graph(entry.graph), entry.outputs);
  summary.signatures = signaturesOf(model);
  std::map<std::string, int64_t> operators;
  llvm::SmallDenseSet<uint32_t> counted;
  for (size_t number : graphsReachedFrom(model, entry.graph)) {
    const schema::SubGraph &graph = model.graph(number);
    for (size_t index = 0; index < sizeOf(graph.operators()); ++index)
      ++operators[printable(model.opcode(*graph.operators()->Get(static_cast<unsigned>(index))).name)];
    countWeights(model, graph, counted, summary);
  }
  summary.operators = mostFrequentFirst(operators);
  summary.unsupported = unsupportedOperators(model, entry.graph, OperatorTable(options.custom), /*withIndices=*/false);
  return summary;
}

} // namespace smelt::frontend::tflite

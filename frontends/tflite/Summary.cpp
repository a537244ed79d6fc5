// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What `smelt inspect` tells of a model.

#include "frontends/tflite/Importer.h"
#include "frontends/tflite/Tflite.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::frontend::tflite {

static std::string elementName(int8_t type) {
  MLIRContext context;
  Type element = elementTypeOf(type, &context);
  return element ? inWords(element) : typeName(type);
}

static TensorSummary summarise(const schema::SubGraph &graph, int32_t tensor) {
  const schema::Tensor &it = *graph.tensors()->Get(static_cast<unsigned>(tensor));
  TensorSummary summary;
  summary.name = printable(nameOf(graph, tensor));
  summary.elementType = elementName(it.type());
  for (int64_t dim : declaredDims(it))
    summary.extents.push_back(dim < 0 ? "?" : std::to_string(dim));
  return summary;
}

/// What a file states need not exist, and may be any number.
static void add(int64_t &sum, int64_t number) {
  if (llvm::AddOverflow(sum, number, sum))
    sum = INT64_MAX;
}

/// Counts the tensors of a subgraph that the file holds.
static void countWeights(const Model &model, const schema::SubGraph &graph, llvm::SmallDenseSet<uint32_t> &counted,
                         ModelSummary &summary) {
  for (size_t number = 0; number < sizeOf(graph.tensors()); ++number) {
    const schema::Tensor &tensor = *graph.tensors()->Get(static_cast<unsigned>(number));
    ArrayRef<char> bytes = tensor.buffer() == 0 ? ArrayRef<char>() : model.buffer(tensor.buffer());
    if (bytes.empty() || !counted.insert(tensor.buffer()).second)
      continue;
    int64_t elements = 1;
    for (int32_t extent : numbersOf(tensor.shape()))
      if (extent < 0 || llvm::MulOverflow(elements, int64_t(extent), elements))
        malformed("tensor '" + printable(nameOf(graph, static_cast<int32_t>(number))) +
                  "': a dim is negative, or their product overflows");
    add(summary.parameters, elements);
    add(summary.weightBytes, static_cast<int64_t>(bytes.size()));
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

ModelSummary summarise(std::shared_ptr<const MappedFile> file, StringRef path, const CustomOperators &custom) {
  Model model(std::move(file));
  ModelSummary summary;
  summary.format = "tflite";
  summary.version = "version " + std::to_string(model.root().version());
  summary.producer = printable(textOf(model.root().description()));
  if (std::string metadata = metadataOf(model); !metadata.empty())
    summary.producer += (summary.producer.empty() ? "" : "; ") + metadata;
  const schema::SubGraph &main = model.graph(0);
  summary.name = printable(textOf(main.name()));
  for (int32_t tensor : numbersOf(main.inputs()))
    summary.inputs.push_back(summarise(main, tensor));
  for (int32_t tensor : numbersOf(main.outputs()))
    summary.outputs.push_back(summarise(main, tensor));
  std::map<std::string, int64_t> operators;
  llvm::SmallDenseSet<uint32_t> counted;
  for (size_t number = 0; number < model.graphCount(); ++number) {
    const schema::SubGraph &graph = model.graph(number);
    for (size_t index = 0; index < sizeOf(graph.operators()); ++index)
      ++operators[printable(model.opcode(*graph.operators()->Get(static_cast<unsigned>(index))).name)];
    countWeights(model, graph, counted, summary);
  }
  for (const auto &[name, count] : operators)
    summary.operators.push_back({name, count});
  llvm::sort(summary.operators, [](const OperatorSummary &a, const OperatorSummary &b) {
    return std::make_pair(-a.count, a.name) < std::make_pair(-b.count, b.name);
  });
  summary.unsupported = unsupportedOperators(model, OperatorTable(custom), /*withIndices=*/false);
  return summary;
}

} // namespace smelt::frontend::tflite

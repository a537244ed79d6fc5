// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Summary.h"
#include "frontends/pt2/Importer.h"
#include "frontends/pt2/Pt2.h"

using namespace mlir;
namespace json = llvm::json;

namespace smelt::frontend::pt2 {

static TensorSummary summariseTensor(const Program &program, StringRef name, bool isInput) {
  TensorSummary summary;
  summary.name = printable(name);
  const json::Object &meta = objectIn(objectIn(program.graph(), "tensor_values"), name);
  const int64_t dtype = integerIn(meta, "dtype");
  const std::optional<int64_t> part = partOfComplex(dtype);
  summary.elementType = dtypeName(part.value_or(dtype));
  for (const json::Value &value : arrayIn(meta, "sizes")) {
    StatedDim stated;
    try {
      stated = program.dim(value);
    } catch (const Refusal &) {
      if (isInput)
        throw;
      // torch 2.5 writes sums as they are; of results nothing depends on them.
    }
    summary.extents.push_back(stated.number         ? std::to_string(*stated.number)
                              : stated.text.empty() ? "?"
                                                    : printable(stated.text));
  }
  if (part) // complex numbers have their parts side by side
    summary.extents.emplace_back("2");
  return summary;
}

/// A tensor, or a number that stands for one.
static void addArgument(const Program &program, const json::Value &argument, bool isInput,
                        std::vector<TensorSummary> &to) {
  Union of = unionOf(argument);
  const json::Object *object = of.value->getAsObject();
  if (of.kind == "as_tensor" && object)
    return to.push_back(summariseTensor(program, stringIn(*object, "name"), isInput));
  std::optional<StringRef> name = object ? object->getString("as_name") : std::nullopt;
  if (name)
    to.push_back({printable(*name), of.kind == "as_sym_float" ? "f64" : "i64", {}, true});
}

/// What the program says of the sizes that its inputs have.
static void addSymbols(const Program &program, ModelSummary &summary) {
  llvm::StringSet<> seen;
  for (const TensorSummary &input : summary.inputs)
    for (StringRef extent : input.extents) {
      int64_t number = 0;
      if (extent == "?" || !extent.getAsInteger(10, number) || !seen.insert(extent).second)
        continue;
      auto [least, most] = program.range(extent);
      summary.symbols.push_back({extent.str(), least, most});
    }
}

static void count(const Program &program, const Uses &uses, ModelSummary &summary) {
  for (const InputSpec &spec : program.inputs()) {
    const StoredTensor *tensor = uses.isUsed(spec.name) ? program.find(spec) : nullptr;
    if (!tensor)
      continue;
    addWeights(summary, spec.target, tensor->sizes, 8 * dtypeBytes(tensor->dtype));
    if (!tensor->refusal.empty())
      summary.unsupported.push_back({printable(spec.target), "tensor", "", tensor->refusal, 0});
  }
}

static SignatureSummary signatureOf(const Program &program, const Uses &uses) {
  SignatureSummary summary{printable(program.name()), {}, {}};
  for (const InputSpec &spec : program.inputs())
    if (spec.kind == InputSpec::Kind::User && spec.argument)
      addArgument(program, *spec.argument, /*isInput=*/true, summary.inputs);
  for (const InputSpec &spec : program.inputs())
    if (spec.kind == InputSpec::Kind::User && uses.isChanged(spec.name)) {
      summary.outputs.push_back(summariseTensor(program, spec.name, /*isInput=*/true));
      summary.outputs.back().name += ".next";
    }
  for (const OutputSpec &spec : program.outputs())
    if (spec.kind == OutputSpec::Kind::User)
      addArgument(program, *spec.argument, /*isInput=*/false, summary.outputs);
  return summary;
}

/// Of another model of the archive.
static SignatureSummary signatureOf(std::shared_ptr<const MappedFile> file, const std::string &model,
                                    const OperatorTable &operators) {
  const Program program(std::move(file), model);
  return signatureOf(program, Uses(program, operators));
}

ModelSummary summarise(std::shared_ptr<const MappedFile> file, StringRef /*path*/, const ImportOptions &options) {
  const Program program(file, options.signature);
  const OperatorTable operators;
  ModelSummary summary;
  summary.format = "pt2";
  summary.version = "schema " + program.schemaVersion() + ", " + program.dialect();
  summary.producer = "torch " + program.torchVersion();
  const Uses uses(program, operators);
  const SignatureSummary own = signatureOf(program, uses);
  summary.inputs = own.inputs;
  summary.outputs = own.outputs;
  for (const std::string &name : program.names())
    summary.signatures.push_back(name == program.name() ? own : signatureOf(file, name, operators));
  addSymbols(program, summary);
  std::map<std::string, int64_t> counts;
  walkNodes(program.graph(), [&](const json::Object &node) { ++counts[operatorOf(node)]; });
  summary.operators = mostFrequentFirst(counts);
  count(program, uses, summary);
  for (UnsupportedNode &node : unsupportedNodes(program, operators, options.custom))
    summary.unsupported.push_back(std::move(node));
  return summary;
}

} // namespace smelt::frontend::pt2

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt inspect: what a model or an artefact holds.
#include "frontends/common/Import.h"
#include "frontends/common/ImportError.h"
#include "mlir/IR/MLIRContext.h"
#include "passes/plan/States.h"
#include "tools/driver/Check.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Evaluate.h"
#include "tools/driver/InputRanges.h"
#include "tools/driver/Passes.h"
#include "tools/driver/Target.h"
#include "tools/runner/Artifact.h"
#include "tools/runner/Description.h"
#include "tools/runner/ElfFile.h"
#include "tools/runner/Error.h"
#include "tools/smelt/Commands.h"
#include "tools/smelt/CompileFlags.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::ordered_json;

namespace smelt {

static uint64_t fileBytes(const std::string &path) {
  uint64_t bytes = 0;
  return llvm::sys::fs::file_size(path, bytes) ? 0 : bytes;
}

// --------------------------------------------------------------------------------------------------------- as JSON

/// Numbers as such, and what is symbolic in words.
static ordered_json toJson(const std::vector<std::string> &extents) {
  ordered_json shape = ordered_json::array();
  for (const std::string &extent : extents) {
    int64_t number = 0;
    const bool fixed = !llvm::StringRef(extent).getAsInteger(10, number);
    shape.push_back(fixed ? ordered_json(number) : ordered_json(extent));
  }
  return shape;
}

static ordered_json toJson(const std::vector<frontend::TensorSummary> &tensors) {
  ordered_json list = ordered_json::array();
  for (const frontend::TensorSummary &tensor : tensors)
    list.push_back({{"name", tensor.name},
                    {"type", tensor.elementType},
                    {"shape", tensor.hasShape ? toJson(tensor.extents) : ordered_json()}});
  return list;
}

static ordered_json toJson(const std::vector<runner::Description::Tensor> &tensors) {
  ordered_json list = ordered_json::array();
  for (const runner::Description::Tensor &tensor : tensors)
    list.push_back({{"name", tensor.name},
                    {"type", runner::dtypeName(tensor.dtype)},
                    {"shape", tensor.extents.empty() ? ordered_json(tensor.shape) : toJson(tensor.extents)},
                    {"bytes", tensor.extents.empty() ? ordered_json(tensor.bytes) : ordered_json()}});
  return list;
}

/// Each by its input's name, with what it is after a run.
static ordered_json toJson(const std::vector<runner::Description::State> &states) {
  ordered_json list = ordered_json::array();
  for (const runner::Description::State &state : states) {
    ordered_json row = toJson(std::vector{state.input}).front();
    row["output"] = state.output.name;
    list.push_back(std::move(row));
  }
  return list;
}

template <typename Symbols> static ordered_json symbolsToJson(const Symbols &symbols) {
  ordered_json list = ordered_json::array();
  for (const auto &symbol : symbols)
    list.push_back({{"name", symbol.name},
                    {"least", symbol.least},
                    {"most", symbol.most < INT64_MAX ? ordered_json(symbol.most) : ordered_json()}});
  return list;
}

namespace {
/// What is known of a model beyond its summary.
struct Check {
  std::optional<int64_t> multiplyAdds;                // where it can be imported, and shapes are fixed
  std::vector<frontend::UnsupportedNode> unsupported; // whose operators are known
  ordered_json states = ordered_json::array();        // what stays from run to run, as of an artefact
  runner::ValueRanges ranges;                         // of integers that are inputs
  std::string refusal; // why the model as a whole cannot be imported, or not before its dims are fixed
};
} // namespace

static ordered_json toJson(const frontend::UnsupportedNode &node) {
  return {{"node", node.node},
          {"operator", node.operatorName},
          {"version", node.version},
          {"type", node.elementType},
          {"reason", node.reason}};
}

/// Inputs, with the range of those that have one, as RangeTable.h has it.
static ordered_json inputsToJson(const std::vector<frontend::TensorSummary> &inputs,
                                 const runner::ValueRanges &ranges) {
  ordered_json list = toJson(inputs);
  for (ordered_json &input : list)
    if (auto range = ranges.find(input["name"].get<std::string>()); range != ranges.end())
      input["range"] = {range->second.least, range->second.most};
  return list;
}

static ordered_json toJson(const std::string &path, const frontend::ModelSummary &summary, const Check &check) {
  ordered_json json = {{"kind", "model"},
                       {"format", summary.format},
                       {"version", summary.version},
                       {"producer", summary.producer},
                       {"name", summary.name},
                       {"inputs", inputsToJson(summary.inputs, check.ranges)},
                       {"outputs", toJson(summary.outputs)},
                       {"signatures", ordered_json::array()},
                       {"states", check.states},
                       {"symbols", symbolsToJson(summary.symbols)},
                       {"operators", ordered_json::array()},
                       {"parameters", summary.parameters},
                       {"weight_bytes", summary.weightBytes},
                       {"macs", check.multiplyAdds ? ordered_json(*check.multiplyAdds) : ordered_json()},
                       {"file_bytes", fileBytes(path)},
                       {"unsupported", ordered_json::array()},
                       {"not_checked", check.refusal}};
  for (const frontend::SignatureSummary &row : summary.signatures)
    json["signatures"].push_back(
        {{"name", row.name}, {"inputs", toJson(row.inputs)}, {"outputs", toJson(row.outputs)}});
  for (const frontend::OperatorSummary &row : summary.operators)
    json["operators"].push_back({{"name", row.name}, {"count", row.count}});
  for (const auto &nodes : {summary.unsupported, check.unsupported})
    for (const frontend::UnsupportedNode &node : nodes)
      json["unsupported"].push_back(toJson(node));
  return json;
}

static ordered_json toJson(const runner::Description &artifact) {
  std::set<uint64_t> kernels; // only counted
  ordered_json steps = ordered_json::array();
  for (const runner::Description::Step &step : artifact.steps) {
    kernels.insert(step.address);
    steps.push_back({{"name", step.name}, {"kernel", step.kernel}, {"tiles", step.tiles}});
  }
  return {{"kind", "artifact"},
          {"name", artifact.name},
          {"target", artifact.target},
          {"cpu_features", runner::cpuFeatureNames(artifact.cpuFeatures)},
          {"inputs", toJson(artifact.inputs)},
          {"outputs", toJson(artifact.outputs)},
          {"states", toJson(artifact.states)},
          {"kernels", kernels.size()},
          {"steps", steps},
          {"symbols", symbolsToJson(artifact.symbols)},
          {"forms", artifact.forms},
          {"arena_bytes", artifact.isSymbolic ? ordered_json() : ordered_json(artifact.arenaBytes)},
          {"weight_bytes", artifact.weightsBytes},
          {"file_bytes", artifact.fileBytes}};
}

// ----------------------------------------------------------------------------------------------------- for a person

static void printTensors(const char *title, const ordered_json &tensors) {
  for (const ordered_json &tensor : tensors) {
    std::string shape;
    for (const ordered_json &extent : tensor["shape"])
      shape += (shape.empty() ? "" : "x") + (extent.is_string() ? extent.get<std::string>() : extent.dump());
    if (shape.empty())
      shape = tensor["shape"].is_null() ? "of any shape" : "scalar";
    llvm::outs() << title << " " << runner::quoted(tensor["name"].get<std::string>()) << "  "
                 << tensor["type"].get<std::string>() << " " << shape << "\n";
  }
}

static std::string sizeText(const ordered_json &bytes) {
  const auto count = static_cast<double>(bytes.get<uint64_t>());
  std::string text;
  llvm::raw_string_ostream(text) << (count < 1e6 ? llvm::format("%.2f KB", count * 1e-3)
                                                 : llvm::format("%.2f MB", count * 1e-6));
  return text;
}

static std::string textOf(const ordered_json &value) { return value.get<std::string>(); }

/// "  node 'mp' (MaxPool, version 17): …"
static void printNode(const ordered_json &node) {
  const auto version = node["version"].get<int64_t>();
  std::string kind = textOf(node["operator"]);
  if (version > 0)
    kind += ", version " + std::to_string(version);
  if (!textOf(node["type"]).empty())
    kind += ", " + textOf(node["type"]);
  llvm::outs() << "  ";
  if (!textOf(node["node"]).empty())
    llvm::outs() << "node " << runner::quoted(textOf(node["node"])) << (kind.empty() ? "" : " (" + kind + ")") << ": ";
  llvm::outs() << textOf(node["reason"]) << "\n";
}

static void printUnsupported(const ordered_json &nodes, const std::string &notChecked) {
  if (!nodes.empty())
    llvm::outs() << "\nunsupported:\n";
  for (const ordered_json &node : nodes)
    printNode(node);
  if (!notChecked.empty())
    llvm::outs() << "\nthe nodes cannot be checked further: " << notChecked << "\n";
  else if (nodes.empty())
    llvm::outs() << "\nall of them are supported\n";
}

/// "symbols batch from 1 to 8, length"
static void printSymbols(const ordered_json &symbols) {
  for (const ordered_json &symbol : symbols) {
    const bool isBounded = !symbol["most"].is_null();
    llvm::outs() << (symbol == symbols.front() ? "symbols " : ", ") << textOf(symbol["name"]);
    if (isBounded || symbol["least"] > 0)
      llvm::outs() << " from " << symbol["least"].dump();
    if (isBounded)
      llvm::outs() << " to " << symbol["most"].dump();
  }
  llvm::outs() << (symbols.empty() ? "" : "\n");
}

/// What --signature selects, where that is a choice.
static void printSignatures(const ordered_json &signatures) {
  for (const ordered_json &signature : signatures) {
    if (signatures.size() == 1)
      return;
    llvm::outs() << "signature " << runner::quoted(textOf(signature["name"])) << "\n";
    printTensors("  input ", signature["inputs"]);
    printTensors("  output", signature["outputs"]);
  }
}

static void printModel(const ordered_json &json) {
  llvm::outs() << textOf(json["format"]) << " " << textOf(json["version"]);
  if (!textOf(json["producer"]).empty())
    llvm::outs() << ", made by " << textOf(json["producer"]);
  llvm::outs() << "\n";
  printTensors("input ", json["inputs"]);
  printTensors("output", json["outputs"]);
  printTensors("state ", json["states"]);
  printSymbols(json["symbols"]);
  printSignatures(json["signatures"]);
  llvm::outs() << json["parameters"].get<int64_t>() << " parameters, weights " << sizeText(json["weight_bytes"])
               << ", file " << sizeText(json["file_bytes"]);
  if (!json["macs"].is_null())
    llvm::outs() << llvm::format(", %.3f billion multiply-adds",
                                 static_cast<double>(json["macs"].get<int64_t>()) * 1e-9);
  llvm::outs() << "\n\noperators:\n";
  for (const ordered_json &row : json["operators"])
    llvm::outs() << llvm::format("%8lld  ", static_cast<long long>(row["count"].get<int64_t>())) << textOf(row["name"])
                 << "\n";
  printUnsupported(json["unsupported"], textOf(json["not_checked"]));
}

/// "1 step", "2 steps"
static std::string counted(uint64_t count, const char *what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

static void printArtifact(const ordered_json &json) {
  llvm::outs() << "artefact " << runner::quoted(textOf(json["name"])) << " for " << textOf(json["target"]);
  if (!textOf(json["cpu_features"]).empty())
    llvm::outs() << ", needs " << textOf(json["cpu_features"]);
  llvm::outs() << "\n";
  printTensors("input ", json["inputs"]);
  printTensors("output", json["outputs"]);
  printTensors("state ", json["states"]);
  for (const ordered_json &form : json["forms"])
    llvm::outs() << llvm::StringRef(runner::quoted(textOf(form))).drop_front().drop_back() << "\n";
  printSymbols(json["symbols"]);
  const ordered_json &arena = json["arena_bytes"];
  llvm::outs() << counted(json["steps"].size(), "step") << " of " << counted(json["kernels"].get<uint64_t>(), "kernel")
               << "\narena " << (arena.is_null() ? "as the shapes need" : sizeText(arena)) << ", weights "
               << sizeText(json["weight_bytes"]) << ", file " << sizeText(json["file_bytes"]) << "\n";
}

// ------------------------------------------------------------------------------------------------------- the command

namespace {
struct InspectCommand {
  CompileFlags flags;
  bool json = false;

  llvm::Error run();
  llvm::Expected<Check> check(const frontend::ModelSummary &summary);
};
} // namespace

/// Of a whole model; nothing where they depend on dims that are open.
static std::optional<int64_t> multiplyAddsOf(mlir::ModuleOp module) {
  int64_t sum = 0;
  mlir::WalkResult walked = module.walk([&](mlir::Operation *op) {
    const std::optional<int64_t> count = driver::multiplyAdds(op);
    sum = llvm::SaturatingAdd<uint64_t>(sum, count.value_or(0));
    return count ? mlir::WalkResult::advance() : mlir::WalkResult::interrupt();
  });
  return walked.wasInterrupted() ? std::nullopt : std::optional(sum);
}

/// What stays from run to run: inputs of a module, each with the output that it is fed from.
static ordered_json statesOf(mlir::ModuleOp module) {
  ordered_json list = ordered_json::array();
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  auto pairs = module->getAttrOfType<mlir::DenseI64ArrayAttr>(plan::kStates);
  for (size_t pair = 0; main && pairs && pair + 1 < static_cast<size_t>(pairs.size()); pair += 2) {
    const auto input = static_cast<unsigned>(pairs[pair]), output = static_cast<unsigned>(pairs[pair + 1]);
    const auto type = graph::typeOf(main.getArgument(input));
    frontend::TensorSummary summary;
    llvm::raw_string_ostream(summary.elementType) << type.getElementType();
    for (const graph::Extent &extent : graph::extentsOf(type))
      summary.extents.push_back(extent.str());
    auto nameOf = [](mlir::StringAttr name) { return name ? frontend::printable(name.getValue()) : std::string(); };
    summary.name = nameOf(main.getArgAttrOfType<mlir::StringAttr>(input, "graph.name"));
    ordered_json row = toJson(std::vector{summary}).front();
    row["output"] = nameOf(main.getResultAttrOfType<mlir::StringAttr>(output, "graph.name"));
    list.push_back(std::move(row));
  }
  return list;
}

/// What a compilation would refuse, found by all of its stages that may.
llvm::Expected<Check> InspectCommand::check(const frontend::ModelSummary &summary) {
  driver::CompileOptions options = flags.options;
  // A kernel that a device lacks is the processor's: what that refuses is refused.
  llvm::Expected<driver::ChosenTarget> target = driver::chooseTarget(options.target);
  if (!target)
    return target.takeError();
  Check check;
  options.import.onUnsupported = [&](const frontend::UnsupportedNode &node) { check.unsupported.push_back(node); };
  mlir::DialectRegistry registry;
  driver::registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module = driver::importGraph(options, context);
  if (!module) {
    const driver::Failure failure = driver::explain(module.takeError());
    if (failure.exitCode == driver::kUsage && !flags.shapes.empty())
      return driver::toolError(driver::kUsage, failure.message);
    const bool namesNodes = !check.unsupported.empty() || !summary.unsupported.empty();
    if (failure.exitCode != driver::kUnsupported || !namesNodes)
      check.refusal = failure.message;
    return check;
  }
  check.multiplyAdds = multiplyAddsOf(**module);
  check.states = statesOf(**module);
  check.ranges = driver::inputRanges(**module);
  check.unsupported = driver::findUnsupported(**module, target->processor);
  return check;
}

llvm::Error InspectCommand::run() {
  if (llvm::Error error = flags.parse())
    return error;
  const std::string &path = flags.options.model;
  const bool isArtifact = runner::ElfFile::isElf(path);
  ordered_json result;
  if (isArtifact) {
    result = toJson(runner::describe(path));
  } else {
    llvm::Expected<frontend::ModelSummary> summary = frontend::summariseModel(path, flags.options.import);
    if (!summary)
      return summary.takeError();
    llvm::Expected<Check> checked = check(*summary);
    if (!checked)
      return checked.takeError();
    result = toJson(path, *summary, *checked);
  }
  if (json)
    llvm::outs() << result.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
  else
    isArtifact ? printArtifact(result) : printModel(result);
  return llvm::Error::success();
}

void addInspectCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand("inspect", "say what a model or an artefact holds, and what is unsupported");
  command->footer(
      "Exit code 0 says that the file was looked at: what is unsupported is listed, under \"unsupported\" in "
      "JSON, and ends with 4 where it is compiled.");
  auto state = std::make_shared<InspectCommand>();
  command->add_option("FILE", state->flags.options.model, "a model, or a shared artefact")->required();
  state->flags.addSignature(*command);
  state->flags.addShape(*command);
  state->flags.addCustom(*command);
  command->add_option("--target", state->flags.options.target, "processor that the model shall be compiled for")
      ->capture_default_str();
  command->add_flag("--json", state->json, "print JSON");
  command->callback([state, &exitCode] { exitCode = guarded([&] { return state->run(); }); });
}

} // namespace smelt

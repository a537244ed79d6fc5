// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt compare: how far a compiled model's outputs, and its layers' results, are from a reference.
#include "tools/runner/Compare.h"
#include "codegen/cpu/Target.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/Import.h"
#include "frontends/common/ImportError.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Evaluate.h"
#include "tools/driver/Outputs.h"
#include "tools/driver/Passes.h"
#include "tools/driver/Progress.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/runner/Buffers.h"
#include "tools/runner/Error.h"
#include "tools/smelt/Commands.h"
#include "tools/smelt/CompareLayers.h"
#include "tools/smelt/CompileFlags.h"
#include "tools/smelt/Framework.h"
#include "tools/smelt/LayerChoice.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using nlohmann::ordered_json;

namespace smelt {

// Of the reference's largest value, in any precision.
constexpr double kMostRelativeError = 1e-3;

namespace {
/// One output or layer beside its reference.
struct Row {
  std::string name; // of the output, or of the layer's source node
  bool layer = false;
  std::string type; // "f32 1x1000"
  runner::Difference apart;
  bool holds = true;
  int mostSteps = 0; // that integers which stand for numbers may be apart
};

struct CompareCommand {
  CompileFlags flags;
  std::string inputs, against;
  bool layers = false;
  CompareLayers lowered; // with --layers, of a lower precision

  llvm::Error run(int &exitCode);

private:
  bool isOfLayers() const { return layers && against.empty() && flags.options.precision != quantize::Precision::F32; }
  llvm::Error checkUsage() const;
};
} // namespace

// --------------------------------------------------------------------------------------------------------- layers

/// The last op of each source node that results in one tensor: what the node computes. In the order of the ops.
static llvm::MapVector<StringAttr, Operation *> layerOps(func::FuncOp main) {
  llvm::MapVector<StringAttr, Operation *> layers;
  for (Operation &op : main.getBody().front().without_terminator()) {
    const std::string name = graph::sourceNames(op.getLoc());
    if (!name.empty() && op.getNumResults() == 1 && !isa<graph::ConstantOp>(op))
      layers[StringAttr::get(op.getContext(), name)] = &op;
  }
  return layers;
}

/// Makes every layer's result an output, after the model's own.
static void addLayerOutputs(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return;
  Operation *end = main.getBody().front().getTerminator();
  std::vector<driver::Output> outputs;
  for (auto &[name, op] : layerOps(main))
    if (!llvm::is_contained(end->getOperands(), op->getResult(0))) // it is an output already
      outputs.push_back({layerName(name.str()), op->getResult(0)});
  driver::addOutputs(module, outputs);
}

// ------------------------------------------------------------------------------------------------------ comparison

/// Integers that quantised models have as what numbers are rounded to.
static bool isRounded(smelt_dtype dtype) {
  return dtype == SMELT_I8 || dtype == SMELT_U8 || dtype == SMELT_I16 || dtype == SMELT_U16;
}

namespace {
/// An artefact's results, compared as references come in.
class Comparison {
public:
  Comparison(const runner::Instance &instance, const runner::Buffers &buffers, int mostSteps)
      : model_(instance.model()), mostSteps_(mostSteps) {
    for (uint32_t i = 0; i < model_.output_count; ++i)
      results_[model_.outputs[i].name] = {static_cast<smelt_dtype>(model_.outputs[i].dtype),
                                          instance.shapeOf(model_.outputs[i]), buffers.outputs()[i].data()};
    for (uint32_t i = 0; i < model_.state_count; ++i)
      states_.push_back(instance.stateValue(i));
    for (const runner::Tensor &state : states_)
      results_[state.name] = {state.dtype, state.shape, state.bytes.data()};
    findAbsent();
  }

  /// Whether the artefact has a result of this name.
  bool has(StringRef name) const { return results_.contains(name); }
  /// Whether a result has no elements, or none that mean something: a reference may lack it.
  bool isNothing(StringRef name) const {
    auto result = results_.find(name);
    return absent_.contains(name) || (result != results_.end() && result->second.count() == 0);
  }

  /// A layer whose reference has another type or shape is another value, and left out; an output that has is an error.
  llvm::Error add(StringRef name, const runner::TensorView &want) {
    const runner::TensorView &got = results_.find(name)->second;
    if (absent_.contains(name))
      return llvm::Error::success();
    const bool layer = name.starts_with(layerName(""));
    const std::string type = runner::describeType(got.dtype, got.shape);
    if (got.dtype != want.dtype || got.shape != want.shape) {
      if (layer)
        return llvm::Error::success();
      return driver::toolError(driver::kDoesNotHold, "output " + runner::quoted(name) + " is " + type +
                                                         ", the reference has " +
                                                         runner::describeType(want.dtype, want.shape));
    }
    Row row{layer ? name.drop_front(layerName("").size()).str() : name.str(), layer, type,
            runner::difference(got, want), true};
    row.mostSteps = isRounded(got.dtype) ? mostSteps_ : 0;
    row.holds = got.isFloat()   ? row.apart.maxRelative <= kMostRelativeError
                : row.mostSteps ? row.apart.maxAbs <= row.mostSteps
                                : row.apart.differing == 0;
    rows_.push_back(std::move(row));
    return llvm::Error::success();
  }

  /// Outputs before layers, each the worst first.
  std::vector<Row> worstFirst() const {
    std::vector<Row> rows = rows_;
    llvm::sort(rows, [](const Row &a, const Row &b) {
      return std::make_tuple(a.layer, -a.apart.maxRelative, a.name) <
             std::make_tuple(b.layer, -b.apart.maxRelative, b.name);
    });
    return rows;
  }

private:
  void findAbsent();

  const smelt_model &model_;
  int mostSteps_; // that integers of 8 and 16 bits may be apart
  std::vector<runner::Tensor> states_;
  llvm::StringMap<runner::TensorView> results_;
  llvm::StringSet<> absent_; // of them, those of optional values that are not there
  std::vector<Row> rows_;
};
} // namespace

void Comparison::findAbsent() {
  SmallVector<StringRef> lines;
  StringRef(model_.forms ? model_.forms : "").split(lines, '\n');
  for (StringRef line : lines) {
    auto [name, form] = line.rsplit(": ");
    if (!name.consume_front("output ") || !form.starts_with("optional "))
      continue;
    auto isPresent = results_.find((name + ".present").str());
    if (isPresent == results_.end() || isPresent->second.at(0) != 0)
      continue;
    for (const auto &[part, result] : results_) // in any order: it becomes a set
      if (StringRef rest = part; rest.consume_front(name) && rest != ".present")
        if (rest.empty() || rest == ".data" || rest == ".shapes" || rest.starts_with("["))
          absent_.insert(part);
  }
}

/// The outputs of the source model: some stay in the instance.
static std::vector<const smelt_tensor_info *> outputsOf(const smelt_model &model) {
  std::vector<const smelt_tensor_info *> outputs;
  for (uint32_t i = 0; i < model.output_count; ++i)
    outputs.push_back(&model.outputs[i]);
  for (uint32_t i = 0; i < model.state_count; ++i)
    outputs.push_back(&model.states[i].output);
  return outputs;
}

/// References from a file, which `source` says the origin of. It must have all outputs; layers it may have, and states
/// that a framework keeps for itself.
static llvm::Error addFromFile(const smelt_model &model, const std::string &path, const llvm::Twine &source,
                               Comparison &comparison, bool hasStates = true) {
  const runner::NpzReader file(path);
  for (auto [number, output] : llvm::enumerate(outputsOf(model))) {
    const StringRef name = output->name;
    const runner::NpzEntry *entry = file.find({name.data(), name.size()});
    if (!entry && !hasStates && number >= model.output_count)
      continue;
    if (!entry && (name.starts_with(layerName("")) || comparison.isNothing(name)))
      continue;
    if (!entry)
      return driver::toolError(driver::kUsage, source + ": output " + runner::quoted(name) + " is missing");
    const auto wanted = static_cast<smelt_dtype>(output->dtype);
    const runner::Tensor tensor =
        runner::canHold(entry->header.dtype, wanted) ? file.readAs(*entry, wanted) : file.read(*entry);
    if (llvm::Error error = comparison.add(name, {tensor.dtype, tensor.shape, tensor.bytes.data()}))
      return error;
  }
  return llvm::Error::success();
}

/// A model's input as the reference evaluation takes it.
static graph::HostTensor hostTensor(RankedTensorType type, const runner::AlignedBytes &bytes) {
  const ArrayRef<char> given(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (!graph::isPackable(type.getElementType()))
    return graph::HostTensor::viewOf(type, given);
  const graph::HostTensor tensor = graph::HostTensor::zeros(type);
  graph::unpackElements(given, type.getElementType(), tensor.mutableBytes());
  return tensor;
}

/// Its result as a model yields it.
static llvm::Error addResult(const smelt_tensor_info &output, const graph::HostTensor &tensor, Comparison &comparison) {
  const bool packs = graph::isPackable(tensor.elementType());
  const std::string packed = packs ? graph::packElements(tensor.bytes(), tensor.elementType()) : "";
  return comparison.add(output.name,
                        {static_cast<smelt_dtype>(output.dtype), tensor.shape().vec(),
                         reinterpret_cast<const unsigned char *>(packs ? packed.data() : tensor.bytes().data())});
}

/// Adds those that the artefact has as well: with fixed shapes there may be more layers, or fewer.
static llvm::Error addResults(func::FuncOp main, ArrayRef<graph::HostTensor> results, const smelt_model &model,
                              Comparison &comparison) {
  llvm::StringMap<const smelt_tensor_info *> outputs;
  for (const smelt_tensor_info *output : outputsOf(model))
    outputs[output->name] = output;
  for (auto [number, result] : llvm::enumerate(results)) {
    auto name = main.getResultAttrOfType<StringAttr>(number, "graph.name");
    if (const smelt_tensor_info *output = name ? outputs.lookup(name) : nullptr)
      if (llvm::Error error = addResult(*output, result, comparison))
        return error;
  }
  return llvm::Error::success();
}

/// In the order of the source model, which has its layers behind them here.
static TensorNames namesOf(const smelt_model &model, const std::string &signature) {
  TensorNames names;
  names.signature = signature;
  for (uint32_t i = 0; i < model.input_count; ++i)
    names.inputs.push_back(model.inputs[i].name);
  for (uint32_t i = 0; i < model.output_count; ++i) {
    StringRef name = model.outputs[i].name;
    const bool isLayer = name.consume_front(layerName(""));
    (isLayer ? names.layers : names.outputs).push_back(name.str());
  }
  return names;
}

/// The options to import a model for the very shapes of a run: the evaluation knows no others.
static driver::CompileOptions withShapesOf(const runner::Instance &instance, driver::CompileOptions options) {
  const auto fix = [&](const smelt_tensor_info &input) {
    const std::vector<int64_t> shape = instance.shapeOf(input);
    if (runner::shapeOf(input) != shape)
      options.import.shapes[input.name].assign(shape.begin(), shape.end());
  };
  for (uint32_t i = 0; i < instance.model().input_count; ++i)
    fix(instance.model().inputs[i]);
  for (uint32_t i = 0; i < instance.model().state_count; ++i)
    fix(instance.model().states[i].input);
  return options;
}

/// References from the slow evaluation of the imported graph.
static llvm::Error addFromEvaluation(const driver::CompileOptions &options, const smelt_model &model,
                                     const runner::Buffers &buffers, Comparison &comparison) {
  DialectRegistry registry;
  driver::registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  llvm::Expected<OwningOpRef<ModuleOp>> module = driver::importGraph(options, context);
  if (!module)
    return module.takeError();
  auto main = (*module)->lookupSymbol<func::FuncOp>("main");
  llvm::StringMap<const runner::AlignedBytes *> given;
  for (uint32_t i = 0; i < model.input_count; ++i)
    given[model.inputs[i].name] = &buffers.inputs()[i];
  std::vector<graph::HostTensor> inputs;
  for (auto [number, argument] : llvm::enumerate(main.getArgumentTypes())) {
    auto name = main.getArgAttrOfType<StringAttr>(number, "graph.name");
    const runner::AlignedBytes *bytes = name ? given.lookup(name) : nullptr; // states are zeros at first
    auto type = cast<RankedTensorType>(argument);
    inputs.push_back(bytes ? hostTensor(type, *bytes) : graph::HostTensor::zeros(type));
  }
  driver::Progress progress(options.model);
  llvm::Expected<std::vector<graph::HostTensor>> outputs =
      driver::evaluate(**module, inputs, [&](Operation *op, ArrayRef<graph::HostTensor>) {
        progress.stage("evaluate " + graph::describeLocation(op->getLoc()));
      });
  if (!outputs) {
    const driver::Failure failure = driver::explain(outputs.takeError());
    return driver::toolError(static_cast<driver::ExitCode>(failure.exitCode), options.model + ": " + failure.message);
  }
  return addResults(main, *outputs, model, comparison);
}

// -------------------------------------------------------------------------------------------------------- printing

static ordered_json toJson(const std::vector<Row> &rows, bool layers) {
  ordered_json list = ordered_json::array();
  for (const Row &row : rows)
    if (row.layer == layers)
      list.push_back({{"name", row.name},
                      {"type", row.type},
                      {"max_abs", row.apart.maxAbs},
                      {"max_relative", row.apart.maxRelative},
                      {"cosine", row.apart.cosine},
                      {"differing", row.apart.differing},
                      {"limit_steps", row.mostSteps},
                      {"holds", row.holds}});
  return list;
}

/// "0.001 of the largest value"
static std::string limitInWords() {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g of the largest value", kMostRelativeError);
  return text;
}

static void printTable(const std::vector<Row> &rows, bool layers) {
  llvm::outs() << "   max abs   of max    cosine  " << (layers ? "layer" : "output") << "\n";
  for (const Row &row : rows)
    if (row.layer == layers)
      llvm::outs() << llvm::format("%10.3g %8.2g  %8.6f  ", row.apart.maxAbs, row.apart.maxRelative, row.apart.cosine)
                   << runner::quoted(row.name) << "  " << row.type << (row.holds ? "" : "  TOO FAR") << "\n";
  if (!llvm::all_of(rows, [&](const Row &row) { return row.layer != layers || row.holds; }))
    llvm::outs() << "TOO FAR: by more than " << limitInWords() << ", or integers that differ\n";
  const auto isOfSteps = [&](const Row &row) { return row.layer == layers && row.mostSteps > 0; };
  if (llvm::any_of(rows, isOfSteps))
    llvm::outs() << "integers of 8 and 16 bits may differ by 1, a step of what they stand for: the reference rounds in "
                    "another way\n";
  if (llvm::any_of(rows, [&](const Row &row) { return isOfSteps(row) && !row.holds; }))
    llvm::outs() << "steps add up along a net: more of them may be its length, not a fault"
                 << (layers ? "" : "; --layers shows where they come from") << "\n";
}

static void print(const std::vector<Row> &rows, bool layers, bool json) {
  if (json) {
    ordered_json result = {{"limit", kMostRelativeError}, {"outputs", toJson(rows, false)}};
    if (layers)
      result["layers"] = toJson(rows, true);
    llvm::outs() << result.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
    return;
  }
  printTable(rows, false);
  if (!layers)
    return;
  llvm::outs() << "\n";
  printTable(rows, true);
}

// ------------------------------------------------------------------------------------------------------ the command

/// What is compiled is run, here.
static llvm::Error checkTarget(const std::string &name) {
  std::optional<cpu::Target> target = cpu::findTarget(name), native = cpu::findTarget("native");
  if (target && native && llvm::Triple(target->triple).getArch() != llvm::Triple(native->triple).getArch())
    return driver::toolError(driver::kUsage, "--target " + name +
                                                 ": compare runs what it compiles, and this machine is of another "
                                                 "architecture; compile the model, and run it there with smelt run");
  return llvm::Error::success();
}

static llvm::Error withAdvice(llvm::Error error) {
  const driver::Failure failure = driver::explain(std::move(error));
  const char *advice =
      failure.exitCode == driver::kDoesNotHold ? "; the inputs were random ones, --inputs gives others" : "";
  return driver::toolError(static_cast<driver::ExitCode>(failure.exitCode), failure.message + advice);
}

llvm::Error CompareCommand::checkUsage() const {
  if (!isOfLayers() && !(lowered.keep + lowered.keepIn + lowered.output).empty())
    return driver::toolError(driver::kUsage, "--keep, --keep-in and -o go with --layers, a --precision below f32, and "
                                             "without --against");
  if (isOfLayers() && !inputs.empty())
    return driver::toolError(driver::kUsage, "--inputs: layers of a lower precision are measured on --calibration");
  return checkTarget(flags.options.target);
}

llvm::Error CompareCommand::run(int &exitCode) {
  if (llvm::Error error = flags.parse())
    return error;
  if (llvm::Error error = checkUsage())
    return error;
  if (isOfLayers())
    return lowered.run(flags);
  llvm::Expected<const Framework *> framework = findFramework(against, flags.options.model);
  if (!framework)
    return framework.takeError();
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  driver::CompileOptions &options = flags.options;
  options.output = folder->file("model.so");
  if (layers)
    options.afterImport = addLayerOutputs;
  LayerChoice choice;
  if (options.precision == quantize::Precision::Int8 || flags.configuration)
    if (llvm::Error error = choice.choose(flags))
      return error;
  choice.applyTo(options);
  driver::CompileReport report;
  if (llvm::Error error = driver::compile(options, report))
    return error;

  const runner::Artifact artifact(options.output, options.model);
  const smelt_model &model = artifact.model();
  runner::Instance instance(artifact);
  if (inputs.empty() && instance.needsShapes())
    return driver::toolError(driver::kUsage, options.model + ": its inputs have open dims; give some with --inputs, or "
                                                             "fix the dims with --shape");
  auto buffers =
      inputs.empty() ? runner::Buffers::seeded(instance) : runner::Buffers::read(instance, runner::NpzReader(inputs));
  buffers.run(instance);
  Comparison comparison(instance, buffers, *framework ? (*framework)->mostSteps : 0);
  if (*framework) {
    const std::string given = folder->file("in.npz"), reference = folder->file("out.npz");
    buffers.writeInputs(instance, given);
    if (llvm::Error error = runFramework(**framework, options.model, namesOf(model, options.import.signature), given,
                                         reference, layers))
      return inputs.empty() && model.input_count > 0 ? withAdvice(std::move(error)) : std::move(error);
    if (llvm::Error error =
            addFromFile(model, reference, options.model + ": what " + (*framework)->name + " makes of it", comparison,
                        (*framework)->yieldsStates))
      return error;
  } else if (!against.empty()) {
    if (llvm::Error error = addFromFile(model, against, against, comparison))
      return error;
  } else if (llvm::Error error = addFromEvaluation(withShapesOf(instance, options), model, buffers, comparison)) {
    return error;
  }
  const std::vector<Row> rows = comparison.worstFirst();
  print(rows, layers, lowered.json);
  const bool holds = llvm::all_of(rows, [](const Row &row) { return row.layer || row.holds; });
  exitCode = holds ? driver::kDone : driver::kDoesNotHold;
  return llvm::Error::success();
}

void addCompareCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand("compare", "compile a model and say how far its results are from a reference");
  command->footer(
      "Exit code 1 says that an output is too far from its reference: by more than " + limitInWords() +
      " there, or, of integers, at all (of 8 and 16 bits, and beside litert: by more than 1, a step of what "
      "they stand for), or that --against names a program which does not run the model. "
      "The limit is the same in every precision; those below f32 seldom keep it, and are better judged by "
      "--layers or smelt profile.");
  auto state = std::make_shared<CompareCommand>();
  state->flags.addTo(*command);
  command->add_option(
      "--inputs", state->inputs,
      "arrays under the names of the model's inputs; by default seeded ones: floats from the normal "
      "distribution, integers from the range that the file states or that they are indices of, else 0 or 1");
  command->add_option(
      "--against", state->against,
      "a .npz file of outputs, onnxruntime for .onnx files, litert for .tflite, or torch for .pt2; by default the "
      "operators' own slow evaluation");
  command->add_flag("--layers", state->layers,
                    "compare the result of every source node as well, which keeps them from being fused; of a lower "
                    "precision, without --against: what each layer adds to the error of the outputs when it alone is "
                    "lowered, the error of its input and of its result when all are, of those in f32, the worst first");
  command->add_option(
      "--keep", state->lowered.keep,
      "N or 1%: keep the N worst layers in more digits, or as few as it takes for outputs to be at most "
      "so far off");
  command->add_option("--keep-in", state->lowered.keepIn,
                      "f32, bf16 or f16: what layers are kept in; by default, beside integers bf16 where the target "
                      "multiplies that, else f32");
  command
      ->add_option("-o,--output", state->lowered.output,
                   "write the layers' precisions to this JSON file, for --precision of compile")
      ->check(CompileFlags::checkName);
  command->add_flag("--json", state->lowered.json, "print JSON");
  command->callback([state, &exitCode] {
    int code = driver::kDone;
    const int failed = guarded([&] { return state->run(code); });
    exitCode = failed ? failed : code;
  });
}

} // namespace smelt

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/OutputFile.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/Samples.h"
#include "tools/quantize/WeightRounding.h"
#include "tools/runner/File.h"
#include "tools/smelt/Commands.h"
#include "tools/smelt/CompileFlags.h"
#include "tools/smelt/LayerChoice.h"
#include "tools/smelt/PrecisionError.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <optional>

namespace smelt {

namespace {
struct CompileCommand {
  CompileFlags flags;
  std::string form = "shared";
  std::string saved; // a path for the layers' precisions
  bool timing = false, skipsError = false;

  llvm::Error run();

private:
  llvm::Error checkSaved() const;
  llvm::Error checkOutputs() const;
  llvm::Error roundWeights(LayerChoice &layers);
};
} // namespace

static constexpr std::pair<llvm::StringLiteral, driver::Emit> kForms[] = {
    {"shared", driver::Emit::Shared}, {"static", driver::Emit::Static}, {"object", driver::Emit::Object},
    {"mlir", driver::Emit::Mlir},     {"llvm", driver::Emit::Llvm},     {"asm", driver::Emit::Asm}};

static std::string formNames() {
  return llvm::join(llvm::map_range(kForms, [](const auto &form) { return form.first.str(); }), ", ");
}

static llvm::Expected<driver::Emit> parseForm(llvm::StringRef text) {
  for (const auto &[name, form] : kForms)
    if (name == text)
      return form;
  return driver::toolError(driver::kUsage, "--emit: no form '" + text + "'; there are " + formNames());
}

/// Nothing that is written may take the place of what is read, or of something else that is written.
llvm::Error CompileCommand::checkSaved() const {
  for (const std::string &other : {flags.options.model, flags.options.output, flags.options.report, flags.precision})
    if (!other.empty() && runner::isSameFile(saved, other))
      return driver::toolError(driver::kUsage, "--save-precisions " + saved +
                                                   ": is a file of this command already; choose another name");
  return llvm::Error::success();
}

/// A file that a text will be written to, made before work that would be for nothing; none without a name.
static llvm::Error create(const std::string &path, std::optional<artifact::OutputFile> &file) {
  if (path.empty())
    return llvm::Error::success();
  llvm::Expected<artifact::OutputFile> created = artifact::OutputFile::create(path);
  if (!created)
    return created.takeError();
  file.emplace(std::move(*created));
  return llvm::Error::success();
}

static llvm::Error commit(std::optional<artifact::OutputFile> &file, const std::string &text) {
  if (!file)
    return llvm::Error::success();
  file->stream() << text;
  return file->commit();
}

/// Whether the output can be written, which is known before the work that calibration is.
llvm::Error CompileCommand::checkOutputs() const {
  for (const std::string &path : driver::outputsOf(flags.options))
    if (path != "-")
      if (llvm::Error error = artifact::OutputFile::create(path).takeError())
        return error;
  return llvm::Error::success();
}

/// Weights of 4 bits are rounded as a file of layers says, else by data, where there is any.
llvm::Error CompileCommand::roundWeights(LayerChoice &layers) {
  driver::CompileOptions &options = flags.options;
  std::optional<quantize::WeightRounding> found = quantize::WeightRounding::of(layers.layers());
  if (!found && (options.precision != quantize::Precision::Int4Weights || flags.calibration.empty()))
    return llvm::Error::success();
  if (!found) {
    llvm::Expected<std::vector<std::string>> samples = quantize::samplesOf(flags.samples);
    if (!samples)
      return samples.takeError();
    llvm::Expected<quantize::WeightRounding> rounded = quantize::WeightRounding::find(options, *samples);
    if (!rounded)
      return rounded.takeError();
    if (llvm::Error error = warnOfSamples(flags))
      return error;
    layers.keepRounding(*rounded);
    found = std::move(*rounded);
  }
  options.afterLayout = [marks = options.afterLayout,
                         rounding = std::move(*found)](mlir::ModuleOp module) -> llvm::Error {
    if (marks)
      if (llvm::Error error = marks(module))
        return error;
    rounding.apply(module);
    return llvm::Error::success();
  };
  return llvm::Error::success();
}

/// "12 of 14 matrices and tables are in few bits; what stays is small, in batches, or not of finite numbers"
static std::string weightsInWords(const driver::CompileReport &report) {
  if (report.weightsForFewBits == 0)
    return "there is no constant matrix or table of f32, and nothing is in few bits";
  std::string text =
      std::to_string(report.weightsInFewBits) + " of " + std::to_string(report.weightsForFewBits) +
      (report.weightsForFewBits == 1 ? " matrix or table is in few bits" : " matrices and tables are in few bits");
  if (report.weightsInFewBits < report.weightsForFewBits)
    text += "; what stays is small, in batches, or not of finite numbers";
  return text;
}

llvm::Error CompileCommand::run() {
  driver::CompileOptions &options = flags.options;
  if (llvm::Error error = flags.parse())
    return error;
  llvm::Expected<driver::Emit> emit = parseForm(form);
  if (!emit)
    return emit.takeError();
  options.emit = *emit;
  std::optional<artifact::OutputFile> report, configuration;
  if (!saved.empty())
    if (llvm::Error error = checkSaved())
      return error;
  if (llvm::Error error = llvm::joinErrors(create(options.report, report), create(saved, configuration)))
    return error;
  if (options.precision != quantize::Precision::F32 || flags.configuration)
    if (llvm::Error error = checkOutputs())
      return error;
  driver::CompileReport result;
  LayerChoice layers;
  const bool isDynamic = options.precision == quantize::Precision::Int8Dynamic && !flags.calibration.empty();
  if (options.precision == quantize::Precision::Int8 || isDynamic || flags.configuration || configuration)
    if (llvm::Error error = layers.choose(flags))
      return error;
  const bool isOfIntegers =
      options.precision == quantize::Precision::Int8 || options.precision == quantize::Precision::Int8Dynamic;
  if (isOfIntegers && layers.layers().layers.empty())
    if (llvm::Error error = layers.explainNone(flags))
      return error;
  layers.applyTo(options);
  if (llvm::Error error = roundWeights(layers))
    return error;
  const std::string name = layers.isMixed() && flags.configuration ? flags.precision : nameOf(options.precision).str();
  if (options.precision != quantize::Precision::F32 && !skipsError) { // first: it may refuse the calibration
    llvm::Expected<driver::PrecisionReport> measured = measurePrecision(options, flags.samples);
    if (!measured)
      return measured.takeError();
    if (!flags.calibration.empty())
      measured->inputs = flags.calibration;
    result.precision = std::move(*measured);
  }
  if (llvm::Error error = driver::compile(options, result))
    return error;
  if (result.precision)
    llvm::errs() << "smelt: " << inWords(*result.precision, name) << "\n";
  if (options.precision == quantize::Precision::Int4Weights || options.precision == quantize::Precision::Int8Weights)
    llvm::errs() << "smelt: " << name << ": " << weightsInWords(result) << "\n";
  if (!layers.isMixed() && !layers.layers().whyNone.empty())
    llvm::errs() << "smelt: " << quantize::inWords(layers.layers()) << "\n";
  if (layers.isMixed()) {
    llvm::errs() << "smelt: " << quantize::inWords(layers.layers()) << "\n";
    result.layers.assign(layers.layers().layers.begin(), layers.layers().layers.end());
    llvm::append_range(result.layers, layers.layers().inParts);
    result.configuration = flags.configuration ? flags.precision : "";
  }
  if (timing)
    llvm::errs() << driver::timingTable(result);
  if (llvm::Error error = commit(configuration, fileOf(flags, layers.layers())))
    return error;
  return commit(report, driver::toJson(options, result));
}

void addCompileCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand("compile", "compile a model to native code");
  auto state = std::make_shared<CompileCommand>();
  state->flags.addTo(*command);
  command
      ->add_option("-o,--output", state->flags.options.output,
                   "what to write: the file, or for `static` the stem of PATH.a and PATH.h; the model's name in "
                   "this folder by default")
      ->check(CompileFlags::checkName);
  command->add_option("--emit", state->form, "form of the output: " + formNames())->capture_default_str();
  command
      ->add_option("--processor", state->flags.options.processor,
                   "beside --target vulkan or cuda: the processor of the machine that has the device, for what the "
                   "device does not do, by a name that --target has for it")
      ->default_str("native");
  command
      ->add_option("--report", state->flags.options.report,
                   "write sizes, counts of operators and times of stages to this JSON file")
      ->check(CompileFlags::checkName);
  command
      ->add_option("--save-precisions", state->saved,
                   "write what each layer is computed in, with its range, to this JSON file: --precision FILE compiles "
                   "the same again, without data")
      ->check(CompileFlags::checkName);
  command->add_flag("--skip-error", state->skipsError,
                    "do not measure how far outputs of a lower precision are from f32, which takes two compilations");
  command->add_flag("--timing", state->timing, "print the time of each stage on stderr");
  command->callback([state, &exitCode] { exitCode = guarded([&] { return state->run(); }); });
}

} // namespace smelt

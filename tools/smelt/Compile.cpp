// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/OutputFile.h"
#include "codegen/cpu/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/Calibrate.h"
#include "tools/quantize/Samples.h"
#include "tools/quantize/Sensitivity.h"
#include "tools/smelt/Commands.h"
#include "tools/smelt/CompileFlags.h"
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
  bool timing = false;

  llvm::Error run();

private:
  llvm::Error chooseLayers();

  quantize::Configuration layers_; // with int8
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

/// Finds what is computed in integers, and has compilations do so.
llvm::Error CompileCommand::chooseLayers() {
  llvm::Expected<std::vector<std::string>> samples = quantize::samplesOf(flags.calibration);
  if (!samples)
    return samples.takeError();
  llvm::Expected<std::vector<quantize::Configuration>> found =
      quantize::calibrate(flags.options, *samples, quantize::rangeMethodsOf(flags.method));
  if (!found)
    return found.takeError();
  std::optional<cpu::Target> target = cpu::findTarget(flags.options.target);
  const bool hasBf16 = target && target->dots & kernel::kBf16Dots;
  llvm::Expected<quantize::Configuration> chosen =
      quantize::chooseMixture({}, nameOf(hasBf16 ? quantize::Precision::BF16 : quantize::Precision::F32).str(),
                              flags.options, *samples, std::move(*found));
  if (!chosen)
    return chosen.takeError();
  layers_ = std::move(*chosen);
  flags.options.afterLayout = [this](mlir::ModuleOp module) { return quantize::mark(module, layers_); };
  return llvm::Error::success();
}

llvm::Error CompileCommand::run() {
  driver::CompileOptions &options = flags.options;
  if (llvm::Error error = flags.parse())
    return error;
  llvm::Expected<driver::Emit> emit = parseForm(form);
  if (!emit)
    return emit.takeError();
  options.emit = *emit;
  std::optional<artifact::OutputFile> report; // before the work that would be for nothing
  if (!options.report.empty()) {
    llvm::Expected<artifact::OutputFile> file = artifact::OutputFile::create(options.report);
    if (!file)
      return file.takeError();
    report.emplace(std::move(*file));
  }
  driver::CompileReport result;
  if (options.precision == quantize::Precision::Int8)
    if (llvm::Error error = chooseLayers())
      return error;
  if (options.precision != quantize::Precision::F32) { // first: it may refuse the calibration
    llvm::Expected<driver::PrecisionReport> measured = measurePrecision(options, flags.calibration);
    if (!measured)
      return measured.takeError();
    result.precision = std::move(*measured);
  }
  if (llvm::Error error = driver::compile(options, result))
    return error;
  if (result.precision)
    llvm::errs() << "smelt: " << inWords(*result.precision, options.precision) << "\n";
  if (options.precision == quantize::Precision::Int8) {
    llvm::errs() << "smelt: " << quantize::inWords(layers_) << "\n";
    result.layers.assign(layers_.layers.begin(), layers_.layers.end());
  }
  if (timing)
    llvm::errs() << driver::timingTable(result);
  if (!report)
    return llvm::Error::success();
  report->stream() << driver::toJson(options, result);
  return report->commit();
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
      ->add_option("--report", state->flags.options.report,
                   "write sizes, counts of operators and times of stages to this JSON file")
      ->check(CompileFlags::checkName);
  command->add_flag("--timing", state->timing, "print the time of each stage on stderr");
  command->callback([state, &exitCode] { exitCode = guarded([&] { return state->run(); }); });
}

} // namespace smelt

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/OutputFile.h"
#include "tools/driver/Errors.h"
#include "tools/smelt/Commands.h"
#include "tools/smelt/CompileFlags.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>

namespace smelt {

namespace {
struct CompileCommand {
  CompileFlags flags;
  std::string report;
  bool timing = false;

  llvm::Error run();
};
} // namespace

static const std::map<std::string, driver::Emit> kForms = {
    {"shared", driver::Emit::Shared}, {"static", driver::Emit::Static}, {"object", driver::Emit::Object},
    {"mlir", driver::Emit::Mlir},     {"llvm", driver::Emit::Llvm},     {"asm", driver::Emit::Asm}};

llvm::Error CompileCommand::run() {
  if (llvm::Error error = flags.parse())
    return error;
  driver::CompileReport result;
  if (llvm::Error error = driver::compile(flags.options, result))
    return error;
  if (timing)
    llvm::errs() << driver::timingTable(result);
  if (!report.empty())
    return artifact::writeTextFile(report, driver::toJson(flags.options, result));
  return llvm::Error::success();
}

void addCompileCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand("compile", "compile a model to native code");
  auto state = std::make_shared<CompileCommand>();
  state->flags.addTo(*command);
  command->add_option("-o,--output", state->flags.options.output,
                      "what to write: the file, or for `static` the stem of PATH.a and PATH.h; the model's name in "
                      "this folder by default");
  command
      ->add_option("--emit", state->flags.options.emit, "form of the output: shared, static, object, mlir, llvm, asm")
      ->transform(CLI::CheckedTransformer(kForms))
      ->type_name("FORM");
  command->add_option("--report", state->report,
                      "write sizes, counts of operators and times of stages to this JSON file");
  command->add_flag("--timing", state->timing, "print the time of each stage on stderr");
  command->callback([state, &exitCode] { exitCode = guarded([&] { return state->run(); }); });
}

} // namespace smelt

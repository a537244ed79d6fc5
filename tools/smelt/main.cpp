// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "tools/smelt/Commands.h"
#include <CLI/CLI.hpp>
#include <cerrno>
#include <iostream>

static std::vector<const CLI::App *> commandsOf(const CLI::App &app) {
  return app.get_subcommands([](const CLI::App *) { return true; });
}

/// The command that the user asked for; null where there is none of this name.
static const CLI::App *commandOf(const CLI::App &app, int argc, char **argv) {
  for (const CLI::App *command : commandsOf(app))
    if (argc > 1 && command->get_name() == argv[1])
      return command;
  return nullptr;
}

/// Complains about a command that is unknown; CLI11 would only say that one is missing.
static void checkCommand(const CLI::App &app, int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-' || commandOf(app, argc, argv))
    return;
  std::string names;
  for (const CLI::App *command : commandsOf(app))
    if (!command->get_group().empty()) // else it is for other programs
      names += (names.empty() ? "" : ", ") + command->get_name();
  throw CLI::ExtrasError("no command " + smelt::runner::quoted(argv[1]) + "; there are " + names,
                         CLI::ExitCodes::ExtrasError);
}

int main(int argc, char **argv) {
  smelt::driver::installCrashHandlers();
  CLI::App app("Smelt compiles trained models to native code for the device they will run on.", "smelt");
  app.require_subcommand(1);
  app.set_version_flag("--version", "smelt " SMELT_VERSION);
  int exitCode = smelt::driver::kDone;
  smelt::addCompileCommand(app, exitCode);
  app.add_subcommand("run", "run an artefact on inputs from a .npz file"); // this, bench and profile: see Launcher.cpp
  app.add_subcommand("bench", "measure the latency of an artefact and its layers");
  smelt::addInspectCommand(app, exitCode);
  smelt::addCompareCommand(app, exitCode);
  smelt::addPrepareImagesCommand(app, exitCode);
  app.add_subcommand("profile", "size, latency and accuracy over precisions and targets, and which are worth having");
  try {
    checkCommand(app, argc, argv);
    app.parse(argc, argv);
  } catch (const CLI::Success &help) {
    const int code = app.exit(help);
    if (std::cout.flush())
      return code;
    if (errno != EPIPE) // else nobody wants to read more
      std::cerr << "smelt: error: standard output cannot be written\n";
    return smelt::driver::kEnvironment;
  } catch (const CLI::ParseError &error) {
    const CLI::App *command = commandOf(app, argc, argv);
    std::cerr << "smelt: error: " << error.what() << "; see smelt " << (command ? command->get_name() + " " : "")
              << "--help\n";
    return smelt::driver::kUsage;
  }
  return exitCode;
}

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Errors.h"
#include "tools/smelt/Commands.h"
#include <CLI/CLI.hpp>
#include <iostream>

int main(int argc, char **argv) {
  smelt::driver::installCrashHandlers();
  CLI::App app("Smelt compiles trained models to native code for the device they will run on.", "smelt");
  app.require_subcommand(1);
  int exitCode = smelt::driver::kDone;
  smelt::addCompileCommand(app, exitCode);
  app.add_subcommand("run", "run an artefact on inputs from a .npz file"); // this and bench: see Launcher.cpp
  app.add_subcommand("bench", "measure the latency of an artefact and its layers");
  smelt::addInspectCommand(app, exitCode);
  smelt::addCompareCommand(app, exitCode);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &help) {
    const int code = app.exit(help);
    if (std::cout.flush())
      return code;
    std::cerr << "smelt: error: standard output cannot be written\n";
    return smelt::driver::kEnvironment;
  } catch (const CLI::ParseError &error) {
    std::cerr << "smelt: error: " << error.what() << "; see smelt --help\n";
    return smelt::driver::kUsage;
  }
  return exitCode;
}

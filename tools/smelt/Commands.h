// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_COMMANDS_H
#define SMELT_TOOLS_SMELT_COMMANDS_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <CLI/App.hpp>

namespace smelt {

/// Each adds a subcommand that stores its exit code when it runs.
void addCompareCommand(CLI::App &app, int &exitCode);
void addCompileCommand(CLI::App &app, int &exitCode);
void addInspectCommand(CLI::App &app, int &exitCode);
void addPrepareImagesCommand(CLI::App &app, int &exitCode);

/// Runs a command, prints the error that it returns or throws as a runner::Error, and returns the exit code.
int guarded(llvm::function_ref<llvm::Error()> run);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_COMMANDS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_COMMANDS_H
#define SMELT_TOOLS_SMELT_COMMANDS_H

#include <CLI/App.hpp>

namespace smelt {

/// Each adds a subcommand that stores its exit code when it runs.
void addCompileCommand(CLI::App &app, int &exitCode);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_COMMANDS_H

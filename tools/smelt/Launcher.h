// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_LAUNCHER_H
#define SMELT_TOOLS_SMELT_LAUNCHER_H

#include <string>
#include <vector>

namespace smelt {

/// Commands of `smelt` that need no compiler. Each takes what follows its name and returns the exit code, or throws a
/// runner::Error.
int runCommand(const std::vector<std::string> &arguments);
int benchCommand(const std::vector<std::string> &arguments);
/// Becomes Python, which has this command.
int profileCommand(const std::vector<std::string> &arguments);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_LAUNCHER_H

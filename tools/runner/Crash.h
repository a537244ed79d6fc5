// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_CRASH_H
#define SMELT_TOOLS_RUNNER_CRASH_H

namespace smelt::runner {

/// From here on a signal that would end the process (a crash, an abort) ends it with `message` on stderr and the exit
/// code of a defect, and a full pipe or file is an error of writing, not a signal. `message` must live as long as the
/// process.
void installCrashHandler(const char *message);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_CRASH_H

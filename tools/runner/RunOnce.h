// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A single run that holds no memory longer than it must.

#ifndef SMELT_TOOLS_RUNNER_RUNONCE_H
#define SMELT_TOOLS_RUNNER_RUNONCE_H

#include "tools/runner/Buffers.h"

namespace smelt::runner {

/// Runs, and gives the pages of each input and of each weight back to the system once the last step that reads them is
/// done. The inputs' content is lost; weights come back from the artefact's file when they are read again.
void runOnce(Instance &instance, Buffers &buffers);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_RUNONCE_H

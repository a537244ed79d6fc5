// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_STATES_H
#define SMELT_TOOLS_DRIVER_STATES_H

#include "tools/driver/Compile.h"

namespace smelt::driver {

/// Marks the inputs and outputs of an imported model that options.states says are fed back. Fails with a ToolError
/// where there are no such, or where an output does not fit its input.
llvm::Error keepStates(mlir::ModuleOp module, const CompileOptions &options);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_STATES_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_CHECK_H
#define SMELT_TOOLS_DRIVER_CHECK_H

#include "codegen/artifact/Artifact.h"
#include "codegen/cpu/Target.h"
#include "frontends/common/Import.h"
#include "llvm/Support/Error.h"

namespace smelt::driver {

/// The most bytes that an artefact's arena, or its weights, may take; more is refused as unsupported.
constexpr uint64_t kMostArtifactBytes = uint64_t(1) << 34;

/// The nodes of an imported module that a compilation for `target` would refuse: all stages up to kernels as loops,
/// without the machine code, which no node fails in. Changes the module.
std::vector<frontend::UnsupportedNode> findUnsupported(mlir::ModuleOp module, const cpu::Target &target);

/// Fails with Unsupported where an artefact would be too large, and names the step that its largest buffer is for.
llvm::Error checkSizes(const artifact::Model &model);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_CHECK_H

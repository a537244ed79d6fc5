// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_FROMPLAN_H
#define SMELT_CODEGEN_ARTIFACT_FROMPLAN_H

#include "codegen/artifact/Artifact.h"
#include "dialects/Graph/HostTensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace smelt::artifact {

/// A model and what keeps the bytes of its weights alive.
struct PlannedModel {
  Model model;
  std::vector<graph::HostTensor> weights;
  uint64_t liveBytes = 0; // the lower bound of the arena
};

/// Of a kernel that a device computes: which of the program's it is.
constexpr llvm::StringLiteral kDeviceKernel = "kernel.device";
/// Of such a kernel that the processor never computes; else it does where sizes turn out to be too large for the
/// device, which the other attribute, extents of the kernel's sizes, has the runtime find out: how many invocations
/// there are, how many steps of loops each takes, and the bytes of each buffer.
constexpr llvm::StringLiteral kDeviceAlone = "kernel.device_alone", kDeviceMeasures = "kernel.device_measures";

/// The descriptor of a module that holds one kernel.plan and its kernels as functions with the attribute kernel.tiles.
/// Name, target and CPU features are the caller's to set. Fails with a WriteError where the plan is wrong.
llvm::Expected<PlannedModel> fromPlan(mlir::ModuleOp module);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_FROMPLAN_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_COPIES_H
#define SMELT_CODEGEN_GPU_COPIES_H

#include "mlir/IR/BuiltinOps.h"

namespace smelt::gpu {

/// What device and processor hand one another in a run, inputs and outputs included.
struct Copies {
  uint64_t count = 0;
  uint64_t bytes = 0;
};

/// Of the plan of a module whose kernels are marked as a device's or not (artifact::kDeviceKernel). Weights are there
/// from the start. Where both see the same memory nothing is copied, and each of these is a wait.
Copies countCopies(mlir::ModuleOp module);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_COPIES_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_COMPILEKERNELS_H
#define SMELT_CODEGEN_GPU_COMPILEKERNELS_H

#include "codegen/artifact/Artifact.h"
#include "codegen/gpu/Profile.h"
#include "dialects/Graph/Extent.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace smelt::gpu {

/// A kernel that a device lacks, and why.
struct LeftOut {
  std::string kernel;
  std::string why;
};

/// Which kernels a device computes, and the part of an artefact that they become: one of the two.
struct DeviceKernels {
  std::vector<std::string> names; // in the program's order
  std::vector<LeftOut> leftOut;
  llvm::StringMap<graph::Extents> measures; // of those whose sizes only the run knows: artifact::kDeviceMeasures
  std::optional<artifact::DeviceProgram> vulkan;
  std::optional<artifact::CudaProgram> cuda;
};

/// Compiles what has code for devices of the kernel.func's of a module, one by one, in the module's order; the module
/// stays as it is. The others are the processor's. Fails where this LLVM has no backend for the device.
llvm::Expected<DeviceKernels> compileKernels(mlir::ModuleOp module, const Profile &profile);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_COMPILEKERNELS_H

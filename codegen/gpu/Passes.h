// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_PASSES_H
#define SMELT_CODEGEN_GPU_PASSES_H

#include "codegen/gpu/Profile.h"
#include <memory>

namespace mlir {
class Pass;
class OpPassManager;
} // namespace mlir

namespace smelt::gpu {

/// kernel.func → func.func @k(%buffer0: memref<?>, …, %invocation: index) attributes {gpu.invocations = N}, one
/// invocation's work. Fails where a kernel has no code for devices.
std::unique_ptr<mlir::Pass> createEmitDeviceKernelsPass(const Profile &profile);
/// Numbers of 8 and 16 bits, and integers of 64 where the profile lacks them → words of 32. Fails where one has no
/// expansion.
std::unique_ptr<mlir::Pass> createUseWordsPass(const Profile &profile);
/// Marks loads and stores of four neighbours that begin at a multiple of four elements of their buffer: gpu.aligned.
std::unique_ptr<mlir::Pass> createMarkAlignedPass();
/// The capability legaliser: fails, with an error that says what, where a kernel needs what the profile lacks.
std::unique_ptr<mlir::Pass> createCheckCapabilitiesPass(const Profile &profile);
/// These functions → spirv.module, each buffer as the bindings of Bindings.h.
std::unique_ptr<mlir::Pass> createConvertToSpirvPass(const Profile &profile);
/// Of a spirv.module: capabilities for narrow elements in memory alone, where nothing computes with them.
std::unique_ptr<mlir::Pass> createKeepToStoragePass();
/// These functions, their loops and conditions as branches already → the LLVM dialect, kernels of CUDA that take the
/// address of each buffer.
std::unique_ptr<mlir::Pass> createConvertToNvvmPass(const Profile &profile);

/// All of these, from kernel.func on, that the profile's API takes.
void buildDevicePipeline(mlir::OpPassManager &manager, const Profile &profile);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_PASSES_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_PTX_H
#define SMELT_CODEGEN_GPU_PTX_H

#include "codegen/gpu/Profile.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace smelt::gpu {

/// What an assembly of PTX begins with, once, and what each kernel adds to it.
struct Ptx {
  std::string head; // .version, .target, .address_size
  std::string body;
};

/// Fails where this LLVM has no backend for PTX.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makePtxMachine(const Profile &profile);

/// Assembly of a module of the LLVM dialect that convert-to-nvvm made. Fails where it calls what no device has.
llvm::Expected<Ptx> emitPtx(mlir::ModuleOp module, llvm::TargetMachine &machine);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_PTX_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_LOWER_H
#define SMELT_CODEGEN_CPU_LOWER_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace smelt::cpu {

/// Of a function that has scratch memory for its last buffer: how many bytes, as text.
constexpr char kScratchAttribute[] = "smelt-scratch";

/// What translateKernels needs of a context.
void registerTranslations(mlir::DialectRegistry &registry);

/// The kernels of a module that buildCpuPipeline has lowered, as LLVM IR optimised for `machine`. Each kernel is a
/// function void NAME(ptr operands, i64 first_tile, i64 last_tile), as smelt_kernel.
llvm::Expected<std::unique_ptr<llvm::Module>> translateKernels(mlir::ModuleOp module, llvm::LLVMContext &context,
                                                               llvm::TargetMachine &machine);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_LOWER_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_PASSES_H
#define SMELT_CODEGEN_CPU_PASSES_H

#include "dialects/Kernel/Machine.h"
#include "llvm/ADT/StringRef.h"
#include <memory>

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace smelt::cpu {

/// kernel.func → func.func of loops and vectors; what has no code for its element types is an error at its source node
/// that names the target.
std::unique_ptr<mlir::Pass> createEmitKernelsPass(const kernel::Machine &machine, llvm::StringRef target);

/// Functions of the math dialect → arithmetic; leaves what has an instruction.
std::unique_ptr<mlir::Pass> createExpandMathPass(const kernel::Machine &machine = {});

/// emit-kernels, then everything down to the LLVM dialect.
void buildCpuPipeline(mlir::OpPassManager &manager, const kernel::Machine &machine, llvm::StringRef target);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_PASSES_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_LOOPSTEPS_H
#define SMELT_CODEGEN_GPU_LOOPSTEPS_H

#include "dialects/Graph/Extent.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace smelt::gpu {

/// How many steps of loops an invocation of a function takes at most, as an extent of its sizes; nothing where no such
/// is seen.
std::optional<graph::Extent> loopSteps(mlir::func::FuncOp function);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_LOOPSTEPS_H

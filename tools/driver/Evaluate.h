// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_EVALUATE_H
#define SMELT_TOOLS_DRIVER_EVALUATE_H

#include "dialects/Graph/HostTensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace smelt::driver {

/// Called after each op with its results.
using AfterOp = llvm::function_ref<void(mlir::Operation *op, llvm::ArrayRef<graph::HostTensor> results)>;

/// What an imported module computes, by the slow reference evaluation of each of its ops: its outputs, in order. Values
/// are dropped after their last use. Fails with a ToolError that names the node which has no evaluation.
llvm::Expected<std::vector<graph::HostTensor>> evaluate(mlir::ModuleOp module, llvm::ArrayRef<graph::HostTensor> inputs,
                                                        AfterOp afterOp);

/// Multiply-adds of one op: those of products of matrices and of convolutions; 0 for others, nothing where they
/// depend on symbolic dims.
std::optional<int64_t> multiplyAdds(mlir::Operation *op);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_EVALUATE_H

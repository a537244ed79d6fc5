// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_UNUSED_H
#define SMELT_FRONTENDS_COMMON_UNUSED_H

#include "mlir/IR/BuiltinOps.h"

namespace smelt::frontend {

/// Erases what an imported model doesn't use: ops, the weights of ops that were folded included, symbols that no type
/// and no attribute mentions, and functions that nothing names. A function stands before those that name it.
void eraseUnused(mlir::ModuleOp module);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_UNUSED_H

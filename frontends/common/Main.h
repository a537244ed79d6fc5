// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_MAIN_H
#define SMELT_FRONTENDS_COMMON_MAIN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>
#include <utility>

namespace smelt::frontend {

/// The outputs of a model by name, in their order.
using Results = std::vector<std::pair<std::string, mlir::Value>>;

/// Ends a model's main function, whose arguments and ops are there: returns the results, names them, and erases what
/// nothing uses. States are among the results; refuses a model without any.
void finishMain(mlir::func::FuncOp main, const Results &results, mlir::OpBuilder &builder);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_MAIN_H

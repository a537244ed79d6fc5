// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands that are lists of numbers: shapes, axes, sizes. `what` begins the message of a refusal, "input 1".

#ifndef SMELT_FRONTENDS_COMMON_LISTS_H
#define SMELT_FRONTENDS_COMMON_LISTS_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// What an operand holds that has to be known now.
graph::HostTensor constantOperand(mlir::Value value, const llvm::Twine &what);
/// The same of integers, in row-major order.
llvm::SmallVector<int64_t> integersOperand(mlir::Value value, const llvm::Twine &what);
/// A list, or one, of integers that may be symbolic, or what the run finds.
graph::Extents extentsOperand(GraphBuilder &builder, mlir::Value value, GraphBuilder::Sign sign,
                              const llvm::Twine &what);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_LISTS_H

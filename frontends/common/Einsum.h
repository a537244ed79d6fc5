// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_EINSUM_H
#define SMELT_FRONTENDS_COMMON_EINSUM_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// NumPy's einsum of one or more operands of one element type. Refuses an equation that does not fit them.
mlir::Value einsum(GraphBuilder &builder, llvm::StringRef equation, llvm::ArrayRef<mlir::Value> operands);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_EINSUM_H

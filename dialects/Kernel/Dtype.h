// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_KERNEL_DTYPE_H
#define SMELT_DIALECTS_KERNEL_DTYPE_H

#include "mlir/IR/Types.h"
#include <optional>

namespace smelt::kernel {

/// The smelt_dtype of an element type; nothing where the runtime has none.
std::optional<uint32_t> dtypeOf(mlir::Type type);

} // namespace smelt::kernel

#endif // SMELT_DIALECTS_KERNEL_DTYPE_H

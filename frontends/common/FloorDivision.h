// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_FLOORDIVISION_H
#define SMELT_FRONTENDS_COMMON_FLOORDIVISION_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// Integers of one type, divided and rounded down.
mlir::Value floorQuotient(GraphBuilder &builder, mlir::Value lhs, mlir::Value rhs);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_FLOORDIVISION_H

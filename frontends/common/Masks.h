// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What attention may not look at.

#ifndef SMELT_FRONTENDS_COMMON_MASKS_H
#define SMELT_FRONTENDS_COMMON_MASKS_H

#include "frontends/common/GraphBuilder.h"
#include <cmath>

namespace smelt::frontend {

/// 0 where allowed, else `other`; of the elements of `like`.
mlir::Value biasWhere(GraphBuilder &builder, mlir::Value allowed, mlir::Value like, double other = -HUGE_VAL);

/// `weights`, but 0 where all of a row of `bias` along an axis is -∞: for a query that may attend to no key.
mlir::Value withoutMaskedRows(GraphBuilder &builder, mlir::Value weights, mlir::Value bias, int64_t axis);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_MASKS_H

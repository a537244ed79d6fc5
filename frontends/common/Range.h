// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers at equal distances.

#ifndef SMELT_FRONTENDS_COMMON_RANGE_H
#define SMELT_FRONTENDS_COMMON_RANGE_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// start, start + delta, … up to `limit`, exclusive: scalars of one type, each constant or what the run finds. Refuses
/// a range without end; the run fails on one.
mlir::Value range(GraphBuilder &builder, mlir::Value start, mlir::Value limit, mlir::Value delta);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_RANGE_H

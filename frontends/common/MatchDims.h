// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_MATCHDIMS_H
#define SMELT_FRONTENDS_COMMON_MATCHDIMS_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// Makes the dims of one origin of two values that are to broadcast equal: that one of them is 1 would be an accident.
void matchDims(GraphBuilder &builder, mlir::Value &a, mlir::Value &b);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_MATCHDIMS_H

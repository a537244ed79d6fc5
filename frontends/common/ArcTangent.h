// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The angle of a point.

#ifndef SMELT_FRONTENDS_COMMON_ARCTANGENT_H
#define SMELT_FRONTENDS_COMMON_ARCTANGENT_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// atan2(y, x) in [-π, π], of floats, elementwise with broadcasting; zeros with a sign and infinities as ISO C,
/// F.10.1.4.
mlir::Value arcTangent(GraphBuilder &builder, mlir::Value y, mlir::Value x);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_ARCTANGENT_H

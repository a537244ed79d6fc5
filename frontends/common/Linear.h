// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear quantisation, real = (integer - zero point) · scale, on plain integers and floats: passes/quantize knows what
// is written so.

#ifndef SMELT_FRONTENDS_COMMON_LINEAR_H
#define SMELT_FRONTENDS_COMMON_LINEAR_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// rounded + zero point as the nearest number of a type of integers of up to 16 bits; a zero point of null is 0.
/// Refuses other types.
mlir::Value saturate(GraphBuilder &builder, mlir::Value rounded, mlir::Value zeroPoint, mlir::Type to);

/// What constants are dequantised to, f32: as the ops say, but of all weights of a model, and so in a loop. `scale` is
/// one number, or one for each place along `axis`; `zeroPoint` may be null. Nothing for other types and forms, and for
/// what is no constant.
std::optional<graph::HostTensor> dequantisedConstant(mlir::Value x, mlir::Value scale, mlir::Value zeroPoint,
                                                     int64_t axis);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_LINEAR_H

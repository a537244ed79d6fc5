// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_DEPTHWISEDOTS_H
#define SMELT_CODEGEN_CPU_DEPTHWISEDOTS_H

#include "codegen/cpu/Emitters.h"

namespace smelt::cpu {

/// Whether emitRowByDots computes this depthwise convolution, `lanes` channels at a time.
bool isDepthwiseOfDots(graph::ConvOp conv, const kernel::Machine &machine, unsigned lanes);
/// One row of the result for channels [channel, channel + lanes): `outer` indexes all dims but the last spatial one and
/// the channels.
llvm::LogicalResult emitRowByDots(Body &body, graph::ConvOp root, const kernel::Machine &machine,
                                  mlir::ValueRange outer, mlir::Value channel, unsigned lanes);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_DEPTHWISEDOTS_H

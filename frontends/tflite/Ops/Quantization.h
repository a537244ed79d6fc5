// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPS_QUANTIZATION_H
#define SMELT_FRONTENDS_TFLITE_OPS_QUANTIZATION_H

#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

/// Floats as the integers of a type that stand for the nearest numbers. Refuses what is quantised along an axis.
Value quantised(GraphBuilder &builder, Value real, const Quantisation &how, mlir::Type to);

/// What integers stand for, f32. Of constants, it is computed now.
Value dequantised(Importer &importer, Value integers, const Quantisation &how);

/// One number, or one for each place along the axis, so that it broadcasts to a tensor of a rank.
Value spreadScales(GraphBuilder &builder, llvm::ArrayRef<float> scales, int64_t axis, int64_t rank);

/// x - zero point, i32.
Value centred(GraphBuilder &builder, Value integers, const Quantisation &how);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPS_QUANTIZATION_H

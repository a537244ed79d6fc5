// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_QUANTIZATION_H
#define SMELT_FRONTENDS_ONNX_OPS_QUANTIZATION_H

#include "frontends/common/Linear.h"
#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

/// A scale or zero point so that it broadcasts to `x`: one for all, one for each place along `axis`, or one for each
/// block of `block` places.
Value spread(NodeReader &node, Value parameter, Value x, int64_t axis, int64_t block);

/// One number in place of a list of one.
inline Value scalarOrList(GraphBuilder &b, Value value) { return isSingle(value) ? b.reshape(value, {}) : value; }

/// x - zero point as i32, of floats of 8 bits as f32; the zero point is a scalar, or a list along `axis` counted from
/// the end.
Value centred(NodeReader &node, unsigned index, unsigned zeroPointIndex, int64_t axisFromEnd,
              unsigned elements = AnyInteger);

/// Floats as ui8, with the scale and zero point that their range asks for.
Values quantisedByRange(NodeReader &node, Value x);

/// Numbers of `bits` that share bytes, the lowest bits first: ui8 [..., n] → [..., n · 8 / bits]
Value unpacked(GraphBuilder &b, Value bytes, int64_t bits);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_QUANTIZATION_H

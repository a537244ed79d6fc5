// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_ATTENTION_H
#define SMELT_FRONTENDS_ONNX_OPS_ATTENTION_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

/// [b, s, heads · size] → [b, heads, s, size]
Value splitHeads(GraphBuilder &b, Value value, int64_t heads);
/// And back.
Value joinHeads(GraphBuilder &b, Value value);

/// x [b, heads, s, size] with the first 2 · half elements of each position turned by angles whose cosines and sines are
/// [b or 1, 1, s, half]; pairs are neighbours where `interleaved`, else halves of what is turned.
Value rotated(GraphBuilder &b, Value x, Value cosine, Value sine, bool interleaved);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_ATTENTION_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_POOLING_H
#define SMELT_FRONTENDS_ONNX_OPS_POOLING_H

#include "frontends/onnx/Ops/Windows.h"

namespace smelt::frontend::onnx {

/// A pool of `x`, channels first, with the windows that the node's attributes give.
Value pool(NodeReader &node, Value x, graph::PoolKind kind, bool countPadding, int64_t p);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_POOLING_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_SELECTION_H
#define SMELT_FRONTENDS_ONNX_OPS_SELECTION_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

/// The places where a list of i1 holds, in their order: i64, as many as the run finds.
Value placesOf(GraphBuilder &builder, Value isChosen);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_SELECTION_H

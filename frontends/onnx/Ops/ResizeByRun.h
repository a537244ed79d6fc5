// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_RESIZEBYRUN_H
#define SMELT_FRONTENDS_ONNX_OPS_RESIZEBYRUN_H

#include "frontends/onnx/Ops/ResizeWeights.h"

namespace smelt::frontend::onnx {

/// One dim that is resized by numbers which the run finds, all f32 of rank 0.
struct RunResizedDim {
  int64_t dim;
  graph::Extent to;
  Value scale;      // null where it is to / from
  Value start, end; // of the region, where Resizing::crops
};

/// Resizes dim after dim: neighbours are gathered at places that elementwise ops compute, and added up by their
/// weights.
Value resizeByRun(NodeReader &node, Value x, llvm::ArrayRef<RunResizedDim> dims, const Resizing &how);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_RESIZEBYRUN_H

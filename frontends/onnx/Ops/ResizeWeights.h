// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_RESIZEWEIGHTS_H
#define SMELT_FRONTENDS_ONNX_OPS_RESIZEWEIGHTS_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

/// What a Resize says, whatever its version. `crops` is tf_crop_and_resize: coordinates are those of `roi`, [start,
/// end] of each dim, and what lies outside the input is `extrapolation`.
struct Resizing {
  graph::ResizeMode mode = graph::ResizeMode::Nearest;
  graph::ResizeCoordinates coordinates = graph::ResizeCoordinates::Asymmetric;
  graph::NearestMode nearest = graph::NearestMode::Floor;
  double cubic = -0.75;
  bool excludeOutside = false, antialias = false, crops = false;
  double extrapolation = 0;
  llvm::SmallVector<std::pair<double, double>> roi;
};

/// Rounded, and limited to what an integer type holds.
Value fromFloats(GraphBuilder &builder, Value x, mlir::Type element, bool rounds);

/// Resizes dim after dim, by weights that are known here: each result is a sum of neighbours. For what graph.resize
/// does not do: windows that widen as the result shrinks (antialias), and regions of interest.
Value resizeByWeights(NodeReader &node, Value x, llvm::ArrayRef<double> scales, llvm::ArrayRef<graph::Extent> shape,
                      const Resizing &how);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_RESIZEWEIGHTS_H

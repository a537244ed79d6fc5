// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_WINDOWS_H
#define SMELT_FRONTENDS_ONNX_OPS_WINDOWS_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

enum class AutoPad { NotSet, SameUpper, SameLower, Valid };

/// What convolutions and pools say of their windows, one value a spatial dim.
struct Windows {
  Integers kernel, strides, dilations, low, high;
  AutoPad autoPad = AutoPad::NotSet;

  size_t dims() const { return kernel.size(); }
  /// Elements from the first to the last of a window.
  int64_t reach(size_t dim) const { return checkedAdd(checkedMul(kernel[dim] - 1, dilations[dim]), 1); }
};

/// Reads strides, dilations, pads and auto_pad of a node whose kernel is known, and checks them. `low` and `high` are
/// those of `pads`; with auto_pad they are zeros.
Windows readWindows(NodeReader &node, Integers kernel);

/// The padding that auto_pad asks for an input of these spatial dims, which only the run may know.
struct AutoPadding {
  graph::Extents low, high;

  /// Puts them into `windows` where all are numbers.
  bool resolve(Windows &windows) const;
};
AutoPadding autoPadding(const Windows &windows, llvm::ArrayRef<graph::Extent> spatial);

/// The spatial dims of an input that convolutions and pools take.
inline graph::Extents spatialExtents(Value input) { return graph::Extents(llvm::drop_begin(extentsOf(input), 2)); }

/// [n, c, s…] with a number of rank 0 around the spatial dims.
Value padded(GraphBuilder &builder, Value input, llvm::ArrayRef<graph::Extent> low, llvm::ArrayRef<graph::Extent> high,
             Value number);

/// The spatial dims of a convolution's filter, which kernel_shape may repeat, or alone say: then the filter has them.
Integers kernelOf(NodeReader &node, Value input, Value &filter);

/// `group` of a convolution whose filter is [channels, channels of a group, …]; the run checks that the input has as
/// many channels, where only it knows.
int64_t groupsOf(NodeReader &node, Value &input, Value filter);

/// The convolution that a node's attributes ask for, of operands of one element type.
Value convolve(NodeReader &node, Value input, Value filter);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_WINDOWS_H

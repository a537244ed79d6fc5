// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Activations.h"
#include "frontends/onnx/Ops/Windows.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

/// Adds a bias of one value a channel, [c] as [c, 1, …].
static Value addBias(NodeReader &node, Value result, unsigned index) {
  Value bias = node.optionalInput(index, Numbers);
  if (!bias)
    return result;
  int64_t channels = shapeOf(result)[1];
  if (shapeOf(bias) != ArrayRef<int64_t>(channels))
    malformed("needs a bias of " + Twine(channels) + " elements, not " + inWords(shapeOf(bias)));
  SmallVector<int64_t> shape(rankOf(result) - 1, 1);
  shape.front() = channels;
  return node.builder().make<graph::AddOp>(result, node.builder().reshape(bias, shape));
}

/// The convolution of inputs 0 and 1, with the bias.
static Value convolution(NodeReader &node) {
  Value input = node.input(0, Floats), filter = node.input(1, Floats);
  Windows windows = readWindows(node, kernelOf(node, input, filter));
  resolveAutoPad(windows, shapeOf(input).drop_front(2));
  int64_t groups = groupsOf(node, input, filter);
  Value result = node.builder().make<graph::ConvOp>(input, filter, windows.strides, windows.dilations, windows.low,
                                                    windows.high, groups);
  return addBias(node, result, 2);
}

// Conv                                                                                      ONNX Conv, versions 1–22
static Values conv(NodeReader &node) { return {convolution(node)}; }

// FusedConv: activation(conv(X, W) + B + Z)
static Values fusedConv(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value result = convolution(node), other = node.optionalInput(3, Floats);
  if (other && shapeOf(other) != shapeOf(result))
    malformed("adds a Z of dims " + inWords(shapeOf(other)) + " to " + inWords(shapeOf(result)));
  if (other)
    result = b.make<graph::AddOp>(result, other);
  auto parameters = node.numbers("activation_params").value_or(SmallVector<double>());
  return {activated(b, result, node.text("activation", ""), parameters)};
}

/// The padding that makes a transposed convolution's result have given spatial dims: total = full extent - wanted. What
/// would have to be added instead is output padding.
static void padToShape(Windows &windows, Integers &outputPadding, ArrayRef<int64_t> spatial, ArrayRef<int64_t> wanted) {
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    if (spatial[dim] < 1 || wanted[dim] < 1)
      malformed("cannot make dims " + inWords(wanted) + " of " + inWords(spatial));
    int64_t full = checkedAdd(checkedMul(spatial[dim] - 1, windows.strides[dim]), windows.reach(dim));
    int64_t total = checkedSub(checkedAdd(full, outputPadding[dim]), wanted[dim]);
    if (total < 0) {
      outputPadding[dim] = checkedSub(outputPadding[dim], total);
      total = 0;
    }
    int64_t smaller = total / 2;
    windows.low[dim] = windows.autoPad == AutoPad::SameUpper ? smaller : total - smaller;
    windows.high[dim] = total - windows.low[dim];
  }
}

// ConvTranspose                                                                    ONNX ConvTranspose, versions 1–22
static Values convTranspose(NodeReader &node) {
  Value input = node.input(0, Floats), filter = node.input(1, Floats);
  Windows windows = readWindows(node, kernelOf(node, input, filter));
  ArrayRef<int64_t> spatial = shapeOf(input).drop_front(2);
  Integers outputPadding = node.integers("output_padding").value_or(Integers(windows.dims(), 0));
  std::optional<Integers> outputShape = node.integers("output_shape");
  int64_t groups = node.integer("group", 1);
  int64_t channels = shapeOf(input)[1];
  if (groups < 1 || channels % groups != 0 || shapeOf(filter)[0] != channels)
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " does not fit " + Twine(channels) + " channels in " +
              Twine(groups) + " groups");
  if (outputPadding.size() != windows.dims() || (outputShape && outputShape->size() != windows.dims()) ||
      llvm::any_of(outputPadding, [](int64_t count) { return count < 0; }))
    malformed("output_padding and output_shape should be " + Twine(windows.dims()) + " numbers that are not negative");
  bool isSame = windows.autoPad == AutoPad::SameUpper || windows.autoPad == AutoPad::SameLower;
  if (!outputShape && isSame) {
    outputShape.emplace();
    for (auto [extent, stride] : llvm::zip_equal(spatial, windows.strides))
      outputShape->push_back(checkedMul(extent, stride));
  }
  if (outputShape)
    padToShape(windows, outputPadding, spatial, *outputShape);
  Value result = node.builder().make<graph::ConvTransposeOp>(input, filter, windows.strides, windows.dilations,
                                                             windows.low, windows.high, outputPadding, groups);
  return {addBias(node, result, 2)};
}

static constexpr Operator kOperators[] = {
    {"Conv", 7, conv},
    {"ConvTranspose", 7, convTranspose},
    {"FusedConv", 1, fusedConv, "com.microsoft"},
};

ArrayRef<Operator> convolutionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

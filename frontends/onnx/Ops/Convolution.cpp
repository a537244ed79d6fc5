// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Activations.h"
#include "frontends/onnx/Ops/Windows.h"

using namespace mlir;
using llvm::Twine;
using smelt::graph::Extent;
using smelt::graph::Extents;

namespace smelt::frontend::onnx {

/// Adds a bias of one value a channel, [c] as [c, 1, …].
static Value addBias(NodeReader &node, Value result, unsigned index) {
  Value bias = node.optionalInput(index, Numbers);
  if (!bias)
    return result;
  Extent channels = extentsOf(result)[1];
  if (extentsOf(bias) != Extents{channels})
    malformed("needs a bias of " + channels.str() + " elements, not " + inWords(extentsOf(bias)));
  Extents shape(rankOf(result) - 1, 1);
  shape.front() = channels;
  return node.builder().make<graph::AddOp>(result, node.builder().reshape(bias, shape));
}

/// The convolution of inputs 0 and 1, with the bias.
static Value convolution(NodeReader &node) {
  return addBias(node, convolve(node, node.input(0, Floats), node.input(1, Floats)), 2);
}

// Conv                                                                                      ONNX Conv, versions 1–22
static Values conv(NodeReader &node) { return {convolution(node)}; }

/// activation(result + Z)
static Value fused(NodeReader &node, Value result, Value other) {
  GraphBuilder &b = node.builder();
  if (other && rankOf(other) == rankOf(result))
    other = b.withShape(other, extentsOf(result));
  if (other && extentsOf(other) != extentsOf(result))
    malformed("adds a Z of dims " + inWords(extentsOf(other)) + " to " + inWords(extentsOf(result)));
  if (other)
    result = b.make<graph::AddOp>(result, other);
  auto parameters = node.numbers("activation_params").value_or(SmallVector<double>());
  return activated(b, result, node.text("activation", ""), parameters);
}

// FusedConv: activation(conv(X, W) + B + Z)
static Values fusedConv(NodeReader &node) { return {fused(node, convolution(node), node.optionalInput(3, Floats))}; }

// NhwcFusedConv: the same of channels that come last
static Values nhwcFusedConv(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), other = node.optionalInput(3, Floats);
  const int64_t last = rankOf(x) - 1;
  if (rankOf(x) < 3 || (other && rankOf(other) != rankOf(x)))
    malformed("needs an input of three dims or more, and a Z of as many");
  Value result = addBias(node, convolve(node, b.moveDim(x, last, 1), node.input(1, Floats)), 2);
  return {b.moveDim(fused(node, result, other ? b.moveDim(other, last, 1) : other), 1, last)};
}

/// The padding that makes a transposed convolution's result have given spatial dims: total = full extent - wanted. What
/// would have to be added instead is output padding.
static void padToShape(Windows &windows, Integers &outputPadding, ArrayRef<Extent> spatial, ArrayRef<Extent> wanted) {
  auto isNone = [](const Extent &extent) { return extent.isNumber() && extent.number() < 1; };
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    Extent full = (spatial[dim] - 1) * windows.strides[dim] + windows.reach(dim);
    Extent difference = full + outputPadding[dim] - wanted[dim];
    if (isNone(spatial[dim]) || isNone(wanted[dim]) || difference.isTooLarge())
      malformed("cannot make dims " + inWords(wanted) + " of " + inWords(spatial));
    if (!difference.isNumber())
      unsupported("makes dims " + inWords(wanted) + " of " + inWords(spatial) + "; give the shape with --shape");
    int64_t total = difference.number();
    if (total < 0) {
      outputPadding[dim] = checkedSub(outputPadding[dim], total);
      total = 0;
    }
    int64_t smaller = total / 2;
    windows.low[dim] = windows.autoPad == AutoPad::SameUpper ? smaller : total - smaller;
    windows.high[dim] = total - windows.low[dim];
  }
}

/// A transposed convolution; `given` are pads that are no attribute.
static Value transposedConvolution(NodeReader &node, const std::optional<Integers> &given) {
  Value input = node.input(0, Floats), filter = node.input(1, Floats);
  Windows windows = readWindows(node, kernelOf(node, input, filter));
  if (given && given->size() != 2 * windows.dims())
    malformed("has " + Twine(given->size()) + " pads of " + Twine(windows.dims()) + " dims");
  if (given) {
    windows.low.assign(given->begin(), given->begin() + static_cast<int64_t>(windows.dims()));
    windows.high.assign(given->begin() + static_cast<int64_t>(windows.dims()), given->end());
  }
  Extents spatial = spatialExtents(input);
  Integers outputPadding = node.integers("output_padding").value_or(Integers(windows.dims(), 0));
  std::optional<Integers> outputShape = node.integers("output_shape");
  int64_t groups = node.integer("group", 1);
  int64_t channels = shapeOf(filter)[0];
  input = node.builder().withDim(input, 1, channels);
  if (groups < 1 || channels % groups != 0 || extentsOf(input)[1] != Extent(channels))
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " does not fit " + extentsOf(input)[1].str() +
              " channels in " + Twine(groups) + " groups");
  if (outputPadding.size() != windows.dims() || (outputShape && outputShape->size() != windows.dims()) ||
      llvm::any_of(outputPadding, [](int64_t count) { return count < 0; }))
    malformed("output_padding and output_shape should be " + Twine(windows.dims()) + " numbers that are not negative");
  bool isSame = windows.autoPad == AutoPad::SameUpper || windows.autoPad == AutoPad::SameLower;
  Extents wanted = outputShape ? graph::toExtents(*outputShape) : Extents();
  if (!outputShape && isSame)
    for (auto [extent, stride] : llvm::zip_equal(spatial, windows.strides))
      wanted.push_back(extent * stride);
  if (!wanted.empty())
    padToShape(windows, outputPadding, spatial, wanted);
  return node.builder().make<graph::ConvTransposeOp>(input, filter, windows.strides, windows.dilations, windows.low,
                                                     windows.high, outputPadding, groups);
}

// ConvTranspose                                                                    ONNX ConvTranspose, versions 1–22
static Values convTranspose(NodeReader &node) { return {addBias(node, transposedConvolution(node, std::nullopt), 2)}; }

// ConvTransposeWithDynamicPads: the same with pads that are an operand, and have to be known
static Values convTransposeWithPads(NodeReader &node) {
  return {addBias(node, transposedConvolution(node, node.optionalIntegers(2)), 3)};
}

static constexpr Operator kOperators[] = {
    {"Conv", 1, conv},
    {"ConvTranspose", 1, convTranspose},
    {"ConvTransposeWithDynamicPads", 1, convTransposeWithPads, "com.microsoft"},
    {"FusedConv", 1, fusedConv, "com.microsoft"},
    {"NhwcFusedConv", 1, nhwcFusedConv, "com.microsoft"},
};

ArrayRef<Operator> convolutionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

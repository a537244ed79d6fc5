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

/// A filter, which has as many output channels as the bias has elements, where that is known.
static Value filterInput(NodeReader &node) {
  Value filter = node.input(1, Floats), bias = node.optionalInput(2, Floats);
  const bool isKnown = bias && rankOf(bias) == 1 && rankOf(filter) > 0;
  return isKnown ? node.builder().withDim(filter, 0, extentsOf(bias)[0]) : filter;
}

/// The convolution of inputs 0 and 1, with the bias.
static Value convolution(NodeReader &node) {
  return addBias(node, convolve(node, node.input(0, Floats), filterInput(node)), 2);
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
  Value result = addBias(node, convolve(node, b.moveDim(x, last, 1), filterInput(node)), 2);
  return {b.moveDim(fused(node, result, other ? b.moveDim(other, last, 1) : other), 1, last)};
}

namespace {
/// A transposed convolution, whose result may have to have given spatial dims.
class TransposedConvolution {
public:
  TransposedConvolution(NodeReader &node, Value input, Value filter)
      : node_(node), b_(node.builder()), input_(input), filter_(filter),
        windows_(readWindows(node, kernelOf(node, input, filter))) {}
  /// `given` are pads that are no attribute.
  Value build(const std::optional<Integers> &given);

private:
  void readPads(ArrayRef<int64_t> given);
  void checkChannels();
  Extents readWanted();
  void padTo(ArrayRef<Extent> wanted);
  Value cutTo(Value result, ArrayRef<Extent> wanted);

  NodeReader &node_;
  GraphBuilder &b_;
  Value input_, filter_;
  Windows windows_;
  Integers outputPadding_;
  int64_t groups_ = 1;
  // By how much the result is longer than wanted, before padding, where only the run knows; else nothing.
  SmallVector<std::optional<Extent>> differences_;
};
} // namespace

void TransposedConvolution::readPads(ArrayRef<int64_t> given) {
  const size_t dims = windows_.dims();
  if (given.size() != 2 * dims)
    malformed("has " + Twine(given.size()) + " pads of " + Twine(dims) + " dims");
  windows_.low.assign(given.begin(), given.begin() + dims);
  windows_.high.assign(given.begin() + dims, given.end());
}

void TransposedConvolution::checkChannels() {
  groups_ = node_.integer("group", 1);
  const int64_t channels = shapeOf(filter_)[0];
  input_ = b_.withDim(input_, 1, channels);
  if (groups_ < 1 || channels % groups_ != 0 || extentsOf(input_)[1] != Extent(channels))
    malformed("a filter of dims " + inWords(shapeOf(filter_)) + " does not fit " + extentsOf(input_)[1].str() +
              " channels in " + Twine(groups_) + " groups");
}

/// The spatial dims that the result must have; none where nothing says so.
Extents TransposedConvolution::readWanted() {
  const size_t dims = windows_.dims();
  outputPadding_ = node_.integers("output_padding").value_or(Integers(dims, 0));
  std::optional<Integers> shape = node_.integers("output_shape");
  if (outputPadding_.size() != dims || (shape && shape->size() != dims) ||
      llvm::any_of(outputPadding_, [](int64_t count) { return count < 0; }))
    malformed("output_padding and output_shape should be " + Twine(dims) + " numbers that are not negative");
  Extents wanted = shape ? graph::toExtents(*shape) : Extents();
  if (!shape && (windows_.autoPad == AutoPad::SameUpper || windows_.autoPad == AutoPad::SameLower))
    for (auto [extent, stride] : llvm::zip_equal(spatialExtents(input_), windows_.strides))
      wanted.push_back(extent * stride);
  return wanted;
}

/// The padding that makes a result as long as wanted: total = full extent - wanted. What would have to be added instead
/// is output padding.
void TransposedConvolution::padTo(ArrayRef<Extent> wanted) {
  auto isNone = [](const Extent &extent) { return extent.isNumber() && extent.number() < 1; };
  const Extents spatial = spatialExtents(input_);
  for (size_t dim = 0; dim < wanted.size(); ++dim) {
    Extent full = (spatial[dim] - 1) * windows_.strides[dim] + windows_.reach(dim);
    Extent difference = full + outputPadding_[dim] - wanted[dim];
    if (isNone(spatial[dim]) || isNone(wanted[dim]) || difference.isTooLarge())
      malformed("cannot make dims " + inWords(wanted) + " of " + inWords(spatial));
    windows_.low[dim] = windows_.high[dim] = 0;
    if (!difference.isNumber()) {
      differences_[dim] = b_.named(difference);
      continue;
    }
    int64_t total = difference.number();
    if (total < 0) {
      outputPadding_[dim] = checkedSub(outputPadding_[dim], total);
      total = 0;
    }
    int64_t smaller = total / 2;
    windows_.low[dim] = windows_.autoPad == AutoPad::SameUpper ? smaller : total - smaller;
    windows_.high[dim] = total - windows_.low[dim];
  }
}

/// The same in the run: zeros behind what is too short, and the middle of what is too long.
Value TransposedConvolution::cutTo(Value result, ArrayRef<Extent> wanted) {
  for (auto [number, difference] : llvm::enumerate(differences_)) {
    if (!difference)
      continue;
    const auto dim = static_cast<int64_t>(number) + 2;
    const Extent total = Extent::max(*difference, 0), smaller = total.floorDiv(2);
    const Extent first = windows_.autoPad == AutoPad::SameUpper ? smaller : total - smaller;
    result = b_.padDim(result, dim, 0, Extent::max(0 - *difference, 0), b_.scalarLike(result, 0));
    result = b_.sliceDim(result, dim, first, wanted[number]);
  }
  return result;
}

Value TransposedConvolution::build(const std::optional<Integers> &given) {
  if (given)
    readPads(*given);
  checkChannels();
  const Extents wanted = readWanted();
  differences_.resize(windows_.dims());
  padTo(wanted);
  Value result = b_.make<graph::ConvTransposeOp>(input_, filter_, windows_.strides, windows_.dilations, windows_.low,
                                                 windows_.high, outputPadding_, groups_);
  return cutTo(result, wanted);
}

static Value transposedConvolution(NodeReader &node, const std::optional<Integers> &given) {
  return TransposedConvolution(node, node.input(0, Floats), node.input(1, Floats)).build(given);
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

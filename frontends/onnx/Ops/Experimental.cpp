// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The experimental operators of early ONNX, which converters of Caffe2 and Core ML emitted, and which ONNX Runtime
// knows to this day.

#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents;

static Value times(GraphBuilder &b, Value x, double number) { return b.make<graph::MulOp>(x, b.scalarLike(x, number)); }

// Affine: alpha · X + beta
static Values affine(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = times(b, node.input(0, Floats), node.number("alpha", 1));
  return {b.make<graph::AddOp>(x, b.scalarLike(x, node.number("beta", 0)))};
}

// Scale: scale · X
static Values scale(NodeReader &node) {
  return {times(node.builder(), node.input(0, Floats), node.number("scale", 1))};
}

// ScaledTanh: alpha · tanh(beta · X)
static Values scaledTanh(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value inner = times(b, node.input(0, Floats), node.number("beta"));
  return {times(b, b.make<graph::TanhOp>(inner), node.number("alpha"))};
}

// ParametricSoftplus: alpha · ln(e^(beta · X) + 1)
static Values parametricSoftplus(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value inner = times(b, node.input(0, Floats), node.number("beta"));
  return {times(b, b.make<graph::SoftplusOp>(inner), node.number("alpha"))};
}

// ImageScaler: scale · X + bias of each channel
static Values imageScaler(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  const SmallVector<double> bias = node.numbers("bias").value_or(SmallVector<double>());
  const auto channels = static_cast<int64_t>(bias.size());
  if (rankOf(x) != 4)
    malformed("needs an image of four dims, not " + inWords(extentsOf(x)));
  x = b.withDim(x, 1, channels);
  if (extentsOf(x)[1] != Extent(channels))
    malformed("has a bias of " + Twine(channels) + " channels for " + inWords(extentsOf(x)));
  auto numbers = graph::HostTensor::zeros(RankedTensorType::get({channels, 1, 1}, elementOf(x)));
  for (auto [channel, number] : llvm::enumerate(bias))
    numbers.set(static_cast<int64_t>(channel), graph::Scalar::ofFloat(number));
  return {b.make<graph::AddOp>(times(b, x, node.number("scale", 1)), b.constant(numbers))};
}

// Crop: an image without its borders (left, top, right, bottom), or `scale` rows and columns from its corner on
static Values crop(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  const Integers border = node.integers("border").value_or(Integers()),
                 size = node.integers("scale").value_or(Integers());
  if (rankOf(x) != 4 || border.size() != 4 || (!size.empty() && size.size() != 2) ||
      llvm::any_of(border, [](int64_t count) { return count < 0; }))
    malformed("needs an image of four dims, a border of four numbers, and a scale of two or none");
  for (size_t dim = 0; dim < 2; ++dim) { // rows, columns
    const int64_t axis = static_cast<int64_t>(dim) + 2, before = border[1 - dim], after = border[3 - dim];
    const Extent kept = size.empty() ? extentsOf(x)[axis] - before - after : Extent(size[dim]);
    const Extent room = extentsOf(x)[axis] - before - kept;
    if ((kept.isNumber() && kept.number() < 1) || (room.isNumber() && room.number() < 0))
      malformed("leaves nothing, or more than there is, of " + inWords(extentsOf(x)));
    x = b.sliceDim(x, axis, before, kept);
  }
  return {x};
}

static constexpr Operator kOperators[] = {
    {"Affine", 1, affine},
    {"Crop", 1, crop},
    {"ImageScaler", 1, imageScaler},
    {"ParametricSoftplus", 1, parametricSoftplus},
    {"Scale", 1, scale},
    {"ScaledTanh", 1, scaledTanh},
};

ArrayRef<Operator> experimentalOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

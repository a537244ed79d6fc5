// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The windows of images as columns, and images of columns that are summed up where windows overlap.

#include "frontends/pt2/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

namespace {
struct Windows {
  Integers kernel, dilation, padding, stride;

  int64_t count() const { return checkedMul(kernel[0], kernel[1]); }
  /// How many of them lie along a dim of an image.
  int64_t along(int dim, int64_t size) const {
    int64_t room =
        checkedSub(checkedAdd(size, checkedMul(2, padding[dim])), checkedMul(dilation[dim], kernel[dim] - 1));
    if (room < 1)
      malformed("has windows that are larger than their image");
    return (room - 1) / stride[dim] + 1;
  }
};
} // namespace

static Windows windowsOf(NodeReader &node) {
  constexpr int64_t kMostPlaces = 1 << 12;
  Windows windows{node.integers("kernel_size", 2), node.integers("dilation", 2), node.integers("padding", 2),
                  node.integers("stride", 2)};
  for (int dim : {0, 1})
    if (windows.kernel[dim] < 1 || windows.dilation[dim] < 1 || windows.padding[dim] < 0 || windows.stride[dim] < 1)
      malformed("has windows, strides, dilations or paddings that are too small");
  if (windows.count() > kMostPlaces)
    unsupported("has windows of " + Twine(windows.count()) + " elements");
  return windows;
}

/// Calls `make` with a batch: a single example lacks the dim.
template <typename Function> static Value ofBatch(NodeReader &node, int64_t rank, Function make) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  if (rankOf(x) != rank && rankOf(x) != rank - 1)
    malformed("has " + Twine(rankOf(x)) + " dims, not " + Twine(rank));
  if (rankOf(x) == rank)
    return make(x);
  Extents shape = extentsOf(x);
  shape.insert(shape.begin(), 1);
  Value made = make(b.reshape(x, shape));
  return b.reshape(made, ArrayRef(extentsOf(made)).drop_front());
}

// [n, c, h, w] → [n, c · kh · kw, windows]
static Value columns(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Windows windows = windowsOf(node);
  return ofBatch(node, 4, [&](Value x) {
    const int64_t channels = fixedDim(x, 1), height = windows.along(0, fixedDim(x, 2)),
                  width = windows.along(1, fixedDim(x, 3));
    const Extent batch = extentsOf(x)[0];
    for (int dim : {0, 1})
      if (windows.padding[dim] > 0)
        x = b.padDim(x, dim + 2, windows.padding[dim], windows.padding[dim], b.scalarLike(x, 0));
    Values parts;
    for (int64_t i = 0; i < windows.kernel[0]; ++i)
      for (int64_t j = 0; j < windows.kernel[1]; ++j)
        parts.push_back(b.makeAs<graph::SliceOp>(checkedType(Extents{batch, channels, height, width}, elementOf(x)), x,
                                                 Extents{0, 0, i * windows.dilation[0], j * windows.dilation[1]},
                                                 Extents{1, 1, windows.stride[0], windows.stride[1]}));
    return b.reshape(b.stack(parts, 2), Extents{batch, checkedMul(channels, windows.count()), height * width});
  });
}

// The transposed convolution by filters of a single 1: [n, c · kh · kw, windows] → [n, c, h, w]
static Value image(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Windows windows = windowsOf(node);
  Integers size = node.integers("output_size", 2);
  return ofBatch(node, 3, [&](Value x) {
    const int64_t height = windows.along(0, size[0]), width = windows.along(1, size[1]), count = windows.count();
    const int64_t rows = fixedDim(x, 1);
    if (rows % count != 0 || fixedDim(x, 2) != checkedMul(height, width))
      malformed("has columns " + inWords(extentsOf(x)) + " for " + Twine(height) + " x " + Twine(width) + " windows");
    b.countComputed(checkedMul(checkedMul(rows, count), 8));
    graph::HostTensor ones =
        graph::HostTensor::zeros(RankedTensorType::get({rows, 1, windows.kernel[0], windows.kernel[1]}, elementOf(x)));
    for (int64_t row = 0; row < rows; ++row)
      ones.set(row * count + row % count, graph::Scalar::ofFloat(1));
    Integers more; // rows and columns that no window reaches
    for (int dim : {0, 1}) {
      int64_t reached = (dim == 0 ? height - 1 : width - 1) * windows.stride[dim] +
                        windows.dilation[dim] * (windows.kernel[dim] - 1) + 1;
      more.push_back(checkedAdd(size[dim], 2 * windows.padding[dim]) - reached);
    }
    Value filled = b.reshape(x, Extents{extentsOf(x)[0], rows, height, width});
    return b.make<graph::ConvTransposeOp>(filled, b.constant(ones), windows.stride, windows.dilation, windows.padding,
                                          windows.padding, more, rows / count);
  });
}

static constexpr Operator kOperators[] = {
    {"aten.col2im.default", image},
    {"aten.im2col.default", columns},
};

ArrayRef<Operator> columnOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

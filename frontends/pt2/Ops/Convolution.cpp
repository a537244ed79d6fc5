// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

/// What convolutions say of their windows, one value a spatial dim.
namespace {
struct Windows {
  Integers strides, low, high, dilations;
  int64_t groups = 1;
};
} // namespace

static void checkWindows(const Windows &windows) {
  auto isBelow = [](ArrayRef<int64_t> numbers, int64_t least) {
    return llvm::any_of(numbers, [=](int64_t number) { return number < least; });
  };
  if (isBelow(windows.strides, 1) || isBelow(windows.dilations, 1) || isBelow(windows.low, 0) ||
      isBelow(windows.high, 0) || windows.groups < 1)
    malformed("has strides, dilations, paddings or groups that are too small");
}

/// "same": as much as keeps the extent, the odd one behind.
static void padSame(NodeReader &node, Value filter, Windows &windows) {
  std::string mode = node.text("padding");
  if (mode != "same" && mode != "valid")
    malformed("has padding '" + printable(mode) + "'");
  windows.low.assign(windows.strides.size(), 0);
  windows.high = windows.low;
  if (mode == "valid")
    return;
  for (size_t dim = 0; dim < windows.strides.size(); ++dim) {
    int64_t total = checkedMul(windows.dilations[dim], fixedDim(filter, static_cast<int64_t>(dim) + 2) - 1);
    windows.low[dim] = total / 2;
    windows.high[dim] = total - total / 2;
  }
}

static Windows readWindows(NodeReader &node, Value filter, bool hasMode) {
  const auto dims = static_cast<size_t>(rankOf(filter) - 2);
  Windows windows;
  windows.strides = node.integers("stride", dims);
  windows.dilations = node.integers("dilation", dims);
  windows.groups = node.integer("groups");
  if (hasMode)
    padSame(node, filter, windows);
  else
    windows.low = windows.high = node.integers("padding", dims);
  checkWindows(windows);
  return windows;
}

static Value withBias(NodeReader &node, Value result) {
  Value bias = node.optionalTensor("bias");
  if (!bias)
    return result;
  GraphBuilder &b = node.builder();
  Extents shape(rankOf(result) - 1, 1);
  shape.front() = extentsOf(result)[1];
  return b.make<graph::AddOp>(result, b.reshape(b.expect(bias, shape.front(), "a bias"), shape));
}

static Value convolved(NodeReader &node, Value x, Value filter, const Windows &windows) {
  GraphBuilder &b = node.builder();
  x = b.withDim(x, 1, checkedMul(shapeOf(filter)[1], windows.groups));
  if (extentsOf(x)[1] != Extent(checkedMul(shapeOf(filter)[1], windows.groups)) ||
      shapeOf(filter)[0] % windows.groups != 0)
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " in " + Twine(windows.groups) +
              " groups does not fit an input of " + inWords(extentsOf(x)));
  return withBias(node, b.make<graph::ConvOp>(x, filter, windows.strides, windows.dilations, windows.low, windows.high,
                                              windows.groups));
}

/// The gradient of a convolution: a filter is [channels, channels of a group of the result, …].
static Value unconvolved(NodeReader &node, Value x, Value filter, const Windows &windows, ArrayRef<int64_t> more) {
  GraphBuilder &b = node.builder();
  x = b.withDim(x, 1, shapeOf(filter)[0]);
  if (extentsOf(x)[1] != Extent(shapeOf(filter)[0]) || shapeOf(filter)[0] % windows.groups != 0)
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " does not fit an input of " + inWords(extentsOf(x)));
  return withBias(node, b.make<graph::ConvTransposeOp>(x, filter, windows.strides, windows.dilations, windows.low,
                                                       windows.high, more, windows.groups));
}

/// Calls `convolve` with an input that has a dim of examples, which a single example lacks.
template <typename Function> static Value ofBatch(NodeReader &node, Value filter, Function convolve) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("input");
  if (rankOf(filter) < 3 || (rankOf(x) != rankOf(filter) && rankOf(x) != rankOf(filter) - 1))
    malformed("needs an input of as many dims as its filter, which has " + Twine(rankOf(filter)) + ", not " +
              Twine(rankOf(x)));
  const bool isSingle = rankOf(x) != rankOf(filter);
  Extents shape = extentsOf(x);
  if (isSingle) {
    shape.insert(shape.begin(), 1);
    x = b.reshape(x, shape);
  }
  Value result = convolve(x);
  Extents made = extentsOf(result);
  return isSingle ? b.reshape(result, ArrayRef(made).drop_front()) : result;
}

template <bool hasMode> static Value conv(NodeReader &node) {
  Value filter = node.tensor("weight");
  return ofBatch(node, filter, [&](Value x) { return convolved(node, x, filter, readWindows(node, filter, hasMode)); });
}

static Value convTranspose(NodeReader &node) {
  Value filter = node.tensor("weight");
  return ofBatch(node, filter, [&](Value x) {
    Windows windows = readWindows(node, filter, false);
    return unconvolved(node, x, filter, windows, node.integers("output_padding", windows.strides.size()));
  });
}

static Value convolution(NodeReader &node) {
  return node.flag("transposed") ? convTranspose(node) : (node.ignore("output_padding"), conv<false>(node));
}

static constexpr Operator kOperators[] = {
    {"aten.conv1d.default", conv<false>},
    {"aten.conv1d.padding", conv<true>},
    {"aten.conv2d.default", conv<false>},
    {"aten.conv2d.padding", conv<true>},
    {"aten.conv3d.default", conv<false>},
    {"aten.conv3d.padding", conv<true>},
    {"aten.conv_transpose1d.default", convTranspose},
    {"aten.conv_transpose2d.input", convTranspose},
    {"aten.conv_transpose3d.input", convTranspose},
    {"aten.convolution.default", convolution},
};

ArrayRef<Operator> convolutionOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

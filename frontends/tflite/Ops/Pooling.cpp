// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Activations.h"
#include "frontends/tflite/Ops/Windows.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Layout, graph::PoolKind;

static Windows readWindows(OperatorReader &node, Value input) {
  const auto &options = node.options<schema::Pool2DOptions>();
  if (rankOf(input) != 4)
    malformed("needs an input of four dims, not " + inWords(extentsOf(input)));
  Windows windows{{options.filter_height(), options.filter_width()}, {options.stride_h(), options.stride_w()}, {1, 1}};
  windows.isSame = isSame(options.padding());
  windows.check();
  return windows;
}

static Value pool(GraphBuilder &b, Value input, const Windows &windows, PoolKind kind) {
  return b.make<graph::PoolOp>(input, kind, windows.kernel, windows.strides, windows.dilations, windows.low,
                               windows.high, windows.high, /*count_padding=*/false, /*p=*/2, Layout::ChannelsLast);
}

// AVERAGE_POOL_2D: over the elements of a window that lie inside
static Values averagePool(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value input = node.real(0), zero = b.scalarLike(input, 0);
  Windows windows = readWindows(node, input);
  Value padded = windows.pad(b, input, zero), result = pool(b, padded, windows, PoolKind::Average);
  if (padded != input) { // in the run, which counts what lies inside
    graph::Extents ones = extentsOf(input);
    ones.front() = ones.back() = 1;
    Value inside = windows.pad(b, b.broadcast(b.scalarLike(input, 1), ones), zero);
    result = b.make<graph::DivOp>(result, pool(b, inside, windows, PoolKind::Average));
  }
  return {activated(node, result, node.options<schema::Pool2DOptions>().fused_activation_function())};
}

// MAX_POOL_2D: of integers where input and result stand for the same
static Values maxPool(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const int8_t activation = node.options<schema::Pool2DOptions>().fused_activation_function();
  Value input = activation == 0 ? node.moved(0) : node.real(0);
  Windows windows = readWindows(node, input);
  input = windows.pad(b, input, b.leastLike(input));
  Value result = pool(b, input, windows, PoolKind::Max);
  return {activation == 0 ? result : activated(node, result, activation)};
}

// L2_POOL_2D: the root of the mean of squares
static Values l2Pool(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value input = node.real(0), squares = b.make<graph::MulOp>(input, input);
  Windows windows = readWindows(node, input);
  Value padded = windows.pad(b, squares, b.scalarLike(input, 0));
  if (padded != squares)
    unsupported("pads dims that are open; give them with --shape");
  Value mean = pool(b, padded, windows, PoolKind::Average);
  return {
      activated(node, b.make<graph::SqrtOp>(mean), node.options<schema::Pool2DOptions>().fused_activation_function())};
}

static constexpr Operator kOperators[] = {
    {"AVERAGE_POOL_2D", averagePool},
    {"L2_POOL_2D", l2Pool},
    {"MAX_POOL_2D", maxPool},
};

ArrayRef<Operator> poolingOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

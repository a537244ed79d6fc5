// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/Pooling.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::PoolKind, graph::ReduceKind;

/// With ceil_mode a window may end beyond the padding, if it begins inside the input or the padding before it.
static void extendToCeil(Windows &windows, ArrayRef<int64_t> spatial) {
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    int64_t low = windows.low[dim], stride = windows.strides[dim], reach = windows.reach(dim);
    int64_t room = checkedSub(checkedAdd(checkedAdd(spatial[dim], low), windows.high[dim]), reach);
    if (room < 0)
      continue; // refused by the op
    int64_t last = room / stride + (room % stride != 0);
    if (checkedMul(last, stride) >= checkedAdd(spatial[dim], low))
      --last;
    int64_t needed = checkedSub(checkedAdd(checkedMul(last, stride), reach), checkedAdd(spatial[dim], low));
    windows.high[dim] = std::max(windows.high[dim], needed);
  }
}

/// The windows of a node that pools `x`, with all of their padding, and the padding that it states itself.
static std::pair<Windows, Integers> readPooling(NodeReader &node, Value x) {
  std::optional<Integers> kernel = node.integers("kernel_shape");
  if (rankOf(x) < 3 || !kernel || static_cast<int64_t>(kernel->size()) != rankOf(x) - 2)
    malformed("needs an input of three dims or more, and a kernel_shape that fits");
  Windows windows = readWindows(node, *kernel);
  bool ceil = node.flag("ceil_mode", false);
  ArrayRef<int64_t> spatial = shapeOf(x).drop_front(2);
  resolveAutoPad(windows, spatial);
  Integers declaredHigh = windows.high;
  if (ceil && windows.autoPad == AutoPad::NotSet)
    extendToCeil(windows, spatial);
  return {windows, declaredHigh};
}

Value pool(NodeReader &node, Value x, PoolKind kind, bool countPadding, int64_t p) {
  auto [windows, declaredHigh] = readPooling(node, x);
  return node.builder().make<graph::PoolOp>(x, kind, windows.kernel, windows.strides, windows.dilations, windows.low,
                                            windows.high, declaredHigh, countPadding, p);
}

static Values averagePool(NodeReader &node) {
  bool countPadding = node.flag("count_include_pad", false);
  return {pool(node, node.input(0, Floats), PoolKind::Average, countPadding, 1)};
}

// MaxPool, and where each maximum lies in the flat input                                 ONNX MaxPool, versions 1–22
static Values maxPool(NodeReader &node) {
  Value x = node.input(0, Numbers), values = pool(node, x, PoolKind::Max, false, 1), indices;
  bool columnMajor = node.flag("storage_order", false);
  if (node.hasOutput(1)) {
    Windows windows = readPooling(node, x).first;
    indices = node.builder().make<graph::ArgPoolOp>(x, windows.kernel, windows.strides, windows.dilations, windows.low,
                                                    windows.high, columnMajor);
  }
  return {values, indices};
}

/// The exponent of an Lp norm.
static int64_t exponentOf(NodeReader &node) {
  int64_t p = node.integer("p", 2);
  if (p < 1)
    malformed("has p = " + Twine(p));
  return p;
}

static Values lpPool(NodeReader &node) {
  int64_t p = exponentOf(node);
  return {pool(node, node.input(0, Floats), PoolKind::Lp, false, p)};
}

/// All spatial dims as one window.
template <ReduceKind kind> static Values globalPool(NodeReader &node) {
  Value x = node.input(0, Floats);
  if (rankOf(x) < 2)
    malformed("needs an input of two dims or more");
  auto spatial = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  return {spatial.empty() ? x : node.builder().make<graph::ReduceOp>(x, kind, spatial)};
}

static Values globalLpPool(NodeReader &node) {
  int64_t p = exponentOf(node);
  Value x = node.input(0, Floats);
  if (rankOf(x) < 3)
    malformed("needs an input of three dims or more");
  ArrayRef<int64_t> window = shapeOf(x).drop_front(2);
  Integers ones(window.size(), 1), zeros(window.size(), 0);
  return {node.builder().make<graph::PoolOp>(x, PoolKind::Lp, window, ones, ones, zeros, zeros, zeros, false, p)};
}

static constexpr llvm::StringLiteral kValidCeil =
    "with auto_pad VALID, ceil_mode changes nothing, as the formula of the text says; the reference, shape inference "
    "and ONNX Runtime may have one result more.";

static constexpr Operator kOperators[] = {
    {"AveragePool", 7, averagePool, "", 0, kValidCeil},
    {"GlobalAveragePool", 7, globalPool<ReduceKind::Mean>},
    {"GlobalLpPool", 7, globalLpPool},
    {"GlobalMaxPool", 7, globalPool<ReduceKind::Max>},
    {"LpPool", 7, lpPool, "", 0, kValidCeil},
    {"MaxPool", 7, maxPool, "", 0, kValidCeil},
};

ArrayRef<Operator> poolingOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

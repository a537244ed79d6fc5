// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Views.h"
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::plan {

using graph::Extent;
using graph::Extents;
using graph::extentsOf;

bool isView(Operation *op) {
  if (isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp, graph::ConcatOp, graph::BitCastOp>(
          op))
    return true;
  auto pad = dyn_cast<graph::PadOp>(op);
  auto isAdded = [](const Extent &count) { return count.isAtLeast(0); };
  return pad && pad.getMode() == graph::PadMode::Constant && graph::constantOf(pad.getValue()) &&
         llvm::all_of(pad.getLow(), isAdded) && llvm::all_of(pad.getHigh(), isAdded);
}

/// Whether more of the source's dims are needed to make up the target, or of the target's; nothing where that is not
/// known.
static std::optional<bool> growsTo(const Extent &source, const Extent &target) {
  if (source.isNumber() && target.isNumber())
    return source.number() < target.number();
  if (target.dividedBy(source))
    return true;
  return source.dividedBy(target) ? std::optional(false) : std::nullopt;
}

std::optional<size_t> differingDim(ArrayRef<Extent> from, ArrayRef<Extent> to) {
  std::optional<size_t> found;
  for (size_t dim = 0; from.size() == to.size() && dim < from.size(); ++dim)
    if (from[dim] != to[dim]) {
      if (found)
        return std::nullopt;
      found = dim;
    }
  return found;
}

// Both shapes are split into the finest groups of dims with equal products; within a group the source must be dense,
// row-major.
std::optional<Extents> reshapeStrides(ArrayRef<Extent> from, ArrayRef<Extent> strides, ArrayRef<Extent> to) {
  if (differingDim(from, to))
    return Extents(strides);
  Extents result(to.size(), 0);
  if (llvm::is_contained(from, Extent(0)))
    return result;
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    size_t fromStart = i, toStart = j;
    Extent source = i < from.size() ? from[i++] : Extent(1), target = j < to.size() ? to[j++] : Extent(1);
    while (source != target) {
      std::optional<bool> grows = growsTo(source, target);
      if (!grows || (*grows ? i == from.size() : j == to.size()))
        return std::nullopt;
      if (*grows)
        source *= from[i++];
      else
        target *= to[j++];
    }
    // Unit dims may have any stride: skip them.
    Extent inner = 0;
    std::optional<Extent> expected;
    for (size_t dim = i; dim > fromStart; --dim) {
      if (from[dim - 1] == Extent(1))
        continue;
      if (expected && strides[dim - 1] != *expected)
        return std::nullopt;
      if (!expected)
        inner = strides[dim - 1];
      expected = strides[dim - 1] * from[dim - 1];
    }
    Extent stride = inner;
    for (size_t dim = j; dim > toStart; --dim) {
      result[dim - 1] = stride;
      stride *= to[dim - 1];
    }
  }
  return result;
}

static std::optional<View> reshaped(const View &view, ArrayRef<Extent> from, ArrayRef<Extent> to) {
  std::optional<Extents> strides = reshapeStrides(from, view.strides, to);
  if (!strides)
    return std::nullopt;
  return View{view.buffer, view.offset, *strides};
}

std::optional<View> forwardView(Operation *op, const View &operand) {
  Value source = op->getOperand(0), result = op->getResult(0);
  if (isa<graph::ReshapeOp>(op))
    return reshaped(operand, extentsOf(source), extentsOf(result));
  if (isa<graph::BitCastOp>(op))
    return operand;
  View view{operand.buffer, operand.offset, {}};
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    for (int64_t dim : transpose.getPermutation())
      view.strides.push_back(operand.strides[dim]);
    return view;
  }
  if (auto slice = dyn_cast<graph::SliceOp>(op)) {
    // A buffer's elements lie at offsets that are not negative: LLVM is told so.
    if (llvm::any_of(slice.getSteps(), [](const Extent &step) { return !step.isAtLeast(0); }))
      return std::nullopt;
    for (auto [stride, start, step] : llvm::zip_equal(operand.strides, slice.getStarts(), slice.getSteps())) {
      view.offset += stride * start;
      view.strides.push_back(stride * step);
    }
    return view;
  }
  if (isa<graph::BroadcastOp>(op)) {
    Extents to = extentsOf(result), from = extentsOf(source);
    size_t lead = to.size() - from.size();
    view.strides.assign(lead, 0);
    for (auto [stride, extent, whole] : llvm::zip_equal(operand.strides, from, ArrayRef<Extent>(to).drop_front(lead))) {
      if (extent != Extent(1) && extent != whole)
        return std::nullopt; // only the run knows whether it is 1
      view.strides.push_back(extent == Extent(1) ? Extent(0) : stride);
    }
    return view;
  }
  return std::nullopt;
}

std::optional<View> backwardView(Operation *op, unsigned operand, const View &result) {
  Value source = op->getOperand(operand);
  if (isa<graph::ReshapeOp>(op))
    return reshaped(result, extentsOf(op->getResult(0)), extentsOf(source));
  View view = result;
  if (isa<graph::BitCastOp>(op))
    return view;
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    for (auto [dim, from] : llvm::enumerate(transpose.getPermutation()))
      view.strides[from] = result.strides[dim];
    return view;
  }
  if (auto pad = dyn_cast<graph::PadOp>(op)) {
    for (auto [stride, low] : llvm::zip_equal(result.strides, pad.getLow()))
      view.offset += stride * low;
    return view;
  }
  return std::nullopt;
}

SmallVector<View> concatViews(graph::ConcatOp concat, const View &result) {
  SmallVector<View> views;
  View at = result;
  for (Value operand : concat.getOperands()) {
    views.push_back(at);
    at.offset += result.strides[concat.getAxis()] * extentsOf(operand)[concat.getAxis()];
  }
  return views;
}

} // namespace smelt::plan

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Views.h"
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::plan {

static ArrayRef<int64_t> shapeOf(Value value) { return graph::typeOf(value).getShape(); }

bool isView(Operation *op) {
  if (isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp, graph::ConcatOp, graph::BitCastOp>(
          op))
    return true;
  auto pad = dyn_cast<graph::PadOp>(op);
  auto negative = [](int64_t count) { return count < 0; };
  return pad && pad.getMode() == graph::PadMode::Constant && graph::constantOf(pad.getValue()) &&
         llvm::none_of(pad.getLow(), negative) && llvm::none_of(pad.getHigh(), negative);
}

// Both shapes are split into the finest groups of dims with equal products; within a group the source must be dense,
// row-major.
std::optional<SmallVector<int64_t>> reshapeStrides(ArrayRef<int64_t> from, ArrayRef<int64_t> strides,
                                                   ArrayRef<int64_t> to) {
  SmallVector<int64_t> result(to.size(), 0);
  if (llvm::is_contained(from, 0))
    return result;
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    size_t fromStart = i, toStart = j;
    int64_t source = i < from.size() ? from[i++] : 1, target = j < to.size() ? to[j++] : 1;
    while (source != target) {
      if (source < target) {
        if (i == from.size())
          return std::nullopt;
        source *= from[i++];
      } else {
        if (j == to.size())
          return std::nullopt;
        target *= to[j++];
      }
    }
    // Unit dims may have any stride: skip them.
    int64_t inner = 0;
    int64_t expected = -1;
    for (size_t dim = i; dim > fromStart; --dim) {
      if (from[dim - 1] == 1)
        continue;
      if (expected >= 0 && strides[dim - 1] != expected)
        return std::nullopt;
      if (expected < 0)
        inner = strides[dim - 1];
      expected = strides[dim - 1] * from[dim - 1];
    }
    int64_t stride = inner;
    for (size_t dim = j; dim > toStart; --dim) {
      result[dim - 1] = stride;
      stride *= to[dim - 1];
    }
  }
  return result;
}

static std::optional<View> reshaped(const View &view, ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  std::optional<SmallVector<int64_t>> strides = reshapeStrides(from, view.strides, to);
  if (!strides)
    return std::nullopt;
  return View{view.buffer, view.offset, *strides};
}

std::optional<View> forwardView(Operation *op, const View &operand) {
  Value source = op->getOperand(0), result = op->getResult(0);
  if (isa<graph::ReshapeOp>(op))
    return reshaped(operand, shapeOf(source), shapeOf(result));
  if (isa<graph::BitCastOp>(op))
    return operand;
  View view{operand.buffer, operand.offset, {}};
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    for (int64_t dim : transpose.getPermutation())
      view.strides.push_back(operand.strides[dim]);
    return view;
  }
  if (auto slice = dyn_cast<graph::SliceOp>(op)) {
    for (auto [stride, start, step] : llvm::zip_equal(operand.strides, slice.getStarts(), slice.getSteps())) {
      view.offset += stride * start;
      view.strides.push_back(stride * step);
    }
    return view;
  }
  if (isa<graph::BroadcastOp>(op)) {
    size_t lead = shapeOf(result).size() - shapeOf(source).size();
    view.strides.assign(lead, 0);
    for (auto [stride, extent] : llvm::zip_equal(operand.strides, shapeOf(source)))
      view.strides.push_back(extent == 1 ? 0 : stride);
    return view;
  }
  return std::nullopt;
}

std::optional<View> backwardView(Operation *op, unsigned operand, const View &result) {
  Value source = op->getOperand(operand);
  if (isa<graph::ReshapeOp>(op))
    return reshaped(result, shapeOf(op->getResult(0)), shapeOf(source));
  View view = result;
  if (isa<graph::BitCastOp>(op))
    return view;
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    for (auto [dim, from] : llvm::enumerate(transpose.getPermutation()))
      view.strides[from] = result.strides[dim];
    return view;
  }
  if (auto concat = dyn_cast<graph::ConcatOp>(op)) {
    int64_t axis = concat.getAxis();
    for (unsigned before = 0; before < operand; ++before)
      view.offset += result.strides[axis] * shapeOf(op->getOperand(before))[axis];
    return view;
  }
  if (auto pad = dyn_cast<graph::PadOp>(op)) {
    for (auto [stride, low] : llvm::zip_equal(result.strides, pad.getLow()))
      view.offset += stride * low;
    return view;
  }
  return std::nullopt;
}

} // namespace smelt::plan

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// collapse-dims: merges neighbouring dims of an elementwise kernel that every buffer walks as one, so that its inner
// loop is long.
//   add(memref<8x56x56x64, dense>, memref<1x1x1x64>)   →   add(memref<25088x64, dense>, memref<1x64>)

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {

class Collapse {
public:
  explicit Collapse(kernel::FuncOp function) : body_(function.getBody().front()) {}
  void run();

private:
  bool isElementwise();
  void group();
  SmallVector<int64_t> mapped(ArrayRef<int64_t> shape) const;
  MemRefType mappedBuffer(MemRefType type) const;
  SmallVector<int64_t> alignedStrides(MemRefType type) const;
  Type mappedTensor(Type type) const;

  Block &body_;
  ArrayRef<int64_t> shape_;                       // of every stored value
  SmallVector<std::pair<size_t, size_t>> merged_; // [first, end) of the dims that become one
};

} // namespace

bool Collapse::isElementwise() {
  for (Operation &op : body_) {
    if (auto store = dyn_cast<kernel::StoreOp>(op)) {
      ArrayRef<int64_t> shape = graph::typeOf(store.getValue()).getShape();
      if (!shape_.empty() && shape != shape_)
        return false;
      shape_ = shape;
      continue;
    }
    if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
      if (!constant.getValue().isSplat())
        return false;
      continue;
    }
    if (!isa<kernel::LoadOp, graph::ScalarInterface>(op))
      return false;
  }
  return !shape_.empty();
}

/// One stride for each dim of the stored shape; 0 where the buffer broadcasts.
SmallVector<int64_t> Collapse::alignedStrides(MemRefType type) const {
  SmallVector<int64_t> strides(shape_.size() - type.getRank(), 0);
  auto layout = cast<StridedLayoutAttr>(type.getLayout());
  for (auto [extent, stride] : llvm::zip_equal(type.getShape(), layout.getStrides()))
    strides.push_back(extent == 1 ? 0 : stride);
  return strides;
}

void Collapse::group() {
  SmallVector<SmallVector<int64_t>> strides;
  for (BlockArgument argument : body_.getArguments())
    strides.push_back(alignedStrides(cast<MemRefType>(argument.getType())));
  for (size_t dim = 0; dim < shape_.size(); ++dim) {
    if (shape_[dim] == 1 && !merged_.empty()) {
      merged_.back().second = dim + 1;
      continue;
    }
    auto follows = [&](ArrayRef<int64_t> walk) {
      size_t outer = merged_.back().second - 1;
      while (outer > merged_.back().first && shape_[outer] == 1)
        --outer;
      return shape_[outer] == 1 || walk[outer] == walk[dim] * shape_[dim];
    };
    if (!merged_.empty() && llvm::all_of(strides, follows))
      merged_.back().second = dim + 1;
    else
      merged_.push_back({dim, dim + 1});
  }
}

SmallVector<int64_t> Collapse::mapped(ArrayRef<int64_t> shape) const {
  size_t lead = shape_.size() - shape.size();
  SmallVector<int64_t> result;
  for (auto [first, end] : merged_) {
    int64_t extent = 1;
    for (size_t dim = std::max(first, lead); dim < end; ++dim)
      extent *= shape[dim - lead];
    result.push_back(extent);
  }
  return result;
}

MemRefType Collapse::mappedBuffer(MemRefType type) const {
  SmallVector<int64_t> aligned = alignedStrides(type), strides;
  for (auto [first, end] : merged_) {
    size_t inner = end - 1;
    while (inner > first && shape_[inner] == 1)
      --inner;
    strides.push_back(aligned[inner]);
  }
  auto layout = StridedLayoutAttr::get(type.getContext(), 0, strides);
  return MemRefType::get(mapped(type.getShape()), type.getElementType(), layout);
}

Type Collapse::mappedTensor(Type type) const {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(mapped(tensor.getShape()), tensor.getElementType());
}

void Collapse::run() {
  if (!isElementwise())
    return;
  group();
  if (merged_.size() == shape_.size())
    return;
  for (BlockArgument argument : body_.getArguments())
    argument.setType(mappedBuffer(cast<MemRefType>(argument.getType())));
  for (Operation &op : body_) {
    if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
      auto value = cast<DenseElementsAttr>(constant.getValue());
      constant.setValueAttr(value.resizeSplat(cast<ShapedType>(mappedTensor(value.getType()))));
    }
    for (Value result : op.getResults())
      result.setType(mappedTensor(result.getType()));
  }
}

namespace {
struct CollapseDims : PassWrapper<CollapseDims, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CollapseDims)
  StringRef getArgument() const override { return "collapse-dims"; }
  StringRef getDescription() const override {
    return "merge dims of elementwise kernels that every buffer walks as one";
  }

  void runOnOperation() override {
    getOperation()->walk([](kernel::FuncOp function) { Collapse(function).run(); });
  }
};
} // namespace

std::unique_ptr<Pass> plan::createCollapseDimsPass() { return std::make_unique<CollapseDims>(); }

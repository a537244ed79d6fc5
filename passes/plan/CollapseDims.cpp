// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// collapse-dims: merges neighbouring dims of an elementwise kernel that every buffer walks as one, so that its inner
// loop is long; so the dims of a row that is normalised.
//   add(memref<8x56x56x64, dense>, memref<1x1x1x64>)   →   add(memref<25088x64, dense>, memref<1x64>)
//   layer_norm(memref<8x64x56x32, dense>) {axis = 1}   →   layer_norm(memref<8x114688, dense>) {axis = 1}

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;
using graph::Extent;

namespace {

class Collapse {
public:
  explicit Collapse(kernel::FuncOp function) : body_(function.getBody().front()) {}
  void run();

private:
  bool walksAsOne();
  void group();
  graph::Extents mapped(ArrayRef<graph::Extent> shape) const;
  MemRefType mappedBuffer(MemRefType type) const;
  graph::Extents alignedStrides(MemRefType type) const;
  SmallVector<int64_t> mappedNumber(ArrayRef<int64_t> shape) const;
  Type mappedTensor(Type type) const;

  Block &body_;
  graph::LayerNormOp norm_;                       // where there is one: only dims of its rows are merged
  graph::Extents shape_;                          // of every stored value
  SmallVector<std::pair<size_t, size_t>> merged_; // [first, end) of the dims that become one
};

} // namespace

/// Whether each element, or each row that is normalised, is computed by itself.
bool Collapse::walksAsOne() {
  for (Operation &op : body_) {
    if (auto store = dyn_cast<kernel::StoreOp>(op)) {
      graph::Extents shape = graph::extentsOf(store.getValue());
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
    if (auto norm = dyn_cast<graph::LayerNormOp>(op)) {
      norm_ = norm;
      continue;
    }
    if (!isa<kernel::LoadOp, graph::ScalarInterface>(op))
      return false;
  }
  return !shape_.empty();
}

/// One stride for each dim of the stored shape; 0 where the buffer broadcasts.
graph::Extents Collapse::alignedStrides(MemRefType type) const {
  graph::Extents strides(shape_.size() - type.getRank(), 0);
  for (auto [extent, stride] : llvm::zip_equal(type.getShape(), kernel::stridesOf(type)))
    strides.push_back(extent == 1 ? Extent(0) : stride);
  return strides;
}

void Collapse::group() {
  SmallVector<graph::Extents> strides;
  SmallVector<bool> differs(shape_.size(), false); // an operand has another extent there, as far as is known
  for (BlockArgument argument : body_.getArguments()) {
    auto type = cast<MemRefType>(argument.getType());
    strides.push_back(alignedStrides(type));
    size_t lead = shape_.size() - type.getRank();
    for (auto [dim, extent] : llvm::enumerate(kernel::extentsOf(type)))
      differs[lead + dim] = differs[lead + dim] || (extent != Extent(1) && extent != shape_[lead + dim]);
  }
  for (size_t dim = 0; dim < shape_.size(); ++dim) {
    if (norm_ && dim <= norm_.getAxis()) {
      merged_.push_back({dim, dim + 1});
      continue;
    }
    if (shape_[dim] == Extent(1) && !merged_.empty() && !differs[merged_.back().second - 1]) {
      merged_.back().second = dim + 1;
      continue;
    }
    auto follows = [&](ArrayRef<Extent> walk) {
      size_t outer = merged_.back().second - 1;
      while (outer > merged_.back().first && shape_[outer] == Extent(1))
        --outer;
      return shape_[outer] == Extent(1) || walk[outer] == walk[dim] * shape_[dim];
    };
    bool mayMerge = !merged_.empty() && !differs[dim] && !differs[merged_.back().second - 1];
    if (mayMerge && llvm::all_of(strides, follows))
      merged_.back().second = dim + 1;
    else
      merged_.push_back({dim, dim + 1});
  }
}

graph::Extents Collapse::mapped(ArrayRef<Extent> shape) const {
  size_t lead = shape_.size() - shape.size();
  graph::Extents result;
  for (auto [first, end] : merged_) {
    Extent extent = 1;
    for (size_t dim = std::max(first, lead); dim < end; ++dim)
      extent *= shape[dim - lead];
    result.push_back(extent);
  }
  return result;
}

MemRefType Collapse::mappedBuffer(MemRefType type) const {
  graph::Extents aligned = alignedStrides(type), strides;
  for (auto [first, end] : merged_) {
    size_t inner = end - 1;
    while (inner > first && shape_[inner] == Extent(1))
      --inner;
    strides.push_back(aligned[inner]);
  }
  return kernel::bufferType(mapped(kernel::extentsOf(type)), strides, type.getElementType());
}

/// Of a constant that holds one number: it broadcasts along dims of which it has but some.
SmallVector<int64_t> Collapse::mappedNumber(ArrayRef<int64_t> shape) const {
  size_t lead = shape_.size() - shape.size();
  SmallVector<int64_t> result;
  for (auto [first, end] : merged_) {
    int64_t extent = 1;
    bool isWhole = first >= lead;
    for (size_t dim = std::max(first, lead); dim < end; ++dim) {
      extent *= shape[dim - lead];
      isWhole &= Extent(shape[dim - lead]) == shape_[dim];
    }
    result.push_back(isWhole ? extent : 1);
  }
  return result;
}

Type Collapse::mappedTensor(Type type) const {
  auto tensor = cast<RankedTensorType>(type);
  return graph::tensorOf(mapped(graph::extentsOf(tensor)), tensor.getElementType());
}

void Collapse::run() {
  if (!walksAsOne())
    return;
  group();
  if (merged_.size() == shape_.size())
    return;
  for (BlockArgument argument : body_.getArguments())
    argument.setType(mappedBuffer(cast<MemRefType>(argument.getType())));
  for (Operation &op : body_) {
    if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
      auto value = cast<DenseElementsAttr>(constant.getValue());
      auto type = RankedTensorType::get(mappedNumber(value.getType().getShape()), value.getElementType());
      constant.setValueAttr(value.resizeSplat(type));
      constant.getResult().setType(type);
      continue;
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

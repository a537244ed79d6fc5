// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_KERNELTILE_H
#define SMELT_CODEGEN_CPU_KERNELTILE_H

#include "codegen/cpu/Emitters.h"

namespace smelt::cpu {

/// A tile of a kernel with loops of its own: what was fused to its root is read and written through the kernel's body.
class KernelTile : public graph::TileAccess {
public:
  KernelTile(Body &body, mlir::Operation *root, mlir::ValueRange tile, const kernel::Machine &machine)
      : body_(body), root_(root), tile_(tile.begin(), tile.end()), machine_(machine) {}

  mlir::ImplicitLocOpBuilder &builder() override { return body_.builder(); }
  llvm::ArrayRef<mlir::Value> tile() override { return tile_; }
  unsigned vectorLanes(mlir::Type type) override {
    return machine_.vectorBytes /
           std::max(4u, graph::elementBytes(type)); // narrow integers are computed beside indices of 32 bits
  }
  mlir::Value fetch(mlir::Value operand, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes) override {
    body_.startPoint();
    return body_.read(operand, index, lanes);
  }
  llvm::LogicalResult store(unsigned result, mlir::Value value, llvm::ArrayRef<graph::LaneIndex> index) override {
    body_.startPoint();
    mlir::Value root = root_->getResult(result);
    body_.define(root, value);
    auto vector = llvm::dyn_cast<mlir::VectorType>(value.getType());
    return body_.store(root, index, vector ? vector.getNumElements() : 1);
  }
  mlir::Value reload(unsigned result, llvm::ArrayRef<graph::LaneIndex> index) override {
    return body_.reload(root_->getResult(result), index);
  }
  graph::Count count(const graph::Extent &extent) override { return body_.count(extent); }
  mlir::Value scratch(int64_t elements, mlir::Type type) override { return body_.stackBuffer(elements, type); }
  bool keepsResults() const override { return !machine_.isDevice; } // whose local arrays lie in slow memory

private:
  Body &body_;
  mlir::Operation *root_;
  llvm::SmallVector<mlir::Value> tile_;
  const kernel::Machine &machine_;
};

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_KERNELTILE_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose root emits its own loops: pools, reductions, softmax, sorts, …

#include "codegen/cpu/Emitters.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {
class KernelTile : public graph::TileAccess {
public:
  KernelTile(Body &body, Operation *root, ValueRange tile, const kernel::Machine &machine)
      : body_(body), root_(root), tile_(tile.begin(), tile.end()), machine_(machine) {}

  ImplicitLocOpBuilder &builder() override { return body_.builder(); }
  ArrayRef<Value> tile() override { return tile_; }
  unsigned vectorLanes(Type type) override {
    return machine_.vectorBytes /
           std::max(4u, graph::elementBytes(type)); // narrow integers are computed beside indices of 32 bits
  }
  Value fetch(Value operand, ArrayRef<LaneIndex> index, unsigned lanes) override {
    body_.startPoint();
    return body_.read(operand, index, lanes);
  }
  LogicalResult store(unsigned result, Value value, ArrayRef<LaneIndex> index) override {
    body_.startPoint();
    Value root = root_->getResult(result);
    body_.define(root, value);
    auto vector = dyn_cast<VectorType>(value.getType());
    return body_.store(root, index, vector ? vector.getNumElements() : 1);
  }
  Value reload(unsigned result, ArrayRef<LaneIndex> index) override {
    return body_.reload(root_->getResult(result), index);
  }
  graph::Count count(const graph::Extent &extent) override { return body_.count(extent); }
  Value scratch(int64_t elements, Type type) override { return body_.stackBuffer(elements, type); }
  bool keepsResults() const override { return !machine_.isDevice; } // whose local arrays lie in slow memory

private:
  Body &body_;
  Operation *root_;
  SmallVector<Value> tile_;
  const kernel::Machine &machine_;
};
} // namespace

FailureOr<graph::Extent> emitLoops(Body &body, graph::LoopInterface root, TileRange range,
                                   const kernel::Machine &machine) {
  graph::Extents shape = graph::extentsOf(root->getResult(0));
  LogicalResult done = success();
  ArrayRef<graph::Extent> tiled = ArrayRef<graph::Extent>(shape).take_front(root.tiledDims());
  graph::Extent tiles = forTiles(body, range, tiled, [&](ValueRange tile) {
    KernelTile access(body, root, tile, machine);
    done = root.emitTile(access);
  });
  if (failed(done))
    return failure();
  return tiles;
}

} // namespace smelt::cpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_GRAPH_OPS_HEAP_H
#define SMELT_DIALECTS_GRAPH_OPS_HEAP_H

#include "dialects/Graph/Ops/Lanes.h"
#include <functional>

namespace smelt::graph {

/// A binary heap of indices that a kernel sorts, in memory of its choice: node n lies above nodes 2n + 1 and 2n + 2,
/// and no index stands above one that lies above it. All values are of type index.
struct Heap {
  TileAccess &access;
  std::function<mlir::Value(mlir::Value node)> load;
  std::function<void(mlir::Value node, mlir::Value index)> store;
  std::function<Expr(mlir::Value a, mlir::Value b)> isAbove; // a total order

  /// Puts an index in the heap of `size` nodes at `start` or below, where it belongs.
  void sift(mlir::Value start, mlir::Value size, mlir::Value index) const;
  /// Makes a heap of what lies in nodes [0, size).
  void build(mlir::Value size) const;
  /// Takes out the top of `size` nodes, of which there is one at least: the others are nodes [0, size - 1) from then
  /// on.
  mlir::Value pop(mlir::Value size) const;

private:
  mlir::Value upperChild(mlir::Value left, mlir::Value size) const;
};

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_HEAP_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose root emits its own loops: pools, reductions, softmax, sorts, …

#include "codegen/cpu/KernelTile.h"

using namespace mlir;

namespace smelt::cpu {

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

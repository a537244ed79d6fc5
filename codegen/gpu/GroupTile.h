// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_GROUPTILE_H
#define SMELT_CODEGEN_GPU_GROUPTILE_H

#include "codegen/gpu/FlatContraction.h"

namespace smelt::gpu {

/// A contraction by groups of kGroupThreads, each of which has a tile of points by channels and brings slices along k
/// of both operands into its memory: what emitters for cores and for tensor cores have in common.
class GroupTile : protected FlatContraction {
protected:
  GroupTile(Body &body, kernel::ContractOp root, mlir::func::FuncOp function, const Profile &profile)
      : FlatContraction(body, root, function), profile_(profile) {}

  /// A vector of a slice on its way into shared memory: `value` is null where it is copied without registers.
  struct Fetched {
    mlir::Value buffer, place, value;
  };
  using Fetches = llvm::SmallVector<Fetched>;

  graph::Extent groupsOf(int64_t tilePoints, int64_t tileChannels) const;
  /// The same as a number, to choose by.
  int64_t typicalGroups(int64_t tilePoints, int64_t tileChannels) const;
  /// The first of `tiles`, large ones first, of which there are enough groups for a large device; else that of the
  /// most.
  template <size_t count, typename Tile> Tile chooseTile(const Tile (&tiles)[count]) const {
    Tile chosen = tiles[0];
    int64_t most = 0;
    for (const Tile &tile : tiles) {
      const int64_t groups = typicalGroups(tile.points, tile.channels);
      if (groups > most && tile.channels % width_ == 0) {
        chosen = tile;
        most = groups;
      }
      if (most >= profile_.multiprocessors)
        break;
    }
    return chosen;
  }
  /// Finds thread_, and the tile at hand.
  void splitNumber(mlir::Value invocation, int64_t tilePoints, int64_t tileChannels);

  /// A vector of a slice of panels: its row and column, and which of the tile's panels it is of.
  struct PanelPart {
    mlir::Value panel, row, column;
  };
  /// This thread's, of those from number `from` on. Neighbouring threads have neighbouring vectors of a panel, which is
  /// one piece of memory.
  PanelPart panelPart(int64_t from, int64_t rows, int64_t lanes);
  /// The panel among all, or the last where it is beyond.
  mlir::Value panelOf(const PanelPart &part);
  /// Its first channel, of the tile's.
  mlir::Value channelOf(const PanelPart &part);

  /// Whether vectors of so many elements of a tensor are aligned in memory, as they are.
  bool isAligned(mlir::Value tensor, int64_t lanes);
  /// Of such a tensor, where an element lies in its buffer.
  mlir::Value placeOf(mlir::Value tensor, llvm::ArrayRef<graph::LaneIndex> index);
  /// Copies a vector of it into shared memory without registers, or zeros where `isThere` does not hold.
  void copyAsync(mlir::Value tensor, llvm::ArrayRef<graph::LaneIndex> index, mlir::Value isThere, int64_t lanes,
                 mlir::Value buffer, mlir::Value place);

  const Profile &profile_;
  mlir::Value thread_, firstPoint_, firstChannel_;
};

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_GROUPTILE_H

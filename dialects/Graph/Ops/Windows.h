// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops of ops that move a window over their input. Nothing outside the input is read: results whose window reaches
// over a border go through its taps in a loop with computed bounds, the others unrolled.

#ifndef SMELT_DIALECTS_GRAPH_OPS_WINDOWS_H
#define SMELT_DIALECTS_GRAPH_OPS_WINDOWS_H

#include "dialects/Graph/Ops/Lanes.h"

namespace smelt::graph {

/// The taps of one window that lie inside the input, along one dim: [first, end).
struct Taps {
  mlir::Value first, end;
  bool isWhole; // all of them
};

/// Results whose neighbours are computed together: `vectors` times `lanes` of them, along channels or, where channels
/// come first, along the last spatial dim.
struct WindowGroup {
  mlir::Value column; // index along the last spatial dim
  mlir::Value channel;
  unsigned lanes, vectors;
  llvm::SmallVector<Taps> taps; // one a spatial dim
};

/// A tile is one row of the result: all indices of its last spatial dim, and all channels where they come last.
class WindowEmitter {
public:
  virtual ~WindowEmitter() = default;

  static unsigned tiledDims(Layout layout, size_t rank) {
    return layout == Layout::ChannelsFirst ? rank - 1 : rank - 2;
  }
  /// Emits a tile; lanes run along each of `groups` parts of the channels, where those come last.
  llvm::LogicalResult emit(int64_t groups);

protected:
  WindowEmitter(TileAccess &access, Window window, Layout layout, mlir::RankedTensorType result)
      : access_(access), b_(access.builder()), window_(std::move(window)), layout_(layout), result_(result),
        tile_(tileCoordinates(access, result.getRank())) {}

  virtual llvm::LogicalResult emitGroup(const WindowGroup &group) = 0;

  /// Emits `body` for every tap of a group inside the input, with carried values.
  llvm::SmallVector<mlir::Value> forTaps(const WindowGroup &group, mlir::ValueRange initial, NestBody body);
  /// What a tap of the group's vector number `vector` reads.
  Coordinates inputAt(const WindowGroup &group, llvm::ArrayRef<mlir::Value> tap, unsigned vector) const;
  Coordinates resultAt(const WindowGroup &group, unsigned vector) const;
  /// The index of a spatial dim, the last excepted, in this tile.
  mlir::Value tileIndex(size_t spatial) const { return tile_[firstSpatial() + spatial].base; }
  size_t firstSpatial() const { return layout_ == Layout::ChannelsFirst ? 2 : 1; }
  size_t channelDim() const { return layout_ == Layout::ChannelsFirst ? 1 : result_.getRank() - 1; }

  TileAccess &access_;
  mlir::ImplicitLocOpBuilder &b_;
  Window window_;
  Layout layout_;
  mlir::RankedTensorType result_;
  Coordinates tile_;

private:
  llvm::LogicalResult emitColumns(const Extent &first, const Extent &end, bool isWhole, int64_t groups);
  llvm::LogicalResult emitChannels(mlir::Value column, bool isWhole, int64_t groups);
  WindowGroup groupAt(mlir::Value column, bool isWhole) const;
};

/// How many of a window's taps lie at positions from 0 to `extent`; `column` is the result's index.
Taps tapsWithin(TileAccess &access, const WindowDim &dim, const Extent &extent, mlir::Value column);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_WINDOWS_H

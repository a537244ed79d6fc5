// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the loops of structured ops are made of: lanes along one dim, several vectors side by side, partial results.

#ifndef SMELT_DIALECTS_GRAPH_OPS_LANES_H
#define SMELT_DIALECTS_GRAPH_OPS_LANES_H

#include "dialects/Graph/Ops/Structured.h"

namespace smelt::graph {

/// An element of a tensor, or neighbouring ones: an entry a dim.
using Coordinates = llvm::SmallVector<LaneIndex>;

/// Lanes `stride` apart from `base` on.
inline LaneIndex along(mlir::Value base, unsigned lanes, int64_t stride = 1) { return {base, lanes > 1 ? stride : 0}; }

/// The tile's index in the leading dims, 0 in the others.
Coordinates tileCoordinates(TileAccess &access, size_t rank);

/// The innermost dim that has more than one index; the last where none has.
size_t innermostDim(llvm::ArrayRef<Extent> shape);

/// An operand's elements as expressions, along one dim.
struct Line {
  TileAccess &access;
  mlir::Value operand;
  Coordinates at;
  size_t dim;

  /// Null, as its value, where so many lanes can't be had.
  Expr read(mlir::Value base, unsigned lanes, int64_t stride = 1) const;
  mlir::Type compute() const { return computeType(elementOf(operand)); }
  bool isUnsigned() const { return isUnsignedElement(elementOf(operand)); }
  Count extent() const { return access.count(extentsOf(operand)[dim]); }
  /// As many lanes as the target has, the line fills and can be read at once.
  unsigned lanes() const;
};

/// A constant in each of `lanes`.
Expr repeat(mlir::ImplicitLocOpBuilder &builder, mlir::TypedAttr number, unsigned lanes, bool isUnsigned = false);
/// A scalar in as many lanes as `like` has.
Expr repeat(Expr scalar, Expr like);
/// The least and the greatest number of a compute type; infinities of floats.
mlir::TypedAttr leastOf(mlir::Type compute, bool isUnsigned);
mlir::TypedAttr greatestOf(mlir::Type compute, bool isUnsigned);
mlir::TypedAttr numberOf(mlir::Type compute, int64_t number);

/// The larger and the smaller of two, NaN where either is; either zero of two of unlike sign, which is what makes it
/// cheap.
Expr largest(Expr a, Expr b);
Expr smallest(Expr a, Expr b);

using Merge = llvm::function_ref<Expr(Expr, Expr)>;

/// As many of these lanes as leave every member of a team whole vectors of a line, as far as there are so many.
unsigned lanesOf(const Team &team, Count extent, unsigned lanes);

/// A reduction along lanes: several vectors of partial results side by side, so that none waits for the one before it,
/// and a shorter one for each power of two that the rest of the line consists of. Their number does not depend on
/// threads. A member of a team has one vector; its lanes are lanesOf() the team.
class LaneFold {
public:
  using Step = llvm::function_ref<mlir::Value(mlir::Value partial, mlir::Value base, unsigned lanes)>;

  LaneFold(TileAccess &access, Count extent, unsigned lanes, unsigned mostVectors = 4, Team team = {});

  llvm::SmallVector<mlir::Value> start(mlir::TypedAttr initial) const;
  /// Emits `step` over one line.
  llvm::SmallVector<mlir::Value> add(mlir::ValueRange partials, Step step) const;
  /// All partial results as one scalar, those of a team too.
  Expr finish(mlir::ValueRange partials, Merge merge, bool isUnsigned) const;

private:
  llvm::SmallVector<mlir::Value> addNumber(int64_t extent, llvm::SmallVector<mlir::Value> sums, Step step) const;
  llvm::SmallVector<mlir::Value> addCount(llvm::SmallVector<mlir::Value> sums, Step step) const;
  Expr finishMember(mlir::ValueRange partials, Merge merge, bool isUnsigned) const;
  void addRound(llvm::MutableArrayRef<mlir::Value> sums, mlir::Value base, unsigned count, Step step) const;

  TileAccess &access_;
  Count extent_; // of a line
  unsigned lanes_, unroll_;
  Team team_;
  llvm::SmallVector<unsigned> widths_; // of the partial results: unroll_ whole vectors, then shorter ones
};

/// Loops over `extents`, the last innermost, with carried values.
using NestBody =
    llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value> at, mlir::ValueRange carried)>;
llvm::SmallVector<mlir::Value> nest(TileAccess &access, llvm::ArrayRef<Extent> extents, mlir::ValueRange initial,
                                    NestBody body);

/// A row-major position as one index for each dim.
llvm::SmallVector<mlir::Value> indicesAt(TileAccess &access, mlir::Value position, llvm::ArrayRef<Extent> shape);

/// Emits `body` over [0, extent) in blocks of up to `mostVectors` vectors of `lanes`, then shorter vectors of a power
/// of two. A body that fails for many lanes is emitted again with one lane a step, as by forLanes. A member of a team
/// has single vectors, of lanesOf() the team.
using BlockBody = llvm::function_ref<llvm::LogicalResult(mlir::Value base, unsigned lanes, unsigned vectors)>;
llvm::LogicalResult forBlocks(TileAccess &access, Count extent, unsigned lanes, unsigned mostVectors, BlockBody body,
                              const Team &team = {});

/// Emits `body` for every line along `axis` in a tile of the dims before it: `lanes` lines side by side where the axis
/// is not innermost, else one. `at` is 0 along the axis.
using LineBody = llvm::function_ref<llvm::LogicalResult(llvm::ArrayRef<LaneIndex> at, unsigned lanes)>;
llvm::LogicalResult forLines(TileAccess &access, mlir::Value operand, size_t axis, LineBody body);
/// As many lines as forLines puts side by side.
unsigned linesAtATime(TileAccess &access, mlir::Value operand, size_t axis);
/// at, with an index along a dim
Coordinates moved(llvm::ArrayRef<LaneIndex> at, size_t dim, mlir::Value index);

/// base + number
mlir::Value offset(TileAccess &access, mlir::Value base, int64_t number);
/// Where one of several vectors side by side begins.
inline mlir::Value vectorAt(TileAccess &access, mlir::Value base, size_t number, unsigned lanes) {
  return offset(access, base, static_cast<int64_t>(number * lanes));
}

/// A tile's scratch memory.
struct Scratch {
  mlir::Value buffer;

  Expr load(TileAccess &access, mlir::Value at, unsigned lanes) const;
  void store(TileAccess &access, mlir::Value at, mlir::Value value) const;
};
/// Whether so many elements are known to fit in scratch memory.
bool fitsScratch(const Extent &elements, mlir::Type compute);
/// Scratch memory of so many elements where they fit; else its buffer is null.
Scratch scratchFor(TileAccess &access, const Extent &elements, mlir::Type compute);
/// The same for what could be computed again; none where that is cheaper, or where it is too large.
Scratch scratchToKeep(TileAccess &access, const Extent &elements, mlir::Type compute);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_LANES_H

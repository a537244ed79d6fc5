// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op sees while it is turned into loops: values at indices, not buffers. A target implements it.

#ifndef SMELT_DIALECTS_GRAPH_EMISSION_H
#define SMELT_DIALECTS_GRAPH_EMISSION_H

#include "dialects/Graph/Extent.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Value.h"

namespace smelt::graph {

/// The type an element is computed in: f16 and bf16 in f32, bool in i1, integers signless at their width, others as
/// they are. Those of StoredTypes.h, which are not computed with, are the signless byte that they lie in.
mlir::Type computeType(mlir::Type elementType);

/// Whether integers of this element type are unsigned (bool counts).
bool isUnsignedElement(mlir::Type elementType);

/// One coordinate of a group of neighbouring elements: lane l stands at base + l * laneStride.
struct LaneIndex {
  mlir::Value base; // of type index
  int64_t laneStride = 0;

  bool isUniform() const { return laneStride == 0; }
};

/// How many steps a loop takes, or how many elements there are: a number, or a value of type index that is known when
/// the kernel runs. Never negative.
class Count {
public:
  Count(int64_t number) : number_(number) {}
  Count(mlir::Value value) : value_(value) {}

  /// Nothing where it is known only at run time.
  std::optional<int64_t> number() const { return value_ ? std::nullopt : std::optional(number_); }
  mlir::Value in(mlir::ImplicitLocOpBuilder &builder) const;

private:
  int64_t number_ = 0;
  mlir::Value value_;
};

/// Reads elements. The values it yields and takes are scalars of the compute type when lanes() is 1, else vectors of
/// lanes().
class ElementAccess {
public:
  explicit ElementAccess(mlir::ImplicitLocOpBuilder &builder, unsigned lanes) : builder_(builder), lanes_(lanes) {}
  virtual ~ElementAccess();

  /// The value of `tensor`, an operand of the op being emitted, at `index` (one entry a dim; in bounds on every lane).
  /// In the compute type. Null when it can't be had for this many lanes.
  virtual mlir::Value fetch(mlir::Value tensor, llvm::ArrayRef<LaneIndex> index) = 0;
  /// What an extent is when the kernel runs.
  virtual Count count(const Extent &extent) = 0;

  mlir::ImplicitLocOpBuilder &builder() const { return builder_; }
  unsigned lanes() const { return lanes_; }

  /// `scalar` for one lane, else vector<lanes x scalar>.
  mlir::Type valueType(mlir::Type scalar) const;
  /// The same number in every lane; `type` is the compute type of a lane, `value` is converted to it.
  mlir::Value number(mlir::Type type, double value) const;
  mlir::Value indexConstant(int64_t value) const;
  /// Repeats a scalar in every lane.
  mlir::Value splat(mlir::Value scalar) const;
  /// The scalar that all lanes of a value hold. Null unless it is one (lanes() is 1) or a splat.
  static mlir::Value uniform(mlir::Value value);
  /// A uniform coordinate read from a tensor of integers: sign-extended to `index`. Null where lanes may differ.
  mlir::Value toIndex(mlir::Value integer) const;

private:
  mlir::ImplicitLocOpBuilder &builder_;
  unsigned lanes_;
};

/// Where an operand of these extents is read for a result element of a broadcast; nothing where lanes would need a
/// stride that only the kernel's run tells.
std::optional<llvm::SmallVector<LaneIndex>> broadcastIndex(ElementAccess &access, llvm::ArrayRef<LaneIndex> index,
                                                           llvm::ArrayRef<Extent> operand,
                                                           llvm::ArrayRef<Extent> result);

/// Emits `body` over [0, extent): full vectors first, then shorter ones of a power of two. A body that fails for many
/// lanes is emitted again with one lane a step. Values don't flow out.
using LanesBody = llvm::function_ref<llvm::LogicalResult(mlir::Value base, unsigned lanes)>;
llvm::LogicalResult forLanes(mlir::ImplicitLocOpBuilder &builder, Count extent, unsigned lanes, LanesBody body);

/// scf.for over [first, last) in `step`s with carried values; returns their last values.
using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value index, mlir::ValueRange carried)>;
llvm::SmallVector<mlir::Value> forRange(mlir::ImplicitLocOpBuilder &builder, Count first, Count last, int64_t step,
                                        mlir::ValueRange initial, LoopBody body);
/// The same with nothing to carry, one step at a time.
void forEach(mlir::ImplicitLocOpBuilder &builder, Count first, Count end, llvm::function_ref<void(mlir::Value)> body);
/// count, down to a multiple of a power of two
Count roundedDown(mlir::ImplicitLocOpBuilder &builder, Count count, int64_t multiple);

/// Threads that compute one tile together, all at the same place of its code. One that is alone computes all of it.
struct Team {
  mlir::Value member = {}; // which of them this one is, of type index; null for one that is alone
  int64_t size = 1;
  int64_t stride = 1; // threads from one member to the next

  bool isAlone() const { return size == 1; }
};

/// What of lines side by side one thread has: lanes from `first` on. Lanes that some thread before it has, which come
/// where the lines end, are not handed over again by TileAccess::once.
struct Columns {
  Team team; // of the threads that have the same lanes
  mlir::Value first;
};

/// What one thread makes of lines side by side where only the run knows which places are written: every `step`-th place
/// of one line, from `first` on.
struct Share {
  mlir::Value line, first; // of type index
  int64_t step = 1;        // a power of two
};

/// The work of one tile of a kernel whose root is a LoopInterface op.
class TileAccess {
public:
  static constexpr int64_t kMostScratchBytes = int64_t(32) << 10; // on the stack of whatever thread the host runs us on

  virtual ~TileAccess();

  virtual mlir::ImplicitLocOpBuilder &builder() = 0;
  /// One index value for each of the op's tiledDims(): which tile this is.
  virtual llvm::ArrayRef<mlir::Value> tile() = 0;
  /// Lanes of the target's vectors for a compute type.
  virtual unsigned vectorLanes(mlir::Type computeType) = 0;
  /// Reads operands of the op, with whatever was fused into them. Null when that can't be had for so many lanes.
  virtual mlir::Value fetch(mlir::Value operand, llvm::ArrayRef<LaneIndex> index, unsigned lanes) = 0;
  /// What an extent is when the kernel runs.
  virtual Count count(const Extent &extent) = 0;
  /// Hands over `value` (compute type) as result number `result` at `index`; the fused epilogue runs on it and memory
  /// is written.
  virtual llvm::LogicalResult store(unsigned result, mlir::Value value, llvm::ArrayRef<LaneIndex> index) = 0;
  /// What was stored last as an element of a result; only for ops that readsResults().
  virtual mlir::Value reload(unsigned result, llvm::ArrayRef<LaneIndex> index) = 0;
  /// A local buffer, memref<elements x computeType>, alive during the tile; at most kMostScratchBytes.
  virtual mlir::Value scratch(int64_t elements, mlir::Type computeType) = 0;
  /// Whether computing something again costs more than keeping it there.
  virtual bool keepsResults() const { return true; }

  /// A team for a line of so many elements, each of which is then read and made by one member alone. An op that asks
  /// has to use it; the tile of one that never asks is one thread's.
  virtual Team teamAlong(const Extent &) { return {}; }
  /// The same for lines side by side, along each of which there are `steps`: a team for some of the lines, which
  /// `lanes` divide. Nothing where one thread does as well.
  virtual std::optional<Columns> teamAcross(int64_t /*lines*/, int64_t /*steps*/, unsigned /*lanes*/) { return {}; }
  /// A share for each thread, so that each place has one owner, who walks through all that may go there in its order:
  /// of `most` places, where it is known how many there are. An op that asks has to use it. Nothing where one thread
  /// makes the whole tile.
  virtual std::optional<Share> shareOf(const Extent & /*lines*/, const Extent & /*places*/, int64_t /*most*/) {
    return {};
  }
  /// What the members hold as one value, which all of them get. The order of merging is that of the members.
  using MergeValues = llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)>;
  virtual mlir::Value together(const Team &, mlir::Value partial, MergeValues) { return partial; }
  /// Emits what one member does for all of them.
  virtual llvm::LogicalResult once(const Team &, llvm::function_ref<llvm::LogicalResult()> body) { return body(); }

  /// graph::forLanes at this builder; use `loop` where values flow out.
  llvm::LogicalResult forLanes(Count extent, unsigned lanes, LanesBody body) {
    return graph::forLanes(builder(), extent, lanes, body);
  }
  /// graph::forRange over [0, extent) at this builder.
  llvm::SmallVector<mlir::Value> loop(Count extent, mlir::ValueRange initial, LoopBody body) {
    return forRange(builder(), 0, extent, 1, initial, body);
  }

  mlir::Value indexConstant(int64_t value);
};

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_EMISSION_H

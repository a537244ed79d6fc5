// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose root emits its own loops, and how many threads compute a tile: a warp or a group goes through a long
// row together where the profile shares rows, so that neighbours read what lies side by side; else an invocation has a
// tile, or a part of one. Where only the run knows what is written, an invocation owns places of a tile.

#include "codegen/cpu/KernelTile.h"
#include "codegen/gpu/GroupMemory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using smelt::graph::Columns;
using smelt::graph::Extent;
using smelt::graph::Share;
using smelt::graph::Team;

namespace smelt::gpu {

namespace {

constexpr int64_t kLongRow = 512;         // elements for which a group is better than a warp,
constexpr int64_t kManyRows = 1024;       // unless there are so many rows
constexpr int64_t kFewestSteps = 16;      // that are worth merging parts of
constexpr int64_t kEnoughThreads = 65536; // with a thread for each line
constexpr int64_t kNeighbours = 8;        // lines, in vectors, that threads side by side read: a line of the cache
constexpr int64_t kCopy = 8;              // copying a place takes as long as walking by so many updates

class TeamTile : public cpu::KernelTile, Counting {
public:
  TeamTile(Body &body, Operation *root, ValueRange tile, const kernel::Machine &machine, func::FuncOp function,
           Value invocation, int64_t tiles, const Profile &profile)
      : KernelTile(body, root, tile, machine), Counting(body), profile_(profile), invocation_(invocation),
        tiles_(tiles), memory_(body, function, profile, part(invocation, profile.groupSize)) {}

  Team teamAlong(const Extent &elements) override;
  std::optional<Columns> teamAcross(int64_t lines, int64_t steps, unsigned lanes) override;
  Value together(const Team &team, Value partial, MergeValues merge) override {
    return memory_.merge(team, partial, merge);
  }
  LogicalResult once(const Team &team, llvm::function_ref<LogicalResult()> body) override;
  std::optional<Share> shareOf(const Extent &lines, const Extent &places, int64_t most) override;

  /// Invocations of each tile; 1 where no op asked for a team or a share.
  Extent invocations() const { return owners_ ? *owners_ : Extent(threads_ * parts_); }
  bool isShared() const { return owners_ || threads_ > 1; }

private:
  using Counting::body_;
  bool mayShare(int64_t threads) const {
    return profile_.sharesRows && tiles_ <= std::numeric_limits<int32_t>::max() / threads;
  }

  const Profile &profile_;
  Value invocation_;
  int64_t tiles_;
  GroupMemory memory_;
  int64_t threads_ = 1, parts_ = 1; // of a tile: of each of its parts
  std::optional<Extent> owners_;    // of a tile, where it has such
  Value isOwn_;                     // no thread before this one has the same lines
};

} // namespace

Team TeamTile::teamAlong(const Extent &elements) {
  const int64_t group = profile_.groupSize, number = elements.asNumber().value_or(0);
  if (threads_ == 1) {
    const bool hasWarps = profile_.subgroup > 0 && (number < kLongRow || tiles_ >= kManyRows);
    const int64_t threads = hasWarps ? profile_.subgroup : group;
    if (number < threads || !mayShare(threads))
      return {};
    threads_ = threads;
  }
  return {part(invocation_, threads_), threads_, 1};
}

std::optional<Columns> TeamTile::teamAcross(int64_t lines, int64_t steps, unsigned lanes) {
  const int64_t group = profile_.groupSize, vectors = lines / static_cast<int64_t>(lanes);
  if (vectors == 0 || steps < kFewestSteps || vectors > kEnoughThreads / tiles_)
    return std::nullopt;
  int64_t across = std::min<int64_t>(kNeighbours, llvm::bit_ceil(static_cast<uint64_t>(vectors)));
  while (across < group && group / across > steps && across < vectors)
    across *= 2;
  const auto parts = static_cast<int64_t>(llvm::divideCeil(vectors, across));
  if (!mayShare(group * parts))
    return std::nullopt;
  threads_ = group;
  parts_ = parts;
  Value thread = part(invocation_, group);
  Value vector = body_.add(body_.scale(part(over(invocation_, group), parts), across), part(thread, across));
  isOwn_ = isBelow(vector, vectors);
  Value there = atMost(vector, vectors - 1);
  return Columns{{over(thread, across), group / across, across}, body_.scale(there, lanes)};
}

LogicalResult TeamTile::once(const Team &team, llvm::function_ref<LogicalResult()> body) {
  if (team.isAlone())
    return body();
  Value isFirst = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, team.member, body_.constant(0));
  if (isOwn_)
    isFirst = arith::AndIOp::create(b_, isFirst, isOwn_);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(scf::IfOp::create(b_, isFirst, /*withElseRegion=*/false).thenBlock());
  return body();
}

std::optional<Share> TeamTile::shareOf(const Extent &lines, const Extent &places, int64_t most) {
  constexpr int64_t kMostInvocations = std::numeric_limits<int32_t>::max() / 2;
  const int64_t copy = profile_.sharesRows ? kCopy : 1; // a processor's lanes do not wait for it
  const int64_t all = std::max<int64_t>(kernel::typicalLength(lines), 1), length = kernel::typicalLength(places),
                mostSteps = kMostInvocations / tiles_ / all, group = profile_.groupSize;
  int64_t step = 1;
  while (step < length && step <= mostSteps / 2 &&
         (all * tiles_ < llvm::divideCeil(group, step) || most < llvm::divideCeil(length * copy, step)))
    step *= 2;
  owners_ = lines * Extent(step);
  Value number = arith::RemUIOp::create(b_, invocation_, body_.value(*owners_)), extent = body_.value(lines);
  return Share{arith::RemUIOp::create(b_, number, extent), arith::DivUIOp::create(b_, number, extent), step};
}

FailureOr<graph::Extent> emitLoops(Body &body, graph::LoopInterface root, func::FuncOp function, Value invocation,
                                   const Profile &profile) {
  ImplicitLocOpBuilder &b = body.builder();
  graph::Extents shape = graph::extentsOf(root->getResult(0));
  shape.truncate(root.tiledDims());
  const Extent tiles = graph::productOf(shape);
  if (tiles.isTooLarge())
    return failure();
  // What stands for the tile's number until it is known how many invocations share a tile.
  auto number = UnrealizedConversionCastOp::create(b, b.getIndexType(), ValueRange());
  const kernel::Machine machine = machineOf(profile);
  TeamTile tile(body, root, indexOf(body, number.getResult(0), shape), machine, function, invocation,
                std::max<int64_t>(kernel::typicalLength(tiles), 1), profile);
  if (failed(root.emitTile(tile)))
    return failure();
  Extent parts = tile.invocations();
  if (tile.isShared()) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(number);
    number.getResult(0).replaceAllUsesWith(arith::DivUIOp::create(b, invocation, body.value(parts)));
  } else {
    parts = distributeLoops(body, *number->getBlock(), invocation, number.getResult(0));
  }
  number.erase();
  return tiles * parts;
}

} // namespace smelt::gpu

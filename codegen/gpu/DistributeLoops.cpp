// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles of ops with loops of their own are made for processors: few, and large. Here steps of their outermost loops
// become invocations:
//   for i < 3 { a }  for j < 2 { b }   →   a where part is i; where part < 2, b     of 3 parts of each tile
// where a loop carries nothing, and the kernel does not read what it writes: so steps do not depend on one another. A
// place is written by one of them; ops that write where indices say have shares instead (TileAccess::shareOf).

#include "codegen/gpu/Accesses.h"
#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using smelt::graph::Extent;

namespace smelt::gpu {

namespace {
/// A loop whose steps do not depend on one another.
struct Steps {
  scf::ForOp loop;
  Extent first, count;
  int64_t step;
};

class Distribution {
public:
  Distribution(Body &body, Block &block) : body_(body), block_(block) {}

  void run() {
    while (distributeOnce())
      ;
  }
  /// Parts of each level, the outermost first, and the values that stand for their numbers.
  graph::Extents counts;
  SmallVector<Value> numbers;

private:
  bool distributeOnce();
  std::optional<SmallVector<Steps>> findLoops();
  std::optional<Extent> boundOf(Value value) const;
  void inlineStep(Steps &steps, Value number, const Extent &parts);

  Body &body_;
  Block &block_;
};
} // namespace

/// Whether some buffer is read and written, or is a local one.
static bool readsWhatItWrites(Block &block) {
  DenseSet<Value> read, written;
  bool hasLocal = false;
  block.walk([&](Operation *op) {
    hasLocal |= isa<memref::AllocaOp>(op);
    if (Value buffer = loadedFrom(op))
      read.insert(buffer);
    if (Value buffer = storedTo(op))
      written.insert(buffer);
  });
  return hasLocal ||
         llvm::any_of(written, [&](Value buffer) { return read.contains(buffer) || !isa<BlockArgument>(buffer); });
}

static bool loops(Operation &op) {
  return op.walk([](scf::ForOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

static bool writes(Operation &op) {
  return op.walk([](Operation *inner) { return storedTo(inner) ? WalkResult::interrupt() : WalkResult::advance(); })
      .wasInterrupted();
}

/// Where a loop begins or ends: an extent, or one down to a multiple.
std::optional<Extent> Distribution::boundOf(Value value) const {
  if (std::optional<int64_t> number = getConstantIntValue(value))
    return Extent(*number);
  if (auto rounded = value.getDefiningOp<arith::AndIOp>()) {
    std::optional<Extent> whole = body_.extentOf(rounded.getLhs());
    std::optional<int64_t> mask = getConstantIntValue(rounded.getRhs());
    if (whole && mask && *mask < 0 && llvm::isPowerOf2_64(-*mask))
      return whole->floorDiv(-*mask) * Extent(-*mask);
  }
  return body_.extentOf(value);
}

/// The loops of the block, where nothing else in it writes or takes long.
std::optional<SmallVector<Steps>> Distribution::findLoops() {
  SmallVector<Steps> all;
  for (Operation &op : block_.without_terminator()) {
    auto loop = dyn_cast<scf::ForOp>(op);
    if (!loop || loop.getNumResults() > 0) {
      if (writes(op) || loops(op)) // every part would loop as well
        return std::nullopt;
      continue;
    }
    std::optional<Extent> first = boundOf(loop.getLowerBound()), end = boundOf(loop.getUpperBound());
    std::optional<int64_t> step = getConstantIntValue(loop.getStep());
    if (!first || !end || !step || *step <= 0)
      return std::nullopt;
    all.push_back({loop, *first, Extent::max(*end - *first, 0).ceilDiv(*step), *step});
  }
  return all;
}

/// The loop's body for the part's step alone.
void Distribution::inlineStep(Steps &steps, Value number, const Extent &parts) {
  OpBuilder b(steps.loop);
  Location loc = steps.loop.getLoc();
  auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  Value at = number;
  if (steps.step != 1)
    at = arith::MulIOp::create(b, loc, at, constant(steps.step), arith::IntegerOverflowFlags::nsw);
  if (steps.first != Extent(0))
    at = arith::AddIOp::create(b, loc, at, steps.loop.getLowerBound(), arith::IntegerOverflowFlags::nsw);
  Block *from = steps.loop.getBody(), *to = steps.loop->getBlock();
  Block::iterator place(steps.loop);
  if (steps.count != parts) {
    Value isThere = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, body_.value(steps.count));
    auto choice = scf::IfOp::create(b, loc, isThere, /*withElseRegion=*/false);
    to = choice.thenBlock();
    place = to->getTerminator()->getIterator();
  }
  steps.loop.getInductionVar().replaceAllUsesWith(at);
  to->getOperations().splice(place, from->getOperations(), from->begin(), from->getTerminator()->getIterator());
  Operation *loop = steps.loop;
  loop->erase();
}

bool Distribution::distributeOnce() {
  std::optional<SmallVector<Steps>> loops = findLoops();
  if (!loops || loops->empty())
    return false;
  Extent parts = 0;
  for (const Steps &steps : *loops)
    parts = Extent::max(parts, steps.count);
  if (parts == Extent(0))
    return false;
  OpBuilder b(&block_, block_.begin());
  Value number = UnrealizedConversionCastOp::create(b, block_.getParentOp()->getLoc(), b.getIndexType(), ValueRange())
                     .getResult(0);
  counts.push_back(parts);
  numbers.push_back(number);
  for (Steps &steps : *loops)
    inlineStep(steps, number, parts);
  return loops->size() == 1; // else what is left is under conditions
}

Extent distributeLoops(Body &body, Block &block, Value invocation, Value tile) {
  Distribution distribution(body, block);
  if (!readsWhatItWrites(block))
    distribution.run();
  // Neighbours have neighbouring steps of the innermost loop.
  OpBuilder b(&block, block.begin());
  Location loc = block.getParentOp()->getLoc();
  Value rest = invocation;
  Extent parts = 1;
  for (auto [count, number] : llvm::reverse(llvm::zip_equal(distribution.counts, distribution.numbers))) {
    parts *= count;
    Value extent = body.value(count);
    number.replaceAllUsesWith(arith::RemUIOp::create(b, loc, rest, extent));
    rest = arith::DivUIOp::create(b, loc, rest, extent);
  }
  for (Value number : distribution.numbers)
    number.getDefiningOp()->erase();
  tile.replaceAllUsesWith(rest);
  return parts;
}

} // namespace smelt::gpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/SymbolDefiners.h"
#include "dialects/Graph/Symbols.h"
#include "mlir/Analysis/TopologicalSortUtils.h"

using namespace mlir;

namespace smelt::plan {

SymbolDefiners::SymbolDefiners(Block &block) {
  for (Operation &op : block)
    for (StringRef symbol : graph::symbolsDefinedBy(&op))
      definers_[symbol] = &op;
}

llvm::SmallSetVector<Operation *, 2> SymbolDefiners::neededBy(Operation *op) const {
  llvm::SmallSetVector<Operation *, 2> needed;
  if (empty())
    return needed;
  for (const graph::Extent &extent : graph::extentsMentionedBy(op))
    extent.walkSymbols([&](StringRef symbol) {
      if (Operation *definer = of(symbol); definer && definer != op)
        needed.insert(definer);
    });
  return needed;
}

bool SymbolDefiners::areKnownAt(Operation *op, ArrayRef<graph::Extent> extents) const {
  bool areKnown = true;
  for (const graph::Extent &extent : extents)
    extent.walkSymbols([&](StringRef symbol) {
      Operation *definer = of(symbol);
      areKnown &= !definer || definer->isBeforeInBlock(op);
    });
  return areKnown;
}

void sortBySymbols(Block &block) {
  SymbolDefiners definers(block);
  if (definers.empty())
    return (void)sortTopologically(&block);
  DenseMap<Operation *, llvm::SmallSetVector<Operation *, 2>> needs;
  DenseMap<Operation *, SmallVector<Operation *>> followers;
  SmallVector<Operation *> order;
  std::vector<Operation *> ready; // those that stand first on top
  for (Operation &op : block.without_terminator()) {
    llvm::SmallSetVector<Operation *, 2> needed = definers.neededBy(&op);
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp())
        needed.insert(producer);
    for (Operation *before : needed)
      followers[before].push_back(&op);
    needs[&op] = std::move(needed);
  }
  DenseMap<Operation *, size_t> position;
  for (auto [number, op] : llvm::enumerate(block))
    position[&op] = number;
  auto isLater = [&](Operation *a, Operation *b) { return position[a] > position[b]; };
  for (Operation &op : block.without_terminator())
    if (needs[&op].empty())
      ready.push_back(&op);
  std::make_heap(ready.begin(), ready.end(), isLater);
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), isLater);
    Operation *op = ready.back();
    ready.pop_back();
    order.push_back(op);
    for (Operation *follower : followers[op]) {
      needs[follower].remove(op);
      if (!needs[follower].empty())
        continue;
      ready.push_back(follower);
      std::push_heap(ready.begin(), ready.end(), isLater);
    }
  }
  for (Operation *op : order)
    op->moveBefore(&block, block.getTerminator()->getIterator());
}

} // namespace smelt::plan

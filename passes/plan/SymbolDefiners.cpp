// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/SymbolDefiners.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::plan {

SmallVector<StringRef> symbolsDefinedBy(Operation *op) {
  ArrayAttr symbols = llvm::TypeSwitch<Operation *, ArrayAttr>(op)
                          .Case<graph::BindSizesOp, graph::DefineSizesOp>([](auto op) { return op.getSymbols(); })
                          .Default(ArrayAttr());
  SmallVector<StringRef> names;
  if (symbols)
    for (Attribute symbol : symbols)
      names.push_back(cast<StringAttr>(symbol).getValue());
  return names;
}

graph::Extents extentsMentionedBy(Operation *op) {
  graph::Extents extents;
  op->walk([&](Operation *inner) {
    for (Type type : inner->getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getEncoding())
        llvm::append_range(extents, graph::extentsOf(tensor));
    for (NamedAttribute attribute : inner->getAttrs())
      if (auto list = dyn_cast<graph::ExtentsAttr>(attribute.getValue()))
        llvm::append_range(extents, list.extents());
  });
  return extents;
}

SymbolDefiners::SymbolDefiners(Block &block) {
  for (Operation &op : block)
    for (StringRef symbol : symbolsDefinedBy(&op))
      definers_[symbol] = &op;
}

llvm::SmallSetVector<Operation *, 2> SymbolDefiners::neededBy(Operation *op) const {
  llvm::SmallSetVector<Operation *, 2> needed;
  if (empty())
    return needed;
  for (const graph::Extent &extent : extentsMentionedBy(op))
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

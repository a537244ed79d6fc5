// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/SymbolBounds.h"
#include "dialects/Graph/Graph.h"

using namespace mlir;

namespace smelt::plan {

using graph::Extent;

SymbolBounds::SymbolBounds(Operation *module) {
  for (auto function : module->getRegion(0).getOps<func::FuncOp>())
    for (Operation &op : function.getBody().front())
      add(op);
}

void SymbolBounds::set(ArrayAttr symbols, ArrayRef<Extent> extents, bool mayBeUnknown) {
  for (auto [symbol, extent] : llvm::zip_equal(symbols, extents))
    most_[cast<StringAttr>(symbol).getValue()] = mayBeUnknown && extent.isTooLarge() ? std::nullopt : most(extent);
}

/// A product of dims that the run finds is bounded by all of their bounds: far more than there are elements where dims
/// are 1 unless others are not.
void SymbolBounds::addSame(Value found, Value known) {
  Extent elements = productOf(graph::extentsOf(found)), others = productOf(graph::extentsOf(known));
  if (!elements.isFoundAtRunTime() || others.isFoundAtRunTime())
    return;
  for (int64_t bytes : {1, 2, 4, 8})
    same_.try_emplace((elements * bytes).str(), others * bytes);
}

void SymbolBounds::add(Operation &op) {
  if (auto reshape = dyn_cast<graph::ReshapeOp>(op)) {
    addSame(reshape.getResult(), reshape.getInput());
    addSame(reshape.getInput(), reshape.getResult());
  }
  if (auto binding = dyn_cast<graph::BindSizesOp>(op))
    set(binding.getSymbols(), binding.getMost(), true);
  if (auto definition = dyn_cast<graph::DefineSizesOp>(op))
    set(definition.getSymbols(), definition.getExtents(), false);
  if (auto loop = dyn_cast<graph::WhileOp>(op))
    set(loop.getSymbols(), loop.getMost(), true);
  auto branches = dyn_cast<graph::IfOp>(op);
  if (!branches)
    return;
  for (auto [symbol, first, second] :
       llvm::zip_equal(branches.getSymbols(), branches.getFirstSizes(), branches.getSecondSizes())) {
    std::optional<Extent> left = most(first), right = most(second);
    most_[cast<StringAttr>(symbol).getValue()] =
        left && right ? std::optional(Extent::max(*left, *right)) : std::nullopt;
  }
}

std::optional<Extent> SymbolBounds::most(const Extent &extent) const {
  if (auto same = same_.empty() ? same_.end() : same_.find(extent.str()); same != same_.end())
    return same->second;
  return extent.upperBound([&](StringRef symbol) {
    auto known = most_.find(symbol);
    return known == most_.end() ? std::optional<Extent>() : known->second;
  });
}

} // namespace smelt::plan

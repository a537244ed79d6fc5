// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/SymbolBounds.h"
#include "dialects/Graph/Graph.h"

using namespace mlir;

namespace smelt::plan {

using graph::Extent;

SymbolBounds::SymbolBounds(func::FuncOp function) {
  for (Operation &op : function.getBody().front()) {
    auto bind = [&](ArrayAttr symbols, ArrayRef<Extent> extents, bool mayBeUnknown) {
      for (auto [symbol, extent] : llvm::zip_equal(symbols, extents))
        most_[cast<StringAttr>(symbol).getValue()] = mayBeUnknown && extent.isTooLarge() ? std::nullopt : most(extent);
    };
    if (auto binding = dyn_cast<graph::BindSizesOp>(op))
      bind(binding.getSymbols(), binding.getMost(), true);
    if (auto definition = dyn_cast<graph::DefineSizesOp>(op))
      bind(definition.getSymbols(), definition.getExtents(), false);
  }
}

std::optional<Extent> SymbolBounds::most(const Extent &extent) const {
  return extent.upperBound([&](StringRef symbol) {
    auto known = most_.find(symbol);
    return known == most_.end() ? std::optional<Extent>() : known->second;
  });
}

} // namespace smelt::plan

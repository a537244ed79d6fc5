// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Unused.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Symbols.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace smelt::frontend {

namespace {
/// What is used by the ops seen so far, of which the last come first.
class Uses {
public:
  void eraseOthers(func::FuncOp function);

private:
  bool isUnused(Operation &op) const;
  void add(Operation &op);

  llvm::StringSet<> symbols_, functions_;
};
} // namespace

bool Uses::isUnused(Operation &op) const {
  if (!op.use_empty())
    return false;
  SmallVector<StringRef> symbols = graph::symbolsDefinedBy(&op);
  if (!symbols.empty())
    return llvm::none_of(symbols, [&](StringRef symbol) { return symbols_.contains(symbol); });
  return isa<graph::IfOp>(op) || (op.getNumResults() > 0 && isPure(&op));
}

void Uses::add(Operation &op) {
  for (const graph::Extent &extent : graph::extentsMentionedBy(&op))
    extent.walkSymbols([&](StringRef symbol) { symbols_.insert(symbol); });
  for (NamedAttribute attribute : op.getAttrs())
    if (auto name = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
      functions_.insert(name.getValue());
}

void Uses::eraseOthers(func::FuncOp function) {
  if (function.isPrivate() && !functions_.contains(function.getSymName()))
    return function.erase();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
    if (isUnused(op))
      op.erase();
    else
      add(op);
}

void eraseUnused(ModuleOp module) {
  Uses uses;
  for (auto &op : llvm::make_early_inc_range(llvm::reverse(*module.getBody())))
    if (auto function = dyn_cast<func::FuncOp>(op))
      uses.eraseOthers(function);
}

} // namespace smelt::frontend

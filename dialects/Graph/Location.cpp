// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Location.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace smelt::graph {

Location sourceLocation(MLIRContext *context, StringRef name, StringRef operatorName) {
  auto kind = NameLoc::get(StringAttr::get(context, operatorName));
  return NameLoc::get(StringAttr::get(context, name), kind);
}

/// The named locations inside a location, in order.
static void collect(Location loc, llvm::SetVector<NameLoc> &nodes) {
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      collect(part, nodes);
    return;
  }
  if (auto call = dyn_cast<CallSiteLoc>(loc))
    return collect(call.getCallee(), nodes);
  if (auto node = dyn_cast<NameLoc>(loc))
    nodes.insert(node);
}

std::string sourceOperator(Location loc) {
  llvm::SetVector<NameLoc> nodes;
  collect(loc, nodes);
  auto kind = nodes.empty() ? NameLoc() : dyn_cast<NameLoc>(nodes.front().getChildLoc());
  return kind ? kind.getName().str() : "";
}

std::string describeLocation(Location loc) {
  llvm::SetVector<NameLoc> nodes;
  collect(loc, nodes);
  if (nodes.empty())
    return "";
  std::string text = ("node '" + nodes.front().getName().getValue() + "'").str();
  if (auto kind = dyn_cast<NameLoc>(nodes.front().getChildLoc()))
    text += (" (" + kind.getName().getValue() + ")").str();
  return text;
}

std::string sourceNames(Location loc) {
  llvm::SetVector<NameLoc> nodes;
  collect(loc, nodes);
  llvm::SetVector<StringRef> names;
  for (NameLoc node : nodes)
    names.insert(node.getName().getValue());
  return llvm::join(names, "+");
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Unsupported.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/MapVector.h"

using namespace llvm;

namespace smelt::frontend {

constexpr size_t kMostListed = 20; // in an error

static std::string inWords(const UnsupportedNode &node) {
  return "node '" + printable(node.node) + "' (" + printable(node.operatorName) +
         (node.version > 0 ? ", opset " + std::to_string(node.version) : "") + ")";
}

void refuseUnsupported(ArrayRef<UnsupportedNode> nodes) {
  if (nodes.empty())
    return;
  MapVector<StringRef, std::pair<std::string, int>> reasons; // the nodes in words, and how many
  for (const UnsupportedNode &node : nodes.take_front(kMostListed)) {
    auto &[text, count] = reasons[node.reason];
    text += (count++ ? ", " : "") + inWords(node);
  }
  std::string text;
  for (const auto &[reason, named] : reasons)
    text += (text.empty() ? "" : "; ") + named.first + ": " + reason.str() +
            (reason == kUnknownOperator && named.second > 1 ? "s" : "");
  if (nodes.size() > kMostListed)
    text += "; and " + std::to_string(nodes.size() - kMostListed) + " more";
  unsupported(text);
}

void reportRefused(ArrayRef<UnsupportedNode> refused,
                   const std::function<void(const UnsupportedNode &node)> &onUnsupported) {
  if (refused.empty())
    return;
  std::string text;
  for (const UnsupportedNode &node : refused.take_front(kMostListed))
    text += (text.empty() ? "" : "; ") + inWords(node) + ": " + node.reason;
  if (refused.size() > kMostListed)
    text += " and " + std::to_string(refused.size() - kMostListed) + " more";
  if (onUnsupported)
    for (const UnsupportedNode &node : refused)
      if (node.reason != kUnknownOperator)
        onUnsupported(node);
  unsupported(text);
}

mlir::OwningOpRef<mlir::ModuleOp> buildOrRefuse(std::vector<UnsupportedNode> unknown,
                                                const std::vector<UnsupportedNode> &refused,
                                                function_ref<mlir::OwningOpRef<mlir::ModuleOp>()> build) {
  if (unknown.empty())
    return build();
  try {
    build();
  } catch (const Refusal &) {
    // It is about what else is refused, or follows from what is unknown.
  }
  const size_t count = unknown.size();
  for (const UnsupportedNode &node : refused) {
    const bool isKnown = llvm::any_of(ArrayRef(unknown).take_front(count), [&](const UnsupportedNode &other) {
      return other.node == node.node && other.operatorName == node.operatorName;
    });
    if (!isKnown && node.reason != kUnknownOperator)
      unknown.push_back(node);
  }
  refuseUnsupported(unknown);
  return {};
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Unsupported.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace smelt::frontend {

constexpr size_t kMostListed = 20; // in an error
constexpr size_t kMostOfOne = 3;   // nodes of one reason, which is what to act on

static std::string inWords(const UnsupportedNode &node) {
  return "node '" + printable(node.node) + "' (" + printable(node.operatorName) +
         (node.version > 0 ? ", opset " + std::to_string(node.version) : "") + ")";
}

void refuseUnsupported(ArrayRef<UnsupportedNode> nodes) {
  if (nodes.empty())
    return;
  MapVector<StringRef, SmallVector<std::string>> reasons; // the nodes in words
  for (const UnsupportedNode &node : nodes)
    reasons[node.reason].push_back(inWords(node));
  std::string text;
  size_t room = kMostListed, left = nodes.size();
  for (const auto &[reason, named] : reasons) {
    const bool isUnknown = reason == kUnknownOperator; // each its own
    const size_t listed = std::min({room, named.size(), isUnknown ? kMostListed : kMostOfOne});
    if (listed == 0)
      break;
    text += (text.empty() ? "" : "; ") + join(ArrayRef(named).take_front(listed), ", ");
    if (!isUnknown && named.size() > listed)
      text += " and " + std::to_string(named.size() - listed) + " more";
    text += ": " + reason.str() + (isUnknown && named.size() > 1 ? "s" : "");
    room -= listed;
    left -= isUnknown ? listed : named.size();
  }
  if (left > 0)
    text += "; and " + std::to_string(left) + " more";
  unsupported(text);
}

void reportRefused(ArrayRef<UnsupportedNode> refused,
                   const std::function<void(const UnsupportedNode &node)> &onUnsupported) {
  if (onUnsupported)
    for (const UnsupportedNode &node : refused)
      if (node.reason != kUnknownOperator)
        onUnsupported(node);
  refuseUnsupported(refused);
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

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on values that may be absent, and those that take any value.

#include "frontends/onnx/Operators.h"

using namespace mlir;

namespace smelt::frontend::onnx {

static Items identity(NodeReader &node) {
  std::optional<Item> given = node.item(0);
  if (!given)
    malformed("lacks its input 0");
  return {*given};
}

// An optional value that is there is the value.
static Items optional(NodeReader &node) {
  std::optional<Item> given = node.item(0);
  node.ignore("type"); // of what is absent
  return {given ? *given : Item::absent()};
}

static Values optionalHasElement(NodeReader &node) {
  GraphBuilder &b = node.builder();
  std::optional<Item> given = node.item(0);
  if (given && given->isPresent)
    return {given->isPresent};
  const bool isPresent = given && given->kind != Item::Kind::Absent;
  return {b.scalar(b.builder().getI1Type(), graph::Scalar::ofSigned(isPresent))};
}

static Items optionalGetElement(NodeReader &node) {
  std::optional<Item> given = node.item(0);
  if (!given || given->kind == Item::Kind::Absent)
    malformed("takes the element of an optional value that is absent");
  given->isPresent = nullptr;
  return {*given};
}

static constexpr Operator kOperators[] = {
    {"Identity", 1, identity},
    {"Optional", 15, optional},
    {"OptionalGetElement", 15, optionalGetElement},
    {"OptionalHasElement", 15, optionalHasElement},
};

ArrayRef<Operator> optionalOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

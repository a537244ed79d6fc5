// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program asserts: torch._check and what torch.export adds. What is known to hold leaves nothing, what is known
// not to is malformed, and the run finds out the rest.

#include "frontends/pt2/Ops/Assertions.h"
#include "frontends/common/Branches.h"
#include "frontends/common/Requirement.h"
#include "frontends/pt2/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

static Complaint complaintOf(StringRef message) {
  return {"asserts what does not hold: " + quotedForComplaint(message), {}};
}

/// With what the symbols in the message stand for: "expression u0 <= 3 (u0 = 7)".
static Complaint complaintOf(NodeReader &node, StringRef message) {
  constexpr size_t kMostSymbols = 8;
  Complaint complaint = complaintOf(message);
  const SmallVector<std::pair<std::string, Extent>> symbols = node.symbolsIn(message);
  for (const auto &[name, value] : ArrayRef(symbols).take_front(kMostSymbols)) {
    complaint.text += (complaint.values.empty() ? " (" : ", ") + name + " = {}";
    complaint.values.push_back(value);
  }
  if (!complaint.values.empty())
    complaint.text += ")";
  return complaint;
}

/// 1 where a number is not 0, else 0.
static Extent isTrue(NodeReader &node, const Number &number) {
  GraphBuilder &b = node.builder();
  if (number.kind == Number::Kind::Bool && number.size)
    return *number.size;
  if (number.size)
    return 1 - Extent::isSame(*number.size, 0);
  if (!number.tensor)
    return number.value != 0;
  return conditionFrom(b, b.cast(number.tensor, b.builder().getI1Type()));
}

static Values assertScalar(NodeReader &node) {
  std::optional<Number> number = node.scalar("self");
  const std::string message = node.text("assert_msg");
  if (!number)
    malformed("asserts nothing");
  require(node.builder(), isTrue(node, *number), complaintOf(node, message));
  return {};
}

void assertTensor(GraphBuilder &b, Value x, StringRef message) {
  if (!x || !isSingle(x))
    malformed("asserts what is not one element");
  require(b, conditionFrom(b, b.cast(b.reshape(x, Extents()), b.builder().getI1Type())), complaintOf(message));
}

static Values assertAsync(NodeReader &node) {
  const std::string message = node.hasArgument("assert_msg") ? node.text("assert_msg") : "a tensor is not true";
  assertTensor(node.builder(), node.tensor("self"), message);
  return {};
}

/// What an integer is between; for_size, 0 where nothing is said.
static Values constrainRange(NodeReader &node) {
  std::optional<Number> number = node.scalar("size");
  std::optional<int64_t> least = node.optionalInteger("min"), most = node.optionalInteger("max");
  if (!number || !number->size)
    malformed("limits what is no integer");
  if (node.operatorName().contains("for_size"))
    least = least.value_or(0);
  if (least && most && *least > *most)
    malformed("limits a number to " + Twine(*least) + " to " + Twine(*most));
  const std::string range = (least ? "at least " + std::to_string(*least) : "") + (least && most ? " and " : "") +
                            (most ? "at most " + std::to_string(*most) : "");
  Extents rest;
  if (least && *least > INT64_MIN)
    rest.push_back(*number->size - *least);
  if (most && *most < INT64_MAX)
    rest.push_back(*most - *number->size);
  requireNotNegative(node.builder(), rest, {"limits a number to " + range + ", which is {}", {*number->size}});
  return {};
}

/// Dims and dtype; how elements lie, and where, says nothing here.
static Values assertMetadata(NodeReader &node) {
  for (StringRef name : {"stride", "device", "layout"})
    node.ignore(name);
  Value x = node.tensor("a");
  std::optional<Type> type = node.optionalType("dtype");
  if (type && *type != elementOf(x))
    malformed("asserts that a tensor of " + inWords(elementOf(x)) + " is one of " + inWords(*type));
  std::optional<Extents> sizes = node.optionalExtents("size");
  if (!sizes)
    return {};
  const Extents shape = extentsOf(x);
  if (sizes->size() != shape.size())
    malformed("asserts that a tensor of " + inWords(shape) + " is one of " + inWords(*sizes));
  for (auto [dim, extent, size] : llvm::enumerate(shape, *sizes))
    requireEqual(node.builder(), extent, size,
                 {"asserts that dim " + std::to_string(dim) + ", {}, is {}", {extent, size}});
  return {};
}

static constexpr Operator kOperators[] = {
    {"aten._assert_async.default", assertAsync},          {"aten._assert_async.msg", assertAsync},
    {"aten._assert_scalar.default", assertScalar},        {"aten._assert_tensor_metadata.default", assertMetadata},
    {"aten.sym_constrain_range.default", constrainRange}, {"aten.sym_constrain_range_for_size.default", constrainRange},
};

ArrayRef<Operator> assertionOperators() { return kOperators; }

} // namespace smelt::frontend::pt2

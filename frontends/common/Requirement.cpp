// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Requirement.h"
#include "frontends/common/Refusal.h"

using namespace mlir;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

std::string quotedForComplaint(StringRef text) {
  constexpr size_t kMostLetters = 240;
  std::string quoted;
  for (char letter : printable(text, kMostLetters))
    quoted.append(letter == '{' || letter == '}' ? 2 : 1, letter);
  return quoted;
}

/// As the run would say it.
static std::string inWords(const Complaint &complaint) {
  std::string text;
  StringRef rest = complaint.text;
  ArrayRef<Extent> values = complaint.values;
  while (!rest.empty()) {
    if (!values.empty() && rest.consume_front("{}")) {
      text += values.front().str();
      values = values.drop_front();
      continue;
    }
    text += rest.front();
    rest = rest.drop_front(rest.starts_with("{{") || rest.starts_with("}}") ? 2 : 1);
  }
  return text;
}

/// Each is an expression that has a value only where it holds, or a number; what is known not to hold fails a run of
/// the part that it is in, which there may never be.
static void requireValues(GraphBuilder &b, ArrayRef<Extent> expressions, const Complaint &complaint) {
  Extents open;
  for (const Extent &expression : expressions)
    if (expression.isTooLarge() && b.partDepth() == 0)
      malformed(inWords(complaint));
    else if (expression.isTooLarge() || !expression.isNumber())
      open.push_back(expression);
  if (!open.empty())
    graph::CheckSizesOp::create(b.builder(), b.location(), open, complaint.text, complaint.values);
}

static const Extent &checked(const Extent &extent) {
  if (extent.isTooLarge())
    unsupported("a size that it computes is too long an expression");
  return extent;
}

/// An expression that has a value only where both are equal; too large where they are known not to be.
static Extent equal(const Extent &a, const Extent &b) {
  return mayEqual(checked(a), checked(b)) ? Extent::equal(a, b) : Extent::tooLarge();
}

void require(GraphBuilder &b, const Extent &condition, const Complaint &complaint) {
  if (checked(condition).isNumber())
    return requireValues(b, condition.number() == 0 ? Extent::tooLarge() : condition, complaint);
  requireValues(b, equal(condition, 1), complaint);
}

void requireNotNegative(GraphBuilder &b, ArrayRef<Extent> extents, const Complaint &complaint) {
  Extents expressions;
  for (const Extent &extent : extents)
    if (!checked(extent).isAtLeast(0))
      expressions.push_back(equal(extent, Extent::max(extent, 0)));
  requireValues(b, expressions, complaint);
}

void requireEqual(GraphBuilder &b, const Extent &a, const Extent &c, const Complaint &complaint) {
  requireValues(b, equal(a, c), complaint);
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/MatchDims.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace smelt::frontend {

/// Whether an extent is a dim of an input, or part or multiple of one, as strides and scales make them.
static bool isScaledDim(const graph::Extent &extent) {
  if (extent.isNumber() || extent.terms().size() != 1 || extent.terms().front().atoms.size() != 1)
    return false;
  graph::Atom atom = extent.terms().front().atoms.front();
  return atom.kind() == graph::Atom::Kind::Symbol || atom.kind() == graph::Atom::Kind::FloorDiv;
}

static llvm::SmallSetVector<StringRef, 2> symbolsOf(const graph::Extent &extent) {
  llvm::SmallSetVector<StringRef, 2> symbols;
  extent.walkSymbols([&](StringRef symbol) { symbols.insert(symbol); });
  return symbols;
}

/// What two extents that are made of one dim are when they are equal, as where a network doubles what it has halved:
/// the one that is a larger multiple. Otherwise nothing.
static std::optional<graph::Extent> scaledAlike(const graph::Extent &a, const graph::Extent &b) {
  if (a == b || !isScaledDim(a) || !isScaledDim(b) || symbolsOf(a).size() != 1 || symbolsOf(a) != symbolsOf(b))
    return std::nullopt;
  int64_t left = a.terms().front().factor, right = b.terms().front().factor;
  return left == right ? simplerOf(a, b) : left > right ? a : b;
}

/// Of min(n, x) with a number n above 1, both.
static std::optional<std::pair<int64_t, graph::Extent>> endOf(graph::Atom atom) {
  if (!atom || atom.kind() != graph::Atom::Kind::Min)
    return std::nullopt;
  for (auto [number, other] : {std::pair(atom.lhs(), atom.rhs()), std::pair(atom.rhs(), atom.lhs())})
    if (number.asNumber().value_or(0) > 1)
      return std::pair(number.number(), other);
  return std::nullopt;
}

/// max(0, min(n, x + whole) - min(n, x)): a window of a table.
static bool isWindowOf(graph::Extent extent, const graph::Extent &whole) {
  graph::Atom atom = extent.asAtom();
  if (atom && atom.kind() == graph::Atom::Kind::Max)
    extent = atom.lhs() == graph::Extent(0) ? atom.rhs() : atom.lhs();
  if (extent.isNumber() || extent.terms().size() != 2)
    return false;
  std::optional<std::pair<int64_t, graph::Extent>> first, end;
  for (const graph::Term &term : extent.terms())
    if (term.atoms.size() == 1 && (term.factor == 1 || term.factor == -1))
      (term.factor == 1 ? end : first) = endOf(term.atoms.front());
  return first && end && first->first == end->first && end->second - first->second == whole;
}

/// Whether an extent is that of a table cut to what is needed: then it is the whole.
static bool isCutTo(const graph::Extent &extent, const graph::Extent &whole) {
  std::optional<std::pair<int64_t, graph::Extent>> end = extent.isNumber() ? std::nullopt : endOf(extent.asAtom());
  return (end && end->second == whole) || isWindowOf(extent, whole);
}

/// What two extents are that are taken to be equal.
static std::optional<graph::Extent> inCommon(const graph::Extent &a, const graph::Extent &b) {
  if (isCutTo(a, b) || isCutTo(b, a))
    return isCutTo(a, b) ? b : a;
  return scaledAlike(a, b);
}

void matchDims(GraphBuilder &builder, Value &a, Value &b) {
  for (int64_t dim = 1; dim <= std::min(rankOf(a), rankOf(b)); ++dim) {
    int64_t left = rankOf(a) - dim, right = rankOf(b) - dim;
    if (std::optional<graph::Extent> extent = inCommon(extentsOf(a)[left], extentsOf(b)[right])) {
      a = builder.withDim(a, left, *extent);
      b = builder.withDim(b, right, *extent);
    }
  }
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/SymbolRanges.h"

using namespace mlir;

namespace smelt::graph {

// Of a file's expressions; every step takes one atom out.
constexpr unsigned kMostSteps = 256;

/// The same in terms of what symbols exceed their least values by, or, where a term subtracts a symbol, what they lack
/// of their largest: neither is negative.
Extent SymbolRanges::shifted(const Extent &extent) const {
  llvm::StringMap<bool> isSubtracted;
  for (const Term &term : extent.terms())
    if (term.atoms.size() == 1 && term.atoms.front().kind() == Atom::Kind::Symbol)
      isSubtracted[term.atoms.front().symbol()] = term.factor < 0;
  return extent.substitute([&](StringRef name) {
    const Extent symbol = Extent::symbol(extent.terms().front().atoms.front().getContext(), name);
    auto range = ranges_.find(name);
    if (range == ranges_.end())
      return symbol;
    const auto [least, most] = range->second;
    return isSubtracted.lookup(name) && most <= kMostExtent ? Extent(most) - symbol : symbol + least;
  });
}

static Extent extentOf(Atom atom) {
  switch (atom.kind()) {
  case Atom::Kind::Symbol:
    return Extent::symbol(atom.getContext(), atom.symbol());
  case Atom::Kind::FloorDiv:
    return atom.lhs().floorDiv(atom.rhs());
  case Atom::Kind::Min:
    return Extent::min(atom.lhs(), atom.rhs());
  case Atom::Kind::Max:
    return Extent::max(atom.lhs(), atom.rhs());
  case Atom::Kind::Broadcast:
    return Extent::broadcast(atom.lhs(), atom.rhs()).value_or(Extent::tooLarge());
  case Atom::Kind::Equal:
    return Extent::equal(atom.lhs(), atom.rhs());
  }
  return Extent::tooLarge();
}

/// Whether rest + term is not negative, by what bounds the term's only atom.
bool SymbolRanges::isNotNegativeWithout(const Term &term, const Extent &rest, unsigned &steps) const {
  const Atom atom = term.atoms.front();
  const Extent factor = term.factor;
  auto holds = [&](const Extent &bound) { return isNotNegative(rest + factor * bound, steps); };
  const bool isAdded = term.factor > 0;
  switch (atom.kind()) {
  case Atom::Kind::FloorDiv: { // (n - d + 1) / d <= floor(n / d) <= n / d
    const Extent &n = atom.lhs(), &d = atom.rhs();
    return isNotNegative(rest * d + factor * (isAdded ? n - d + 1 : n), steps);
  }
  case Atom::Kind::Min:
    return isAdded ? holds(atom.lhs()) && holds(atom.rhs()) : holds(atom.lhs()) || holds(atom.rhs());
  case Atom::Kind::Max:
    return isAdded ? holds(atom.lhs()) || holds(atom.rhs()) : holds(atom.lhs()) && holds(atom.rhs());
  case Atom::Kind::Broadcast:
    return holds(atom.lhs()) && holds(atom.rhs());
  case Atom::Kind::Equal:
    return holds(atom.lhs());
  case Atom::Kind::Symbol:
    break;
  }
  return false;
}

bool SymbolRanges::isNotNegative(const Extent &extent, unsigned &steps) const {
  if (extent.isNumber())
    return extent.number() >= 0 && !extent.isTooLarge();
  if (steps == 0)
    return false;
  --steps;
  auto isKnown = [](const Extent &bounded) { return bounded.lowerBound().value_or(-1) >= 0; };
  if (isKnown(extent) || isKnown(shifted(extent)))
    return true;
  for (const Term &term : extent.terms()) {
    if (term.atoms.size() != 1 || term.atoms.front().kind() == Atom::Kind::Symbol)
      continue;
    const Atom atom = term.atoms.front();
    if (atom.kind() == Atom::Kind::FloorDiv && !(atom.rhs().isNumber() && atom.rhs().number() > 0))
      continue;
    return isNotNegativeWithout(term, extent - extentOf(atom) * term.factor, steps);
  }
  return false;
}

bool SymbolRanges::isAtLeast(const Extent &a, const Extent &b) const {
  unsigned steps = kMostSteps;
  const Extent difference = a - b;
  return a.isAtLeast(b) || isNotNegative(difference, steps);
}

Extent SymbolRanges::min(const Extent &a, const Extent &b) const {
  return isAtLeast(a, b) ? b : isAtLeast(b, a) ? a : Extent::min(a, b);
}

Extent SymbolRanges::max(const Extent &a, const Extent &b) const {
  return isAtLeast(a, b) ? a : isAtLeast(b, a) ? b : Extent::max(a, b);
}

} // namespace smelt::graph

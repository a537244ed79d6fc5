// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/TargetShape.h"

using namespace mlir;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

Extents foundShape(GraphBuilder &b, ArrayRef<Extent> from, ArrayRef<Extent> target, bool allowZero) {
  Extents shape, isOpen;
  Extent known = 1;
  for (auto [dim, given] : llvm::enumerate(target)) {
    Extent kept = dim < from.size() && !allowZero ? from[dim] : Extent(0);
    Extent extent = given.isAtLeast(1) ? given : b.named(Extent::select(Extent::isSame(given, 0), kept, given));
    isOpen.push_back(given.isAtLeast(0) ? Extent(0) : b.named(Extent::isSame(given, -1)));
    known = b.named(known * b.named(Extent::select(isOpen.back(), 1, extent), GraphBuilder::Sign::NotNegative));
    shape.push_back(extent);
  }
  Extent left = b.named(elementsOf(from).floorDiv(b.named(Extent::max(known, 1))));
  for (auto [extent, open] : llvm::zip_equal(shape, isOpen))
    extent = b.named(Extent::select(open, left, extent), GraphBuilder::Sign::NotNegative);
  return shape;
}

double resizeScale(const Extent &from, const Extent &to) {
  if (from.isNumber() && to.isNumber() && from.number() > 0)
    return static_cast<double>(to.number()) / static_cast<double>(from.number());
  if (std::optional<Extent> whole = to.dividedBy(from); whole && whole->isNumber())
    return static_cast<double>(whole->number());
  std::optional<Extent> part = from.dividedBy(to);
  return part && part->isNumber() ? 1 / static_cast<double>(part->number()) : 0;
}

} // namespace smelt::frontend

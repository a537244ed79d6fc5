// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Places.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/Requirement.h"

using namespace mlir;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

Extent fromFront(const GraphBuilder &b, const Extent &place, const Extent &size) {
  if (b.ranges().isAtLeast(place, 0))
    return place;
  if (b.ranges().isAtLeast(-1, place))
    return size + place;
  return Extent::select(Extent::max(Extent::min(0 - place, 1), 0), place + size, place);
}

Extent clampedPlace(const GraphBuilder &b, const Extent &place, const Extent &size) {
  const graph::SymbolRanges &ranges = b.ranges();
  if (place.isNumber() && place.number() >= graph::kMostExtent)
    return size; // to the end
  return ranges.min(ranges.max(fromFront(b, place, size), 0), size);
}

/// What the run computes a start and a rest of, it compares with 0.
static Extent within(GraphBuilder &b, const Extent &start, const Extent &extent, const Extent &size,
                     const Complaint &complaint) {
  const Extent rest = size - start - extent;
  requireNotNegative(b, {start, extent, rest}, complaint);
  using Sign = GraphBuilder::Sign;
  const Extent first = start.isAtLeast(0) ? start : b.named(start, Sign::NotNegative);
  return rest.isAtLeast(0) ? first : size - extent - b.named(rest, Sign::NotNegative);
}

static Complaint elementsFrom(const Extent &start, const Extent &extent, const Extent &size) {
  return {"takes {} elements from element {} on of a dim of {}", {extent, start, size}};
}

Extent startWithin(GraphBuilder &b, const Extent &start, const Extent &extent, const Extent &size) {
  return within(b, start, extent, size, elementsFrom(start, extent, size));
}

Extent startFromEitherEnd(GraphBuilder &b, const Extent &start, const Extent &extent, const Extent &size) {
  return within(b, fromFront(b, start, size), extent, size, elementsFrom(start, extent, size));
}

Extent indexIn(GraphBuilder &b, const Extent &index, const Extent &size) {
  return within(b, fromFront(b, index, size), 1, size, {"takes element {} of a dim of {}", {index, size}});
}

Extent countWithin(GraphBuilder &b, const Extent &count, const Extent &size) {
  if (count.isNumber() && (count.number() < 0 || (size.isNumber() && count.number() > size.number())))
    malformed("cannot find " + count.str() + " of " + size.str() + " elements");
  if (!count.isFoundAtRunTime())
    return count;
  requireNotNegative(b, {count, size - count}, {"cannot find {} of {} elements", {count, size}});
  // A size with a bound.
  return b.named(Extent::equal(Extent::min(count, size), count));
}

} // namespace smelt::frontend

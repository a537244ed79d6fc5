// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Places.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

Extent startWithin(GraphBuilder &b, const Extent &start, const Extent &extent, const Extent &size) {
  const Extent rest = size - start - extent;
  auto isNegative = [](const Extent &value) { return value.isNumber() && value.number() < 0; };
  if (isNegative(start) || isNegative(rest) || isNegative(extent))
    malformed("takes elements " + start.str() + " to " + (start + extent).str() + " of a dim of " + size.str());
  // What the run computes these of, it compares with 0.
  using Sign = GraphBuilder::Sign;
  const Extent first = start.isAtLeast(0) ? start : b.named(start, Sign::NotNegative);
  return rest.isAtLeast(0) ? first : size - extent - b.named(size - first - extent, Sign::NotNegative);
}

Extent indexIn(GraphBuilder &b, const Extent &index, const Extent &size) {
  if (index.isNumber() && size.isNumber() && (index.number() < -size.number() || index.number() >= size.number()))
    malformed("takes element " + index.str() + " of a dim of " + size.str());
  if (index.isNumber())
    return startWithin(b, index.number() < 0 ? size + index : index, 1, size);
  const Extent isNegative = Extent::max(Extent::min(0 - index, 1), 0);
  return startWithin(b, index.isAtLeast(0) ? index : Extent::select(isNegative, index + size, index), 1, size);
}

Extent countWithin(GraphBuilder &b, const Extent &count, const Extent &size) {
  if (count.isNumber() && (count.number() < 0 || (size.isNumber() && count.number() > size.number())))
    malformed("cannot find " + count.str() + " of " + size.str() + " elements");
  // A size with a bound; the run finds where there are fewer.
  return count.isFoundAtRunTime() ? b.named(Extent::equal(Extent::min(count, size), count)) : count;
}

} // namespace smelt::frontend

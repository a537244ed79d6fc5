// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where parts of a tensor lie, checked: by the run where it finds them.

#ifndef SMELT_FRONTENDS_COMMON_PLACES_H
#define SMELT_FRONTENDS_COMMON_PLACES_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// A place that is counted from the end where it is negative, counted from the front.
graph::Extent fromFront(const GraphBuilder &builder, const graph::Extent &place, const graph::Extent &size);
/// The same within [0, size], where Python puts the ends of slices.
graph::Extent clampedPlace(const GraphBuilder &builder, const graph::Extent &place, const graph::Extent &size);

/// An index counted from the front; refuses one that is known to lie outside. The run fails where it finds it there.
graph::Extent indexIn(GraphBuilder &builder, const graph::Extent &index, const graph::Extent &size);

/// `start`, of `extent` elements of a dim that has `size`. Refuses what is known to reach beyond it; the run fails
/// where it finds that it does.
graph::Extent startWithin(GraphBuilder &builder, const graph::Extent &start, const graph::Extent &extent,
                          const graph::Extent &size);

/// The same of a start that is counted from the end where it is negative.
graph::Extent startFromEitherEnd(GraphBuilder &builder, const graph::Extent &start, const graph::Extent &extent,
                                 const graph::Extent &size);

/// How many of `size` elements are taken; refuses, or the run does, more of them than there are.
graph::Extent countWithin(GraphBuilder &builder, const graph::Extent &count, const graph::Extent &size);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_PLACES_H

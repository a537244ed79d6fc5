// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The shape that an operator asks for.

#ifndef SMELT_FRONTENDS_COMMON_TARGETSHAPE_H
#define SMELT_FRONTENDS_COMMON_TARGETSHAPE_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// The dims of a shape that the run tells: of each number that may be 0 or -1 is computed what it means, the extent at
/// its place in `from` (unless `allowZero`), and what is left.
graph::Extents foundShape(GraphBuilder &builder, llvm::ArrayRef<graph::Extent> from,
                          llvm::ArrayRef<graph::Extent> target, bool allowZero);

/// Of a dim that is resized: to / from; 0, which stands for that, where only the run knows it.
double resizeScale(const graph::Extent &from, const graph::Extent &to);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_TARGETSHAPE_H

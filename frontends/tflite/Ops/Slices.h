// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPS_SLICES_H
#define SMELT_FRONTENDS_TFLITE_OPS_SLICES_H

#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

/// Elements [first, first + count) of a dim in reverse order.
Value reversed(GraphBuilder &builder, Value x, int64_t dim, const graph::Extent &first, const graph::Extent &count);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPS_SLICES_H

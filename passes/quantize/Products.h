// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_PRODUCTS_H
#define SMELT_PASSES_QUANTIZE_PRODUCTS_H

#include "dialects/Graph/HostTensor.h"

namespace smelt::quantize {

/// Sums in i32, which wrap, of a tensor of i8 over `count` dims from `first` on, which stay as dims of 1.
graph::HostTensor sumsOf(const graph::HostTensor &tensor, int64_t first, int64_t count);

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_PRODUCTS_H

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The sizes of a model with symbolic dims: where they lie, and how they are computed. */
#ifndef SMELT_CORE_SIZES_H
#define SMELT_CORE_SIZES_H

#include "smelt/smelt.h"

/* What the sizes take at the beginning of the arena, a multiple of SMELT_ALIGNMENT; 0 where there are none. */
uint64_t smelt_sizes_bytes(const smelt_model *model);

#endif /* SMELT_CORE_SIZES_H */

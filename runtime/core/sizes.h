/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The sizes of a model with symbolic dims, and the blocks that grow: where they lie, and how sizes are computed. */
#ifndef SMELT_CORE_SIZES_H
#define SMELT_CORE_SIZES_H

#include "smelt/smelt.h"

typedef struct smelt_block {
  void *memory;
  uint64_t bytes;
} smelt_block;

/* What sizes, blocks and states take at the beginning of the arena, a multiple of SMELT_ALIGNMENT; 0 where there are
 * none. */
uint64_t smelt_head_bytes(const smelt_model *model);

/* The blocks lie behind the sizes. */
smelt_block *smelt_blocks(const smelt_instance *instance);

/* Whether a block lies in these bytes. */
int smelt_is_within(const smelt_block *block, const unsigned char *memory, uint64_t bytes);

/* What is known of the inputs of a run: shapes, or null where the sizes have what they were; and the dims of states, or
 * null where all are as before the first run. */
typedef struct smelt_known {
  smelt_shapes shapes;
  const int64_t *states;
} smelt_known;

/* Computes sizes [first, last) from those before them. */
smelt_status smelt_compute_sizes(const smelt_model *model, smelt_known known, int64_t *sizes, uint32_t first,
                                 uint32_t last);

/* Of all sizes, blocks and states what an arena begins with, and what it takes with these sizes. */
uint64_t smelt_whole_bytes(const smelt_model *model, const int64_t *sizes);

/* Whether smelt_set_shapes has to be called: some input or state has a symbolic dim. */
int smelt_needs_shapes(const smelt_model *model);

#endif /* SMELT_CORE_SIZES_H */

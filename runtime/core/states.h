/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What stays in an instance from one run to the next. */
#ifndef SMELT_CORE_STATES_H
#define SMELT_CORE_STATES_H

#include "sizes.h"

#include "smelt/smelt.h"

/* Numbers that all states of a model take behind the blocks: for each, whether it holds something, then its dims. */
uint64_t smelt_state_words(const smelt_model *model);

/* Those of the first state, and of state number `state` in `words`. */
int64_t *smelt_states(const smelt_instance *instance);
const int64_t *smelt_state_at(const smelt_model *model, const int64_t *words, uint32_t state);

/* Puts the blocks of states that do not grow where the arena has them. */
void smelt_place_states(smelt_instance *instance);

/* Before a run: states that hold nothing yet become zeros. After it: they are what it has written. */
smelt_status smelt_begin_states(const smelt_instance *instance);
void smelt_end_states(const smelt_instance *instance);

/* run.c: makes a block of at least so many bytes, which keeps what it holds. */
smelt_status smelt_grow(const smelt_instance *instance, smelt_block *block, int64_t bytes);

#endif /* SMELT_CORE_STATES_H */

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "states.h"

uint64_t smelt_state_words(const smelt_model *model) {
  uint64_t words = 0;
  for (uint32_t i = 0; i < model->state_count; ++i)
    words += 1 + (uint64_t)model->states[i].input.rank;
  return words;
}

int64_t *smelt_states(const smelt_instance *instance) {
  return (int64_t *)(smelt_blocks(instance) + instance->model->block_count);
}

const int64_t *smelt_state_at(const smelt_model *model, const int64_t *words, uint32_t state) {
  for (uint32_t i = 0; i < state; ++i)
    words += 1 + model->states[i].input.rank;
  return words;
}

static int64_t *words_of(const smelt_instance *instance, uint32_t state) {
  return (int64_t *)smelt_state_at(instance->model, smelt_states(instance), state);
}

void smelt_place_states(smelt_instance *instance) {
  const smelt_model *model = instance->model;
  unsigned char *places = instance->arena + smelt_head_bytes(model) - model->state_bytes;
  for (uint32_t i = 0; i < model->state_count; ++i)
    for (int k = 0; k < 2; ++k)
      if (model->states[i].places[k] >= 0) {
        smelt_block *block = &smelt_blocks(instance)[model->states[i].blocks[k]];
        block->memory = places + model->states[i].places[k];
        block->bytes = model->states[i].bytes;
      }
}

void smelt_reset(smelt_instance *instance) {
  for (uint32_t i = 0; i < instance->model->state_count; ++i)
    *words_of(instance, i) = 0;
  const smelt_known known = {0, smelt_states(instance)};
  if (instance->has_shapes && smelt_needs_shapes(instance->model)) /* what fails here fails in the next run */
    (void)smelt_compute_sizes(instance->model, known, (int64_t *)instance->arena, 0, instance->model->shape_sizes);
}

static smelt_status clear(const smelt_instance *instance, const smelt_state *state) {
  smelt_block *block = &smelt_blocks(instance)[state->blocks[0]];
  const uint64_t bytes = smelt_tensor_bytes(instance, &state->input);
  const smelt_status status = smelt_grow(instance, block, (int64_t)bytes);
  const uint64_t end = bytes && state->strides ? block->bytes : bytes;
  if (status == SMELT_OK)
    for (uint64_t at = 0; at < end; ++at)
      ((unsigned char *)block->memory)[at] = 0;
  return status;
}

smelt_status smelt_begin_states(const smelt_instance *instance) {
  const smelt_model *model = instance->model;
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < model->state_count && status == SMELT_OK; ++i)
    if (!*words_of(instance, i))
      status = clear(instance, &model->states[i]);
  return status;
}

void smelt_end_states(const smelt_instance *instance) {
  const smelt_model *model = instance->model;
  for (uint32_t i = 0; i < model->state_count; ++i) {
    const smelt_state *state = &model->states[i];
    int64_t *words = words_of(instance, i);
    *words++ = 1;
    for (uint32_t dim = 0; dim < state->output.rank; ++dim)
      words[dim] = smelt_tensor_extent(instance, &state->output, dim);
    smelt_block *from = &smelt_blocks(instance)[state->blocks[0]], *to = &smelt_blocks(instance)[state->blocks[1]];
    const smelt_block written = *to;
    *to = *from;
    *from = written;
  }
}

const void *smelt_state_data(const smelt_instance *instance, uint32_t state) {
  return smelt_blocks(instance)[instance->model->states[state].blocks[0]].memory;
}

int64_t smelt_state_extent(const smelt_instance *instance, uint32_t state, uint32_t dim) {
  const int64_t *words = words_of(instance, state);
  return *words ? words[1 + dim] : smelt_tensor_extent(instance, &instance->model->states[state].input, dim);
}

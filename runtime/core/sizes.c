/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "sizes.h"
#include "states.h"

/* Those that there are, and the number of one that cannot be computed. */
static uint64_t size_words(const smelt_model *model) { return model->size_count ? model->size_count + 1 : 0; }

uint64_t smelt_head_bytes(const smelt_model *model) {
  const uint64_t bytes = (size_words(model) + smelt_state_words(model)) * sizeof(int64_t) +
                         (uint64_t)model->block_count * sizeof(smelt_block);
  return (bytes + SMELT_ALIGNMENT - 1) / SMELT_ALIGNMENT * SMELT_ALIGNMENT + model->state_bytes;
}

smelt_block *smelt_blocks(const smelt_instance *instance) {
  return (smelt_block *)((int64_t *)instance->arena + size_words(instance->model));
}

int smelt_is_within(const smelt_block *block, const unsigned char *memory, uint64_t bytes) {
  return (uintptr_t)block->memory - (uintptr_t)memory < bytes;
}

static int is_symbolic(const smelt_tensor_info *tensor) {
  for (uint32_t dim = 0; dim < tensor->rank; ++dim)
    if (tensor->shape[dim] < 0)
      return 1;
  return 0;
}

int smelt_needs_shapes(const smelt_model *model) {
  int needs = 0;
  for (uint32_t i = 0; i < model->input_count; ++i)
    needs |= is_symbolic(&model->inputs[i]);
  for (uint32_t i = 0; i < model->state_count; ++i)
    needs |= is_symbolic(&model->states[i].input);
  return needs;
}

static int64_t divide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

/* Dim b of state a as the last run has left it. */
static int64_t state_dim(const smelt_model *model, const smelt_size *size, const int64_t *sizes,
                         const int64_t *states) {
  const int64_t *words = states ? smelt_state_at(model, states, size->a) : 0;
  if (words && *words)
    return words[1 + size->b];
  return size->number < 0 ? 0 : sizes[size->number];
}

/* Computes one size from those before it. Returns 0 where there is no such number. */
static int compute(const smelt_size *size, const int64_t *sizes, smelt_shapes shapes, int64_t *result) {
  if (size->kind == SMELT_SIZE_NUMBER) {
    *result = size->number;
    return 1;
  }
  if (size->kind == SMELT_SIZE_VALUE) /* stays as it is */
    return 1;
  if (size->kind == SMELT_SIZE_COUNT)
    return *result >= 0;
  if (size->kind == SMELT_SIZE_DIM) {
    if (shapes)
      *result = shapes[size->a][size->b];
    return *result >= 0;
  }
  const int64_t a = sizes[size->a], b = sizes[size->b];
  switch ((smelt_size_kind)size->kind) {
  case SMELT_SIZE_ADD:
    return !__builtin_add_overflow(a, b, result);
  case SMELT_SIZE_MULTIPLY:
    return !__builtin_mul_overflow(a, b, result);
  case SMELT_SIZE_DIVIDE:
    if (b <= 0)
      return 0;
    *result = divide(a, b);
    return 1;
  case SMELT_SIZE_MIN:
    *result = a < b ? a : b;
    return 1;
  case SMELT_SIZE_MAX:
    *result = a > b ? a : b;
    return 1;
  case SMELT_SIZE_BROADCAST:
    *result = a == 1 ? b : a;
    return a == b || a == 1 || b == 1;
  case SMELT_SIZE_EQUAL:
    *result = a;
    return a == b;
  case SMELT_SIZE_NUMBER:
  case SMELT_SIZE_DIM:
  case SMELT_SIZE_VALUE:
  case SMELT_SIZE_COUNT:
  case SMELT_SIZE_STATE:
    break;
  }
  return 0;
}

smelt_status smelt_compute_sizes(const smelt_model *model, smelt_known known, int64_t *sizes, uint32_t first,
                                 uint32_t last) {
  for (uint32_t i = first; i < last; ++i) {
    const smelt_size *size = &model->sizes[i];
    if (size->kind == SMELT_SIZE_STATE)
      sizes[i] = state_dim(model, size, sizes, known.states);
    else if (!compute(size, sizes, known.shapes, &sizes[i])) {
      sizes[model->size_count] = i;
      return SMELT_ERROR_SHAPE;
    }
  }
  return SMELT_OK;
}

uint64_t smelt_whole_bytes(const smelt_model *model, const int64_t *sizes) {
  return smelt_head_bytes(model) + (uint64_t)sizes[model->arena_size];
}

static smelt_status needed_bytes(const smelt_model *model, smelt_known known, uint64_t *bytes) {
  int64_t sizes[SMELT_MAX_SIZES + 1];
  if (!model || !bytes)
    return SMELT_ERROR_ARGUMENT;
  if (model->abi_version != SMELT_ABI_VERSION)
    return SMELT_ERROR_ABI;
  *bytes = model->arena_bytes;
  if (!smelt_needs_shapes(model))
    return SMELT_OK;
  *bytes = UINT64_MAX;
  if (!known.shapes)
    return SMELT_ERROR_SHAPE;
  const smelt_status status = smelt_compute_sizes(model, known, sizes, 0, model->shape_sizes);
  *bytes = status == SMELT_OK ? smelt_whole_bytes(model, sizes) : (uint64_t)sizes[model->size_count];
  return status;
}

smelt_status smelt_arena_bytes(const smelt_model *model, smelt_shapes shapes, uint64_t *bytes) {
  const smelt_known known = {shapes, 0};
  return needed_bytes(model, known, bytes);
}

smelt_status smelt_needed_bytes(const smelt_instance *instance, smelt_shapes shapes, uint64_t *bytes) {
  if (!instance || !instance->model)
    return SMELT_ERROR_ARGUMENT;
  const smelt_known known = {shapes, smelt_states(instance)};
  return needed_bytes(instance->model, known, bytes);
}

smelt_status smelt_set_shapes(smelt_instance *instance, smelt_shapes shapes) {
  if (!instance || !instance->model)
    return SMELT_ERROR_ARGUMENT;
  const smelt_model *model = instance->model;
  if (!smelt_needs_shapes(model))
    return SMELT_OK;
  int64_t *sizes = (int64_t *)instance->arena;
  sizes[model->size_count] = -1;
  instance->has_shapes = 0;
  if (!shapes)
    return SMELT_ERROR_SHAPE;
  const smelt_known known = {shapes, smelt_states(instance)};
  const smelt_status status = smelt_compute_sizes(model, known, sizes, 0, model->shape_sizes);
  if (status != SMELT_OK)
    return status;
  if (instance->arena_bytes < smelt_whole_bytes(model, sizes))
    return SMELT_ERROR_ARENA;
  instance->has_shapes = 1;
  return SMELT_OK;
}

uint64_t smelt_failed_size(const smelt_instance *instance) {
  const uint32_t count = instance->model->size_count;
  return count ? (uint64_t)((const int64_t *)instance->arena)[count] : UINT64_MAX;
}

const char *smelt_size_name(const smelt_model *model, uint64_t size) {
  for (uint32_t i = 0; i < model->size_use_count; ++i)
    if (size >= model->size_uses[i].first && size < model->size_uses[i].last)
      return model->size_uses[i].name;
  return 0;
}

int64_t smelt_tensor_extent(const smelt_instance *instance, const smelt_tensor_info *tensor, uint32_t dim) {
  if (tensor->shape[dim] >= 0)
    return tensor->shape[dim];
  return ((const int64_t *)instance->arena)[tensor->extent_sizes[dim]];
}

uint64_t smelt_tensor_bytes(const smelt_instance *instance, const smelt_tensor_info *tensor) {
  uint64_t elements = 1;
  for (uint32_t dim = 0; dim < tensor->rank; ++dim)
    elements *= (uint64_t)smelt_tensor_extent(instance, tensor, dim);
  return (elements * smelt_dtype_bits((smelt_dtype)tensor->dtype) + 7) / 8;
}

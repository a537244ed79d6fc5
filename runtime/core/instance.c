/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "cpu.h"
#include "sizes.h"
#include "states.h"

#include "smelt/smelt.h"

smelt_status smelt_init(smelt_instance *instance, const smelt_model *model, void *arena, size_t arena_bytes) {
  if (!instance || !model)
    return SMELT_ERROR_ARGUMENT;
  /* Before any other field: another version may have them elsewhere. */
  if (model->abi_version != SMELT_ABI_VERSION)
    return SMELT_ERROR_ABI;
  const int needs_shapes = smelt_needs_shapes(model);
  const uint64_t least = needs_shapes ? smelt_head_bytes(model) : model->arena_bytes;
  if (!arena && least)
    return SMELT_ERROR_ARGUMENT;
  if (arena_bytes < least)
    return SMELT_ERROR_ARENA;
  if ((uintptr_t)arena % SMELT_ALIGNMENT)
    return SMELT_ERROR_ALIGNMENT;
  /* cpuid is slow in virtual machines: a portable artefact does not pay for it. */
  if (model->cpu_features && (model->cpu_features & ~smelt_cpu_features()))
    return SMELT_ERROR_CPU;

  instance->model = model;
  instance->arena = (unsigned char *)arena;
  instance->arena_bytes = arena_bytes;
  instance->has_shapes = !needs_shapes;
  smelt_set_parallel_for(instance, 0, 0);
  smelt_set_step_hook(instance, 0, 0);
  smelt_set_resize(instance, 0, 0);
  smelt_set_device(instance, 0, 0);
  for (uint32_t i = 0; i < model->block_count; ++i) {
    smelt_blocks(instance)[i].memory = 0;
    smelt_blocks(instance)[i].bytes = 0;
  }
  smelt_place_states(instance);
  smelt_reset(instance);
  const smelt_known nothing = {0, 0};
  return needs_shapes ? SMELT_OK
                      : smelt_compute_sizes(model, nothing, (int64_t *)instance->arena, 0, model->shape_sizes);
}

smelt_status smelt_move(smelt_instance *instance, void *arena, size_t arena_bytes) {
  if (!instance || !instance->model || !arena)
    return SMELT_ERROR_ARGUMENT;
  const uint64_t head = smelt_head_bytes(instance->model);
  if (arena_bytes < head || (!smelt_needs_shapes(instance->model) && arena_bytes < instance->model->arena_bytes))
    return SMELT_ERROR_ARENA;
  if ((uintptr_t)arena % SMELT_ALIGNMENT)
    return SMELT_ERROR_ALIGNMENT;
  const unsigned char *from = instance->arena;
  for (uint64_t i = 0; i < head; ++i)
    ((unsigned char *)arena)[i] = from[i];
  instance->arena = (unsigned char *)arena;
  instance->arena_bytes = arena_bytes;
  instance->has_shapes = !smelt_needs_shapes(instance->model);
  for (uint32_t i = 0; i < instance->model->block_count; ++i) {
    smelt_block *block = &smelt_blocks(instance)[i];
    if (smelt_is_within(block, from, head))
      block->memory = instance->arena + ((const unsigned char *)block->memory - from);
  }
  return SMELT_OK;
}

void smelt_set_resize(smelt_instance *instance, smelt_resize resize, void *user) {
  instance->resize = resize;
  instance->resize_user = user;
}

void smelt_set_device(smelt_instance *instance, smelt_run_device run_device, void *user) {
  instance->run_device = run_device;
  instance->device_user = user;
}

void smelt_release(smelt_instance *instance) {
  for (uint32_t i = 0; i < instance->model->block_count; ++i) {
    smelt_block *block = &smelt_blocks(instance)[i];
    if (smelt_is_within(block, instance->arena, instance->arena_bytes))
      continue;
    if (block->bytes)
      instance->resize(instance->resize_user, block->memory, block->bytes, 0);
    block->memory = 0;
    block->bytes = 0;
  }
  smelt_reset(instance);
}

void smelt_set_parallel_for(smelt_instance *instance, smelt_parallel_for parallel_for, void *user) {
  instance->parallel_for = parallel_for;
  instance->parallel_user = user;
}

void smelt_set_step_hook(smelt_instance *instance, smelt_step_hook hook, void *user) {
  instance->hook = hook;
  instance->hook_user = user;
}

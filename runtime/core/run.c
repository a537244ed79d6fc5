/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "sizes.h"
#include "states.h"

#include "smelt/smelt.h"

/* Everything a step's operands may count from. */
typedef struct bases {
  const void *arena; /* behind the sizes and blocks */
  int64_t *sizes;
  smelt_block *blocks;
  const void *weights;
  const void *const *inputs;
  void *const *outputs;
} bases;

static const void *base_of(const bases *from, const smelt_operand *operand) {
  switch ((smelt_base)(operand->base & ~SMELT_OFFSET_IS_SIZE)) {
  case SMELT_BASE_ARENA:
  case SMELT_BASE_SCRATCH:
    return from->arena;
  case SMELT_BASE_WEIGHTS:
    return from->weights;
  case SMELT_BASE_INPUT:
    return from->inputs[operand->index];
  case SMELT_BASE_OUTPUT:
    return from->outputs[operand->index];
  case SMELT_BASE_SIZES:
    return from->sizes;
  case SMELT_BASE_BLOCK:
    return from->blocks[operand->index].memory;
  }
  return 0;
}

/* Added as integers, because the base of an empty tensor may be null. Kernels write none of their operands that are
 * constant here. */
static void *resolve(const bases *from, const smelt_operand *operand) {
  const int64_t offset = operand->base & SMELT_OFFSET_IS_SIZE ? from->sizes[operand->offset] : operand->offset;
  return (void *)((uintptr_t)base_of(from, operand) + (uintptr_t)offset);
}

/* A step under way, as parallel_for passes it to its threads. */
typedef struct call {
  smelt_kernel kernel;
  void *const *operands;
  uint32_t operand_count;
  int scratch_is_taken;
} call;

static void run_tiles(void *context, int64_t first, int64_t last) {
  const call *step = (const call *)context;
  step->kernel(step->operands, first, last);
}

/* Of a kernel with scratch memory, its last operand, which ranges that run at the same time may not share. */
static void run_tiles_apart(void *context, int64_t first, int64_t last) {
  call *step = (call *)context;
  if (!__atomic_exchange_n(&step->scratch_is_taken, 1, __ATOMIC_ACQUIRE)) {
    step->kernel(step->operands, first, last);
    __atomic_store_n(&step->scratch_is_taken, 0, __ATOMIC_RELEASE);
    return;
  }
  void *operands[SMELT_MAX_OPERANDS];
  for (uint32_t i = 0; i + 1 < step->operand_count; ++i)
    operands[i] = step->operands[i];
  operands[step->operand_count - 1] = 0;
  step->kernel(operands, first, last);
}

static int has_scratch(const smelt_step *step) {
  return step->operand_count &&
         (step->operands[step->operand_count - 1].base & ~SMELT_OFFSET_IS_SIZE) == SMELT_BASE_SCRATCH;
}

static void run_kernel(const smelt_instance *instance, const smelt_step *step, const bases *from) {
  void *operands[SMELT_MAX_OPERANDS];
  for (uint32_t i = 0; i < step->operand_count; ++i)
    operands[i] = resolve(from, &step->operands[i]);

  const int64_t tiles = step->tiles_is_size ? from->sizes[step->tiles] : step->tiles;
  if (!instance->parallel_for || tiles <= 1 || step->alone) {
    step->kernel(operands, 0, tiles);
    return;
  }
  call context = {step->kernel, operands, step->operand_count, 0};
  instance->parallel_for(instance->parallel_user, tiles, has_scratch(step) ? run_tiles_apart : run_tiles, &context);
}

/* All are read before one is written: they may be one another's. */
static smelt_status find_sizes(const smelt_model *model, const smelt_step *step, const bases *from) {
  int64_t values[SMELT_MAX_OPERANDS];
  for (uint32_t i = 0; i < step->operand_count; ++i)
    values[i] = *(const int64_t *)resolve(from, &step->operands[i]);
  for (uint32_t i = 0; i < step->operand_count; ++i)
    from->sizes[step->first + i] = values[i];
  const smelt_known nothing = {0, 0};
  return smelt_compute_sizes(model, nothing, from->sizes, step->first, step->last);
}

static void *resize(const smelt_instance *instance, const smelt_block *block, uint64_t bytes) {
  void *memory =
      instance->resize ? instance->resize(instance->resize_user, block->memory, block->bytes, bytes) : (void *)0;
  return (uintptr_t)memory % SMELT_ALIGNMENT ? (void *)0 : memory;
}

/* By half as much again where there is room, so that what grows by little steps is moved seldom. */
smelt_status smelt_grow(const smelt_instance *instance, smelt_block *block, int64_t bytes) {
  if (bytes < 0)
    return SMELT_ERROR_SHAPE;
  if ((uint64_t)bytes <= block->bytes)
    return SMELT_OK;
  if (smelt_is_within(block, instance->arena, instance->arena_bytes)) /* of a state, as large as it gets */
    return SMELT_ERROR_MEMORY;
  const uint64_t more = block->bytes + block->bytes / 2;
  uint64_t wanted = (uint64_t)bytes > more ? (uint64_t)bytes : more;
  void *memory = resize(instance, block, wanted);
  if (!memory && wanted > (uint64_t)bytes) {
    wanted = (uint64_t)bytes;
    memory = resize(instance, block, wanted);
  }
  if (!memory)
    return SMELT_ERROR_MEMORY;
  block->memory = memory;
  block->bytes = wanted;
  return SMELT_OK;
}

static smelt_status run_on_device(const smelt_instance *instance, const smelt_step *step, const bases *from,
                                  uint32_t *next) {
  const uint32_t number = *next - 1;
  if (!instance->run_device)
    return SMELT_ERROR_DEVICE;
  const smelt_status status = instance->run_device(instance->device_user, number, next);
  if (status != SMELT_OK || *next != number)
    return status;
  *next = number + 1; /* the device leaves it to the processor */
  run_kernel(instance, step, from);
  return SMELT_OK;
}

/* Runs a step; `next` is the one after it, and may be set to another. */
static smelt_status run_step(const smelt_instance *instance, const smelt_step *step, const bases *from,
                             uint32_t *next) {
  switch ((smelt_step_kind)step->kind) {
  case SMELT_STEP_KERNEL:
    run_kernel(instance, step, from);
    return SMELT_OK;
  case SMELT_STEP_SIZES:
    return find_sizes(instance->model, step, from);
  case SMELT_STEP_JUMP:
    if (step->last == UINT32_MAX || from->sizes[step->last] == 0)
      *next = step->first;
    return SMELT_OK;
  case SMELT_STEP_GROW:
    return smelt_grow(instance, &from->blocks[step->first], from->sizes[step->last]);
  case SMELT_STEP_DEVICE:
    return run_on_device(instance, step, from, next);
  }
  return SMELT_ERROR_ARGUMENT;
}

static smelt_status check_buffer(const smelt_instance *instance, const smelt_tensor_info *tensor, const void *buffer) {
  if (!buffer && smelt_tensor_bytes(instance, tensor))
    return SMELT_ERROR_ARGUMENT;
  return (uintptr_t)buffer % SMELT_ALIGNMENT ? SMELT_ERROR_ALIGNMENT : SMELT_OK;
}

static smelt_status check_arguments(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  const smelt_model *model = instance->model;
  if ((!inputs && model->input_count) || (!outputs && model->output_count))
    return SMELT_ERROR_ARGUMENT;
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < model->input_count && status == SMELT_OK; ++i)
    status = check_buffer(instance, &model->inputs[i], inputs[i]);
  for (uint32_t i = 0; i < model->output_count && status == SMELT_OK; ++i)
    if (!model->outputs[i].held)
      status = check_buffer(instance, &model->outputs[i], outputs[i]);
  return status;
}

static bases bases_of(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  const bases from = {instance->arena + smelt_head_bytes(instance->model),
                      (int64_t *)instance->arena,
                      smelt_blocks(instance),
                      instance->model->weights,
                      inputs,
                      outputs};
  return from;
}

const void *smelt_output(const smelt_instance *instance, uint32_t output) {
  const smelt_operand *held = instance->model->outputs[output].held;
  const bases from = bases_of(instance, 0, 0);
  return held ? resolve(&from, held) : 0;
}

/* What depends on the states, which have changed since the shapes were set. */
static smelt_status find_state_sizes(const smelt_instance *instance) {
  const smelt_model *model = instance->model;
  if (!model->state_count || !smelt_needs_shapes(model))
    return SMELT_OK;
  int64_t *sizes = (int64_t *)instance->arena;
  const smelt_known known = {0, smelt_states(instance)};
  const smelt_status status = smelt_compute_sizes(model, known, sizes, 0, model->shape_sizes);
  return status == SMELT_OK && instance->arena_bytes < smelt_whole_bytes(model, sizes) ? SMELT_ERROR_ARENA : status;
}

static smelt_status begin(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  smelt_status status = instance->has_shapes ? find_state_sizes(instance) : SMELT_ERROR_SHAPE;
  if (status == SMELT_OK)
    status = check_arguments(instance, inputs, outputs);
  return status == SMELT_OK ? smelt_begin_states(instance) : status;
}

smelt_status smelt_run(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  if (!instance || !instance->model)
    return SMELT_ERROR_ARGUMENT;
  const smelt_model *model = instance->model;
  smelt_status status = begin(instance, inputs, outputs);
  const bases from = bases_of(instance, inputs, outputs);
  for (uint32_t i = 0; i < model->step_count && status == SMELT_OK;) {
    const uint32_t step = i++;
    if (instance->hook)
      instance->hook(instance->hook_user, model, step, 0);
    status = run_step(instance, &model->steps[step], &from, &i);
    if (instance->hook)
      instance->hook(instance->hook_user, model, step, 1);
  }
  if (status == SMELT_OK)
    smelt_end_states(instance);
  return status;
}

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "sizes.h"

#include "smelt/smelt.h"

/* Everything a step's operands may count from. */
typedef struct bases {
  const void *arena; /* behind the sizes */
  const int64_t *sizes;
  const void *weights;
  const void *const *inputs;
  void *const *outputs;
} bases;

static const void *base_of(const bases *from, const smelt_operand *operand) {
  switch ((smelt_base)(operand->base & ~SMELT_OFFSET_IS_SIZE)) {
  case SMELT_BASE_ARENA:
    return from->arena;
  case SMELT_BASE_WEIGHTS:
    return from->weights;
  case SMELT_BASE_INPUT:
    return from->inputs[operand->index];
  case SMELT_BASE_OUTPUT:
    return from->outputs[operand->index];
  case SMELT_BASE_SIZES:
    return from->sizes;
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
} call;

static void run_tiles(void *context, int64_t first, int64_t last) {
  const call *step = (const call *)context;
  step->kernel(step->operands, first, last);
}

static void run_step(const smelt_instance *instance, const smelt_step *step, const bases *from) {
  void *operands[SMELT_MAX_OPERANDS];
  for (uint32_t i = 0; i < step->operand_count; ++i)
    operands[i] = resolve(from, &step->operands[i]);

  const int64_t tiles = step->tiles_is_size ? from->sizes[step->tiles] : step->tiles;
  if (!instance->parallel_for || tiles <= 1) {
    step->kernel(operands, 0, tiles);
    return;
  }
  call context = {step->kernel, operands};
  instance->parallel_for(instance->parallel_user, tiles, run_tiles, &context);
}

static smelt_status check_buffer(const smelt_instance *instance, const smelt_tensor_info *tensor, const void *buffer) {
  if (!buffer && smelt_tensor_bytes(instance, tensor))
    return SMELT_ERROR_ARGUMENT;
  return (uintptr_t)buffer % SMELT_ALIGNMENT ? SMELT_ERROR_ALIGNMENT : SMELT_OK;
}

static smelt_status check_arguments(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  const smelt_model *model = instance->model;
  if (model->size_count && !instance->has_shapes)
    return SMELT_ERROR_SHAPE;
  if ((!inputs && model->input_count) || (!outputs && model->output_count))
    return SMELT_ERROR_ARGUMENT;
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < model->input_count && status == SMELT_OK; ++i)
    status = check_buffer(instance, &model->inputs[i], inputs[i]);
  for (uint32_t i = 0; i < model->output_count && status == SMELT_OK; ++i)
    status = check_buffer(instance, &model->outputs[i], outputs[i]);
  return status;
}

smelt_status smelt_run(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  if (!instance || !instance->model)
    return SMELT_ERROR_ARGUMENT;
  const smelt_model *model = instance->model;
  const smelt_status status = check_arguments(instance, inputs, outputs);
  if (status != SMELT_OK)
    return status;

  const bases from = {instance->arena + smelt_sizes_bytes(model), (const int64_t *)instance->arena, model->weights,
                      inputs, outputs};
  for (uint32_t i = 0; i < model->step_count; ++i) {
    if (instance->hook)
      instance->hook(instance->hook_user, model, i, 0);
    run_step(instance, &model->steps[i], &from);
    if (instance->hook)
      instance->hook(instance->hook_user, model, i, 1);
  }
  return SMELT_OK;
}

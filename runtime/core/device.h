/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What runtimes of devices have in common: which steps they may record together, and which models they take. */
#ifndef SMELT_CORE_DEVICE_H
#define SMELT_CORE_DEVICE_H

#include "sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where anything may begin that a device reads, or binds: inputs and outputs lie at multiples of it behind the arena.
 */
#define SMELT_DEVICE_ALIGNMENT 256u

static inline uint64_t smelt_align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

static inline int smelt_is_device_step(const smelt_model *model, uint32_t step) {
  return model->steps[step].kind == SMELT_STEP_DEVICE;
}

/* The step behind the stretch of the device's that begins with step `first`. */
static inline uint32_t smelt_stretch_end(const smelt_model *model, uint32_t first) {
  uint32_t end = first;
  while (end < model->step_count && smelt_is_device_step(model, end))
    ++end;
  return end;
}

/* Whether its program has `kernel_count` kernels or more. */
static inline int smelt_fits_device(const smelt_model *model, uint32_t kernel_count) {
  int fits = 1;
  for (uint32_t i = 0; i < model->step_count; ++i)
    fits &= !smelt_is_device_step(model, i) || model->steps[i].first < kernel_count;
  return fits;
}

/* Whether what steps are launched with may change from run to run: sizes, or where something lies. */
static inline int smelt_is_open(const smelt_model *model) {
  return model->size_count || model->block_count || model->state_count;
}

/*--- Kernels with sizes that only the run knows ---------------------------------------------------------------------*/

#define SMELT_DEVICE_MOST_INVOCATIONS 0x3fffffff

/* How many buffers such a kernel's step has, before its sizes: SMELT_STEP_DEVICE says what comes then. Returns 0 where
 * the row is damaged. */
static inline uint32_t smelt_open_buffers(const smelt_model *model, const smelt_step *row, uint32_t size_count) {
  if (!row->kernel || row->operand_count < size_count + 4 || (row->operand_count - size_count) % 2)
    return 0;
  const uint32_t buffers = (row->operand_count - size_count - 2) / 2;
  for (uint32_t i = buffers; i < row->operand_count; ++i) {
    const smelt_operand *operand = &row->operands[i];
    const int is_size = i < buffers + size_count;
    if ((operand->base & ~SMELT_OFFSET_IS_SIZE) != SMELT_BASE_SIZES ||
        (is_size && (uint64_t)operand->offset >= model->size_count * sizeof(int64_t)))
      return 0;
  }
  return buffers;
}

/* What an operand is that is a size, and the number that another's offset is. */
static inline int64_t smelt_size_at(const void *sizes, const smelt_operand *operand) {
  return ((const int64_t *)sizes)[operand->offset / (int64_t)sizeof(int64_t)];
}
static inline uint64_t smelt_offset_of(const void *sizes, const smelt_operand *operand) {
  return (uint64_t)(operand->base & SMELT_OFFSET_IS_SIZE ? ((const int64_t *)sizes)[operand->offset] : operand->offset);
}
static inline smelt_base smelt_base_of(const smelt_operand *operand) {
  return (smelt_base)(operand->base & ~SMELT_OFFSET_IS_SIZE);
}

/* Bytes of a tensor; with an instance, as its shapes want it, and none where it is held. */
static inline uint64_t smelt_bytes_of(const smelt_instance *instance, const smelt_tensor_info *tensor) {
  if (tensor->held)
    return 0;
  return instance ? smelt_tensor_bytes(instance, tensor) : tensor->bytes;
}

/* Writes where inputs, then outputs lie behind `bytes`; returns how many there are in all. */
static inline uint64_t smelt_device_layout(const smelt_model *model, const smelt_instance *instance, uint64_t bytes,
                                           uint64_t *at) {
  bytes = smelt_align_up(bytes, SMELT_DEVICE_ALIGNMENT);
  for (uint32_t i = 0; i < model->input_count + model->output_count; ++i) {
    const smelt_tensor_info *tensor =
        i < model->input_count ? &model->inputs[i] : &model->outputs[i - model->input_count];
    at[i] = bytes;
    bytes += smelt_align_up(smelt_bytes_of(instance, tensor), SMELT_DEVICE_ALIGNMENT);
  }
  return bytes;
}

/* Whether there is a buffer for each tensor that has elements. */
static inline int smelt_has_buffers(const smelt_instance *instance, const void *const *inputs, void *const *outputs) {
  const smelt_model *model = instance->model;
  int all = (inputs || !model->input_count) && (outputs || !model->output_count);
  for (uint32_t i = 0; all && i < model->input_count; ++i)
    all = inputs[i] || !smelt_bytes_of(instance, &model->inputs[i]);
  for (uint32_t i = 0; all && i < model->output_count; ++i)
    all = outputs[i] || !smelt_bytes_of(instance, &model->outputs[i]);
  return all;
}

/* Runs on a device's own buffers for tensors, with copies of what lies elsewhere. */
static inline smelt_status smelt_run_copies(const smelt_instance *instance, const void *const *own_inputs,
                                            void *const *own_outputs, const void *const *inputs, void *const *outputs) {
  const smelt_model *model = instance->model;
  if (!smelt_has_buffers(instance, inputs, outputs))
    return SMELT_ERROR_ARGUMENT;
  for (uint32_t i = 0; i < model->input_count; ++i)
    if (smelt_bytes_of(instance, &model->inputs[i]) && inputs[i] != own_inputs[i])
      memcpy((void *)(uintptr_t)own_inputs[i], inputs[i], smelt_bytes_of(instance, &model->inputs[i]));
  const smelt_status status = smelt_run(instance, own_inputs, own_outputs);
  for (uint32_t i = 0; i < model->output_count && status == SMELT_OK; ++i)
    if (smelt_bytes_of(instance, &model->outputs[i]) && outputs[i] != own_outputs[i])
      memcpy(outputs[i], own_outputs[i], smelt_bytes_of(instance, &model->outputs[i]));
  return status;
}

/* Room to remember the extents of all inputs, which shapes[i][d] are; 0 where there is too little memory. */
static inline int smelt_make_shapes(const smelt_model *model, int64_t **extents, const int64_t ***shapes) {
  size_t ranks = 0, at = 0;
  for (uint32_t i = 0; i < model->input_count; ++i)
    ranks += model->inputs[i].rank;
  *extents = (int64_t *)calloc(ranks + 1, sizeof **extents);
  *shapes = (const int64_t **)calloc(model->input_count + 1u, sizeof **shapes);
  for (uint32_t i = 0; *extents && *shapes && i < model->input_count; ++i) {
    (*shapes)[i] = *extents + at;
    at += model->inputs[i].rank;
  }
  return *extents && *shapes;
}

static inline void smelt_keep_shapes(const smelt_model *model, smelt_shapes shapes, int64_t *extents) {
  for (uint32_t i = 0; i < model->input_count; ++i)
    for (uint32_t dim = 0; dim < model->inputs[i].rank; ++dim)
      *extents++ = shapes[i][dim];
}

/* After shapes that do not fit: the instance has none, and tells which size there is none of. */
static inline void smelt_lose_shapes(smelt_instance *instance, smelt_shapes shapes) {
  (void)smelt_set_shapes(instance, shapes);
  instance->has_shapes = 0;
}

/* Where a device's sentence about what failed goes: to whoever opens it, then to a place of its own. */
typedef struct smelt_device_why {
  char *text;
  size_t bytes;
} smelt_device_why;

/* What opening begins with: checks what is given, and makes a device's record of `bytes` zeros. Null, with `status`
 * and a sentence telling why, where that fails. `no_program` is the one for an artefact that was made for others. */
static inline void *smelt_begin_device(const void *where, const smelt_model *model, const void *program,
                                       const char *no_program, smelt_device_why why, size_t bytes,
                                       smelt_status *status) {
  void *made = NULL;
  const char *says = "";
  *status = SMELT_ERROR_ARGUMENT;
  if (!where || !model || (!why.text && why.bytes)) {
    says = "an argument is null";
  } else if (!program) {
    says = no_program;
  } else {
    made = calloc(1, bytes);
    says = made ? "" : "there is too little memory";
    *status = made ? SMELT_OK : SMELT_ERROR_MEMORY;
  }
  if (why.text && why.bytes)
    snprintf(why.text, why.bytes, "%s", says);
  return made;
}

#endif /* SMELT_CORE_DEVICE_H */

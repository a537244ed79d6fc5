/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What runtimes of devices have in common: which steps they may record together, and which models they take. */
#ifndef SMELT_CORE_DEVICE_H
#define SMELT_CORE_DEVICE_H

#include "sizes.h"

#include <stdlib.h>

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

/* Whether a device takes such a model, and its program has `kernel_count` kernels or more. */
static inline int smelt_fits_device(const smelt_model *model, uint32_t kernel_count) {
  int fits = !model->state_count && !smelt_needs_shapes(model);
  for (uint32_t i = 0; i < model->step_count; ++i)
    fits &= !smelt_is_device_step(model, i) || model->steps[i].first < kernel_count;
  return fits;
}

/* Writes where inputs, then outputs lie behind the arena; returns how many bytes there are in all. */
static inline uint64_t smelt_device_layout(const smelt_model *model, uint64_t *at) {
  uint64_t bytes = smelt_align_up(model->arena_bytes, SMELT_DEVICE_ALIGNMENT);
  for (uint32_t i = 0; i < model->input_count + model->output_count; ++i) {
    const smelt_tensor_info *tensor =
        i < model->input_count ? &model->inputs[i] : &model->outputs[i - model->input_count];
    at[i] = bytes;
    bytes += smelt_align_up(tensor->bytes, SMELT_DEVICE_ALIGNMENT);
  }
  return bytes;
}

/* Whether there is a buffer for each tensor that has elements. */
static inline int smelt_has_buffers(const smelt_model *model, const void *const *inputs, void *const *outputs) {
  int all = (inputs || !model->input_count) && (outputs || !model->output_count);
  for (uint32_t i = 0; all && i < model->input_count; ++i)
    all = inputs[i] || !model->inputs[i].bytes;
  for (uint32_t i = 0; all && i < model->output_count; ++i)
    all = outputs[i] || !model->outputs[i].bytes;
  return all;
}

/* Where a device's sentence about what failed goes: to whoever opens it, then to a place of its own. */
typedef struct smelt_device_why {
  char *text;
  size_t bytes;
} smelt_device_why;

/* What opening begins with: checks what is given, and makes a device's record of `bytes` zeros. Null, with `status`
 * telling why, where that fails. */
static inline void *smelt_begin_device(const void *where, const smelt_model *model, const void *program,
                                       smelt_device_why why, size_t bytes, smelt_status *status) {
  if (why.text && why.bytes)
    why.text[0] = 0;
  *status = SMELT_ERROR_ARGUMENT;
  if (!where || !model || !program || (!why.text && why.bytes))
    return NULL;
  *status = SMELT_ERROR_MEMORY;
  void *made = calloc(1, bytes);
  if (made)
    *status = SMELT_OK;
  return made;
}

#endif /* SMELT_CORE_DEVICE_H */

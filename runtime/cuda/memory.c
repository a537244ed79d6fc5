/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* One block of memory for arena, inputs and outputs, one for the weights. Where the device is alone it has the block
 * for itself; else the processor sees it too. Where only the run knows sizes, there is such a block for the arena, one
 * for inputs and outputs, and one for each block that grows, so that each can move. */

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Pages that move where both may touch them at any time, else the processor's own. */
static smelt_status allocate(smelt_cuda *c, region *made, uint64_t bytes) {
  int is_concurrent = 0;
  TRY(c->cu.device_attribute(&is_concurrent, CU_ATTRIBUTE_CONCURRENT_MANAGED, c->device),
      "the device does not say what it is");
  if (is_concurrent) {
    TRY(c->cu.allocate_managed(&made->address, bytes, CU_ATTACH_GLOBAL), "the device has too little memory");
    made->is_managed = 1;
    made->seen = (unsigned char *)(uintptr_t)made->address;
    return SMELT_OK;
  }
  void *host = NULL;
  TRY(c->cu.allocate_host(&host, bytes, CU_HOST_DEVICE_MAP), "there is too little memory");
  made->seen = host;
  TRY(c->cu.host_address(&made->address, host, 0), "the device does not see the processor's memory");
  return SMELT_OK;
}

static void free_region(smelt_cuda *c, region *freed) {
  region **at = &c->regions;
  while (*at != freed)
    at = &(*at)->next;
  *at = freed->next;
  if (freed->is_managed)
    c->cu.release(freed->address);
  else if (freed->seen)
    c->cu.release_host(freed->seen);
  free(freed);
}

static smelt_status make_region(smelt_cuda *c, uint64_t bytes, region **result) {
  region *made = smelt_cuda_make(1, sizeof *made);
  if (!made)
    return smelt_cuda_no_memory(c);
  made->next = c->regions;
  c->regions = made;
  made->bytes = bytes + SMELT_DEVICE_ALIGNMENT;
  const smelt_status status = allocate(c, made, made->bytes);
  if (status != SMELT_OK)
    free_region(c, made);
  else
    *result = made;
  return status;
}

static const region *region_at(const smelt_cuda *c, const void *address) {
  for (const region *at = c->regions; at; at = at->next)
    if ((uintptr_t)address - (uintptr_t)at->seen < at->bytes)
      return at;
  return NULL;
}

static smelt_status make_separate(smelt_cuda *c, uint64_t first, uint64_t bytes) {
  TRY(c->cu.allocate(&c->own, bytes), "the device has too little memory");
  void *host = NULL;
  TRY(c->cu.allocate_host(&host, bytes - first, 0), "there is too little memory");
  c->host = host;
  /* Nothing is written there but sizes and the like: of pages that nobody touches there are none. */
  c->arena = aligned_alloc(SMELT_ALIGNMENT, smelt_align_up(c->arena_bytes + 1, SMELT_ALIGNMENT));
  return c->arena ? SMELT_OK : smelt_cuda_no_memory(c);
}

static void place_tensors(smelt_cuda *c, unsigned char *begin) {
  const smelt_model *model = c->model;
  for (uint32_t i = 0; i < model->input_count; ++i)
    c->inputs[i] = begin + c->at[i];
  for (uint32_t i = 0; i < model->output_count; ++i)
    c->outputs[i] = begin + c->at[model->input_count + i];
}

/* Of models that need no shapes. */
static smelt_status make_data(smelt_cuda *c) {
  const smelt_model *model = c->model;
  const uint64_t first = smelt_align_up(c->arena_bytes, SMELT_DEVICE_ALIGNMENT),
                 bytes = smelt_device_layout(model, NULL, c->arena_bytes, c->at);
  c->is_alone = !c->is_open && model->step_count > 0 && smelt_stretch_end(model, 0) == model->step_count;
  const smelt_status status =
      c->is_alone ? make_separate(c, first, bytes + SMELT_DEVICE_ALIGNMENT) : make_region(c, bytes, &c->data);
  c->tensors = c->data;
  if (status == SMELT_OK)
    place_tensors(c, c->is_alone ? c->host - first : c->data->seen);
  return status;
}

static smelt_status make_shapes(smelt_cuda *c) {
  if (!smelt_make_shapes(c->model, &c->extents, &c->shapes))
    return smelt_cuda_no_memory(c);
  return make_region(c, c->arena_bytes, &c->data);
}

smelt_status smelt_cuda_make_memory(smelt_cuda *c) {
  const smelt_model *model = c->model;
  const uint32_t count = model->input_count + model->output_count;
  const uint64_t head = smelt_head_bytes(model);
  c->at = smelt_cuda_make(count, sizeof *c->at);
  c->inputs = smelt_cuda_make(model->input_count, sizeof *c->inputs);
  c->outputs = smelt_cuda_make(model->output_count, sizeof *c->outputs);
  c->milliseconds = smelt_cuda_make(model->step_count, sizeof *c->milliseconds);
  if (!c->at || !c->inputs || !c->outputs || !c->milliseconds)
    return smelt_cuda_no_memory(c);
  for (uint32_t i = 0; i < model->step_count; ++i)
    c->milliseconds[i] = -1;
  c->arena_bytes = model->arena_bytes > head ? model->arena_bytes : head;
  const smelt_status status = smelt_needs_shapes(model) ? make_shapes(c) : make_data(c);
  if (status != SMELT_OK)
    return status;
  TRY(c->cu.allocate(&c->weights, model->weights_bytes + SMELT_DEVICE_ALIGNMENT),
      "the device has too little memory for the weights");
  if (model->weights_bytes)
    TRY(c->cu.upload(c->weights, model->weights, model->weights_bytes, c->stream), "the weights cannot be uploaded");
  TRY(c->cu.stream_wait(c->stream), "the weights cannot be uploaded");
  return SMELT_OK;
}

cu_address smelt_cuda_place_of(const smelt_cuda *c, const smelt_operand *operand, uint64_t bytes) {
  const smelt_model *model = c->model;
  const uint64_t offset = smelt_offset_of(smelt_cuda_arena(c), operand);
  const region *in = c->data;
  cu_address base = c->own;
  uint64_t begin = 0, end = UINT64_MAX / 2;
  switch (smelt_base_of(operand)) {
  case SMELT_BASE_ARENA:
    begin = smelt_head_bytes(model);
    break;
  case SMELT_BASE_WEIGHTS:
    in = NULL;
    base = c->weights;
    end = model->weights_bytes;
    break;
  case SMELT_BASE_INPUT:
  case SMELT_BASE_OUTPUT: {
    const int is_input = smelt_base_of(operand) == SMELT_BASE_INPUT;
    if (operand->index >= (is_input ? model->input_count : model->output_count))
      return 0;
    in = c->tensors;
    begin = c->at[operand->index + (is_input ? 0 : model->input_count)];
    break;
  }
  case SMELT_BASE_BLOCK: {
    if (!c->instance || operand->index >= model->block_count)
      return 0;
    const void *memory = smelt_blocks(c->instance)[operand->index].memory;
    in = region_at(c, memory);
    if (!in)
      return 0;
    begin = (uint64_t)((const unsigned char *)memory - in->seen);
    break;
  }
  default:
    return 0;
  }
  if (in) {
    base = in->address;
    end = in->bytes;
  }
  const uint64_t at = begin + offset; /* a state's window may lie before its block */
  return at <= end && bytes <= end - at ? base + at : 0;
}

void *smelt_cuda_resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes) {
  smelt_cuda *c = user;
  region *old = (region *)(uintptr_t)region_at(c, block), *made = NULL;
  cu_context before;
  const cu_result pushed = c->cu.context_push(c->context);
  if (pushed != CU_SUCCESS) {
    smelt_cuda_fail(c, SMELT_ERROR_DEVICE, "the device cannot be used", pushed);
    return NULL;
  }
  const smelt_status status = bytes ? make_region(c, bytes, &made) : SMELT_OK;
  if (status == SMELT_OK) {
    c->last_why[0] = 0; /* of an attempt to get more than enough */
    if (made && old)
      memcpy(made->seen, block, old_bytes < bytes ? old_bytes : bytes);
    if (old)
      free_region(c, old);
  }
  c->cu.context_pop(&before);
  return made ? made->seen : NULL;
}

smelt_status smelt_cuda_fit_arena(smelt_cuda *c, uint64_t bytes) {
  region *old = c->data, *made = NULL;
  if (bytes <= c->arena_bytes)
    return SMELT_OK;
  const uint64_t more = c->model->state_count ? bytes / 2 : 0; /* what grows by little steps is moved seldom */
  smelt_status status = make_region(c, bytes + more, &made);
  if (status == SMELT_OK) {
    bytes += more;
  } else if (more) {
    status = make_region(c, bytes, &made);
    if (status == SMELT_OK)
      c->last_why[0] = 0;
  }
  if (status != SMELT_OK)
    return status;
  status = smelt_move(c->instance, made->seen, bytes);
  c->data = made;
  c->arena_bytes = bytes;
  free_region(c, old);
  return status;
}

smelt_status smelt_cuda_fit_tensors(smelt_cuda *c) {
  region *old = c->tensors;
  const uint64_t bytes = smelt_device_layout(c->model, c->instance, 0, c->at);
  if (!old || bytes > old->bytes - SMELT_DEVICE_ALIGNMENT) {
    const smelt_status status = make_region(c, bytes, &c->tensors);
    if (status != SMELT_OK)
      return status;
    if (old)
      free_region(c, old);
  }
  place_tensors(c, c->tensors->seen);
  return SMELT_OK;
}

void smelt_cuda_close_memory(smelt_cuda *c) {
  if (c->weights)
    c->cu.release(c->weights);
  if (c->own)
    c->cu.release(c->own);
  if (c->host)
    c->cu.release_host(c->host);
  while (c->regions)
    free_region(c, c->regions);
}

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* One region of memory for arena, inputs and outputs, and a block for the weights. Where the device has fast memory
 * that the processor does not see, they lie there: the first has a mirror for the processor then, and weights go
 * through it. Where only the run knows sizes, arena, tensors and blocks that grow have a region each, so that each can
 * move. */

#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define VISIBLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT
#define LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT

/* The first kind of memory of a row of wishes that there is; UINT32_MAX where there is none. */
static uint32_t find_memory(const VkPhysicalDeviceMemoryProperties *memory, uint32_t usable,
                            const VkMemoryPropertyFlags *wishes, size_t count) {
  for (size_t wish = 0; wish < count; ++wish)
    for (uint32_t i = 0; i < memory->memoryTypeCount; ++i)
      if (usable >> i & 1 && (memory->memoryTypes[i].propertyFlags & wishes[wish]) == wishes[wish])
        return i;
  return UINT32_MAX;
}

/* Memory of the device's own that the processor reads fast as well, else of the device's own, else any that both see.
 * What the processor works in has to be seen. */
static uint32_t choose_memory(const VkPhysicalDeviceMemoryProperties *memory, uint32_t usable, int is_seen) {
  const VkMemoryPropertyFlags fast[] = {LOCAL | VISIBLE | CACHED, LOCAL, VISIBLE | CACHED, VISIBLE},
                              seen[] = {VISIBLE | CACHED, VISIBLE};
  return is_seen ? find_memory(memory, usable, seen, sizeof seen / sizeof *seen)
                 : find_memory(memory, usable, fast, sizeof fast / sizeof *fast);
}

static smelt_status make_block(smelt_vulkan *v, block *made, uint64_t bytes, int is_seen) {
  made->number = ++v->now;
  made->bytes = smelt_align_up(bytes, SMELT_DEVICE_ALIGNMENT) +
                SMELT_DEVICE_ALIGNMENT; /* what is bound may end behind the last element */
  const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                   .size = made->bytes,
                                   .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                            VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                                            VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
  TRY(v->vk.CreateBuffer(v->device, &info, NULL, &made->buffer),
      "the device has no buffer as large as the model needs");
  VkMemoryRequirements needed;
  v->vk.GetBufferMemoryRequirements(v->device, made->buffer, &needed);
  VkPhysicalDeviceMemoryProperties memory;
  v->vk.GetPhysicalDeviceMemoryProperties(v->physical, &memory);
  const uint32_t type = choose_memory(&memory, needed.memoryTypeBits, is_seen);
  if (type == UINT32_MAX)
    return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE, "the device has no memory that the processor sees", VK_SUCCESS);
  const VkMemoryAllocateInfo allocation = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needed.size, .memoryTypeIndex = type};
  TRY(v->vk.AllocateMemory(v->device, &allocation, NULL, &made->memory), "the device has too little memory");
  TRY(v->vk.BindBufferMemory(v->device, made->buffer, made->memory, 0), "the device's memory cannot be used");
  if ((memory.memoryTypes[type].propertyFlags & VISIBLE) != VISIBLE)
    return SMELT_OK;
  void *mapped = NULL;
  TRY(v->vk.MapMemory(v->device, made->memory, 0, VK_WHOLE_SIZE, 0, &mapped), "the device's memory cannot be seen");
  made->mapped = mapped;
  return SMELT_OK;
}

void smelt_vulkan_free_block(smelt_vulkan *v, block *block) {
  v->vk.DestroyBuffer(v->device, block->buffer, NULL);
  v->vk.FreeMemory(v->device, block->memory, NULL);
  memset(block, 0, sizeof *block);
}

/*--- Regions --------------------------------------------------------------------------------------------------------*/

static void free_region(smelt_vulkan *v, region *freed);

static smelt_status make_region(smelt_vulkan *v, uint64_t bytes, region **result) {
  region *made = smelt_vulkan_make(1, sizeof *made);
  if (!made)
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  made->next = v->regions;
  v->regions = made;
  v->changed = ++v->now;
  smelt_status status = make_block(v, &made->device, bytes, 0);
  if (status == SMELT_OK && !made->device.mapped)
    status = make_block(v, &made->mirror, bytes, 1);
  if (status != SMELT_OK)
    free_region(v, made);
  else
    *result = made;
  return status;
}

static void free_region(smelt_vulkan *v, region *freed) {
  region **at = &v->regions;
  while (*at != freed)
    at = &(*at)->next;
  *at = freed->next;
  smelt_vulkan_free_block(v, &freed->device);
  smelt_vulkan_free_block(v, &freed->mirror);
  free(freed);
  v->changed = ++v->now;
}

void smelt_vulkan_free_regions(smelt_vulkan *v) {
  while (v->regions)
    free_region(v, v->regions);
}

region *smelt_vulkan_region_at(const smelt_vulkan *v, const void *address) {
  for (region *at = v->regions; at; at = at->next)
    if ((uintptr_t)address - (uintptr_t)smelt_vulkan_seen(at) < at->device.bytes)
      return at;
  return NULL;
}

void *smelt_vulkan_resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes) {
  smelt_vulkan *v = user;
  region *old = block ? smelt_vulkan_region_at(v, block) : NULL, *made = NULL;
  if (bytes) {
    v->is_broken = make_region(v, bytes, &made) != SMELT_OK;
    if (v->is_broken)
      return NULL;
    v->said[0] = 0; /* of an attempt to get more than enough */
    if (old)
      memcpy(smelt_vulkan_seen(made), block, old_bytes < bytes ? old_bytes : bytes);
  }
  if (old)
    free_region(v, old);
  return made ? smelt_vulkan_seen(made) : NULL;
}

/*--- Weights, arena, inputs and outputs -----------------------------------------------------------------------------*/

/* Through a piece of memory that the processor sees. */
static smelt_status upload_weights(smelt_vulkan *v) {
  const uint64_t bytes = v->model->weights_bytes, most = 16u << 20;
  block staging = {0};
  smelt_status status = make_block(v, &staging, bytes < most ? bytes : most, 1);
  for (uint64_t at = 0; at < bytes && status == SMELT_OK; at += most) {
    const uint64_t piece = bytes - at < most ? bytes - at : most;
    memcpy(staging.mapped, v->model->weights + at, piece);
    status = smelt_vulkan_copy(v, staging.buffer, v->weights.buffer, 0, at, piece);
  }
  smelt_vulkan_free_block(v, &staging);
  return status;
}

static smelt_status make_weights(smelt_vulkan *v) {
  const uint64_t bytes = v->model->weights_bytes;
  const smelt_status status = make_block(v, &v->weights, bytes, 0);
  if (status != SMELT_OK || !bytes)
    return status;
  if (!v->weights.mapped)
    return upload_weights(v);
  memcpy(v->weights.mapped, v->model->weights, bytes);
  return SMELT_OK;
}

static void place_tensors(smelt_vulkan *v) {
  const smelt_model *model = v->model;
  unsigned char *seen = smelt_vulkan_seen(v->tensors);
  for (uint32_t i = 0; i < model->input_count; ++i)
    v->inputs[i] = seen + v->at[i];
  for (uint32_t i = 0; i < model->output_count; ++i)
    v->outputs[i] = seen + v->at[model->input_count + i];
  const uint32_t count = model->input_count + model->output_count;
  v->inputs_at = count ? v->at[0] : v->outputs_end;
  v->outputs_at = model->output_count ? v->at[model->input_count] : v->outputs_end;
}

smelt_status smelt_vulkan_fit_arena(smelt_vulkan *v, uint64_t bytes) {
  region *old = v->data;
  if (bytes <= v->arena_bytes)
    return SMELT_OK;
  const uint64_t more = v->model->state_count ? bytes / 2 : 0; /* what grows by little steps is moved seldom */
  region *made = NULL;
  smelt_status status = make_region(v, bytes + more, &made);
  if (status == SMELT_OK) {
    bytes += more;
  } else if (more) {
    status = make_region(v, bytes, &made);
    if (status == SMELT_OK)
      v->said[0] = 0;
  }
  if (status != SMELT_OK)
    return status;
  status = smelt_move(v->instance, smelt_vulkan_seen(made), bytes);
  v->data = made;
  v->arena_bytes = bytes;
  free_region(v, old);
  return status;
}

smelt_status smelt_vulkan_fit_tensors(smelt_vulkan *v) {
  v->outputs_end = smelt_device_layout(v->model, v->instance, 0, v->at);
  region *old = v->tensors;
  if (!old || v->outputs_end + SMELT_DEVICE_ALIGNMENT > old->device.bytes) {
    const smelt_status status = make_region(v, v->outputs_end, &v->tensors);
    if (status != SMELT_OK)
      return status;
    if (old)
      free_region(v, old);
  }
  place_tensors(v);
  return SMELT_OK;
}

/* Behind the arena come the inputs, then the outputs. */
static smelt_status make_data(smelt_vulkan *v) {
  v->outputs_end = smelt_device_layout(v->model, NULL, v->arena_bytes, v->at);
  const smelt_status status = make_region(v, v->outputs_end, &v->data);
  v->tensors = v->data;
  if (status == SMELT_OK)
    place_tensors(v);
  return status;
}

smelt_status smelt_vulkan_make_memory(smelt_vulkan *v) {
  const smelt_model *model = v->model;
  const uint64_t head = smelt_head_bytes(model);
  v->at = smelt_vulkan_make(model->input_count + model->output_count, sizeof *v->at);
  v->inputs = smelt_vulkan_make(model->input_count, sizeof *v->inputs);
  v->outputs = smelt_vulkan_make(model->output_count, sizeof *v->outputs);
  if (!v->at || !v->inputs || !v->outputs)
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  v->arena_bytes = model->arena_bytes > head ? model->arena_bytes : head;
  smelt_status status = SMELT_OK;
  if (smelt_needs_shapes(model)) {
    status = make_region(v, v->arena_bytes, &v->data);
    if (status == SMELT_OK && !smelt_make_shapes(model, &v->extents, &v->shapes))
      status = smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  } else {
    status = make_data(v);
  }
  return status == SMELT_OK ? make_weights(v) : status;
}

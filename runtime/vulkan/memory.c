/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* One block of memory for arena, inputs and outputs, and one for the weights. Where the device has fast memory that the
 * processor does not see, they lie there: the first has a mirror for the processor then, and weights go through it. */

#include "internal.h"

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

static smelt_status make_data(smelt_vulkan *v) {
  smelt_status status = make_block(v, &v->data, v->data_bytes, 0);
  if (status == SMELT_OK && !v->data.mapped)
    status = make_block(v, &v->mirror, v->data_bytes, 1);
  return status;
}

/* Behind the arena come the inputs, then the outputs. */
smelt_status smelt_vulkan_make_memory(smelt_vulkan *v) {
  const smelt_model *model = v->model;
  const uint32_t count = model->input_count + model->output_count;
  v->at = smelt_vulkan_make(count, sizeof *v->at);
  v->inputs = smelt_vulkan_make(model->input_count, sizeof *v->inputs);
  v->outputs = smelt_vulkan_make(model->output_count, sizeof *v->outputs);
  if (!v->at || !v->inputs || !v->outputs)
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  v->data_bytes = smelt_device_layout(model, v->at);
  v->inputs_at = count ? v->at[0] : v->data_bytes;
  v->outputs_at = model->output_count ? v->at[model->input_count] : v->data_bytes;
  smelt_status status = make_data(v);
  if (status == SMELT_OK)
    status = make_weights(v);
  if (status != SMELT_OK)
    return status;
  unsigned char *seen = v->data.mapped ? v->data.mapped : v->mirror.mapped;
  for (uint32_t i = 0; i < model->input_count; ++i)
    v->inputs[i] = seen + v->at[i];
  for (uint32_t i = 0; i < model->output_count; ++i)
    v->outputs[i] = seen + v->at[model->input_count + i];
  return SMELT_OK;
}

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What the device is told: a command buffer for each stretch of steps that it runs without the processor. */

#include "internal.h"

static void barrier(const smelt_vulkan *v, VkCommandBuffer commands, VkPipelineStageFlags from, VkAccessFlags written,
                    VkPipelineStageFlags to, VkAccessFlags access) {
  const VkMemoryBarrier memory = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = written, .dstAccessMask = access};
  v->vk.CmdPipelineBarrier(commands, from, to, 0, 1, &memory, 0, NULL, 0, NULL);
}

static smelt_status make_buffer(smelt_vulkan *v, VkCommandBuffer *commands) {
  const VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = v->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
  TRY(v->vk.AllocateCommandBuffers(v->device, &info, commands), "no commands can be recorded");
  return SMELT_OK;
}

smelt_status smelt_vulkan_make_commands(smelt_vulkan *v) {
  const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                        .queueFamilyIndex = v->family};
  TRY(v->vk.CreateCommandPool(v->device, &info, NULL, &v->pool), "no commands can be recorded");
  return make_buffer(v, &v->single);
}

/*--- Copies, where the processor does not see the data --------------------------------------------------------------*/

static void copy(const smelt_vulkan *v, VkCommandBuffer commands, VkBuffer from, VkBuffer to, uint64_t first,
                 uint64_t last) {
  const VkBufferCopy region = {.srcOffset = first, .dstOffset = first, .size = last - first};
  if (first < last)
    v->vk.CmdCopyBuffer(commands, from, to, 1, &region);
}

/* All of the data where the processor takes part, looks at every step or at states, else inputs and outputs alone. */
static int copies_all(const smelt_vulkan *v, uint32_t first, uint32_t last) {
  return first > 0 || last < v->model->step_count || v->model->state_count;
}

/* Between all regions and their mirrors; none has one where the first does not. */
static void copy_regions(const smelt_vulkan *v, VkCommandBuffer commands, int in) {
  for (const region *at = v->regions; at; at = at->next)
    if (at->mirror.buffer)
      copy(v, commands, in ? at->mirror.buffer : at->device.buffer, in ? at->device.buffer : at->mirror.buffer, 0,
           at->device.bytes);
}

static void copy_in(const smelt_vulkan *v, VkCommandBuffer commands, int all) {
  if (v->data->device.mapped)
    return;
  if (all)
    copy_regions(v, commands, 1);
  else
    copy(v, commands, v->tensors->mirror.buffer, v->tensors->device.buffer, v->inputs_at, v->outputs_at);
  barrier(v, commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
          VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
}

static void copy_out(const smelt_vulkan *v, VkCommandBuffer commands, int all) {
  VkPipelineStageFlags stage = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
  VkAccessFlags written = VK_ACCESS_SHADER_WRITE_BIT;
  if (!v->data->device.mapped) {
    barrier(v, commands, stage, written, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    if (all)
      copy_regions(v, commands, 0);
    else
      copy(v, commands, v->tensors->device.buffer, v->tensors->mirror.buffer, v->outputs_at, v->outputs_end);
    stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    written = VK_ACCESS_TRANSFER_WRITE_BIT;
  }
  barrier(v, commands, stage, written, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT);
}

/*--- Steps ----------------------------------------------------------------------------------------------------------*/

/* What the clock says before the stretch's first step and behind each: numbers first, …, last of the queries, which no
 * other stretch has, because a step of the processor lies between them. */
static void timestamp(const smelt_vulkan *v, VkCommandBuffer commands, uint32_t number) {
  if (v->queries)
    v->vk.CmdWriteTimestamp(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, v->queries, number);
}

static void record_step(const smelt_vulkan *v, VkCommandBuffer commands, uint32_t number) {
  const pipeline *kernel = &v->pipelines[v->model->steps[number].first];
  const step *made = &v->steps[number];
  if (!made->groups[0])
    return;
  v->vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
  v->vk.CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1, &made->set, 0, NULL);
  v->vk.CmdPushConstants(commands, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                         smelt_vulkan_words(smelt_vulkan_kernel_of(v, number)) * 4, made->words);
  v->vk.CmdDispatch(commands, made->groups[0], made->groups[1], 1);
}

/* Steps [first, last), one after another. */
static smelt_status record(smelt_vulkan *v, VkCommandBuffer commands, uint32_t first, uint32_t last) {
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  TRY(v->vk.BeginCommandBuffer(commands, &begin), "no commands can be recorded");
  if (v->queries)
    v->vk.CmdResetQueryPool(commands, v->queries, first, last - first + 1);
  copy_in(v, commands, copies_all(v, first, last));
  timestamp(v, commands, first);
  for (uint32_t i = first; i < last; ++i) {
    if (i > first)
      barrier(v, commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
              VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    record_step(v, commands, i);
    timestamp(v, commands, i + 1);
  }
  copy_out(v, commands, copies_all(v, first, last));
  TRY(v->vk.EndCommandBuffer(commands), "no commands can be recorded");
  return SMELT_OK;
}

static smelt_status record_stretch(smelt_vulkan *v, uint32_t first, uint32_t end) {
  stretch *made = &v->stretches[first];
  smelt_status status = SMELT_OK;
  if (!made->commands)
    status = make_buffer(v, &made->commands);
  made->end = end;
  made->recorded = ++v->now;
  return status == SMELT_OK ? record(v, made->commands, first, end) : status;
}

/* Again where they were recorded before; of an open model, when they are run. */
smelt_status smelt_vulkan_record_all(smelt_vulkan *v) {
  const uint32_t count = v->model->step_count;
  if (!v->stretches)
    v->stretches = smelt_vulkan_make(count, sizeof *v->stretches);
  if (!v->stretches)
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < count && status == SMELT_OK; ++i) {
    const uint32_t end = smelt_stretch_end(v->model, i);
    if (v->is_open)
      v->stretches[i].recorded = 0;
    else if (end > i)
      status = record_stretch(v, i, end);
    i = v->is_open ? i : end;
  }
  return status;
}

static smelt_status submit_and_wait(smelt_vulkan *v, const VkSubmitInfo *info) {
  TRY(v->vk.QueueSubmit(v->queue, 1, info, v->fence), "the device does not take commands");
  TRY(v->vk.WaitForFences(v->device, 1, &v->fence, VK_TRUE, UINT64_MAX), "the device failed");
  TRY(v->vk.ResetFences(v->device, 1, &v->fence), "the device failed");
  return SMELT_OK;
}

static smelt_status submit(smelt_vulkan *v, VkCommandBuffer commands) {
  const VkSubmitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
  const smelt_status status = submit_and_wait(v, &info);
  if (status != SMELT_OK) { /* whoever called may free what the device was working on */
    v->vk.DeviceWaitIdle(v->device);
    v->is_broken = 1;
  }
  return status;
}

static smelt_status read_clock(smelt_vulkan *v, uint32_t first, uint32_t last) {
  const uint32_t count = last - first + 1;
  TRY(v->vk.GetQueryPoolResults(v->device, v->queries, first, count, count * sizeof *v->ticks, v->ticks + first,
                                sizeof *v->ticks, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
      "the device's clock cannot be read");
  return SMELT_OK;
}

/* Prepares steps of an open model from number `first` on, as far as the device takes them with these sizes, and records
 * them where something has changed. */
static smelt_status fit_stretch(smelt_vulkan *v, uint32_t first, uint32_t most) {
  const stretch *known = &v->stretches[first];
  smelt_status status = SMELT_OK;
  int is_stale = v->changed > known->recorded;
  uint32_t end = first;
  for (; end < most; ++end) {
    status = smelt_vulkan_prepare(v, end);
    if (status != SMELT_OK)
      break;
    is_stale |= v->steps[end].changed > known->recorded;
  }
  if (status != SMELT_OK && status != SMELT_ERROR_ARENA)
    return status;
  if (!is_stale && known->end == end)
    return SMELT_OK;
  if (end > first)
    return record_stretch(v, first, end);
  v->stretches[first].end = first;
  return SMELT_OK;
}

static smelt_status run_single(smelt_vulkan *v, uint32_t number, uint32_t *next) {
  const smelt_status prepared = v->is_open ? smelt_vulkan_prepare(v, number) : SMELT_OK;
  if (prepared == SMELT_ERROR_ARENA) {
    *next = number;
    return SMELT_OK;
  }
  smelt_status status = prepared == SMELT_OK ? record(v, v->single, number, number + 1) : prepared;
  if (status == SMELT_OK)
    status = submit(v, v->single);
  v->is_broken |= status != SMELT_OK;
  return status;
}

smelt_status smelt_vulkan_run_steps(void *user, uint32_t number, uint32_t *next) {
  smelt_vulkan *v = user;
  const stretch *stretch = &v->stretches[number];
  if ((v->instance->hook && !v->queries) || (!v->is_open && !stretch->commands))
    return run_single(v, number, next);
  smelt_status status = SMELT_OK;
  if (v->is_open)
    v->is_broken |= (status = fit_stretch(v, number, smelt_stretch_end(v->model, number))) != SMELT_OK;
  *next = stretch->end;
  if (status != SMELT_OK || stretch->end == number)
    return status;
  status = submit(v, stretch->commands);
  return status == SMELT_OK && v->queries ? read_clock(v, number, *next) : status;
}

smelt_status smelt_vulkan_copy(smelt_vulkan *v, VkBuffer from, VkBuffer to, uint64_t first, uint64_t at,
                               uint64_t bytes) {
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  const VkBufferCopy region = {.srcOffset = first, .dstOffset = at, .size = bytes};
  TRY(v->vk.BeginCommandBuffer(v->single, &begin), "no commands can be recorded");
  v->vk.CmdCopyBuffer(v->single, from, to, 1, &region);
  barrier(v, v->single, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
          VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_READ_BIT);
  TRY(v->vk.EndCommandBuffer(v->single), "no commands can be recorded");
  return submit(v, v->single);
}

/*--- The device's clock ---------------------------------------------------------------------------------------------*/

static void stop_clock(smelt_vulkan *v) {
  v->vk.DestroyQueryPool(v->device, v->queries, NULL);
  v->queries = VK_NULL_HANDLE;
}

static smelt_status start_clock(smelt_vulkan *v) {
  const uint32_t count = v->model->step_count + 1;
  if (!v->ticks && !(v->ticks = smelt_vulkan_make(count, sizeof *v->ticks)))
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  const VkQueryPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = count};
  TRY(v->vk.CreateQueryPool(v->device, &info, NULL, &v->queries), "the device's clock cannot be read");
  return SMELT_OK;
}

smelt_status smelt_vulkan_set_timing(smelt_vulkan *v, int on) {
  v->said[0] = 0;
  if (!!on == !!v->queries)
    return SMELT_OK;
  if (on && !v->timestamp_bits)
    return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE, "the device has no clock", VK_SUCCESS);
  smelt_status status = SMELT_OK;
  if (on)
    status = start_clock(v);
  else
    stop_clock(v);
  if (status == SMELT_OK) /* without what was recorded nothing runs */
    v->is_broken |= (status = smelt_vulkan_record_all(v)) != SMELT_OK;
  return status;
}

double smelt_vulkan_step_ns(const smelt_vulkan *v, uint32_t number) {
  if (!v->queries || number >= v->model->step_count || !smelt_vulkan_kernel_of(v, number))
    return -1;
  const uint64_t mask = v->timestamp_bits < 64 ? (UINT64_C(1) << v->timestamp_bits) - 1 : UINT64_MAX;
  return (double)((v->ticks[number + 1] - v->ticks[number]) & mask) * v->properties.limits.timestampPeriod;
}

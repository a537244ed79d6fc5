/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Steps of a model on a Vulkan device: one block of memory for arena, inputs and outputs, which the processor sees too,
 * one for the weights, and a command buffer for each stretch of steps that the device runs without the processor. */

#include "functions.h"

#include "../core/sizes.h"

#include <stdlib.h>
#include <string.h>

/* Where anything may be bound on every device. */
#define ALIGNMENT 256u

typedef struct block {
  VkBuffer buffer;
  VkDeviceMemory memory;
  unsigned char *mapped;
  uint64_t bytes;
} block;

typedef struct pipeline {
  VkDescriptorSetLayout set_layout;
  VkPipelineLayout layout;
  VkPipeline pipeline;
} pipeline;

/* A step of the device, ready to be recorded. */
typedef struct step {
  VkDescriptorSet set;
  uint32_t offsets[SMELT_VULKAN_MAX_BINDINGS]; /* push constants */
  uint32_t groups[2];
} step;

struct smelt_vulkan {
  const smelt_model *model;
  const smelt_vulkan_program *program;
  smelt_instance *instance;
  smelt_vulkan_functions vk;
  VkPhysicalDeviceProperties properties;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  uint32_t family;
  block data, weights;
  uint64_t *at;        /* in data: inputs, then outputs */
  const void **inputs; /* the same as addresses */
  void **outputs;
  pipeline *pipelines; /* of the program's kernels */
  step *steps;         /* of the model's; those of the processor are not used */
  VkBufferView *views;
  uint32_t view_count;
  VkDescriptorPool descriptors;
  VkCommandPool pool;
  VkCommandBuffer *stretches; /* under the first of their steps; null elsewhere */
  VkCommandBuffer single;     /* for one step alone */
  VkFence fence;
  char *why;
  size_t why_bytes;
};

/* Says what is missing; what is said first counts. */
static smelt_status fail(smelt_vulkan *v, smelt_status status, const char *what, VkResult result) {
  if (v->why_bytes && !v->why[0])
    smelt_vulkan_explain(v->why, v->why_bytes, what, result);
  return status;
}

#define TRY(call, what)                                                                                                \
  do {                                                                                                                 \
    const VkResult result_ = (call);                                                                                   \
    if (result_ != VK_SUCCESS)                                                                                         \
      return fail(v,                                                                                                   \
                  result_ == VK_ERROR_OUT_OF_HOST_MEMORY || result_ == VK_ERROR_OUT_OF_DEVICE_MEMORY                   \
                      ? SMELT_ERROR_MEMORY                                                                             \
                      : SMELT_ERROR_DEVICE,                                                                            \
                  what, result_);                                                                                      \
  } while (0)

static uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

/* Null where there is no memory; of no elements, something that free takes. */
static void *make(size_t count, size_t bytes) { return calloc(count ? count : 1, bytes); }

/*--- The device -----------------------------------------------------------------------------------------------------*/

/* The family of queues that compute; UINT32_MAX where there is none. */
static uint32_t find_family(const smelt_vulkan *v, VkPhysicalDevice physical) {
  VkQueueFamilyProperties families[16];
  uint32_t count = 16;
  v->vk.GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
  for (uint32_t i = 0; i < count; ++i)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      return i;
  return UINT32_MAX;
}

static int has_features(const smelt_vulkan *v, VkPhysicalDevice physical) {
  VkPhysicalDeviceFeatures features;
  v->vk.GetPhysicalDeviceFeatures(physical, &features);
  return !(v->program->features & SMELT_VULKAN_INT64) || features.shaderInt64;
}

/* How much a kind of device is preferred. */
static int rank_of(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 4;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 3;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 2;
  default:
    return 1;
  }
}

static smelt_status choose_device(smelt_vulkan *v) {
  VkPhysicalDevice all[16];
  uint32_t count = 16;
  const VkResult result = v->vk.EnumeratePhysicalDevices(v->vk.instance, &count, all);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE)
    return fail(v, SMELT_ERROR_DEVICE, "no Vulkan device can be asked for", result);
  int best = 0;
  for (uint32_t i = 0; i < count; ++i) {
    VkPhysicalDeviceProperties properties;
    v->vk.GetPhysicalDeviceProperties(all[i], &properties);
    const int rank = rank_of(properties.deviceType);
    if (rank <= best || properties.apiVersion < VK_API_VERSION_1_1 || find_family(v, all[i]) == UINT32_MAX ||
        !has_features(v, all[i]))
      continue;
    best = rank;
    v->physical = all[i];
    v->properties = properties;
  }
  if (!best)
    return fail(v, SMELT_ERROR_DEVICE,
                count ? "no Vulkan device here has version 1.1 and what the model needs (64-bit integers in shaders?)"
                      : "there is no Vulkan device: install a driver, such as mesa-vulkan-drivers",
                VK_SUCCESS);
  v->family = find_family(v, v->physical);
  return SMELT_OK;
}

static smelt_status open_device(smelt_vulkan *v) {
  const float priority = 1;
  VkPhysicalDeviceFeatures features;
  memset(&features, 0, sizeof features);
  features.shaderInt64 = v->program->features & SMELT_VULKAN_INT64 ? VK_TRUE : VK_FALSE;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = v->family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .pEnabledFeatures = &features};
  TRY(v->vk.CreateDevice(v->physical, &info, NULL, &v->device), "the Vulkan device cannot be opened");
  if (!smelt_vulkan_load_device(&v->vk, v->device))
    return fail(v, SMELT_ERROR_DEVICE, "the Vulkan driver lacks functions of version 1.1", VK_SUCCESS);
  v->vk.GetDeviceQueue(v->device, v->family, 0, &v->queue);
  const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  TRY(v->vk.CreateFence(v->device, &fence, NULL, &v->fence), "no fence can be made");
  return SMELT_OK;
}

/*--- Memory ---------------------------------------------------------------------------------------------------------*/

/* Memory that the processor sees too: best of the device's own, and cached. UINT32_MAX where there is none. */
static uint32_t find_memory(const smelt_vulkan *v, uint32_t usable) {
  const VkMemoryPropertyFlags needed = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  const VkMemoryPropertyFlags liked[] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                                         VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0};
  VkPhysicalDeviceMemoryProperties memory;
  v->vk.GetPhysicalDeviceMemoryProperties(v->physical, &memory);
  for (size_t choice = 0; choice < sizeof liked / sizeof *liked; ++choice)
    for (uint32_t i = 0; i < memory.memoryTypeCount; ++i)
      if (usable >> i & 1 &&
          (memory.memoryTypes[i].propertyFlags & (needed | liked[choice])) == (needed | liked[choice]))
        return i;
  return UINT32_MAX;
}

static smelt_status make_block(smelt_vulkan *v, block *block, uint64_t bytes) {
  block->bytes = align_up(bytes, ALIGNMENT) + ALIGNMENT; /* what is bound may end behind the last element */
  const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                   .size = block->bytes,
                                   .usage =
                                       VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT};
  TRY(v->vk.CreateBuffer(v->device, &info, NULL, &block->buffer),
      "the device has no buffer as large as the model needs");
  VkMemoryRequirements needed;
  v->vk.GetBufferMemoryRequirements(v->device, block->buffer, &needed);
  const uint32_t type = find_memory(v, needed.memoryTypeBits);
  if (type == UINT32_MAX)
    return fail(v, SMELT_ERROR_DEVICE, "the device has no memory that the processor sees", VK_SUCCESS);
  const VkMemoryAllocateInfo allocation = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needed.size, .memoryTypeIndex = type};
  TRY(v->vk.AllocateMemory(v->device, &allocation, NULL, &block->memory), "the device has too little memory");
  TRY(v->vk.BindBufferMemory(v->device, block->buffer, block->memory, 0), "the device's memory cannot be used");
  void *mapped = NULL;
  TRY(v->vk.MapMemory(v->device, block->memory, 0, VK_WHOLE_SIZE, 0, &mapped), "the device's memory cannot be seen");
  block->mapped = mapped;
  return SMELT_OK;
}

/* Behind the arena come the inputs, then the outputs. */
static smelt_status make_memory(smelt_vulkan *v) {
  const smelt_model *model = v->model;
  const uint32_t count = model->input_count + model->output_count;
  v->at = make(count, sizeof *v->at);
  v->inputs = make(model->input_count, sizeof *v->inputs);
  v->outputs = make(model->output_count, sizeof *v->outputs);
  if (!v->at || !v->inputs || !v->outputs)
    return fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  uint64_t bytes = align_up(model->arena_bytes, ALIGNMENT);
  for (uint32_t i = 0; i < count; ++i) {
    const smelt_tensor_info *tensor =
        i < model->input_count ? &model->inputs[i] : &model->outputs[i - model->input_count];
    v->at[i] = bytes;
    bytes += align_up(tensor->bytes, ALIGNMENT);
  }
  smelt_status status = make_block(v, &v->data, bytes);
  if (status == SMELT_OK)
    status = make_block(v, &v->weights, model->weights_bytes);
  if (status != SMELT_OK)
    return status;
  if (model->weights_bytes)
    memcpy(v->weights.mapped, model->weights, model->weights_bytes);
  for (uint32_t i = 0; i < model->input_count; ++i)
    v->inputs[i] = v->data.mapped + v->at[i];
  for (uint32_t i = 0; i < model->output_count; ++i)
    v->outputs[i] = v->data.mapped + v->at[model->input_count + i];
  return SMELT_OK;
}

/*--- Kernels --------------------------------------------------------------------------------------------------------*/

static int is_texel(uint32_t view) { return view == SMELT_VULKAN_TEXELS || view == SMELT_VULKAN_VECTOR_TEXELS; }

static uint64_t unit_of(const smelt_vulkan_binding *binding) {
  const int is_vector = binding->view == SMELT_VULKAN_VECTORS || binding->view == SMELT_VULKAN_VECTOR_TEXELS;
  return (uint64_t)binding->element_bytes * (is_vector ? 4 : 1);
}

static VkDescriptorType type_of(const smelt_vulkan_binding *binding) {
  return is_texel(binding->view) ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
}

static smelt_status make_pipeline(smelt_vulkan *v, const smelt_vulkan_kernel *kernel, pipeline *made) {
  VkDescriptorSetLayoutBinding bindings[SMELT_VULKAN_MAX_BINDINGS];
  for (uint32_t i = 0; i < kernel->binding_count; ++i)
    bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                 .descriptorType = type_of(&kernel->bindings[i]),
                                                 .descriptorCount = 1,
                                                 .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  const VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                               .bindingCount = kernel->binding_count,
                                               .pBindings = bindings};
  TRY(v->vk.CreateDescriptorSetLayout(v->device, &set, NULL, &made->set_layout), "a kernel cannot be bound");
  const VkPushConstantRange offsets = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                       .size = SMELT_VULKAN_MAX_BINDINGS * sizeof(uint32_t)};
  const VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                             .setLayoutCount = 1,
                                             .pSetLayouts = &made->set_layout,
                                             .pushConstantRangeCount = 1,
                                             .pPushConstantRanges = &offsets};
  TRY(v->vk.CreatePipelineLayout(v->device, &layout, NULL, &made->layout), "a kernel cannot be bound");
  const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                         .codeSize = (size_t)kernel->code_bytes,
                                         .pCode = kernel->code};
  VkShaderModule module;
  TRY(v->vk.CreateShaderModule(v->device, &code, NULL, &module), "the device does not take a kernel");
  const VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                            .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                      .module = module,
                                                      .pName = "main"},
                                            .layout = made->layout};
  const VkResult result = v->vk.CreateComputePipelines(v->device, VK_NULL_HANDLE, 1, &info, NULL, &made->pipeline);
  v->vk.DestroyShaderModule(v->device, module, NULL);
  TRY(result, "the device does not take a kernel");
  return SMELT_OK;
}

static smelt_status make_pipelines(smelt_vulkan *v) {
  v->pipelines = make(v->program->kernel_count, sizeof *v->pipelines);
  if (!v->pipelines)
    return fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < v->program->kernel_count && status == SMELT_OK; ++i)
    status = make_pipeline(v, &v->program->kernels[i], &v->pipelines[i]);
  return status;
}

/*--- Steps ----------------------------------------------------------------------------------------------------------*/

static const smelt_vulkan_kernel *kernel_of(const smelt_vulkan *v, uint32_t number) {
  const smelt_step *row = &v->model->steps[number];
  return row->kind == SMELT_STEP_DEVICE ? &v->program->kernels[row->first] : NULL;
}

/* The block that an operand lies in, and where; null where a device has none. */
static const block *place_of(const smelt_vulkan *v, const smelt_operand *operand, uint64_t *at) {
  switch (operand->base) {
  case SMELT_BASE_ARENA:
    *at = smelt_head_bytes(v->model) + (uint64_t)operand->offset;
    return &v->data;
  case SMELT_BASE_WEIGHTS:
    *at = (uint64_t)operand->offset;
    return &v->weights;
  case SMELT_BASE_INPUT:
    *at = v->at[operand->index] + (uint64_t)operand->offset;
    return &v->data;
  case SMELT_BASE_OUTPUT:
    *at = v->at[v->model->input_count + operand->index] + (uint64_t)operand->offset;
    return &v->data;
  default:
    return NULL;
  }
}

static smelt_status check_range(smelt_vulkan *v, const smelt_vulkan_binding *binding, uint64_t range) {
  const VkPhysicalDeviceLimits *limits = &v->properties.limits;
  const int fits = is_texel(binding->view) ? range / unit_of(binding) <= limits->maxTexelBufferElements
                                           : range <= limits->maxStorageBufferRange;
  return fits ? SMELT_OK
              : fail(v, SMELT_ERROR_DEVICE,
                     "the device binds less memory at once than a tensor of the model has; compile it for another "
                     "--target",
                     VK_SUCCESS);
}

static smelt_status bind_operand(smelt_vulkan *v, step *made, uint32_t number, const smelt_vulkan_binding *binding,
                                 const smelt_operand *operand) {
  uint64_t at = 0;
  const block *block = place_of(v, operand, &at);
  const uint64_t first = at / ALIGNMENT * ALIGNMENT, unit = unit_of(binding);
  if (!block || at + binding->bytes > block->bytes || (at - first) % unit)
    return fail(v, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", VK_SUCCESS);
  const uint64_t range = align_up(at - first + binding->bytes, 16);
  smelt_status status = check_range(v, binding, range);
  if (status != SMELT_OK)
    return status;
  made->offsets[number] = (uint32_t)((at - first) / unit);
  const VkDescriptorBufferInfo buffer = {.buffer = block->buffer, .offset = first, .range = range};
  VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                .dstSet = made->set,
                                .dstBinding = number,
                                .descriptorCount = 1,
                                .descriptorType = type_of(binding),
                                .pBufferInfo = &buffer};
  if (is_texel(binding->view)) {
    const VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                         .buffer = block->buffer,
                                         .format = binding->view == SMELT_VULKAN_TEXELS ? VK_FORMAT_R32_SFLOAT
                                                                                        : VK_FORMAT_R32G32B32A32_SFLOAT,
                                         .offset = first,
                                         .range = range};
    TRY(v->vk.CreateBufferView(v->device, &info, NULL, &v->views[v->view_count]), "a tensor cannot be bound");
    write.pTexelBufferView = &v->views[v->view_count++];
  }
  v->vk.UpdateDescriptorSets(v->device, 1, &write, 0, NULL);
  return SMELT_OK;
}

static smelt_status make_step(smelt_vulkan *v, uint32_t number) {
  const smelt_step *row = &v->model->steps[number];
  const smelt_vulkan_kernel *kernel = kernel_of(v, number);
  if (!kernel)
    return SMELT_OK;
  step *made = &v->steps[number];
  const VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool = v->descriptors,
                                            .descriptorSetCount = 1,
                                            .pSetLayouts = &v->pipelines[row->first].set_layout};
  TRY(v->vk.AllocateDescriptorSets(v->device, &info, &made->set), "a tensor cannot be bound");
  const uint64_t groups = (kernel->invocations + v->program->group_size - 1) / v->program->group_size;
  made->groups[0] = (uint32_t)(groups < v->program->groups_x ? groups : v->program->groups_x);
  made->groups[1] = (uint32_t)((groups + made->groups[0] - 1) / made->groups[0]);
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < kernel->binding_count && status == SMELT_OK; ++i)
    status = bind_operand(v, made, i, &kernel->bindings[i], &row->operands[kernel->bindings[i].operand]);
  return status;
}

static smelt_status make_steps(smelt_vulkan *v) {
  uint32_t sets = 0, texels = 0, buffers = 0;
  for (uint32_t i = 0; i < v->model->step_count; ++i) {
    const smelt_vulkan_kernel *kernel = kernel_of(v, i);
    sets += kernel != NULL;
    for (uint32_t k = 0; kernel && k < kernel->binding_count; ++k)
      ++*(is_texel(kernel->bindings[k].view) ? &texels : &buffers);
  }
  v->steps = make(v->model->step_count, sizeof *v->steps);
  v->views = make(texels, sizeof *v->views);
  if (!v->steps || !v->views)
    return fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  const VkDescriptorPoolSize sizes[] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, buffers + 1},
                                        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, texels + 1}};
  const VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                           .maxSets = sets + 1,
                                           .poolSizeCount = 2,
                                           .pPoolSizes = sizes};
  TRY(v->vk.CreateDescriptorPool(v->device, &info, NULL, &v->descriptors), "the tensors cannot be bound");
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < v->model->step_count && status == SMELT_OK; ++i)
    status = make_step(v, i);
  return status;
}

/*--- Commands -------------------------------------------------------------------------------------------------------*/

static void barrier(const smelt_vulkan *v, VkCommandBuffer commands, VkPipelineStageFlags stage, VkAccessFlags access) {
  const VkMemoryBarrier memory = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT, .dstAccessMask = access};
  v->vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, stage, 0, 1, &memory, 0, NULL, 0, NULL);
}

/* Steps [first, last), one after another. */
static smelt_status record(smelt_vulkan *v, VkCommandBuffer commands, uint32_t first, uint32_t last) {
  const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  TRY(v->vk.BeginCommandBuffer(commands, &begin), "no commands can be recorded");
  for (uint32_t i = first; i < last; ++i) {
    const pipeline *kernel = &v->pipelines[v->model->steps[i].first];
    const step *made = &v->steps[i];
    if (i > first)
      barrier(v, commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
              VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    v->vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
    v->vk.CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1, &made->set, 0, NULL);
    v->vk.CmdPushConstants(commands, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof made->offsets,
                           made->offsets);
    v->vk.CmdDispatch(commands, made->groups[0], made->groups[1], 1);
  }
  barrier(v, commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT);
  TRY(v->vk.EndCommandBuffer(commands), "no commands can be recorded");
  return SMELT_OK;
}

static smelt_status make_buffer(smelt_vulkan *v, VkCommandBuffer *commands) {
  const VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = v->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
  TRY(v->vk.AllocateCommandBuffers(v->device, &info, commands), "no commands can be recorded");
  return SMELT_OK;
}

/* The step behind the stretch of the device's that begins with step `first`. */
static uint32_t end_of(const smelt_vulkan *v, uint32_t first) {
  uint32_t end = first;
  while (end < v->model->step_count && kernel_of(v, end))
    ++end;
  return end;
}

static smelt_status record_all(smelt_vulkan *v) {
  const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                        .queueFamilyIndex = v->family};
  TRY(v->vk.CreateCommandPool(v->device, &info, NULL, &v->pool), "no commands can be recorded");
  v->stretches = make(v->model->step_count, sizeof(VkCommandBuffer));
  if (!v->stretches)
    return fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  smelt_status status = make_buffer(v, &v->single);
  for (uint32_t i = 0; i < v->model->step_count && status == SMELT_OK; ++i) {
    const uint32_t end = end_of(v, i);
    if (end == i)
      continue;
    status = make_buffer(v, &v->stretches[i]);
    if (status == SMELT_OK)
      status = record(v, v->stretches[i], i, end);
    i = end;
  }
  return status;
}

static smelt_status submit(smelt_vulkan *v, VkCommandBuffer commands) {
  const VkSubmitInfo info = {
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
  TRY(v->vk.QueueSubmit(v->queue, 1, &info, v->fence), "the device does not take commands");
  TRY(v->vk.WaitForFences(v->device, 1, &v->fence, VK_TRUE, UINT64_MAX), "the device failed");
  TRY(v->vk.ResetFences(v->device, 1, &v->fence), "the device failed");
  return SMELT_OK;
}

static smelt_status run_steps(void *user, uint32_t number, uint32_t *next) {
  smelt_vulkan *v = user;
  if (!v->instance->hook && v->stretches[number]) {
    *next = end_of(v, number);
    return submit(v, v->stretches[number]);
  }
  const smelt_status status = record(v, v->single, number, number + 1);
  return status == SMELT_OK ? submit(v, v->single) : status;
}

/*--- The interface --------------------------------------------------------------------------------------------------*/

/* What the rest takes for granted. */
static smelt_status check(smelt_vulkan *v) {
  const smelt_model *model = v->model;
  if (model->abi_version != SMELT_ABI_VERSION || v->program->version != SMELT_VULKAN_VERSION)
    return fail(v, SMELT_ERROR_ABI, "the artefact was made for another version of the runtime", VK_SUCCESS);
  int isWhole =
      v->program->group_size > 0 && v->program->groups_x > 0 && !model->state_count && !smelt_needs_shapes(model);
  for (uint32_t i = 0; i < v->program->kernel_count && isWhole; ++i)
    isWhole = v->program->kernels[i].binding_count <= SMELT_VULKAN_MAX_BINDINGS && v->program->kernels[i].invocations;
  for (uint32_t i = 0; i < model->step_count && isWhole; ++i) {
    const smelt_step *row = &model->steps[i];
    if (row->kind != SMELT_STEP_DEVICE)
      continue;
    isWhole = row->first < v->program->kernel_count;
    for (uint32_t k = 0; isWhole && k < v->program->kernels[row->first].binding_count; ++k)
      isWhole = v->program->kernels[row->first].bindings[k].operand < row->operand_count;
  }
  return isWhole ? SMELT_OK : fail(v, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", VK_SUCCESS);
}

static smelt_status open_all(smelt_vulkan *v) {
  smelt_status status = check(v);
  if (status == SMELT_OK && !smelt_vulkan_load(&v->vk, v->why, v->why_bytes))
    status = SMELT_ERROR_DEVICE;
  smelt_status (*const parts[])(smelt_vulkan *) = {choose_device,  open_device, make_memory,
                                                   make_pipelines, make_steps,  record_all};
  for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SMELT_OK; ++i)
    status = parts[i](v);
  return status;
}

smelt_status smelt_vulkan_open(smelt_vulkan **vulkan, const smelt_model *model, const smelt_vulkan_program *program,
                               char *why, size_t why_bytes) {
  if (!vulkan || !model || !program || (!why && why_bytes))
    return SMELT_ERROR_ARGUMENT;
  *vulkan = NULL;
  smelt_vulkan *v = make(1, sizeof *v);
  if (!v)
    return SMELT_ERROR_MEMORY;
  v->model = model;
  v->program = program;
  v->why = why;
  v->why_bytes = why_bytes;
  if (why_bytes)
    why[0] = 0;
  const smelt_status status = open_all(v);
  v->why_bytes = 0; /* the caller's, from here on */
  if (status != SMELT_OK)
    smelt_vulkan_close(v);
  else
    *vulkan = v;
  return status;
}

const char *smelt_vulkan_device_name(const smelt_vulkan *vulkan) { return vulkan->properties.deviceName; }

void *smelt_vulkan_arena(const smelt_vulkan *vulkan) { return vulkan->data.mapped; }

const void *const *smelt_vulkan_inputs(const smelt_vulkan *vulkan) { return vulkan->inputs; }

void *const *smelt_vulkan_outputs(const smelt_vulkan *vulkan) { return vulkan->outputs; }

void smelt_vulkan_bind(smelt_vulkan *vulkan, smelt_instance *instance) {
  vulkan->instance = instance;
  smelt_set_device(instance, run_steps, vulkan);
}

smelt_status smelt_vulkan_run(smelt_vulkan *vulkan, const void *const *inputs, void *const *outputs) {
  if (!vulkan || !vulkan->instance)
    return SMELT_ERROR_ARGUMENT;
  const smelt_model *model = vulkan->model;
  if ((!inputs && model->input_count) || (!outputs && model->output_count))
    return SMELT_ERROR_ARGUMENT;
  for (uint32_t i = 0; i < model->input_count; ++i)
    if (!inputs[i] && model->inputs[i].bytes)
      return SMELT_ERROR_ARGUMENT;
  for (uint32_t i = 0; i < model->output_count; ++i)
    if (!outputs[i] && model->outputs[i].bytes)
      return SMELT_ERROR_ARGUMENT;
  for (uint32_t i = 0; i < model->input_count; ++i)
    if (model->inputs[i].bytes)
      memcpy(vulkan->data.mapped + vulkan->at[i], inputs[i], model->inputs[i].bytes);
  const smelt_status status = smelt_run(vulkan->instance, vulkan->inputs, vulkan->outputs);
  for (uint32_t i = 0; i < model->output_count && status == SMELT_OK; ++i)
    if (model->outputs[i].bytes)
      memcpy(outputs[i], vulkan->outputs[i], model->outputs[i].bytes);
  return status;
}

static void free_block(smelt_vulkan *v, block *block) {
  v->vk.DestroyBuffer(v->device, block->buffer, NULL);
  v->vk.FreeMemory(v->device, block->memory, NULL);
}

static void close_device(smelt_vulkan *v) {
  v->vk.DeviceWaitIdle(v->device);
  v->vk.DestroyFence(v->device, v->fence, NULL);
  v->vk.DestroyCommandPool(v->device, v->pool, NULL);
  v->vk.DestroyDescriptorPool(v->device, v->descriptors, NULL);
  for (uint32_t i = 0; i < v->view_count; ++i)
    v->vk.DestroyBufferView(v->device, v->views[i], NULL);
  for (uint32_t i = 0; v->pipelines && i < v->program->kernel_count; ++i) {
    v->vk.DestroyPipeline(v->device, v->pipelines[i].pipeline, NULL);
    v->vk.DestroyPipelineLayout(v->device, v->pipelines[i].layout, NULL);
    v->vk.DestroyDescriptorSetLayout(v->device, v->pipelines[i].set_layout, NULL);
  }
  free_block(v, &v->data);
  free_block(v, &v->weights);
  v->vk.DestroyDevice(v->device, NULL);
}

void smelt_vulkan_close(smelt_vulkan *vulkan) {
  if (!vulkan)
    return;
  if (vulkan->device && vulkan->vk.DestroyDevice)
    close_device(vulkan);
  smelt_vulkan_unload(&vulkan->vk);
  free(vulkan->at);
  free(vulkan->inputs);
  free(vulkan->outputs);
  free(vulkan->pipelines);
  free(vulkan->steps);
  free(vulkan->views);
  free(vulkan->stretches);
  free(vulkan);
}

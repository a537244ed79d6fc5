/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Kernels, and what each step binds to them. */

#include "internal.h"

static int is_texel(uint32_t view) { return view == SMELT_VULKAN_TEXELS || view == SMELT_VULKAN_VECTOR_TEXELS; }

static uint64_t unit_of(const smelt_vulkan_binding *binding) {
  const int is_vector = binding->view == SMELT_VULKAN_VECTORS || binding->view == SMELT_VULKAN_VECTOR_TEXELS;
  return (uint64_t)binding->element_bytes * (is_vector ? 4 : 1);
}

static VkDescriptorType type_of(const smelt_vulkan_binding *binding) {
  return is_texel(binding->view) ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
}

uint32_t smelt_vulkan_words(const smelt_vulkan_kernel *kernel) {
  return SMELT_VULKAN_MAX_BINDINGS + (kernel->size_count ? SMELT_VULKAN_MAX_SIZES : 0);
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
                                       .size = smelt_vulkan_words(kernel) * 4};
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

smelt_status smelt_vulkan_make_pipelines(smelt_vulkan *v) {
  v->pipelines = smelt_vulkan_make(v->program->kernel_count, sizeof *v->pipelines);
  if (!v->pipelines)
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < v->program->kernel_count && status == SMELT_OK; ++i)
    status = make_pipeline(v, &v->program->kernels[i], &v->pipelines[i]);
  return status;
}

/*--- Steps ----------------------------------------------------------------------------------------------------------*/

const smelt_vulkan_kernel *smelt_vulkan_kernel_of(const smelt_vulkan *v, uint32_t number) {
  const smelt_step *row = &v->model->steps[number];
  return row->kind == SMELT_STEP_DEVICE ? &v->program->kernels[row->first] : NULL;
}

/* The block that an operand lies in, and where; null where a device has none. */
static const block *place_of(const smelt_vulkan *v, const smelt_operand *operand, uint64_t *at) {
  const unsigned char *sizes = smelt_vulkan_seen(v->data);
  *at = smelt_offset_of(sizes, operand);
  switch (smelt_base_of(operand)) {
  case SMELT_BASE_ARENA:
    *at += smelt_head_bytes(v->model);
    return &v->data->device;
  case SMELT_BASE_WEIGHTS:
    return &v->weights;
  case SMELT_BASE_INPUT:
    *at += v->at[operand->index];
    return &v->tensors->device;
  case SMELT_BASE_OUTPUT:
    *at += v->at[v->model->input_count + operand->index];
    return &v->tensors->device;
  case SMELT_BASE_BLOCK: {
    const void *memory = v->instance ? smelt_blocks(v->instance)[operand->index].memory : NULL;
    const region *found = smelt_vulkan_region_at(v, memory);
    if (found)
      *at += (uint64_t)((const unsigned char *)memory - smelt_vulkan_seen(found));
    return found ? &found->device : NULL;
  }
  default:
    return NULL;
  }
}

static smelt_status damaged(smelt_vulkan *v) {
  return smelt_vulkan_fail(v, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", VK_SUCCESS);
}

static int fits(const smelt_vulkan *v, const smelt_vulkan_binding *binding, uint64_t range) {
  const VkPhysicalDeviceLimits *limits = &v->properties.limits;
  return is_texel(binding->view) ? range / unit_of(binding) <= limits->maxTexelBufferElements
                                 : range <= limits->maxStorageBufferRange;
}

/* Lets a descriptor see what the binding is now. */
static smelt_status write_descriptor(smelt_vulkan *v, step *made, uint32_t number,
                                     const smelt_vulkan_binding *binding) {
  bound *to = &made->bounds[number];
  const VkDescriptorBufferInfo buffer = {.buffer = to->buffer, .offset = to->first, .range = to->range};
  VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                .dstSet = made->set,
                                .dstBinding = number,
                                .descriptorCount = 1,
                                .descriptorType = type_of(binding),
                                .pBufferInfo = &buffer};
  if (is_texel(binding->view)) {
    v->vk.DestroyBufferView(v->device, to->view, NULL);
    to->view = VK_NULL_HANDLE;
    const VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                         .buffer = to->buffer,
                                         .format = binding->view == SMELT_VULKAN_TEXELS ? VK_FORMAT_R32_SFLOAT
                                                                                        : VK_FORMAT_R32G32B32A32_SFLOAT,
                                         .offset = to->first,
                                         .range = to->range};
    TRY(v->vk.CreateBufferView(v->device, &info, NULL, &to->view), "a tensor cannot be bound");
    write.pTexelBufferView = &to->view;
  }
  v->vk.UpdateDescriptorSets(v->device, 1, &write, 0, NULL);
  return SMELT_OK;
}

/* `bytes` from where an operand lies; of an empty one, anything. */
static smelt_status bind_operand(smelt_vulkan *v, step *made, uint32_t number, const smelt_vulkan_binding *binding,
                                 const smelt_operand *operand, uint64_t bytes) {
  uint64_t at = 0;
  const block *block = place_of(v, operand, &at);
  if (!bytes) {
    block = &v->data->device;
    at = 0;
  }
  const uint64_t first = at / SMELT_DEVICE_ALIGNMENT * SMELT_DEVICE_ALIGNMENT, unit = unit_of(binding);
  if (!block || bytes > block->bytes || at > block->bytes - bytes || (at - first) % unit)
    return damaged(v);
  const uint64_t range = smelt_align_up(at - first + bytes + !bytes, 16);
  if (!fits(v, binding, range))
    return SMELT_ERROR_ARENA;
  const uint32_t word = (uint32_t)((at - first) / unit);
  bound *to = &made->bounds[number];
  if (to->block == block->number && to->first == first && to->range == range && made->words[number] == word)
    return SMELT_OK;
  made->words[number] = word;
  made->changed = ++v->now;
  to->block = block->number;
  to->buffer = block->buffer;
  to->first = first;
  to->range = range;
  return write_descriptor(v, made, number, binding);
}

static void set_word(smelt_vulkan *v, step *made, uint32_t *word, uint32_t value) {
  if (*word != value)
    made->changed = ++v->now;
  *word = value;
}

static void set_invocations(smelt_vulkan *v, step *made, uint64_t invocations) {
  const uint64_t groups = (invocations + v->program->group_size - 1) / v->program->group_size;
  const uint32_t x = (uint32_t)(groups < v->program->groups_x ? groups : v->program->groups_x);
  set_word(v, made, &made->groups[0], x);
  set_word(v, made, &made->groups[1], x ? (uint32_t)((groups + x - 1) / x) : 0);
}

/* The sizes of a kernel that has some. */
static smelt_status set_sizes(smelt_vulkan *v, step *made, const smelt_vulkan_kernel *kernel,
                              const smelt_operand *operands) {
  const unsigned char *sizes = smelt_vulkan_seen(v->data);
  for (uint32_t i = 0; i < kernel->size_count; ++i) {
    const int64_t value = smelt_size_at(sizes, &operands[i]);
    if (value != (int32_t)value)
      return SMELT_ERROR_ARENA;
    set_word(v, made, &made->words[SMELT_VULKAN_MAX_BINDINGS + i], (uint32_t)value);
  }
  const int64_t invocations = (int64_t)smelt_offset_of(sizes, &operands[kernel->size_count]),
                steps = (int64_t)smelt_offset_of(sizes, &operands[kernel->size_count + 1]);
  if (invocations > SMELT_DEVICE_MOST_INVOCATIONS || steps > v->program->most_steps)
    return SMELT_ERROR_ARENA;
  set_invocations(v, made, invocations > 0 ? (uint64_t)invocations : 0);
  return SMELT_OK;
}

smelt_status smelt_vulkan_prepare(smelt_vulkan *v, uint32_t number) {
  const smelt_step *row = &v->model->steps[number];
  const smelt_vulkan_kernel *kernel = smelt_vulkan_kernel_of(v, number);
  step *made = &v->steps[number];
  const uint32_t buffers = kernel->size_count ? smelt_open_buffers(v->model, row, kernel->size_count) : 0;
  const smelt_operand *bytes = &row->operands[buffers + kernel->size_count + 2];
  smelt_status status = SMELT_OK;
  if (kernel->size_count)
    status = set_sizes(v, made, kernel, &row->operands[buffers]);
  else
    set_invocations(v, made, kernel->invocations);
  for (uint32_t i = 0; i < kernel->binding_count && status == SMELT_OK && made->groups[0]; ++i) {
    const smelt_vulkan_binding *binding = &kernel->bindings[i];
    const int64_t size =
        (int64_t)(kernel->size_count ? smelt_offset_of(smelt_vulkan_seen(v->data), &bytes[binding->operand])
                                     : binding->bytes);
    if (kernel->size_count && size / binding->element_bytes > INT32_MAX)
      return SMELT_ERROR_ARENA;
    status = bind_operand(v, made, i, binding, &row->operands[binding->operand], (uint64_t)size);
  }
  if (status != SMELT_ERROR_ARENA || row->kernel)
    return status;
  return smelt_vulkan_fail(
      v, SMELT_ERROR_DEVICE,
      "the device binds less memory at once than a tensor of the model has; compile it for another --target",
      VK_SUCCESS);
}

static smelt_status make_step(smelt_vulkan *v, uint32_t number) {
  if (!smelt_vulkan_kernel_of(v, number))
    return SMELT_OK;
  const VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool = v->descriptors,
                                            .descriptorSetCount = 1,
                                            .pSetLayouts = &v->pipelines[v->model->steps[number].first].set_layout};
  TRY(v->vk.AllocateDescriptorSets(v->device, &info, &v->steps[number].set), "a tensor cannot be bound");
  return v->is_open ? SMELT_OK : smelt_vulkan_prepare(v, number);
}

smelt_status smelt_vulkan_make_steps(smelt_vulkan *v) {
  uint32_t sets = 0, texels = 0, buffers = 0;
  for (uint32_t i = 0; i < v->model->step_count; ++i) {
    const smelt_vulkan_kernel *kernel = smelt_vulkan_kernel_of(v, i);
    sets += kernel != NULL;
    for (uint32_t k = 0; kernel && k < kernel->binding_count; ++k)
      ++*(is_texel(kernel->bindings[k].view) ? &texels : &buffers);
  }
  v->steps = smelt_vulkan_make(v->model->step_count, sizeof *v->steps);
  if (!v->steps)
    return smelt_vulkan_fail(v, SMELT_ERROR_MEMORY, "there is too little memory", VK_SUCCESS);
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

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Kernels, and what each step binds to them. */

#include "internal.h"

#include "../core/sizes.h"

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
              : smelt_vulkan_fail(
                    v, SMELT_ERROR_DEVICE,
                    "the device binds less memory at once than a tensor of the model has; compile it for another "
                    "--target",
                    VK_SUCCESS);
}

static smelt_status bind_operand(smelt_vulkan *v, step *made, uint32_t number, const smelt_vulkan_binding *binding,
                                 const smelt_operand *operand) {
  uint64_t at = 0;
  const block *block = place_of(v, operand, &at);
  const uint64_t first = at / SMELT_DEVICE_ALIGNMENT * SMELT_DEVICE_ALIGNMENT, unit = unit_of(binding);
  if (!block || at + binding->bytes > block->bytes || (at - first) % unit)
    return smelt_vulkan_fail(v, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", VK_SUCCESS);
  const uint64_t range = smelt_align_up(at - first + binding->bytes, 16);
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
  const smelt_vulkan_kernel *kernel = smelt_vulkan_kernel_of(v, number);
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

smelt_status smelt_vulkan_make_steps(smelt_vulkan *v) {
  uint32_t sets = 0, texels = 0, buffers = 0;
  for (uint32_t i = 0; i < v->model->step_count; ++i) {
    const smelt_vulkan_kernel *kernel = smelt_vulkan_kernel_of(v, i);
    sets += kernel != NULL;
    for (uint32_t k = 0; kernel && k < kernel->binding_count; ++k)
      ++*(is_texel(kernel->bindings[k].view) ? &texels : &buffers);
  }
  v->steps = smelt_vulkan_make(v->model->step_count, sizeof *v->steps);
  v->views = smelt_vulkan_make(texels, sizeof *v->views);
  if (!v->steps || !v->views)
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

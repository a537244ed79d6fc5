/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Steps of a model on a Vulkan device: opening, running, closing. */

#include "internal.h"

#include <stdlib.h>

smelt_status smelt_vulkan_fail(smelt_vulkan *v, smelt_status status, const char *what, VkResult result) {
  if (v->why_bytes && !v->why[0])
    smelt_vulkan_explain(v->why, v->why_bytes, what, result);
  return status;
}

smelt_status smelt_vulkan_status(VkResult result) {
  return result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ? SMELT_ERROR_MEMORY
                                                                                          : SMELT_ERROR_DEVICE;
}

void *smelt_vulkan_make(size_t count, size_t bytes) { return calloc(count ? count : 1, bytes ? bytes : 1); }

static int fits_kernel(const smelt_model *model, const smelt_step *row, const smelt_vulkan_program *program) {
  const smelt_vulkan_kernel *kernel = &program->kernels[row->first];
  const uint32_t buffers = kernel->size_count ? smelt_open_buffers(model, row, kernel->size_count) : row->operand_count;
  int fits = 1;
  for (uint32_t i = 0; fits && i < kernel->binding_count; ++i)
    fits = kernel->bindings[i].operand < buffers && kernel->bindings[i].element_bytes;
  return fits;
}

/* What the rest takes for granted. */
static smelt_status check(smelt_vulkan *v) {
  const smelt_model *model = v->model;
  if (model->abi_version != SMELT_ABI_VERSION || v->program->version != SMELT_VULKAN_VERSION)
    return smelt_vulkan_fail(v, SMELT_ERROR_ABI, "the artefact was made for another version of the runtime",
                             VK_SUCCESS);
  int isWhole =
      v->program->group_size > 0 && v->program->groups_x > 0 && smelt_fits_device(model, v->program->kernel_count);
  for (uint32_t i = 0; i < v->program->kernel_count && isWhole; ++i) {
    const smelt_vulkan_kernel *kernel = &v->program->kernels[i];
    isWhole = kernel->binding_count <= SMELT_VULKAN_MAX_BINDINGS && kernel->size_count <= SMELT_VULKAN_MAX_SIZES &&
              (kernel->invocations || kernel->size_count);
  }
  for (uint32_t i = 0; i < model->step_count && isWhole; ++i)
    isWhole = !smelt_is_device_step(model, i) || fits_kernel(model, &model->steps[i], v->program);
  return isWhole ? SMELT_OK
                 : smelt_vulkan_fail(v, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", VK_SUCCESS);
}

static smelt_status open_all(smelt_vulkan *v) {
  smelt_status status = check(v);
  if (status == SMELT_OK && !smelt_vulkan_load(&v->vk, v->why, v->why_bytes))
    status = SMELT_ERROR_DEVICE;
  smelt_status (*const parts[])(smelt_vulkan *) = {
      smelt_vulkan_choose_device,  smelt_vulkan_open_device, smelt_vulkan_make_commands, smelt_vulkan_make_memory,
      smelt_vulkan_make_pipelines, smelt_vulkan_make_steps,  smelt_vulkan_record_all};
  for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SMELT_OK; ++i)
    status = parts[i](v);
  return status;
}

smelt_status smelt_vulkan_open(smelt_vulkan **vulkan, const smelt_model *model, const smelt_vulkan_program *program,
                               char *why, size_t why_bytes) {
  smelt_status status;
  if (vulkan)
    *vulkan = NULL;
  smelt_vulkan *v = smelt_begin_device(vulkan, model, program,
                                       "the artefact has no smelt_device; compile the model with --target vulkan",
                                       (smelt_device_why){why, why_bytes}, sizeof *v, &status);
  if (!v)
    return status;
  v->model = model;
  v->program = program;
  v->is_open = smelt_is_open(model);
  v->why = why;
  v->why_bytes = why_bytes;
  status = open_all(v);
  v->why = v->said; /* what was given is the caller's again */
  v->why_bytes = sizeof v->said;
  if (status != SMELT_OK)
    smelt_vulkan_close(v);
  else
    *vulkan = v;
  return status;
}

const char *smelt_vulkan_device_name(const smelt_vulkan *vulkan) { return vulkan->properties.deviceName; }

const char *smelt_vulkan_why(const smelt_vulkan *vulkan) { return vulkan->said; }

void *smelt_vulkan_arena(const smelt_vulkan *vulkan) { return smelt_vulkan_seen(vulkan->data); }

uint64_t smelt_vulkan_arena_bytes(const smelt_vulkan *vulkan) { return vulkan->arena_bytes; }

void smelt_vulkan_bind(smelt_vulkan *vulkan, smelt_instance *instance) {
  vulkan->instance = instance;
  smelt_set_device(instance, smelt_vulkan_run_steps, vulkan);
  smelt_set_resize(instance, smelt_vulkan_resize, vulkan);
}

/* To the shapes that it was given last; states may have grown since. */
static smelt_status fit(smelt_vulkan *v) {
  uint64_t bytes = 0;
  smelt_status status = smelt_needed_bytes(v->instance, v->shapes, &bytes);
  if (status == SMELT_OK)
    status = smelt_vulkan_fit_arena(v, bytes);
  if (status == SMELT_OK)
    status = smelt_set_shapes(v->instance, v->shapes);
  if (status == SMELT_OK)
    status = smelt_vulkan_fit_tensors(v);
  v->is_broken |= status == SMELT_ERROR_MEMORY || status == SMELT_ERROR_DEVICE;
  return status;
}

static smelt_status failed_before(smelt_vulkan *v) {
  return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE, "the device failed before; open it again", VK_SUCCESS);
}

smelt_status smelt_vulkan_set_shapes(smelt_vulkan *vulkan, smelt_shapes shapes) {
  if (!vulkan || !vulkan->instance)
    return SMELT_ERROR_ARGUMENT;
  if (!vulkan->extents)
    return SMELT_OK;
  vulkan->said[0] = 0;
  if (vulkan->is_broken)
    return failed_before(vulkan);
  if (shapes)
    smelt_keep_shapes(vulkan->model, shapes, vulkan->extents);
  const smelt_status status = shapes ? fit(vulkan) : SMELT_ERROR_ARGUMENT;
  if (status != SMELT_OK)
    smelt_lose_shapes(vulkan->instance, shapes);
  return status;
}

smelt_status smelt_vulkan_run(smelt_vulkan *vulkan, const void *const *inputs, void *const *outputs) {
  if (!vulkan || !vulkan->instance)
    return SMELT_ERROR_ARGUMENT;
  vulkan->said[0] = 0;
  if (vulkan->is_broken)
    return failed_before(vulkan);
  if (!vulkan->instance->has_shapes)
    return SMELT_ERROR_SHAPE;
  const smelt_status status = vulkan->extents && vulkan->model->state_count ? fit(vulkan) : SMELT_OK;
  return status == SMELT_OK ? smelt_run_copies(vulkan->instance, vulkan->inputs, vulkan->outputs, inputs, outputs)
                            : status;
}

static void close_device(smelt_vulkan *v) {
  v->vk.DeviceWaitIdle(v->device);
  v->vk.DestroyFence(v->device, v->fence, NULL);
  v->vk.DestroyQueryPool(v->device, v->queries, NULL);
  v->vk.DestroyCommandPool(v->device, v->pool, NULL);
  v->vk.DestroyDescriptorPool(v->device, v->descriptors, NULL);
  for (uint32_t i = 0; v->steps && i < v->model->step_count; ++i)
    for (uint32_t k = 0; k < SMELT_VULKAN_MAX_BINDINGS; ++k)
      v->vk.DestroyBufferView(v->device, v->steps[i].bounds[k].view, NULL);
  for (uint32_t i = 0; v->pipelines && i < v->program->kernel_count; ++i) {
    v->vk.DestroyPipeline(v->device, v->pipelines[i].pipeline, NULL);
    v->vk.DestroyPipelineLayout(v->device, v->pipelines[i].layout, NULL);
    v->vk.DestroyDescriptorSetLayout(v->device, v->pipelines[i].set_layout, NULL);
  }
  smelt_vulkan_free_regions(v);
  smelt_vulkan_free_block(v, &v->weights);
  v->vk.DestroyDevice(v->device, NULL);
}

void smelt_vulkan_close(smelt_vulkan *vulkan) {
  if (!vulkan)
    return;
  if (vulkan->device)
    close_device(vulkan);
  smelt_vulkan_unload(&vulkan->vk);
  free(vulkan->at);
  free(vulkan->inputs);
  free(vulkan->outputs);
  free(vulkan->pipelines);
  free(vulkan->steps);
  free(vulkan->extents);
  free(vulkan->shapes);
  free(vulkan->stretches);
  free(vulkan->ticks);
  free(vulkan);
}

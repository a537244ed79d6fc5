/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What the parts of the backend share. */
#ifndef SMELT_VULKAN_INTERNAL_H
#define SMELT_VULKAN_INTERNAL_H

#include "../core/device.h"
#include "functions.h"

typedef struct block {
  VkBuffer buffer;
  VkDeviceMemory memory;
  unsigned char *mapped; /* null where the processor does not see it */
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
  uint32_t family, timestamp_bits;
  block data;   /* arena, inputs, outputs */
  block mirror; /* the same for the processor, where it does not see the data */
  block weights;
  uint64_t *at; /* in data: inputs, then outputs */
  uint64_t inputs_at, outputs_at, data_bytes;
  const void **inputs; /* the same as addresses that the processor sees */
  void **outputs;
  pipeline *pipelines; /* of the program's kernels */
  step *steps;         /* of the model's; those of the processor are not used */
  VkBufferView *views;
  uint32_t view_count;
  VkDescriptorPool descriptors;
  VkCommandPool pool;
  VkCommandBuffer *stretches; /* under the first of their steps; null elsewhere */
  VkCommandBuffer single;     /* for one step alone, and for copies */
  VkFence fence;
  VkQueryPool queries; /* null where steps are not timed: what the clock says before and after each */
  uint64_t *ticks;     /* the same of the last run */
  int is_broken;       /* the device failed: nothing runs any more */
  char *why;           /* the caller's while it is opened, then `said` */
  size_t why_bytes;
  char said[SMELT_VULKAN_WHY_BYTES];
};

/* Says what is missing; what is said first counts. */
smelt_status smelt_vulkan_fail(smelt_vulkan *v, smelt_status status, const char *what, VkResult result);

#define TRY(call, what)                                                                                                \
  do {                                                                                                                 \
    const VkResult result_ = (call);                                                                                   \
    if (result_ != VK_SUCCESS)                                                                                         \
      return smelt_vulkan_fail(v, smelt_vulkan_status(result_), what, result_);                                        \
  } while (0)

/* SMELT_ERROR_MEMORY or SMELT_ERROR_DEVICE. */
smelt_status smelt_vulkan_status(VkResult result);

/* Null where there is no memory; of no elements, something that free takes. */
void *smelt_vulkan_make(size_t count, size_t bytes);

/* The kernel of a step; null where it is the processor's. */
const smelt_vulkan_kernel *smelt_vulkan_kernel_of(const smelt_vulkan *v, uint32_t number);

/* The parts of opening, in this order. What one has made is given back by smelt_vulkan_close, also where it failed. */
smelt_status smelt_vulkan_choose_device(smelt_vulkan *v);
smelt_status smelt_vulkan_open_device(smelt_vulkan *v);
smelt_status smelt_vulkan_make_commands(smelt_vulkan *v);
smelt_status smelt_vulkan_make_memory(smelt_vulkan *v);
smelt_status smelt_vulkan_make_pipelines(smelt_vulkan *v);
smelt_status smelt_vulkan_make_steps(smelt_vulkan *v);
smelt_status smelt_vulkan_record_all(smelt_vulkan *v);

void smelt_vulkan_free_block(smelt_vulkan *v, block *block);

/* Copies bytes [first, first + bytes) of one buffer to another's beginning at `to`, and waits. */
smelt_status smelt_vulkan_copy(smelt_vulkan *v, VkBuffer from, VkBuffer to, uint64_t first, uint64_t at,
                               uint64_t bytes);

/* As smelt_run_device: a stretch of the device's steps. */
smelt_status smelt_vulkan_run_steps(void *user, uint32_t number, uint32_t *next);

#endif /* SMELT_VULKAN_INTERNAL_H */

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
  uint64_t number; /* no other block's: the driver may call a later buffer by the same name */
} block;

/* Memory that both see: the device's own, and where the processor does not see that, a mirror of it. */
typedef struct region {
  block device;
  block mirror;
  struct region *next;
} region;

typedef struct pipeline {
  VkDescriptorSetLayout set_layout;
  VkPipelineLayout layout;
  VkPipeline pipeline;
} pipeline;

/* Where a binding's memory is. */
typedef struct bound {
  uint64_t block; /* its number; 0: none yet */
  VkBuffer buffer;
  VkDeviceSize first, range;
  VkBufferView view; /* of texels */
} bound;

/* A step of the device, ready to be recorded. */
typedef struct step {
  VkDescriptorSet set;
  bound bounds[SMELT_VULKAN_MAX_BINDINGS];
  uint32_t words[SMELT_VULKAN_MAX_BINDINGS + SMELT_VULKAN_MAX_SIZES]; /* push constants */
  uint32_t groups[2];                                                 /* none: nothing to do */
  uint64_t changed;                                                   /* when */
} step;

/* Commands for steps without the processor. */
typedef struct stretch {
  VkCommandBuffer commands; /* null: never recorded */
  uint64_t recorded;        /* when */
  uint32_t end;             /* the step behind them */
} stretch;

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
  int is_open;      /* what steps are launched with may change from run to run */
  region *regions;  /* arena, inputs and outputs, blocks */
  uint64_t changed; /* when that list was */
  region *data;     /* of them, the arena; and behind it inputs and outputs, unless the model is open */
  region *tensors;  /* inputs and outputs */
  block weights;
  uint64_t arena_bytes;
  uint64_t *at; /* in tensors: inputs, then outputs */
  uint64_t inputs_at, outputs_at, outputs_end;
  const void **inputs; /* the same as addresses that the processor sees */
  void **outputs;
  int64_t *extents; /* of all inputs, as they were set last; null where nobody need set them */
  const int64_t **shapes;
  pipeline *pipelines; /* of the program's kernels */
  step *steps;         /* of the model's; those of the processor are not used */
  VkDescriptorPool descriptors;
  VkCommandPool pool;
  stretch *stretches;     /* under the first of their steps */
  VkCommandBuffer single; /* for one step alone, and for copies */
  uint64_t now;           /* counts changes of steps and regions, recordings, and blocks */
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

/* How many push constants a kernel has. */
uint32_t smelt_vulkan_words(const smelt_vulkan_kernel *kernel);

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

/* What the processor sees of a region. */
static inline unsigned char *smelt_vulkan_seen(const region *region) {
  return region->device.mapped ? region->device.mapped : region->mirror.mapped;
}

/* The region that an address of the processor's lies in; null where none does. */
region *smelt_vulkan_region_at(const smelt_vulkan *v, const void *address);
void smelt_vulkan_free_regions(smelt_vulkan *v);

/* Gives an open model's arena, inputs and outputs so many bytes; what moves is stale. */
smelt_status smelt_vulkan_fit_arena(smelt_vulkan *v, uint64_t bytes);
smelt_status smelt_vulkan_fit_tensors(smelt_vulkan *v);

/* smelt_resize, for blocks that grow. */
void *smelt_vulkan_resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes);

/* Finds out what a step is launched with, and notes when that changes. SMELT_ERROR_ARENA: sizes are too large for the
 * device, and the step is the processor's. */
smelt_status smelt_vulkan_prepare(smelt_vulkan *v, uint32_t number);

/* Copies bytes [first, first + bytes) of one buffer to another's beginning at `to`, and waits. */
smelt_status smelt_vulkan_copy(smelt_vulkan *v, VkBuffer from, VkBuffer to, uint64_t first, uint64_t at,
                               uint64_t bytes);

/* As smelt_run_device: a stretch of the device's steps. */
smelt_status smelt_vulkan_run_steps(void *user, uint32_t number, uint32_t *next);

#endif /* SMELT_VULKAN_INTERNAL_H */

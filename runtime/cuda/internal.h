/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What the parts of the backend share. */
#ifndef SMELT_CUDA_INTERNAL_H
#define SMELT_CUDA_INTERNAL_H

#include "../core/device.h"
#include "driver.h"

/* Memory that the processor sees too. */
typedef struct region {
  unsigned char *seen;
  cu_address address;
  uint64_t bytes;
  int is_managed;
  struct region *next;
} region;

/* What a step's kernel is launched with. */
typedef struct launch {
  uint64_t *values; /* addresses of its buffers, then its sizes */
  uint32_t groups;  /* none: nothing to do */
  uint64_t changed; /* when */
} launch;

/* Steps without the processor. */
typedef struct stretch {
  cu_graph_exec graph; /* null: never recorded */
  uint64_t recorded;   /* when */
  uint32_t end;        /* the step behind them */
} stretch;

struct smelt_cuda {
  const smelt_model *model;
  const smelt_cuda_program *program;
  smelt_instance *instance;
  smelt_cuda_driver cu;
  cu_device device;
  cu_context context;
  char name[128];
  cu_module module;
  cu_function *functions; /* of the program's kernels */
  cu_stream stream;
  cu_event events[2]; /* around a step */
  int is_open;        /* what kernels are launched with may change from run to run */
  int is_alone;       /* it may not, and all steps are the device's */
  cu_address weights;
  region *regions; /* all, where the device is not alone */
  region *data;    /* arena; and behind it inputs and outputs, unless only the run knows their sizes */
  region *tensors; /* inputs and outputs */
  uint64_t arena_bytes;
  cu_address own;       /* where the device is alone: the same, */
  unsigned char *arena; /* another for the processor that is not touched, */
  unsigned char *host;  /* and inputs and outputs, which it copies */
  uint64_t *at;         /* in the data, or the tensors: inputs, then outputs */
  const void **inputs;  /* the same as addresses of the processor */
  void **outputs;
  int64_t *extents; /* of all inputs, as they were set last; null where nobody need set them */
  const int64_t **shapes;
  int is_stale;        /* memory for them was missing */
  uint64_t *values;    /* of all launches */
  launch *launches;    /* of the device's steps */
  stretch *stretches;  /* under the first of their steps */
  uint64_t now;        /* counts changes of launches and recordings */
  float *milliseconds; /* of steps */
  char *why;
  size_t why_bytes;
  char last_why[SMELT_CUDA_WHY_BYTES]; /* of runs */
};

/* Says what is missing; what is said first counts. */
smelt_status smelt_cuda_fail(smelt_cuda *c, smelt_status status, const char *what, cu_result result);
smelt_status smelt_cuda_no_memory(smelt_cuda *c);

#define TRY(call, what)                                                                                                \
  do {                                                                                                                 \
    const cu_result result_ = (call);                                                                                  \
    if (result_ != CU_SUCCESS)                                                                                         \
      return smelt_cuda_fail(c, result_ == CU_OUT_OF_MEMORY ? SMELT_ERROR_MEMORY : SMELT_ERROR_DEVICE, what, result_); \
  } while (0)

/* Null where there is no memory; of no elements, something that free takes. */
void *smelt_cuda_make(size_t count, size_t bytes);

/* Arena, inputs, outputs and weights, of a model that is opened. What it has made is given back by
 * smelt_cuda_close_memory, also where it failed. */
smelt_status smelt_cuda_make_memory(smelt_cuda *c);
void smelt_cuda_close_memory(smelt_cuda *c);

/* Where an operand lies on the device, if `bytes` from there on do; 0 otherwise. */
cu_address smelt_cuda_place_of(const smelt_cuda *c, const smelt_operand *operand, uint64_t bytes);

/* Gives an open model's arena, inputs and outputs as many bytes as they need; nothing changes where that fails. */
smelt_status smelt_cuda_fit_arena(smelt_cuda *c, uint64_t bytes);
smelt_status smelt_cuda_fit_tensors(smelt_cuda *c);

/* smelt_resize, for blocks that grow. */
void *smelt_cuda_resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes);

#endif /* SMELT_CUDA_INTERNAL_H */

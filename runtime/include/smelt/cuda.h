/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * Models that run on a device of CUDA: `smelt compile net.onnx --target cuda -o net.so`. Such an artefact exports
 * `smelt_cuda_device`, a smelt_cuda_program, beside its model:
 *
 *     smelt_cuda *cuda;
 *     char why[SMELT_CUDA_WHY_BYTES];
 *     if (smelt_cuda_open(&cuda, model, program, why, sizeof why) != SMELT_OK)
 *       return fail(why);                          // "there is no NVIDIA driver, libcuda.so.1"
 *     smelt_instance instance;
 *     smelt_init(&instance, model, smelt_cuda_arena(cuda), smelt_cuda_arena_bytes(cuda));
 *     smelt_cuda_bind(cuda, &instance);
 *     smelt_cuda_run(cuda, inputs, outputs);       // as often as wanted
 *     smelt_cuda_close(cuda);
 *
 * The driver is opened when it is needed; nothing is linked with it, and nothing of CUDA's toolkit is needed. Where
 * all steps are the device's, a run is one launch of a graph that was recorded before: inputs to the device, kernels,
 * outputs back. Steps that a device lacks are computed by the processor, in memory that both see.
 */
#ifndef SMELT_CUDA_H
#define SMELT_CUDA_H

#include "smelt/smelt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes whenever the layout of a structure below, or what kernels take for granted, does. */
#define SMELT_CUDA_VERSION 2u

/* A kernel takes the address of each operand, and runs in a grid of one dim. */
typedef struct smelt_cuda_kernel {
  const char *name;
  const uint64_t *operand_bytes; /* of an element, where it has sizes that only the run knows */
  uint32_t operand_count;        /* at most SMELT_MAX_OPERANDS */
  uint32_t groups;               /* blocks of the grid */
  uint32_t group_size;           /* threads of a block */
  uint32_t size_count;           /* numbers of 32 bits that it takes behind them, as in smelt_vulkan_kernel */
} smelt_cuda_kernel;

typedef struct smelt_cuda_program {
  uint32_t version; /* SMELT_CUDA_VERSION */
  uint32_t kernel_count;
  uint32_t architecture; /* the least that it runs on: 80 for compute capability 8.0 */
  uint32_t reserved;
  const char *code;    /* PTX, which the driver compiles for its device; a zero behind it */
  uint64_t code_bytes; /* with the zero */
  const smelt_cuda_kernel *kernels;
} smelt_cuda_program;

typedef struct smelt_cuda smelt_cuda;

#define SMELT_CUDA_WHY_BYTES 256u

/* Opens the first device and makes all that the model needs there: memory, its weights, kernels, recorded graphs.
 * `why` gets a sentence that says what is missing. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, ABI, MEMORY, DEVICE}. */
smelt_status smelt_cuda_open(smelt_cuda **cuda, const smelt_model *model, const smelt_cuda_program *program, char *why,
                             size_t why_bytes);

/* What the device is called; alive as long as `cuda`. */
const char *smelt_cuda_device_name(const smelt_cuda *cuda);

/* An arena for the instance, and how large it is. It moves where shapes need more. */
void *smelt_cuda_arena(const smelt_cuda *cuda);
uint64_t smelt_cuda_arena_bytes(const smelt_cuda *cuda);

/* Lets the instance, which must be in that arena, run its steps on the device. */
void smelt_cuda_bind(smelt_cuda *cuda, smelt_instance *instance);

/* As smelt_set_shapes, in an arena as large as that takes. States of symbolic dims get more as they grow. Graphs are
 * recorded again where something has changed, in the next run. */
smelt_status smelt_cuda_set_shapes(smelt_cuda *cuda, smelt_shapes shapes);

/* As smelt_run, with the buffers' contents copied to the device before, and back after: they may start anywhere. One at
 * a time, from any thread. Returns what smelt_run does, and SMELT_ERROR_DEVICE where the device fails. With a step
 * hook, every step is waited for. */
smelt_status smelt_cuda_run(smelt_cuda *cuda, const void *const *inputs, void *const *outputs);

/* Where inputs and outputs of a run lie, in the order of the model's, in memory that the device copies fast. Setting
 * shapes may move them. */
const void *const *smelt_cuda_inputs(const smelt_cuda *cuda);
void *const *smelt_cuda_outputs(const smelt_cuda *cuda);

/* How long the device took for a step when it last ran with a step hook; below 0 where it did not. */
float smelt_cuda_step_milliseconds(const smelt_cuda *cuda, uint32_t step);

/* What went wrong in the last run that failed; "" where none did. */
const char *smelt_cuda_why(const smelt_cuda *cuda);

/* Gives everything back; null is nothing. */
void smelt_cuda_close(smelt_cuda *cuda);

#ifdef __cplusplus
}
#endif

#endif /* SMELT_CUDA_H */

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * Models that run on a Vulkan device: `smelt compile net.onnx --target vulkan -o net.so`. Such an artefact exports
 * `smelt_device`, a smelt_vulkan_program, beside its model:
 *
 *     smelt_vulkan *vulkan;
 *     char why[SMELT_VULKAN_WHY_BYTES];
 *     if (smelt_vulkan_open(&vulkan, model, program, why, sizeof why) != SMELT_OK)
 *       return fail(why);                          // "there is no Vulkan loader, libvulkan.so.1"
 *     smelt_instance instance;
 *     smelt_init(&instance, model, smelt_vulkan_arena(vulkan), smelt_vulkan_arena_bytes(vulkan));
 *     smelt_vulkan_bind(vulkan, &instance);
 *     smelt_vulkan_run(vulkan, inputs, outputs);   // as often as wanted
 *     smelt_vulkan_close(vulkan);
 *
 * The loader is opened when it is needed; nothing is linked with it. Steps that a device lacks are computed by the
 * processor, in memory that both see, or in a copy of what the device has in its own.
 */
#ifndef SMELT_VULKAN_H
#define SMELT_VULKAN_H

#include "smelt/smelt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes whenever the layout of a structure below, or what shaders take for granted, does. */
#define SMELT_VULKAN_VERSION 4u

/* How a shader sees an operand. */
typedef enum smelt_vulkan_view {
  SMELT_VULKAN_ELEMENTS = 0,     /* a storage buffer of elements */
  SMELT_VULKAN_VECTORS = 1,      /* a storage buffer of four elements each */
  SMELT_VULKAN_TEXELS = 2,       /* a uniform texel buffer of f32 */
  SMELT_VULKAN_VECTOR_TEXELS = 3 /* of four f32 each */
} smelt_vulkan_view;

/* Binding number i of set 0. Push constant number i is what it begins with: elements, or groups of four. */
typedef struct smelt_vulkan_binding {
  uint64_t bytes; /* of the operand */
  uint32_t operand;
  uint32_t view; /* a smelt_vulkan_view */
  uint32_t element_bytes;
  uint32_t reserved;
} smelt_vulkan_binding;

#define SMELT_VULKAN_MAX_BINDINGS 16u

#define SMELT_VULKAN_MAX_SIZES 16u

/* A shader, "main", whose invocations are numbered along rows of at most groups_x workgroups. Where it has sizes that
 * only the run knows, what it says of invocations and of bytes is not looked at: operands of its steps tell, see
 * SMELT_STEP_DEVICE. */
typedef struct smelt_vulkan_kernel {
  const char *name;
  const uint32_t *code; /* SPIR-V 1.3 */
  const smelt_vulkan_binding *bindings;
  uint64_t code_bytes;
  uint64_t invocations;
  uint32_t binding_count; /* at most SMELT_VULKAN_MAX_BINDINGS */
  uint32_t size_count;    /* at most SMELT_VULKAN_MAX_SIZES: push constants from SMELT_VULKAN_MAX_BINDINGS on */
} smelt_vulkan_kernel;

/* What smelt_vulkan_program.features may ask for. */
#define SMELT_VULKAN_INT64 (1u << 0)    /* 64-bit integers in shaders: shaderInt64 */
#define SMELT_VULKAN_HALVES (1u << 1)   /* elements of 16 bits in storage buffers: storageBuffer16BitAccess */
#define SMELT_VULKAN_BYTES (1u << 2)    /* elements of 8 bits there: VK_KHR_8bit_storage, storageBuffer8BitAccess */
#define SMELT_VULKAN_DOTS (1u << 3)     /* VK_KHR_shader_integer_dot_product */
#define SMELT_VULKAN_SHUFFLES (1u << 4) /* shuffles in subgroups of subgroup_size threads */

typedef struct smelt_vulkan_program {
  uint32_t version; /* SMELT_VULKAN_VERSION */
  uint32_t kernel_count;
  uint32_t group_size; /* invocations of a workgroup */
  uint32_t groups_x;
  uint32_t features;      /* bits SMELT_VULKAN_* */
  uint32_t subgroup_size; /* with SMELT_VULKAN_SHUFFLES */
  uint32_t shared_bytes;  /* of memory that a workgroup shares, at most */
  uint32_t most_steps;    /* of all loops of an invocation */
  const smelt_vulkan_kernel *kernels;
} smelt_vulkan_program;

typedef struct smelt_vulkan smelt_vulkan;

#define SMELT_VULKAN_WHY_BYTES 256u

/* Opens a device and makes all that the model needs there: memory, its weights, pipelines, recorded commands. `why`
 * gets a sentence that says what is missing. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, ABI, MEMORY, DEVICE}. */
smelt_status smelt_vulkan_open(smelt_vulkan **vulkan, const smelt_model *model, const smelt_vulkan_program *program,
                               char *why, size_t why_bytes);

/* What the device is called; alive as long as `vulkan`. */
const char *smelt_vulkan_device_name(const smelt_vulkan *vulkan);

/* An arena for the instance, which the device sees as well, and how large it is. It moves where shapes need more. */
void *smelt_vulkan_arena(const smelt_vulkan *vulkan);
uint64_t smelt_vulkan_arena_bytes(const smelt_vulkan *vulkan);

/* Lets the instance, which must be in that arena, run its steps on the device, and have blocks that grow there:
 * smelt_set_device and smelt_set_resize are called here. Where it has such blocks, smelt_release gives them back before
 * the device is closed; closing it does as well. */
void smelt_vulkan_bind(smelt_vulkan *vulkan, smelt_instance *instance);

/* As smelt_set_shapes, in an arena as large as that takes. States of symbolic dims get more as they grow. Commands are
 * recorded again where something has changed, in the next run. */
smelt_status smelt_vulkan_set_shapes(smelt_vulkan *vulkan, smelt_shapes shapes);

/* As smelt_run, with the buffers' contents copied to the device before, and back after: they may start anywhere. One at
 * a time. Returns what smelt_run does, and SMELT_ERROR_{DEVICE, MEMORY} where the device fails: it does not run again
 * then. With a step hook, and without timing, every step is waited for, and the processor sees all that it wrote. */
smelt_status smelt_vulkan_run(smelt_vulkan *vulkan, const void *const *inputs, void *const *outputs);

/* What was missing where the last call failed, in a sentence; "" where it did not. Alive as long as `vulkan`. */
const char *smelt_vulkan_why(const smelt_vulkan *vulkan);

/* Whether runs ask the device's clock around every step. Steps run as they do without; a step hook is called for the
 * first of those that run together. Returns SMELT_OK, or SMELT_ERROR_{DEVICE, MEMORY}: there is no such clock. */
smelt_status smelt_vulkan_set_timing(smelt_vulkan *vulkan, int on);

/* How long a step took in the last run, in nanoseconds; -1 where it is not the device's or was not timed. */
double smelt_vulkan_step_ns(const smelt_vulkan *vulkan, uint32_t step);

/* Gives everything back; null is nothing. */
void smelt_vulkan_close(smelt_vulkan *vulkan);

#ifdef __cplusplus
}
#endif

#endif /* SMELT_VULKAN_H */

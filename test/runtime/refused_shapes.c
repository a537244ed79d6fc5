/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* usage: refused_shapes ARTEFACT: of a model whose input has an open dim and 4 columns. After shapes that do not fit a
 * device's instance has none, until it gets others; buffers may start anywhere; and without a program there is a
 * sentence that says so. Exit code: 0, or the line that found something else. */

#ifdef WITH_CUDA
#include "smelt/cuda.h"
#define DEVICE(name) smelt_cuda##name
#define PROGRAM "smelt_cuda_device"
enum { WHY_BYTES = SMELT_CUDA_WHY_BYTES };
#else
#include "smelt/vulkan.h"
#define DEVICE(name) smelt_vulkan##name
#define PROGRAM "smelt_device"
enum { WHY_BYTES = SMELT_VULKAN_WHY_BYTES };
#endif

#include "expect.h"

#include <dlfcn.h>
#include <string.h>

int main(int count, char **arguments) {
  void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
  EXPECT(library);
  const smelt_model *model = dlsym(library, "smelt_model");
  const DEVICE(_program) *program = dlsym(library, PROGRAM);
  char why[WHY_BYTES];
  DEVICE() * device;
  EXPECT(DEVICE(_open)(&device, model, NULL, why, sizeof why) == SMELT_ERROR_ARGUMENT && strstr(why, PROGRAM));
  EXPECT(DEVICE(_open)(&device, model, program, why, sizeof why) == SMELT_OK && !why[0]);
  smelt_instance instance;
  EXPECT(smelt_init(&instance, model, DEVICE(_arena)(device), DEVICE(_arena_bytes)(device)) == SMELT_OK);
  DEVICE(_bind)(device, &instance);
  static _Alignas(SMELT_ALIGNMENT) float in[16], out[16];
  const void *inputs[] = {in + 1};
  void *outputs[] = {out + 1, out + 1};
  const int64_t right[] = {1, 4}, wrong[] = {-1, 4};
  EXPECT(DEVICE(_set_shapes)(device, (const int64_t *[]){right}) == SMELT_OK);
  EXPECT(DEVICE(_run)(device, inputs, outputs) == SMELT_OK);
  EXPECT(DEVICE(_set_shapes)(device, (const int64_t *[]){wrong}) == SMELT_ERROR_SHAPE);
  EXPECT(!instance.has_shapes && DEVICE(_run)(device, inputs, outputs) == SMELT_ERROR_SHAPE);
  EXPECT(DEVICE(_set_shapes)(device, (const int64_t *[]){right}) == SMELT_OK);
  EXPECT(DEVICE(_set_shapes)(device, NULL) == SMELT_ERROR_ARGUMENT);
  EXPECT(!instance.has_shapes && DEVICE(_run)(device, inputs, outputs) == SMELT_ERROR_SHAPE);
  EXPECT(DEVICE(_set_shapes)(device, (const int64_t *[]){right}) == SMELT_OK);
  EXPECT(DEVICE(_run)(device, inputs, outputs) == SMELT_OK);
  smelt_release(&instance);
  DEVICE(_close)(device);
  return 0;
}

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* usage: little_memory ARTEFACT: of a model with a state, whose input has an open dim and 4 columns, on a library of
 * the tests' in the driver's place. Where there is no memory half as large again as the arena must be, it gets as much
 * as it must. Exit code: 0, or 1 and the line that found something else. */

#ifdef WITH_CUDA
#include "smelt/cuda.h"
#define DEVICE(name) smelt_cuda##name
#define PROGRAM "smelt_cuda_device"
#define DRIVER "libcuda.so.1"
#define ALLOCATES "cuMemAllocManaged"
enum { WHY_BYTES = SMELT_CUDA_WHY_BYTES, OUT_OF_MEMORY = 2 };
#else
#include "smelt/vulkan.h"
#define DEVICE(name) smelt_vulkan##name
#define PROGRAM "smelt_device"
#define DRIVER "libvulkan.so.1"
#define ALLOCATES "vkAllocateMemory"
enum { WHY_BYTES = SMELT_VULKAN_WHY_BYTES, OUT_OF_MEMORY = -2 };
#endif

#include "expect.h"
#include "faults.h"

#include <dlfcn.h>
#include <string.h>

enum { ROWS = 20000, COLUMNS = 4, MOST_CALLS = 32 };

/* Sets shapes while a call of the driver fails, the one so many calls after the first. `*is_found`: it got memory. */
static int fail_at(int call, const smelt_model *model, const DEVICE(_program) * program, smelt_faults *faults,
                   int *is_found) {
  char why[WHY_BYTES];
  DEVICE() * device;
  EXPECT(DEVICE(_open)(&device, model, program, why, sizeof why) == SMELT_OK);
  smelt_instance instance;
  EXPECT(smelt_init(&instance, model, DEVICE(_arena)(device), DEVICE(_arena_bytes)(device)) == SMELT_OK);
  DEVICE(_bind)(device, &instance);
  const int64_t shape[] = {ROWS, COLUMNS};
  const int64_t *shapes[] = {shape};
  uint64_t bytes = 0;
  EXPECT(smelt_needed_bytes(&instance, shapes, &bytes) == SMELT_OK && bytes > DEVICE(_arena_bytes)(device));
  faults->fail_at = faults->calls + call;
  const smelt_status status = DEVICE(_set_shapes)(device, shapes);
  faults->fail_at = -1;
  *is_found = !strncmp(faults->failed, ALLOCATES, strlen(ALLOCATES));
  if (*is_found)
    EXPECT(status == SMELT_OK && DEVICE(_arena_bytes)(device) == bytes && !DEVICE(_why)(device)[0]);
  smelt_release(&instance);
  DEVICE(_close)(device);
  return 0;
}

int main(int count, char **arguments) {
  void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL, *driver = dlopen(DRIVER, RTLD_NOW);
  EXPECT(library && driver);
  const smelt_model *model = dlsym(library, "smelt_model");
  const DEVICE(_program) *program = dlsym(library, PROGRAM);
  smelt_faults *faults = dlsym(driver, "smelt_faults_state");
  EXPECT(model && program && faults && model->state_count == 1);
  faults->result = OUT_OF_MEMORY;
  int is_found = 0;
  for (int call = 0; call < MOST_CALLS && !is_found; ++call)
    if (fail_at(call, model, program, faults, &is_found))
      return 1;
  EXPECT(is_found);
  return 0;
}

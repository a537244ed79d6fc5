/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* usage: two_devices ARTEFACT: two instances of a model run side by side, and say whether each run has the same bytes
 * as the first. Exit code 0: it has; 1: it has not; 2: something failed, and stderr says what. */

#ifdef WITH_CUDA
#include "smelt/cuda.h"
#define DEVICE(name) smelt_cuda##name
#define PROGRAM "smelt_cuda_device"
#else
#include "smelt/vulkan.h"
#define DEVICE(name) smelt_vulkan##name
#define PROGRAM "smelt_device"
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 5, THREADS = 2 };

static const smelt_model *model;
static const DEVICE(_program) * program;

typedef struct worker {
  pthread_t thread;
  unsigned char *output; /* of the first run */
  int failed, differs;
} worker;

static void *aligned(uint64_t bytes) {
  return aligned_alloc(SMELT_ALIGNMENT, (bytes + SMELT_ALIGNMENT) / SMELT_ALIGNMENT * SMELT_ALIGNMENT);
}

static int run_all(worker *self) {
  char why[256];
  DEVICE() * device;
  smelt_instance instance;
  if (DEVICE(_open)(&device, model, program, why, sizeof why) != SMELT_OK) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  if (smelt_init(&instance, model, DEVICE(_arena)(device), DEVICE(_arena_bytes)(device)) != SMELT_OK)
    return 1;
  DEVICE(_bind)(device, &instance);
  const uint64_t bytes = model->inputs[0].bytes;
  float *input = aligned(bytes);
  self->output = aligned(model->outputs[0].bytes);
  unsigned char *output = aligned(model->outputs[0].bytes);
  for (uint64_t i = 0; i < bytes / sizeof(float); ++i)
    input[i] = (float)(i * 2654435761u % 1000) / 1000;
  for (int run = 0; run < RUNS; ++run) {
    void *outputs[] = {run ? output : self->output};
    if (DEVICE(_run)(device, (const void *[]){input}, outputs) != SMELT_OK)
      return 1;
    self->differs |= run && memcmp(output, self->output, model->outputs[0].bytes) != 0;
  }
  free(input);
  free(output);
  DEVICE(_close)(device);
  return 0;
}

static void *work(void *self) {
  ((worker *)self)->failed = run_all(self);
  return NULL;
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  model = library ? dlsym(library, "smelt_model") : NULL;
  program = library ? dlsym(library, PROGRAM) : NULL;
  if (!model || !program || model->input_count != 1 || model->output_count != 1) {
    fprintf(stderr, "no artefact with one input and one output for a device\n");
    return 2;
  }
  worker workers[THREADS] = {{0}};
  for (int i = 0; i < THREADS; ++i)
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
      return 2;
  int failed = 0, differs = 0;
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(workers[i].thread, NULL);
    failed |= workers[i].failed;
    differs |= workers[i].differs;
  }
  for (int i = 1; i < THREADS && !failed; ++i)
    differs |= memcmp(workers[0].output, workers[i].output, model->outputs[0].bytes) != 0;
  for (int i = 0; i < THREADS; ++i)
    free(workers[i].output);
  return failed ? 2 : differs;
}

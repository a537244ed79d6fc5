/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The most memory that a process has resident which runs a model once: `peak NET.so`, or, built with -DMODEL=net and
 * linked with a static artefact, `peak`. Prints JSON, in bytes: what it had before it knew of the model, the most, what
 * of it no file backs, and what the model's arena with the blocks that grow, inputs and outputs are of that; and
 * milliseconds until the model was ready, and of the run. Linux only. */
#include "smelt/smelt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a line of this process's status says, in bytes. */
static unsigned long long status_of(const char *name) {
  char line[128];
  unsigned long long bytes = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, name, strlen(name)) == 0)
      bytes = strtoull(line + strlen(name), 0, 10) * 1024;
  if (status)
    fclose(status);
  return bytes;
}

/* Unlike getrusage's maximum, of this program alone, and not of the one that started it. */
static unsigned long long most_resident(void) { return status_of("VmHWM:"); }

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* Memory that is touched. */
static void *buffer_of(uint64_t bytes) {
  const uint64_t whole = (bytes + SMELT_ALIGNMENT - 1) / SMELT_ALIGNMENT * SMELT_ALIGNMENT;
  void *buffer = aligned_alloc(SMELT_ALIGNMENT, whole ? whole : SMELT_ALIGNMENT);
  if (buffer)
    memset(buffer, 0, whole);
  return buffer;
}

/* What all blocks that grow have together. */
typedef struct blocks {
  uint64_t bytes, most;
} blocks;

static void *resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes) {
  blocks *all = (blocks *)user;
  all->bytes += bytes - old_bytes;
  all->most = all->bytes > all->most ? all->bytes : all->most;
  void *grown = bytes ? buffer_of(bytes) : 0;
  if (grown && block)
    memcpy(grown, block, old_bytes < bytes ? old_bytes : bytes);
  if (grown || !bytes)
    free(block);
  return grown;
}

static uint64_t make_buffers(const smelt_instance *instance, const smelt_tensor_info *tensors, uint32_t count,
                             void **buffers) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t bytes = smelt_tensor_bytes(instance, &tensors[i]);
    buffers[i] = buffer_of(bytes);
    sum += bytes;
  }
  return sum;
}

static int run(const smelt_model *model, unsigned long long before, double begun) {
  smelt_instance instance;
  void *inputs[256], *outputs[256];
  /* As calloc gives it: what a run does not touch takes no memory. */
  void *room = calloc(1, model->arena_bytes + SMELT_ALIGNMENT);
  unsigned char *arena = (unsigned char *)(((uintptr_t)room + SMELT_ALIGNMENT - 1) & ~(uintptr_t)(SMELT_ALIGNMENT - 1));
  if (!room || model->input_count > 256 || model->output_count > 256 ||
      smelt_init(&instance, model, arena, model->arena_bytes) != SMELT_OK)
    return 1;
  const double ready = milliseconds();
  blocks grown = {0, 0};
  smelt_set_resize(&instance, resize, &grown);
  const uint64_t in = make_buffers(&instance, model->inputs, model->input_count, inputs);
  const uint64_t out = make_buffers(&instance, model->outputs, model->output_count, outputs);
  const double started = milliseconds();
  const smelt_status status = smelt_run(&instance, (const void *const *)inputs, outputs);
  if (status != SMELT_OK) {
    fprintf(stderr, "%s\n", smelt_status_string(status));
    return 1;
  }
  const double ended = milliseconds();
  printf("{\"before\": %llu, \"peak\": %llu, \"anonymous\": %llu, ", before, most_resident(), status_of("RssAnon:"));
  printf("\"arena\": %llu, \"weights\": %llu, ", (unsigned long long)(model->arena_bytes + grown.most),
         (unsigned long long)model->weights_bytes);
  printf("\"inputs\": %llu, \"outputs\": %llu, ", (unsigned long long)in, (unsigned long long)out);
  printf("\"load_ms\": %.4f, \"first_ms\": %.4f}\n", ready - begun, ended - started);
  return 0;
}

#ifdef MODEL
extern const smelt_model MODEL;

int main(void) {
  const unsigned long long before = most_resident();
  return run(&MODEL, before, milliseconds());
}
#else
int main(int count, char **arguments) {
  const unsigned long long before = most_resident();
  const double begun = milliseconds();
  void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : 0;
  const smelt_model *model = library ? dlsym(library, "smelt_model") : 0;
  return model ? run(model, before, begun) : 2;
}
#endif

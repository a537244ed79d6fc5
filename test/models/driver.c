/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * Runs a statically linked model on raw files, for test_aarch64.py:
 *     driver ARENA_FILL IN... OUT...       a file an input and output, in the descriptor's order; elements as in memory
 *
 * The descriptor's symbol comes from -DMODEL=<name>. ARENA_FILL is the byte that the arena holds before the run: it
 * must not matter.
 */
#include "smelt/smelt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const smelt_model MODEL;

static void fail(const char *what, const char *which) {
  fprintf(stderr, "driver: %s: %s\n", what, which);
  exit(1);
}

static void *aligned(uint64_t bytes) {
  void *memory = aligned_alloc(SMELT_ALIGNMENT, (bytes + SMELT_ALIGNMENT) / SMELT_ALIGNMENT * SMELT_ALIGNMENT);
  if (!memory)
    fail("out of memory", MODEL.name);
  return memory;
}

int main(int argc, char **argv) {
  if (argc != (int)(2 + MODEL.input_count + MODEL.output_count))
    fail("a file for each input and output is needed", MODEL.name);
  char **input_files = argv + 2, **output_files = input_files + MODEL.input_count;

  const void **inputs = aligned(MODEL.input_count * sizeof *inputs);
  for (uint32_t i = 0; i < MODEL.input_count; ++i) {
    void *buffer = aligned(MODEL.inputs[i].bytes);
    FILE *file = fopen(input_files[i], "rb");
    if (!file || fread(buffer, 1, MODEL.inputs[i].bytes, file) != MODEL.inputs[i].bytes || fgetc(file) != EOF)
      fail("not the bytes of this input", MODEL.inputs[i].name);
    fclose(file);
    inputs[i] = buffer;
  }
  void **outputs = aligned(MODEL.output_count * sizeof *outputs);
  for (uint32_t i = 0; i < MODEL.output_count; ++i)
    outputs[i] = aligned(MODEL.outputs[i].bytes);

  smelt_instance instance;
  void *arena = aligned(MODEL.arena_bytes);
  memset(arena, atoi(argv[1]), MODEL.arena_bytes);
  smelt_status status = smelt_init(&instance, &MODEL, arena, MODEL.arena_bytes);
  if (status == SMELT_OK)
    status = smelt_run(&instance, inputs, outputs);
  if (status != SMELT_OK)
    fail(smelt_status_string(status), MODEL.name);

  for (uint32_t i = 0; i < MODEL.output_count; ++i) {
    FILE *file = fopen(output_files[i], "wb");
    if (!file || fwrite(outputs[i], 1, MODEL.outputs[i].bytes, file) != MODEL.outputs[i].bytes || fclose(file) != 0)
      fail("cannot write", output_files[i]);
  }
  return 0;
}

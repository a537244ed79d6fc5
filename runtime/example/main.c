/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* A compiled model in a program of one's own: every byte it works in is declared here, nothing is allocated. */
#include "gate.h" /* written by `smelt compile gate.mlir --emit static -o gate`, beside gate.a */

#include <stdio.h>

enum { CASES = 4 };

static _Alignas(SMELT_ALIGNMENT) unsigned char arena[GATE_ARENA_BYTES];
static _Alignas(SMELT_ALIGNMENT) const float x[CASES][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
static _Alignas(SMELT_ALIGNMENT) float y[CASES];

/* The model's buffers are exactly these. */
_Static_assert(sizeof x == GATE_INPUT_X_BYTES && sizeof y == GATE_OUTPUT_Y_BYTES, "gate.mlir has changed");

int main(void) {
  const void *inputs[GATE_INPUT_COUNT] = {[GATE_INPUT_X_INDEX] = x};
  void *outputs[GATE_OUTPUT_COUNT] = {[GATE_OUTPUT_Y_INDEX] = y};

  smelt_instance instance;
  smelt_status status = smelt_init(&instance, &gate, arena, sizeof arena);
  if (status == SMELT_OK)
    status = smelt_run(&instance, inputs, outputs);
  if (status != SMELT_OK) {
    fprintf(stderr, "%s: %s\n", gate.name, smelt_status_string(status));
    return 1;
  }

  printf("%s for %s: %u steps, %lu bytes of arena, %lu of weights\n", gate.name, gate.target, (unsigned)gate.step_count,
         (unsigned long)gate.arena_bytes, (unsigned long)gate.weights_bytes);
  for (int i = 0; i < CASES; ++i)
    printf("%g xor %g = %g\n", (double)x[i][0], (double)x[i][1], (double)y[i]);
  return 0;
}

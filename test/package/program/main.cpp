// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Runs two models on the same input, x[i] = i / 8, alone and with threads, and prints what they say: a line for each.
#include "first.h"
#include "second.h"

#include "smelt/threads.h"

#include <cstdio>

namespace {

constexpr int kInputs = FIRST_INPUT_X_BYTES / sizeof(float);
constexpr int kOutputs = FIRST_OUTPUT_Y_BYTES / sizeof(float);
static_assert(SECOND_INPUT_X_BYTES == FIRST_INPUT_X_BYTES && SECOND_OUTPUT_Y_BYTES == FIRST_OUTPUT_Y_BYTES);

alignas(SMELT_ALIGNMENT) unsigned char firstArena[FIRST_ARENA_BYTES];
alignas(SMELT_ALIGNMENT) unsigned char secondArena[SECOND_ARENA_BYTES];
alignas(SMELT_ALIGNMENT) float x[kInputs];
alignas(SMELT_ALIGNMENT) float y[kOutputs];

bool print(const smelt_instance &instance) {
  const void *inputs[] = {x};
  void *outputs[] = {y};
  if (smelt_run(&instance, inputs, outputs) != SMELT_OK)
    return false;
  std::printf("%s", instance.model->name);
  for (float value : y)
    std::printf(" %.9g", double(value));
  std::printf("\n");
  return true;
}

} // namespace

int main() {
  for (int i = 0; i < kInputs; ++i)
    x[i] = float(i) / 8;
  smelt_instance instances[2];
  smelt_pool pool;
  if (smelt_init(&instances[0], &first, firstArena, sizeof firstArena) != SMELT_OK ||
      smelt_init(&instances[1], &second, secondArena, sizeof secondArena) != SMELT_OK ||
      smelt_pool_start(&pool, 2) != SMELT_OK)
    return 1;
  bool ran = true;
  for (smelt_instance &instance : instances) {
    ran &= print(instance);
    smelt_set_parallel_for(&instance, smelt_pool_parallel_for, &pool);
    ran &= print(instance);
  }
  smelt_pool_stop(&pool);
  return ran ? 0 : 1;
}

/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * Runs a statically linked model, -DMODEL=<its symbol>, for test_runtime.py. All inputs are floats.
 *     instances alone      one instance without threads: none is started
 *     instances small      the same on a thread that has no more stack than smelt_run is said to need
 *     instances split      threads are asked for steps of much work, and not for those of little, the number of which
 * is printed instances together   two instances on two threads at once, each with a pool of two: bit for bit the same
 * as alone
 */
#include "smelt/threads.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const smelt_model MODEL;

enum { RUNS = 20 };

static void check(int holds, const char *what) {
  if (holds)
    return;
  fprintf(stderr, "%s: %s\n", MODEL.name, what);
  exit(1);
}

static void *aligned(uint64_t bytes) {
  void *memory = aligned_alloc(SMELT_ALIGNMENT, (bytes + SMELT_ALIGNMENT) / SMELT_ALIGNMENT * SMELT_ALIGNMENT);
  check(memory != NULL, "out of memory");
  return memory;
}

/* An instance with everything it works in. */
typedef struct work {
  smelt_instance instance;
  const void **inputs;
  void **outputs;
  const struct work *expected;
  pthread_barrier_t *start;
} work;

static void *some_floats(uint64_t bytes, unsigned seed) {
  float *values = aligned(bytes);
  for (uint64_t i = 0; i < bytes / sizeof *values; ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) / (float)(1 << 24);
  }
  return values;
}

static void prepare(work *work, unsigned seed) {
  work->inputs = aligned(MODEL.input_count * sizeof *work->inputs);
  work->outputs = aligned(MODEL.output_count * sizeof *work->outputs);
  for (uint32_t i = 0; i < MODEL.input_count; ++i) {
    check(MODEL.inputs[i].dtype == SMELT_F32, "an input does not hold floats");
    work->inputs[i] = some_floats(MODEL.inputs[i].bytes, seed + i);
  }
  for (uint32_t i = 0; i < MODEL.output_count; ++i)
    work->outputs[i] = aligned(MODEL.outputs[i].bytes);
  const smelt_status status = smelt_init(&work->instance, &MODEL, aligned(MODEL.arena_bytes), MODEL.arena_bytes);
  check(status == SMELT_OK, smelt_status_string(status));
}

static void run(work *work) {
  check(smelt_run(&work->instance, work->inputs, work->outputs) == SMELT_OK, "the run fails");
}

static int threads_of_this_process(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  check(tasks != NULL, "no /proc");
  for (const struct dirent *task; (task = readdir(tasks));)
    count += task->d_name[0] != '.';
  closedir(tasks);
  return count;
}

static void count_threads(void *user, const smelt_model *model, uint32_t step, int done) {
  (void)model, (void)step, (void)done;
  int *most = user;
  const int count = threads_of_this_process();
  *most = count > *most ? count : *most;
}

static void alone(void) {
  work work;
  prepare(&work, 1);
  const int before = threads_of_this_process(); /* sanitizers have one of their own */
  int most = 0;
  smelt_set_step_hook(&work.instance, count_threads, &most);
  run(&work);
  check(most == before, "a thread was started");
}

static void *run_alone(void *unused) {
  (void)unused;
  alone();
  return NULL;
}

/* The system's own share of a stack comes on top: thread-local memory, and what a thread begins with. */
static void small(void) {
  enum { PROMISED = 128 << 10, OWN = 16 << 10 };
  pthread_attr_t attributes;
  pthread_t thread;
  check(!pthread_attr_init(&attributes) && !pthread_attr_setstacksize(&attributes, PROMISED + OWN), "no such stack");
  check(!pthread_create(&thread, &attributes, run_alone, NULL), "no thread");
  pthread_join(thread, NULL);
}

static void count_calls(void *user, int64_t tiles, smelt_range_body body, void *context) {
  ++*(uint32_t *)user;
  body(context, 0, tiles);
}

static void split(void) {
  work work;
  prepare(&work, 1);
  uint32_t asked = 0, small = 0, wanted = 0;
  for (uint32_t i = 0; i < MODEL.step_count; ++i)
    if (MODEL.steps[i].tiles > 1)
      ++*(MODEL.steps[i].alone ? &small : &wanted);
  smelt_set_parallel_for(&work.instance, count_calls, &asked);
  run(&work);
  check(wanted > 0 && asked == wanted, "steps of much work are not split");
  printf("%u\n", small);
}

static void same_results(const work *a, const work *b) {
  for (uint32_t i = 0; i < MODEL.output_count; ++i)
    check(!memcmp(a->outputs[i], b->outputs[i], MODEL.outputs[i].bytes), "the results differ");
}

static void *run_often(void *argument) {
  work *work = argument;
  smelt_pool pool;
  check(smelt_pool_start(&pool, 2) == SMELT_OK, "no threads");
  smelt_set_parallel_for(&work->instance, smelt_pool_parallel_for, &pool);
  pthread_barrier_wait(work->start);
  for (int i = 0; i < RUNS; ++i) {
    run(work);
    same_results(work, work->expected);
  }
  smelt_pool_stop(&pool);
  return NULL;
}

static void together(void) {
  work expected[2], works[2];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, 2);
  for (unsigned i = 0; i < 2; ++i) {
    prepare(&expected[i], i + 1);
    run(&expected[i]);
    prepare(&works[i], i + 1);
    works[i].expected = &expected[i];
    works[i].start = &start;
  }
  check(memcmp(expected[0].outputs[0], expected[1].outputs[0], MODEL.outputs[0].bytes), "both inputs give the same");
  pthread_t other;
  check(!pthread_create(&other, NULL, run_often, &works[1]), "no thread");
  run_often(&works[0]);
  pthread_join(other, NULL);
}

int main(int argc, char **argv) {
  check(argc == 2, "usage: instances alone|small|split|together");
  if (!strcmp(argv[1], "alone"))
    alone();
  else if (!strcmp(argv[1], "small"))
    small();
  else if (!strcmp(argv[1], "split"))
    split();
  else
    together();
  return 0;
}

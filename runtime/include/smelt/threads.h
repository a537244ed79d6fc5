/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * A small thread pool for smelt_instance, in a library of its own (libsmelt_threads.a) so that programs without threads
 * do not link any.
 *
 *     smelt_pool pool;                                            // the caller's memory; no allocation
 *     if (smelt_pool_start(&pool, 4) == SMELT_OK)                 // the calling thread and three workers
 *       smelt_set_parallel_for(&instance, smelt_pool_parallel_for, &pool);
 *     ...
 *     smelt_pool_stop(&pool);
 *
 * Idle workers look out for work for some 50 microseconds, then they sleep. One pool serves one smelt_run at a time:
 * give each thread that runs a model its own pool.
 */
#ifndef SMELT_THREADS_H
#define SMELT_THREADS_H

#include "smelt/smelt.h"

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMELT_MAX_THREADS 64

/* Opaque: use the functions below. */
typedef struct smelt_pool {
  pthread_mutex_t mutex; /* of those who sleep */
  pthread_cond_t work;
  pthread_cond_t finished;
  smelt_range_body body;
  void *context;
  int64_t count;
  uint64_t ticket;   /* which call it is, into how many ranges its count is cut, the first that none has taken */
  uint32_t running;  /* ranges not finished, taken or not */
  uint32_t sleepers; /* workers that wait for `work` */
  uint32_t awaited;  /* whether the caller waits for `finished` */
  uint32_t stopping;
  uint32_t thread_count; /* workers plus the caller; 0 when stopped */
  pthread_t workers[SMELT_MAX_THREADS - 1];
} smelt_pool;

/* Starts `thread_count` - 1 workers (1 ≤ thread_count ≤ SMELT_MAX_THREADS).
 * Returns SMELT_OK, SMELT_ERROR_ARGUMENT, or SMELT_ERROR_THREADS with nothing left running. */
smelt_status smelt_pool_start(smelt_pool *pool, uint32_t thread_count);

/* Wakes and joins the workers. Does nothing on a pool whose start failed or which is stopped already. */
void smelt_pool_stop(smelt_pool *pool);

/* A smelt_parallel_for whose `user` is a smelt_pool. Splits [0, count) into as many contiguous ranges as there are
 * threads; a thread that is awake early may run several. On a stopped pool everything runs on the calling thread. */
void smelt_pool_parallel_for(void *pool, int64_t count, smelt_range_body body, void *context);

#ifdef __cplusplus
}
#endif

#endif /* SMELT_THREADS_H */

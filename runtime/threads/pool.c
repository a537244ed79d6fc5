/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * Ranges are not bound to threads: whoever is awake takes the next one. A step that is over sooner than a sleeping
 * worker wakes is then finished by the caller, which never waits for a range that nobody has begun.
 */
#include "smelt/threads.h"

typedef struct range {
  int64_t first, last;
} range;

/* The range number `index` of `ranges` that cover [0, count) and differ in length by one at most. */
static range range_at(int64_t count, int64_t ranges, int64_t index) {
  const int64_t length = count / ranges, longer = count % ranges;
  const int64_t first = index * length + (index < longer ? index : longer);
  return (range){first, first + length + (index < longer)};
}

/* Runs ranges until all are taken. The mutex is held on entry and on return, but not while the body runs. */
static void run_ranges(smelt_pool *pool) {
  while (pool->next < pool->ranges) {
    const range mine = range_at(pool->count, pool->ranges, pool->next++);
    const smelt_range_body body = pool->body;
    void *const context = pool->context;
    pthread_mutex_unlock(&pool->mutex);
    body(context, mine.first, mine.last);
    pthread_mutex_lock(&pool->mutex);
    if (--pool->running == 0)
      pthread_cond_signal(&pool->finished);
  }
}

static void *work(void *argument) {
  smelt_pool *pool = (smelt_pool *)argument;
  pthread_mutex_lock(&pool->mutex);
  while (!pool->stopping) {
    run_ranges(pool);
    /* run_ranges lets go of the mutex, but looks again before it returns: nothing can have been missed. */
    if (!pool->stopping)
      pthread_cond_wait(&pool->work, &pool->mutex);
  }
  pthread_mutex_unlock(&pool->mutex);
  return 0;
}

/* All three or none. */
static smelt_status create_locks(smelt_pool *pool) {
  if (pthread_mutex_init(&pool->mutex, 0))
    return SMELT_ERROR_THREADS;
  if (pthread_cond_init(&pool->work, 0)) {
    pthread_mutex_destroy(&pool->mutex);
    return SMELT_ERROR_THREADS;
  }
  if (pthread_cond_init(&pool->finished, 0)) {
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    return SMELT_ERROR_THREADS;
  }
  return SMELT_OK;
}

smelt_status smelt_pool_start(smelt_pool *pool, uint32_t thread_count) {
  if (!pool)
    return SMELT_ERROR_ARGUMENT;
  pool->thread_count = 0; /* until it has started, smelt_pool_stop has nothing to do */
  if (thread_count < 1 || thread_count > SMELT_MAX_THREADS)
    return SMELT_ERROR_ARGUMENT;
  if (create_locks(pool) != SMELT_OK)
    return SMELT_ERROR_THREADS;

  pool->body = 0;
  pool->context = 0;
  pool->count = 0;
  pool->next = pool->ranges = pool->running = pool->stopping = 0;
  for (pool->thread_count = 1; pool->thread_count < thread_count; ++pool->thread_count) {
    if (pthread_create(&pool->workers[pool->thread_count - 1], 0, work, pool)) {
      smelt_pool_stop(pool);
      return SMELT_ERROR_THREADS;
    }
  }
  return SMELT_OK;
}

void smelt_pool_stop(smelt_pool *pool) {
  if (!pool || pool->thread_count == 0)
    return;
  pthread_mutex_lock(&pool->mutex);
  pool->stopping = 1;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  for (uint32_t i = 0; i + 1 < pool->thread_count; ++i)
    pthread_join(pool->workers[i], 0);
  pool->thread_count = 0;
  pthread_cond_destroy(&pool->finished);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->mutex);
}

void smelt_pool_parallel_for(void *user, int64_t count, smelt_range_body body, void *context) {
  smelt_pool *pool = (smelt_pool *)user;
  if (count <= 0)
    return;
  const uint32_t ranges = count < (int64_t)pool->thread_count ? (uint32_t)count : pool->thread_count;
  if (ranges <= 1) {
    body(context, 0, count);
    return;
  }
  pthread_mutex_lock(&pool->mutex);
  pool->body = body;
  pool->context = context;
  pool->count = count;
  pool->ranges = pool->running = ranges;
  pool->next = 0;
  for (uint32_t i = 1; i < ranges; ++i) /* one a worker: more would wake some for nothing */
    pthread_cond_signal(&pool->work);
  run_ranges(pool);
  while (pool->running)
    pthread_cond_wait(&pool->finished, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
}

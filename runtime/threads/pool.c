/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * Ranges are not bound to threads: whoever is awake takes the next one. A step that is over sooner than a sleeping
 * worker wakes is then finished by the caller, which never waits for a range that nobody has begun.
 *
 * Steps of a model follow one another within microseconds, and to wake a thread takes many: so workers look out for the
 * next call for a while before they sleep, and so does the caller for their last ranges.
 */
#include "smelt/threads.h"

/* Turns of looking out, of some 20 to 50 nanoseconds each. */
#define TURNS_BEFORE_SLEEP 2000

/* Enough for every kernel (smelt.h), where the system's usual stack is less. */
#define STACK_BYTES ((size_t)2 << 20)

/* The parts of a ticket. SMELT_MAX_THREADS ranges fit in 16 bits. */
#define CALL_SHIFT 32
#define RANGES_SHIFT 16
#define PART_MASK 0xffffu

typedef struct range {
  int64_t first, last;
} range;

/* The range number `index` of `ranges` that cover [0, count) and differ in length by one at most. */
static range range_at(int64_t count, int64_t ranges, int64_t index) {
  const int64_t length = count / ranges, longer = count % ranges;
  const int64_t first = index * length + (index < longer ? index : longer);
  return (range){first, first + length + (index < longer)};
}

static void look_away(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

static uint32_t ranges_of(uint64_t ticket) { return (uint32_t)(ticket >> RANGES_SHIFT) & PART_MASK; }
static uint32_t next_of(uint64_t ticket) { return (uint32_t)ticket & PART_MASK; }

static int has_work(const smelt_pool *pool) {
  const uint64_t ticket = __atomic_load_n(&pool->ticket, __ATOMIC_SEQ_CST);
  return next_of(ticket) < ranges_of(ticket);
}

/* Tells the caller, where it sleeps, that the last range is finished. */
static void finish_range(smelt_pool *pool) {
  if (__atomic_sub_fetch(&pool->running, 1, __ATOMIC_SEQ_CST) || !__atomic_load_n(&pool->awaited, __ATOMIC_SEQ_CST))
    return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->finished);
  pthread_mutex_unlock(&pool->mutex);
}

/* Runs ranges until all are taken. What a ticket was taken for stays as it is until its range is finished. */
static void run_ranges(smelt_pool *pool) {
  uint64_t ticket = __atomic_load_n(&pool->ticket, __ATOMIC_ACQUIRE);
  while (next_of(ticket) < ranges_of(ticket)) {
    if (!__atomic_compare_exchange_n(&pool->ticket, &ticket, ticket + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      continue;
    const range mine = range_at(pool->count, ranges_of(ticket), next_of(ticket));
    pool->body(pool->context, mine.first, mine.last);
    finish_range(pool);
    ticket = __atomic_load_n(&pool->ticket, __ATOMIC_ACQUIRE);
  }
}

/* Returns when there is work, or the pool is to stop. Whoever makes work looks for sleepers after it, and a sleeper for
 * work after it has said that it sleeps: one of them sees the other. */
static void wait_for_work(smelt_pool *pool) {
  for (int turn = 0; turn < TURNS_BEFORE_SLEEP; ++turn) {
    if (has_work(pool) || __atomic_load_n(&pool->stopping, __ATOMIC_RELAXED))
      return;
    look_away();
  }
  pthread_mutex_lock(&pool->mutex);
  __atomic_add_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
  while (!has_work(pool) && !__atomic_load_n(&pool->stopping, __ATOMIC_RELAXED))
    pthread_cond_wait(&pool->work, &pool->mutex);
  __atomic_sub_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
  smelt_pool *pool = (smelt_pool *)argument;
  while (!__atomic_load_n(&pool->stopping, __ATOMIC_RELAXED)) {
    run_ranges(pool);
    wait_for_work(pool);
  }
  return 0;
}

/* Returns when all ranges are finished. */
static void wait_for_others(smelt_pool *pool) {
  for (int turn = 0; turn < TURNS_BEFORE_SLEEP; ++turn) {
    if (!__atomic_load_n(&pool->running, __ATOMIC_ACQUIRE))
      return;
    look_away();
  }
  pthread_mutex_lock(&pool->mutex);
  __atomic_store_n(&pool->awaited, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&pool->running, __ATOMIC_SEQ_CST))
    pthread_cond_wait(&pool->finished, &pool->mutex);
  __atomic_store_n(&pool->awaited, 0, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&pool->mutex);
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

static int start_worker(smelt_pool *pool, pthread_t *worker) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes))
    return 0;
  const int is_started =
      !pthread_attr_setstacksize(&attributes, STACK_BYTES) && !pthread_create(worker, &attributes, work, pool);
  pthread_attr_destroy(&attributes);
  return is_started;
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
  pool->ticket = 0;
  pool->running = pool->sleepers = pool->awaited = pool->stopping = 0;
  for (pool->thread_count = 1; pool->thread_count < thread_count; ++pool->thread_count) {
    if (!start_worker(pool, &pool->workers[pool->thread_count - 1])) {
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
  __atomic_store_n(&pool->stopping, 1, __ATOMIC_SEQ_CST);
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
  pool->body = body;
  pool->context = context;
  pool->count = count;
  pool->running = ranges;
  const uint64_t last = __atomic_load_n(&pool->ticket, __ATOMIC_RELAXED); /* a worker may be trying for a range of it */
  const uint64_t call = (last >> CALL_SHIFT) + 1; /* so that a ticket of an earlier call is known as such */
  __atomic_store_n(&pool->ticket, call << CALL_SHIFT | (uint64_t)ranges << RANGES_SHIFT, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool->sleepers, __ATOMIC_SEQ_CST)) {
    pthread_mutex_lock(&pool->mutex);
    for (uint32_t i = 1; i < ranges; ++i) /* one a worker: more would wake some for nothing */
      pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
  }
  run_ranges(pool);
  wait_for_others(pool);
}

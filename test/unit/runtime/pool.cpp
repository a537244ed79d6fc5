// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "SampleModel.h"

#include "smelt/threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using namespace smelt_test;

// --- the operating system, as the pool sees it (the linker's --wrap) ---

namespace {

constexpr int kNeverRefuse = std::numeric_limits<int>::max();
int creationsUntilRefusal = kNeverRefuse;
std::atomic<int> created{0}, joined{0};

} // namespace

extern "C" {
using ThreadBody = void *(*)(void *);
int __real_pthread_create(pthread_t *, const pthread_attr_t *, ThreadBody, void *);
int __real_pthread_join(pthread_t, void **);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, ThreadBody body, void *argument) {
  if (creationsUntilRefusal != kNeverRefuse && creationsUntilRefusal-- == 0)
    return EAGAIN;
  ++created;
  return __real_pthread_create(thread, attributes, body, argument);
}

int __wrap_pthread_join(pthread_t thread, void **result) {
  ++joined;
  return __real_pthread_join(thread, result);
}
}

namespace {

// --- starting and stopping ---

struct PoolStart : testing::Test {
  smelt_pool pool;
  void SetUp() override { created = joined = 0; }
  void TearDown() override {
    creationsUntilRefusal = kNeverRefuse;
    EXPECT_EQ(created, joined);
  }
};

TEST_F(PoolStart, RefusesNullAndCountsOutOfRange) {
  EXPECT_EQ(smelt_pool_start(nullptr, 2), SMELT_ERROR_ARGUMENT);
  EXPECT_EQ(smelt_pool_start(&pool, 0), SMELT_ERROR_ARGUMENT);
  EXPECT_EQ(smelt_pool_start(&pool, SMELT_MAX_THREADS + 1), SMELT_ERROR_ARGUMENT);
  smelt_pool_stop(&pool);
  smelt_pool_stop(nullptr);
}

TEST_F(PoolStart, StartsOneWorkerLessThanThreads) {
  for (uint32_t threads : {1, 2, SMELT_MAX_THREADS}) {
    created = joined = 0;
    ASSERT_EQ(smelt_pool_start(&pool, threads), SMELT_OK);
    EXPECT_EQ(created, int(threads) - 1);
    EXPECT_EQ(joined, 0);
    smelt_pool_stop(&pool);
    EXPECT_EQ(joined, int(threads) - 1);
  }
}

// Whichever worker is refused: those before it are joined, none after it is tried.
TEST_F(PoolStart, LeavesNothingRunningWhenAThreadIsRefused) {
  for (int before : {0, 1, 5}) {
    created = joined = 0;
    creationsUntilRefusal = before;
    EXPECT_EQ(smelt_pool_start(&pool, 8), SMELT_ERROR_THREADS);
    EXPECT_EQ(created, before);
    EXPECT_EQ(joined, before);
  }
}

TEST_F(PoolStart, MayBeStoppedTwiceAndAfterAFailure) {
  creationsUntilRefusal = 1;
  ASSERT_EQ(smelt_pool_start(&pool, 4), SMELT_ERROR_THREADS);
  smelt_pool_stop(&pool);
  creationsUntilRefusal = kNeverRefuse;
  ASSERT_EQ(smelt_pool_start(&pool, 4), SMELT_OK);
  smelt_pool_stop(&pool);
  smelt_pool_stop(&pool);
}

// --- the ranges ---

// What each call of the body got.
struct Calls {
  std::mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  std::set<std::thread::id> threads;

  static void note(void *self, int64_t first, int64_t last) {
    Calls &calls = *static_cast<Calls *>(self);
    std::lock_guard<std::mutex> lock(calls.mutex);
    calls.ranges.emplace_back(first, last);
    calls.threads.insert(std::this_thread::get_id());
  }
};

struct Pool : testing::Test {
  smelt_pool pool;
  void start(uint32_t threads) { ASSERT_EQ(smelt_pool_start(&pool, threads), SMELT_OK); }
  void TearDown() override { smelt_pool_stop(&pool); }
};

// min(threads, count) ranges, none empty, one after the other from 0 to count, their lengths apart by one at most.
TEST_F(Pool, RangesCoverTheCountEvenly) {
  start(4);
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (int64_t count : {int64_t(1), int64_t(2), int64_t(3), int64_t(4), int64_t(5), int64_t(1023), kHuge}) {
    Calls calls;
    smelt_pool_parallel_for(&pool, count, Calls::note, &calls);
    std::sort(calls.ranges.begin(), calls.ranges.end());
    ASSERT_EQ(int64_t(calls.ranges.size()), std::min<int64_t>(4, count));
    int64_t end = 0;
    for (auto [first, last] : calls.ranges) {
      EXPECT_EQ(first, end);
      EXPECT_GE(last - first, count / int64_t(calls.ranges.size()));
      EXPECT_LE(last - first, count / int64_t(calls.ranges.size()) + 1);
      end = last;
    }
    EXPECT_EQ(end, count);
  }
}

TEST_F(Pool, NoTilesNoCalls) {
  start(3);
  Calls calls;
  smelt_pool_parallel_for(&pool, 0, Calls::note, &calls);
  EXPECT_TRUE(calls.ranges.empty());
}

TEST_F(Pool, OneThreadIsTheCaller) {
  start(1);
  Calls calls;
  smelt_pool_parallel_for(&pool, 100, Calls::note, &calls);
  EXPECT_EQ(calls.ranges.size(), 1u);
  EXPECT_EQ(calls.threads, std::set<std::thread::id>{std::this_thread::get_id()});
}

// Each range waits for all the others to begin: this ends only if every thread takes one, also when all were asleep.
TEST_F(Pool, AllThreadsWorkAtTheSameTime) {
  constexpr int kThreads = 4;
  start(kThreads);
  const auto meet = [](void *context, int64_t, int64_t) {
    auto &begun = *static_cast<std::atomic<int> *>(context);
    ++begun;
    while (begun < kThreads)
      std::this_thread::yield();
  };
  for (int turn = 0; turn < 3; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::atomic<int> begun{0};
    smelt_pool_parallel_for(&pool, kThreads, meet, &begun);
    EXPECT_EQ(begun, kThreads);
  }
}

// Nothing of one call may be left over for the next, however fast they follow: counts change so that a stale range
// shows.
TEST_F(Pool, ManyCallsInARowLoseNothing) {
  start(4);
  for (int64_t call = 0; call < 5000; ++call) {
    std::atomic<int64_t> tiles{0};
    const int64_t count = call % 9;
    smelt_pool_parallel_for(
        &pool, count,
        [](void *context, int64_t first, int64_t last) {
          *static_cast<std::atomic<int64_t> *>(context) += last - first;
        },
        &tiles);
    ASSERT_EQ(tiles, count) << "call " << call;
  }
}

// Plain memory written by the workers is there for the caller, and the other way round.
TEST_F(Pool, RunsAModel) {
  start(3);
  Sample sample;
  const smelt_model model = sampleModel();
  smelt_instance instance;
  ASSERT_EQ(smelt_init(&instance, &model, sample.arena, sizeof sample.arena), SMELT_OK);
  smelt_set_parallel_for(&instance, smelt_pool_parallel_for, &pool);
  for (int run = 0; run < 200; ++run) {
    sample.left.fill(float(run));
    ASSERT_EQ(smelt_run(&instance, sample.inputs.data(), sample.outputs.data()), SMELT_OK);
    ASSERT_EQ(sample.result, sample.expected()) << "run " << run;
  }
}

TEST(PoolInstances, EachWithItsOwnPoolRunAtTheSameTime) {
  const smelt_model model = sampleModel();
  const auto runOften = [&model](float seed) {
    Sample sample(seed);
    const Tensor expected = sample.expected();
    smelt_pool pool;
    smelt_instance instance;
    ASSERT_EQ(smelt_pool_start(&pool, 2), SMELT_OK);
    ASSERT_EQ(smelt_init(&instance, &model, sample.arena, sizeof sample.arena), SMELT_OK);
    smelt_set_parallel_for(&instance, smelt_pool_parallel_for, &pool);
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ(smelt_run(&instance, sample.inputs.data(), sample.outputs.data()), SMELT_OK);
      EXPECT_EQ(sample.result, expected);
    }
    smelt_pool_stop(&pool);
  };
  std::thread other(runOften, 5.f);
  runOften(2.f);
  other.join();
}

// --- an idle pool ---

double cpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

// A worker that spins would use as much processor time as passes, or its share of the cores.
TEST_F(Pool, IdleWorkersUseNoCpu) {
  start(4);
  Calls calls;
  smelt_pool_parallel_for(&pool, 64, Calls::note, &calls);
  const double before = cpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_LT(cpuSeconds() - before, 0.05);
}

// A pool that is stopped, or was refused its threads, still computes: on the calling thread.
TEST_F(Pool, StoppedLeavesTheWorkToTheCaller) {
  start(3);
  smelt_pool_stop(&pool);
  Calls calls;
  smelt_pool_parallel_for(&pool, 10, Calls::note, &calls);
  EXPECT_EQ(calls.threads, std::set<std::thread::id>{std::this_thread::get_id()});
}

} // namespace

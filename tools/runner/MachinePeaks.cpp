// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/MachinePeaks.h"

#include "smelt/threads.h"
#include "tools/runner/Error.h"
#include "tools/runner/Tensor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace smelt::runner {

// The largest figure of many short turns: whatever else runs on the machine makes some of them slower, none faster.
constexpr double kSecondsPerFigure = 0.06;
constexpr int kFewestTurns = 4;
constexpr int64_t kStepsPerTurn = 200'000; // of the loops below: some 1 ms
constexpr double kBytesPerTurn = 32e6;     // at least, read again and again where the buffer is smaller

// Two loops for each kind of vector: one that multiplies and adds in as many registers as it takes to hide the latency,
// one that reads. Their results go somewhere and come from somewhere, so that a compiler lets them be.
namespace {
struct Loops {
  unsigned vectorBits = 0;
  double operationsPerStep = 0;
  float (*multiplyAdd)(int64_t steps, float start) = nullptr;
  uint64_t (*read)(const unsigned char *from, int64_t bytes) = nullptr; // a multiple of kReadGrain
};
} // namespace

constexpr int64_t kReadGrain = 512;
constexpr float kFactor = 0.999F, kAddend = 0.001F; // neither overflows nor becomes denormal

#if defined(__x86_64__)
constexpr int kChains512 = 16, kChains256 = 12;

__attribute__((target("avx512f"))) static float multiplyAdd512(int64_t steps, float start) {
  __m512 sums[kChains512];
  for (int i = 0; i < kChains512; ++i)
    sums[i] = _mm512_set1_ps(start + static_cast<float>(i));
  const __m512 factor = _mm512_set1_ps(kFactor), addend = _mm512_set1_ps(kAddend);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 16
    for (__m512 &sum : sums)
      sum = _mm512_fmadd_ps(sum, factor, addend);
  float total = 0;
  for (const __m512 &sum : sums)
    total += _mm512_reduce_add_ps(sum);
  return total;
}

__attribute__((target("avx512f"))) static uint64_t read512(const unsigned char *from, int64_t bytes) {
  constexpr int kVectors = kReadGrain / 64;
  __m512i sums[kVectors] = {};
  for (int64_t at = 0; at < bytes; at += kReadGrain)
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i)
      sums[i] = _mm512_or_si512(sums[i], _mm512_load_si512(from + at + int64_t(64) * i));
  __m512i all = sums[0];
  for (const __m512i &sum : sums)
    all = _mm512_or_si512(all, sum);
  return static_cast<uint64_t>(_mm512_reduce_or_epi64(all));
}

__attribute__((target("avx2,fma"))) static float multiplyAdd256(int64_t steps, float start) {
  __m256 sums[kChains256];
  for (int i = 0; i < kChains256; ++i)
    sums[i] = _mm256_set1_ps(start + static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(kFactor), addend = _mm256_set1_ps(kAddend);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 12
    for (__m256 &sum : sums)
      sum = _mm256_fmadd_ps(sum, factor, addend);
  float total = 0;
  for (const __m256 &sum : sums)
    total += _mm256_cvtss_f32(sum);
  return total;
}

__attribute__((target("avx2"))) static uint64_t read256(const unsigned char *from, int64_t bytes) {
  constexpr int kVectors = 8;
  __m256i sums[kVectors] = {};
  for (int64_t at = 0; at < bytes; at += int64_t(32) * kVectors)
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i)
      sums[i] =
          _mm256_or_si256(sums[i], _mm256_load_si256(reinterpret_cast<const __m256i *>(from + at + int64_t(32) * i)));
  __m256i all = sums[0];
  for (const __m256i &sum : sums)
    all = _mm256_or_si256(all, sum);
  return static_cast<uint64_t>(_mm256_extract_epi64(all, 0));
}
#endif

#if defined(__aarch64__)
constexpr int kChainsNeon = 24;

static float multiplyAddNeon(int64_t steps, float start) {
  float32x4_t sums[kChainsNeon];
  for (int i = 0; i < kChainsNeon; ++i)
    sums[i] = vdupq_n_f32(start + static_cast<float>(i));
  const float32x4_t factor = vdupq_n_f32(kFactor), addend = vdupq_n_f32(kAddend);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 24
    for (float32x4_t &sum : sums)
      sum = vfmaq_f32(sum, factor, addend);
  float total = 0;
  for (const float32x4_t &sum : sums)
    total += vaddvq_f32(sum);
  return total;
}
#endif

/// For any processor.
static float multiplyAddPlain(int64_t steps, float start) {
  float sums[8];
  for (int i = 0; i < 8; ++i)
    sums[i] = start + static_cast<float>(i);
  for (int64_t step = 0; step < steps; ++step)
    for (float &sum : sums)
      sum = sum * kFactor + kAddend;
  float total = 0;
  for (const float sum : sums)
    total += sum;
  return total;
}

static uint64_t readPlain(const unsigned char *from, int64_t bytes) {
  uint64_t sums[8] = {};
  for (int64_t at = 0; at < bytes; at += 64)
    for (int i = 0; i < 8; ++i) {
      uint64_t word;
      std::memcpy(&word, from + at + int64_t(8) * i, sizeof word);
      sums[i] |= word;
    }
  uint64_t all = 0;
  for (const uint64_t sum : sums)
    all |= sum;
  return all;
}

/// The widest that this processor has.
static Loops widestLoops() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {512, 2.0 * 16 * kChains512, multiplyAdd512, read512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {256, 2.0 * 8 * kChains256, multiplyAdd256, read256};
#elif defined(__aarch64__)
  return {128, 2.0 * 4 * kChainsNeon, multiplyAddNeon, readPlain};
#endif
  return {32, 2.0 * 8, multiplyAddPlain, readPlain};
}

namespace {
/// Threads that do the same at the same time, again and again.
class Team {
public:
  explicit Team(unsigned threads) : threads_(threads) {
    if (smelt_pool_start(&pool_, threads) != SMELT_OK)
      throw Error(Exit::Environment, std::to_string(threads) + " threads: the operating system refused to start them");
  }
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;
  ~Team() { smelt_pool_stop(&pool_); }

  unsigned threads() const { return threads_; }

  /// The most of `amount` a second over many turns, in each of which all threads call turn(number of the thread).
  double bestRate(double amount, const std::function<void(int64_t)> &turn);

private:
  using Clock = std::chrono::steady_clock;

  /// Returns when all threads have come here: whoever is early must not do the work of one that sleeps.
  void meet() {
    const uint64_t round = arrivals_++ / threads_;
    while (arrivals_ < (round + 1) * threads_)
      std::this_thread::yield();
  }
  void takeTurns(int64_t number);

  unsigned threads_;
  smelt_pool pool_;
  std::atomic<uint64_t> arrivals_{0};
  std::atomic<bool> isOver_{false};
  const std::function<void(int64_t)> *turn_ = nullptr;
  double leastSeconds_ = 0;
};
} // namespace

void Team::takeTurns(int64_t number) {
  double sum = 0;
  for (int count = 0; !isOver_; ++count) {
    meet();
    const Clock::time_point start = Clock::now();
    (*turn_)(number);
    meet();
    if (number == 0) {
      const double seconds = std::max(std::chrono::duration<double>(Clock::now() - start).count(), 1e-9);
      leastSeconds_ = std::min(leastSeconds_, seconds);
      sum += seconds;
      isOver_ = count >= kFewestTurns && sum > kSecondsPerFigure;
    }
    meet();
  }
}

double Team::bestRate(double amount, const std::function<void(int64_t)> &turn) {
  turn_ = &turn;
  isOver_ = false;
  leastSeconds_ = std::numeric_limits<double>::max();
  const auto range = [](void *team, int64_t first, int64_t last) {
    for (int64_t number = first; number < last; ++number)
      static_cast<Team *>(team)->takeTurns(number);
  };
  smelt_pool_parallel_for(&pool_, threads_, range, this);
  return amount / leastSeconds_;
}

static double measureGigaflops(Team &team, const Loops &loops) {
  volatile float start = 1, sink = 0;
  return 1e-9 * team.bestRate(loops.operationsPerStep * kStepsPerTurn * team.threads(),
                              [&](int64_t) { sink = loops.multiplyAdd(kStepsPerTurn, start); });
}

/// Each thread reads a part of the buffer's first `bytes` as often as it takes to be timed.
static double measureBandwidth(Team &team, const Loops &loops, const AlignedBytes &buffer, double bytes) {
  volatile uint64_t sink = 0;
  const auto part = std::max<int64_t>(static_cast<int64_t>(bytes) / team.threads() / kReadGrain, 1) * kReadGrain;
  const double once = static_cast<double>(part) * team.threads();
  const int times = std::max(1, static_cast<int>(kBytesPerTurn / once));
  return 1e-9 * team.bestRate(once * times, [&](int64_t number) {
    for (int i = 0; i < times; ++i)
      sink = loops.read(buffer.data() + number * part, part);
  });
}

double MachinePeaks::gigabytesPerSecondOf(double bytes) const {
  for (const Level &level : levels)
    if (bytes <= level.bytes)
      return level.gigabytesPerSecond;
  return levels.empty() ? 0 : memory().gigabytesPerSecond;
}

/// The size of the first processor's cache of a level, as Linux says; `usual` where it does not.
static double cacheBytes(int level, double usual) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    int found = 0;
    double kilobytes = 0;
    if (std::ifstream(folder + "level") >> found && found == level && std::ifstream(folder + "size") >> kilobytes &&
        kilobytes > 0) // "1024K"
      return kilobytes * 1024;
  }
  return usual;
}

MachinePeaks measurePeaks(unsigned threads) {
  constexpr double kLeastMemory = 64e6, kMostMemory = 512e6; // of the buffer, which should not fit in a cache
  Team team(threads);
  const Loops loops = widestLoops();
  const double second = cacheBytes(2, 512 << 10);
  const double third = std::max(cacheBytes(3, 0), second);
  const double whole = std::clamp(4 * third, kLeastMemory, kMostMemory);
  AlignedBytes buffer(static_cast<size_t>(whole) + kReadGrain * threads, "the buffer to measure the memory with");
  std::memset(buffer.data(), 1, buffer.size()); // untouched pages are all the same one

  MachinePeaks peaks;
  peaks.threads = threads;
  peaks.vectorBits = loops.vectorBits;
  peaks.gigaflops = measureGigaflops(team, loops);
  peaks.levels.push_back({"L2", second * threads, measureBandwidth(team, loops, buffer, second * threads / 2)});
  if (third > second)
    peaks.levels.push_back({"L3", third, measureBandwidth(team, loops, buffer, std::max(third / 4, 2 * second))});
  peaks.levels.push_back({"memory", whole, measureBandwidth(team, loops, buffer, whole)});
  return peaks;
}

} // namespace smelt::runner

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/MachinePeaks.h"

#include "smelt/threads.h"
#include "tools/runner/Error.h"
#include "tools/runner/PeakLoops.h"
#include "tools/runner/Tensor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <sys/mman.h>
#include <thread>

namespace smelt::runner {

// The largest figure of many short turns: whatever else runs on the machine makes some of them slower, none faster. It
// may run for longer than the turns of one figure take, so these are spread over rounds of all figures.
constexpr int kRounds = 3;
constexpr double kSecondsPerRound = 0.025; // of a figure
constexpr int kFewestTurns = 2;            // in a round
constexpr int64_t kStepsPerTurn = 200'000; // of the loops below: some 1 ms
constexpr double kBytesPerTurn = 32e6;     // at least, read again and again where the buffer is smaller

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
      isOver_ = count + 1 >= kFewestTurns && sum > kSecondsPerRound;
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

static double measureGigaflops(Team &team, float (*loop)(int64_t, float), double operationsPerStep) {
  volatile float start = 1, sink = 0;
  return 1e-9 * team.bestRate(operationsPerStep * kStepsPerTurn * team.threads(),
                              [&](int64_t) { sink = loop(kStepsPerTurn, start); });
}

/// Each thread reads a part of the buffer's first `bytes` as often as it takes to be timed.
static double measureBandwidth(Team &team, const PeakLoops &loops, const unsigned char *buffer, double bytes) {
  volatile uint64_t sink = 0;
  const auto part = std::max<int64_t>(static_cast<int64_t>(bytes) / team.threads() / kReadGrain, 1) * kReadGrain;
  const double once = static_cast<double>(part) * team.threads();
  const int times = std::max(1, static_cast<int>(kBytesPerTurn / once));
  double best = 0;
  for (const auto read : loops.read)
    best = std::max(best, team.bestRate(once * times, [&](int64_t number) {
      for (int i = 0; i < times; ++i)
        sink = read(buffer + number * part, part);
    }));
  return best * 1e-9;
}

double MachinePeaks::gigabytesPerSecondOf(double bytes) const {
  for (const Level &level : levels)
    if (bytes <= level.bytes)
      return level.gigabytesPerSecond;
  return levels.empty() ? 0 : memory().gigabytesPerSecond;
}

std::optional<std::string> MachinePeaks::doubt() const {
  constexpr double kNoise = 1.05; // caches may be hardly faster than what is behind them
  for (size_t i = 1; i < levels.size(); ++i)
    if (levels[i].gigabytesPerSecond > kNoise * levels[i - 1].gigabytesPerSecond)
      return std::string(levels[i - 1].name) + " slower than " + levels[i].name;
  return std::nullopt;
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

namespace {
/// A buffer all of whose bytes were written: untouched pages are all the same one.
class Buffer {
public:
  /// `advice` is MADV_HUGEPAGE or MADV_NOHUGEPAGE, which a system may not follow.
  Buffer(size_t bytes, int advice) : bytes_(bytes + kHugePage, "the buffer to measure the memory with") {
    const auto begin = reinterpret_cast<uintptr_t>(bytes_.data());
    const uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
    data_ = bytes_.data() + (aligned - begin);
    madvise(data_, bytes / kHugePage * kHugePage, advice);
    std::memset(data_, 1, bytes);
  }
  const unsigned char *data() const { return data_; }

private:
  static constexpr size_t kHugePage = 2 << 20;
  AlignedBytes bytes_;
  unsigned char *data_;
};
} // namespace

MachinePeaks measurePeaks(unsigned threads) {
  constexpr double kLeastMemory = 64e6, kMostMemory = 512e6; // of the buffer, which should not fit in a cache
  Team team(threads);
  const PeakLoops loops = widestLoops();
  const double second = cacheBytes(2, 512 << 10);
  const double third = std::max(cacheBytes(3, 0), second);
  const double whole = std::clamp(4 * third, kLeastMemory, kMostMemory);
  const auto bytes = static_cast<size_t>(whole) + kReadGrain * threads;

  MachinePeaks peaks;
  peaks.threads = threads;
  peaks.vectorBits = loops.vectorBits;
  peaks.levels.push_back({"L2", second * threads, 0});
  if (third > second)
    peaks.levels.push_back({"L3", third, 0});
  peaks.levels.push_back({"memory", whole, 0});
  {
    const Buffer buffer(bytes, MADV_NOHUGEPAGE); // as what is mapped from a file
    const auto measure = [&](double part) { return measureBandwidth(team, loops, buffer.data(), part); };
    const auto keepBest = [](double &best, double found) { best = std::max(best, found); };
    for (int round = 0; round < kRounds; ++round) {
      keepBest(peaks.gigaflops, measureGigaflops(team, loops.multiplyAdd, loops.operationsPerStep));
      if (loops.dotBf16)
        keepBest(peaks.gigaflopsBf16, measureGigaflops(team, loops.dotBf16, 2 * loops.operationsPerStep));
      if (loops.dotInt8)
        keepBest(peaks.gigaopsInt8, measureGigaflops(team, loops.dotInt8, 4 * loops.operationsPerStep));
      keepBest(peaks.levels.front().gigabytesPerSecond, measure(second * threads / 2));
      if (third > second)
        keepBest(peaks.levels[1].gigabytesPerSecond, measure(std::max(third / 4, 2 * second)));
      keepBest(peaks.levels.back().gigabytesPerSecond, measure(whole));
    }
  }
  const Buffer huge(bytes, MADV_HUGEPAGE);
  for (int round = 0; round < kRounds; ++round)
    peaks.hugePagesGigabytesPerSecond =
        std::max(peaks.hugePagesGigabytesPerSecond, measureBandwidth(team, loops, huge.data(), whole));
  return peaks;
}

} // namespace smelt::runner

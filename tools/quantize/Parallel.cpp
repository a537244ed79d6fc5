// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Parallel.h"
#include <algorithm>
#include <atomic>
#include <exception>
#include <future>
#include <thread>
#include <vector>

namespace smelt::quantize {

unsigned threadsOf(const driver::CompileOptions &options) {
  return options.threads ? options.threads : std::max(1U, std::thread::hardware_concurrency());
}

void inParallel(size_t count, unsigned threads, llvm::function_ref<void(size_t)> function) {
  std::atomic<size_t> next = 0;
  std::vector<std::exception_ptr> thrown(count);
  auto work = [&] {
    for (size_t i = next++; i < count; i = next++)
      try {
        function(i);
      } catch (...) {
        thrown[i] = std::current_exception();
      }
  };
  {
    std::vector<std::future<void>> others; // whose destructors wait
    for (size_t thread = 1; thread < std::min<size_t>(threads, count); ++thread)
      others.push_back(std::async(std::launch::async, work));
    work();
  }
  for (const std::exception_ptr &exception : thrown)
    if (exception)
      std::rethrow_exception(exception);
}

} // namespace smelt::quantize

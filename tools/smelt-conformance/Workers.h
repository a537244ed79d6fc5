// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Work in child processes, so that a crash costs one piece of it.

#ifndef SMELT_TOOLS_SMELT_CONFORMANCE_WORKERS_H
#define SMELT_TOOLS_SMELT_CONFORMANCE_WORKERS_H

#include <cstddef>
#include <functional>
#include <string>

namespace smelt::conformance {

struct Answer {
  bool died = false; // the text then says of what
  std::string text;
};

/// Calls work(i) for each i below `count` in `jobs` child processes, and finished(i, answer) here as the answers come
/// in. A child that dies, or takes longer than `seconds`, is replaced. The calling process must have one thread only.
void runInWorkers(size_t count, unsigned jobs, unsigned seconds, const std::function<std::string(size_t)> &work,
                  const std::function<void(size_t, const Answer &)> &finished);

} // namespace smelt::conformance

#endif // SMELT_TOOLS_SMELT_CONFORMANCE_WORKERS_H

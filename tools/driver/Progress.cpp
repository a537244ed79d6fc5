// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

namespace smelt::driver {

Progress::Progress(std::string subject)
    : subject_(std::move(subject)), start_(std::chrono::steady_clock::now()), enabled_(isatty(STDERR_FILENO)) {}

void Progress::stage(const std::string &name) {
  std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  if (!enabled_ || elapsed.count() < 1)
    return;
  // Back to the line's start, and clear it.
  llvm::errs() << "\r\033[K" << subject_ << ": " << name << llvm::format(" (%.0f s)", elapsed.count());
  llvm::errs().flush();
  shown_ = true;
}

void Progress::clear() {
  if (shown_)
    llvm::errs() << "\r\033[K";
  shown_ = false;
}

} // namespace smelt::driver

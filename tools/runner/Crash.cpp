// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Crash.h"

#include "tools/runner/Error.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace smelt::runner {

// A signal handler gets no argument of its own: what it prints must lie here.
static std::atomic<const char *> crashMessage;

static void onSignal(int) {
  const char *message = crashMessage;
  (void)!write(STDERR_FILENO, message, std::strlen(message));
  _exit(static_cast<int>(Exit::Defect));
}

void installCrashHandler(const char *message) {
  crashMessage = message;
  // A stack overflow leaves no room on the stack for its handler.
  static char stack[16 * 1024];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  sigaltstack(&alternate, nullptr);
  struct sigaction action{};
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK;
  // Writing then fails, and is reported like any failure.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigaction(number, &action, nullptr);
}

} // namespace smelt::runner

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Errors.h"
#include "codegen/artifact/WriteError.h"
#include "frontends/common/ImportError.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/runner/Crash.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstring>
#include <iterator>
#include <new>
#include <unistd.h>

namespace smelt::driver {

char ToolError::ID = 0;

void ToolError::log(llvm::raw_ostream &os) const { os << message_; }
std::error_code ToolError::convertToErrorCode() const { return llvm::inconvertibleErrorCode(); }

llvm::Error toolError(ExitCode code, const llvm::Twine &message) {
  return llvm::make_error<ToolError>(code, message.str());
}

template <typename Kind> static Failure failureOf(const Kind &error) {
  std::string text;
  llvm::raw_string_ostream os(text);
  error.log(os);
  return {static_cast<int>(error.exitCode()), text};
}

Failure explain(llvm::Error error) {
  Failure failure;
  llvm::handleAllErrors(
      std::move(error), [&](const ToolError &tool) { failure = failureOf(tool); },
      [&](const frontend::ImportError &import) { failure = failureOf(import); },
      [&](const artifact::WriteError &write) { failure = failureOf(write); },
      [&](const llvm::ErrorInfoBase &other) { failure = {kDefect, other.message() + "; this is a defect of Smelt"}; });
  // One line, whatever a library's message holds.
  for (char &c : failure.message)
    if (c == '\n' || c == '\r')
      c = ' ';
  return failure;
}

int printError(llvm::Error error) {
  Failure failure = explain(std::move(error));
  if (!failure.message.empty())
    llvm::errs() << "smelt: error: " << failure.message << "\n";
  return failure.exitCode;
}

/// Only what a signal handler may do.
[[noreturn]] static void leave(int exitCode, const char *message) {
  (void)!write(STDERR_FILENO, message, std::strlen(message));
  _exit(exitCode);
}

static void onFatalError(void *, const char *reason, bool) {
  (void)!write(STDERR_FILENO, "smelt: error: ", 14);
  (void)!write(STDERR_FILENO, reason, std::strlen(reason));
  leave(kDefect, "; this is a defect of Smelt\n");
}

static void onNoMemory() { leave(kEnvironment, "smelt: error: out of memory\n"); }

// What LLVM does on a signal: it takes away files that are being written, and sends the signal again. One of each of
// kSignals, for a handler that gets no argument of its own.
constexpr int kSignals[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGXFSZ};
static struct sigaction handlersOfLlvm[std::size(kSignals)];

static void onInterrupt(int number, siginfo_t *info, void *context) {
  TemporaryFolder::removeAllOnSignal();
  for (auto [known, action] : llvm::zip_equal(kSignals, handlersOfLlvm))
    if (known == number && action.sa_flags & SA_SIGINFO)
      action.sa_sigaction(number, info, context);
    else if (known == number && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN)
      action.sa_handler(number);
}

/// Signals that take away folders of this process, and the output that is being written. One that this program was
/// started to ignore, as a script does with SIGINT for its jobs in the background, must go on doing nothing, which LLVM
/// does not look for.
static void installInterruptHandlers() {
  struct sigaction before[std::size(kSignals)];
  for (auto [number, action] : llvm::zip_equal(kSignals, before))
    sigaction(number, nullptr, &action);
  llvm::sys::SetInterruptFunction(nullptr); // installs LLVM's handlers
  for (auto [number, action, handler] : llvm::zip_equal(kSignals, before, handlersOfLlvm)) {
    if (action.sa_handler == SIG_IGN) {
      signal(number, SIG_IGN);
      continue;
    }
    sigaction(number, nullptr, &handler);
    const bool ends = number == SIGHUP || number == SIGINT || number == SIGTERM || number == SIGQUIT;
    if (!ends)
      continue;
    struct sigaction ours = handler;
    ours.sa_flags |= SA_SIGINFO;
    ours.sa_sigaction = onInterrupt;
    sigaction(number, &ours, nullptr);
  }
}

void installCrashHandlers() {
  std::set_new_handler(onNoMemory);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { onNoMemory(); });
  llvm::install_fatal_error_handler(onFatalError);
  runner::installCrashHandler(
      "smelt: error: the compiler crashed; this is a defect of Smelt: please report it with the model\n");
  installInterruptHandlers();
}

} // namespace smelt::driver

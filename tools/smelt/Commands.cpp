// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Commands.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace smelt {

/// What a full disk or a closed pipe did to what was printed. LLVM would end the process over it.
static std::error_code outcomeOf(llvm::raw_fd_ostream &stream) {
  stream.flush();
  const std::error_code code = stream.error();
  stream.clear_error();
  return code;
}

static llvm::Error checkOutput() {
  const std::error_code output = outcomeOf(llvm::outs()), messages = outcomeOf(llvm::errs());
  if (output && output != std::errc::broken_pipe)
    return driver::toolError(driver::kEnvironment, "standard output cannot be written: " + output.message());
  if (output || messages) // nobody wants, or is able, to read more
    return llvm::make_error<driver::ToolError>(driver::kEnvironment, "");
  return llvm::Error::success();
}

static int report(llvm::Error error) {
  const int exitCode = driver::printError(std::move(error));
  outcomeOf(llvm::errs());
  return exitCode;
}

int guarded(llvm::function_ref<llvm::Error()> run) {
  try {
    llvm::Error error = run();
    llvm::Error output = checkOutput();
    if (!error)
      return output ? report(std::move(output)) : driver::kDone;
    llvm::consumeError(std::move(output));
    return report(std::move(error));
  } catch (const runner::Error &error) {
    const auto code = static_cast<driver::ExitCode>(error.code());
    return report(driver::toolError(code, error.what()));
  } catch (const std::bad_alloc &) {
    return report(driver::toolError(driver::kEnvironment, "out of memory"));
  }
}

} // namespace smelt

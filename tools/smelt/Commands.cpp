// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Commands.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace smelt {

/// What a full disk or a closed pipe did to what was printed. LLVM would end the process over it.
static llvm::Error checkOutput() {
  llvm::outs().flush();
  const std::error_code code = llvm::outs().error();
  llvm::outs().clear_error();
  if (code == std::errc::broken_pipe)
    return llvm::make_error<driver::ToolError>(driver::kEnvironment, ""); // nobody wants to read more
  if (code)
    return driver::toolError(driver::kEnvironment, "standard output cannot be written: " + code.message());
  return llvm::Error::success();
}

int guarded(llvm::function_ref<llvm::Error()> run) {
  try {
    llvm::Error error = run();
    llvm::Error output = checkOutput();
    if (!error)
      return output ? driver::printError(std::move(output)) : driver::kDone;
    llvm::consumeError(std::move(output));
    return driver::printError(std::move(error));
  } catch (const runner::Error &error) {
    const auto code = static_cast<driver::ExitCode>(error.code());
    return driver::printError(driver::toolError(code, error.what()));
  } catch (const std::bad_alloc &) {
    return driver::printError(driver::toolError(driver::kEnvironment, "out of memory"));
  }
}

} // namespace smelt

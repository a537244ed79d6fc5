// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/Commands.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"

namespace smelt {

int guarded(llvm::function_ref<llvm::Error()> run) {
  try {
    llvm::Error error = run();
    return error ? driver::printError(std::move(error)) : driver::kDone;
  } catch (const runner::Error &error) {
    const auto code = static_cast<driver::ExitCode>(error.code());
    return driver::printError(driver::toolError(code, error.what()));
  } catch (const std::bad_alloc &) {
    return driver::printError(driver::toolError(driver::kEnvironment, "out of memory"));
  }
}

} // namespace smelt

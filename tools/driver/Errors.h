// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_ERRORS_H
#define SMELT_TOOLS_DRIVER_ERRORS_H

#include "llvm/Support/Error.h"
#include <string>

namespace smelt::driver {

/// The exit codes of the contract.
enum ExitCode {
  kDone = 0,
  kDoesNotHold = 1,
  kUsage = 2,
  kMalformed = 3,
  kUnsupported = 4,
  kEnvironment = 5,
  kDefect = 70
};

/// An error of the programs themselves; what other folders report are their ImportError and WriteError.
class ToolError : public llvm::ErrorInfo<ToolError> {
public:
  static char ID;

  ToolError(ExitCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ExitCode exitCode() const { return code_; }
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;

private:
  ExitCode code_;
  std::string message_;
};

llvm::Error toolError(ExitCode code, const llvm::Twine &message);

struct Failure {
  int exitCode = kDefect;
  std::string message; // one line
};

/// What an error means to the caller of a program.
Failure explain(llvm::Error error);

/// Prints `smelt: error: …` on stderr, nothing where there is no message, and returns the exit code.
int printError(llvm::Error error);

/// From here on what would end in a signal (a failed allocation, a crash, LLVM's fatal errors) ends in a line on stderr
/// and an exit code of the contract.
void installCrashHandlers();

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_ERRORS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_ERROR_H
#define SMELT_TOOLS_RUNNER_ERROR_H

#include <stdexcept>
#include <string>
#include <string_view>

namespace smelt::runner {

/// What every program of Smelt returns.
enum class Exit : int {
  Done = 0,
  Differs = 1, // the comparison or check asked for did not hold
  Usage = 2,
  Malformed = 3,
  Unsupported = 4,
  Environment = 5, // a tool, a driver, memory, a file
  Defect = 70
};

/// Why a program cannot go on. The message is one line, `FILE: what is wrong; what to do`. Thrown, because this library
/// has no llvm::Expected.
class Error : public std::runtime_error {
public:
  Error(Exit code, const std::string &message) : std::runtime_error(message), code_(code) {}

  Exit code() const { return code_; }

private:
  Exit code_;
};

/// `text` in single quotes, with nothing in it that a terminal would obey, cut to `most` bytes: for names from files.
std::string quoted(std::string_view text, size_t most = 120);

/// "1x3x224x224"; "scalar" for rank 0.
template <typename Extents> std::string joinExtents(const Extents &extents) {
  std::string text;
  for (auto extent : extents)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_ERROR_H

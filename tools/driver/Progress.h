// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_PROGRESS_H
#define SMELT_TOOLS_DRIVER_PROGRESS_H

#include <chrono>
#include <string>

namespace smelt::driver {

/// A line on the terminal that says what takes so long. Silent where stderr is no terminal, and during the first
/// second.
class Progress {
public:
  /// `subject` is what is worked on, e.g. "net.onnx".
  explicit Progress(std::string subject);
  ~Progress() { clear(); }
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// What begins now, e.g. "emit-kernels".
  void stage(const std::string &name);
  /// Takes the line away.
  void clear();

private:
  std::string subject_;
  std::chrono::steady_clock::time_point start_;
  bool enabled_;
  bool shown_ = false;
};

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_PROGRESS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_TEMPORARYFOLDER_H
#define SMELT_TOOLS_DRIVER_TEMPORARYFOLDER_H

#include "llvm/Support/Error.h"
#include <string>
#include <utility>

namespace smelt {

/// A folder that is gone at the end, also where a signal asks the process to end (driver::installCrashHandlers).
class TemporaryFolder {
public:
  static llvm::Expected<TemporaryFolder> create();
  TemporaryFolder(TemporaryFolder &&other) noexcept : path_(std::exchange(other.path_, "")) {}
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder();

  std::string file(const char *name) const { return path_ + "/" + name; }

  /// Removes all of them, with what is in them: for a signal's handler, which may do nothing but call the system.
  static void removeAllOnSignal();

private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

} // namespace smelt

#endif // SMELT_TOOLS_DRIVER_TEMPORARYFOLDER_H

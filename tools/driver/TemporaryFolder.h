// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_TEMPORARYFOLDER_H
#define SMELT_TOOLS_DRIVER_TEMPORARYFOLDER_H

#include "tools/driver/Errors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include <string>
#include <utility>

namespace smelt {

/// A folder that is gone at the end.
class TemporaryFolder {
public:
  static llvm::Expected<TemporaryFolder> create() {
    llvm::SmallString<128> path;
    if (std::error_code code = llvm::sys::fs::createUniqueDirectory("smelt", path))
      return driver::toolError(driver::kEnvironment, "no temporary folder can be made at " + path +
                                                         " (TMPDIR says where): " + code.message());
    return TemporaryFolder(path.str().str());
  }
  TemporaryFolder(TemporaryFolder &&other) noexcept : path_(std::exchange(other.path_, "")) {}
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder() {
    if (!path_.empty())
      (void)llvm::sys::fs::remove_directories(path_);
  }

  std::string file(const char *name) const { return path_ + "/" + name; }

private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

} // namespace smelt

#endif // SMELT_TOOLS_DRIVER_TEMPORARYFOLDER_H

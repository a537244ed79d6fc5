// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_OUTPUTFILE_H
#define SMELT_CODEGEN_ARTIFACT_OUTPUTFILE_H

#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <utility>

namespace llvm {
class raw_fd_ostream;
}

namespace smelt::artifact {

/// A file that comes into being whole: written under a temporary name beside its destination, which commit() gives it.
/// Without commit() nothing remains of it, also where a signal ends the process. Errors name the destination.
class OutputFile {
public:
  static llvm::Expected<OutputFile> create(llvm::StringRef path);

  OutputFile(OutputFile &&other) noexcept
      : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, "")),
        stream_(std::move(other.stream_)) {}
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  const std::string &path() const { return path_; }
  /// For a program that writes the file by its name.
  const std::string &temporaryName() const { return temporary_; }
  llvm::raw_fd_ostream &stream() { return *stream_; }

  /// Says whether there is room for so many bytes, before a program writes them that would crash without it.
  llvm::Error checkRoom(uint64_t bytes);
  /// Ends writing through stream(); says what went wrong, e.g. that the disk is full.
  llvm::Error finish();
  /// Gives the file its name. After finish().
  llvm::Error commit();

private:
  OutputFile(std::string path, std::string temporary, int descriptor);

  std::string path_, temporary_; // none once committed, or moved from
  std::unique_ptr<llvm::raw_fd_ostream> stream_;
};

/// A file that holds `text`.
llvm::Error writeTextFile(llvm::StringRef path, llvm::StringRef text);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_OUTPUTFILE_H

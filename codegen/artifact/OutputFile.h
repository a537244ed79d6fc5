// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_OUTPUTFILE_H
#define SMELT_CODEGEN_ARTIFACT_OUTPUTFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include <memory>
#include <string>

namespace llvm {
class raw_fd_ostream;
}

namespace smelt::artifact {

/// A file that comes into being whole: written under a temporary name beside its destination, which commit() gives it.
/// Without commit() nothing remains of it.
class OutputFile {
public:
  static llvm::Expected<OutputFile> create(llvm::StringRef path);

  OutputFile(OutputFile &&) = default;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  /// For a program that writes the file by its name.
  const std::string &temporaryName() const { return file_->TmpName; }
  llvm::raw_fd_ostream &stream() { return *stream_; }

  /// Ends writing through stream(); says what went wrong, e.g. that the disk is full.
  llvm::Error finish();
  /// Gives the file its name. After finish().
  llvm::Error commit();

private:
  OutputFile(std::string path, llvm::sys::fs::TempFile file);

  std::string path_;
  std::unique_ptr<llvm::sys::fs::TempFile> file_; // null once committed
  std::unique_ptr<llvm::raw_fd_ostream> stream_;
};

/// A file that holds `text`.
llvm::Error writeTextFile(llvm::StringRef path, llvm::StringRef text);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_OUTPUTFILE_H

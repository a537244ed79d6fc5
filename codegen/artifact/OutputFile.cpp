// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/OutputFile.h"

#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <fcntl.h>

using namespace llvm;

namespace smelt::artifact {

static Error cannotWrite(StringRef path, const Twine &why) {
  return environmentError(path + ": cannot be written: " + why);
}

OutputFile::OutputFile(std::string path, std::string temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)),
      stream_(std::make_unique<raw_fd_ostream>(descriptor, /*shouldClose=*/true)) {}

Expected<OutputFile> OutputFile::create(StringRef path) {
  constexpr int kAttempts = 16; // at a name that nothing has
  // A device or a pipe must not be replaced by a file.
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && sys::fs::exists(status) && !sys::fs::is_regular_file(status))
    return cannotWrite(path, sys::fs::is_directory(status) ? "it is a folder" : "it is not a regular file");
  std::error_code code;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string temporary = (path + "." + utohexstr(sys::Process::GetRandomNumber(), true, 8) + ".tmp").str();
    // Before it is there: a signal may come in between.
    sys::RemoveFileOnSignal(temporary);
    int descriptor = -1;
    code = sys::fs::openFileForWrite(temporary, descriptor, sys::fs::CD_CreateNew);
    if (!code)
      return OutputFile(path.str(), std::move(temporary), descriptor);
    sys::DontRemoveFileOnSignal(temporary);
    if (code != std::errc::file_exists)
      break;
  }
  return cannotWrite(path, code.message());
}

OutputFile::~OutputFile() {
  if (stream_)
    stream_->clear_error(); // an unhandled one would end the process
  stream_.reset();
  if (temporary_.empty())
    return;
  const std::error_code gone = sys::fs::remove(temporary_); // where it fails, there is nothing else to try
  (void)gone;
  sys::DontRemoveFileOnSignal(temporary_);
}

Error OutputFile::checkRoom(uint64_t bytes) {
  int descriptor = -1;
  if (std::error_code code = sys::fs::openFileForWrite(temporary_, descriptor, sys::fs::CD_OpenExisting))
    return cannotWrite(path_, code.message());
  std::error_code code;
  // Not posix_fallocate(), which writes the bytes where a file system cannot reserve them.
  if (bytes > 0 && fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) != 0 && errno != EOPNOTSUPP)
    code = errnoAsErrorCode();
  if (std::error_code emptied = sys::fs::resize_file(descriptor, 0); !code)
    code = emptied;
  if (std::error_code closed = sys::Process::SafelyCloseFileDescriptor(descriptor); !code)
    code = closed;
  return code ? cannotWrite(path_, code.message()) : Error::success();
}

Error OutputFile::finish() {
  stream_->close();
  const std::error_code code = stream_->error();
  stream_->clear_error();
  stream_.reset();
  return code ? cannotWrite(path_, code.message()) : Error::success();
}

Error OutputFile::commit() {
  if (stream_)
    if (Error error = finish())
      return error;
  if (std::error_code code = sys::fs::rename(temporary_, path_))
    return cannotWrite(path_, code.message());
  sys::DontRemoveFileOnSignal(temporary_);
  temporary_.clear();
  return Error::success();
}

Error writeTextFile(StringRef path, StringRef text) {
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  file->stream() << text;
  if (Error error = file->finish())
    return error;
  return file->commit();
}

} // namespace smelt::artifact

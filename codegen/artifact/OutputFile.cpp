// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/OutputFile.h"

#include "codegen/artifact/WriteError.h"

#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace smelt::artifact {

static Error cannotWrite(StringRef path, const Twine &why) {
  return environmentError(path + ": cannot be written: " + why);
}

OutputFile::OutputFile(std::string path, sys::fs::TempFile file)
    : path_(std::move(path)), file_(std::make_unique<sys::fs::TempFile>(std::move(file))),
      stream_(std::make_unique<raw_fd_ostream>(file_->FD, /*shouldClose=*/false)) {}

Expected<OutputFile> OutputFile::create(StringRef path) {
  // A device or a pipe must not be replaced by a file.
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && sys::fs::exists(status) && !sys::fs::is_regular_file(status))
    return cannotWrite(path, sys::fs::is_directory(status) ? "it is a folder" : "it is not a regular file");
  Expected<sys::fs::TempFile> file = sys::fs::TempFile::create(path + ".%%%%%%%%.tmp");
  if (!file)
    return cannotWrite(path, toString(file.takeError()));
  return OutputFile(path.str(), std::move(*file));
}

OutputFile::~OutputFile() {
  if (stream_)
    stream_->clear_error(); // an unhandled one would end the process
  stream_.reset();
  if (file_)
    consumeError(file_->discard());
}

Error OutputFile::finish() {
  stream_->flush();
  const std::error_code code = stream_->error();
  stream_->clear_error();
  stream_.reset();
  return code ? cannotWrite(path_, code.message()) : Error::success();
}

Error OutputFile::commit() {
  if (Error error = file_->keep(path_))
    return cannotWrite(path_, toString(std::move(error)));
  file_.reset();
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

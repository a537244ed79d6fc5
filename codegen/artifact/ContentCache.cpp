// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An entry is a file: "smelt cache 1\n\0\0", its key, the SHA-256 of what follows, and the bytes themselves.

#include "codegen/artifact/ContentCache.h"

#include "codegen/artifact/OutputFile.h"
#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace llvm;

namespace smelt::artifact {

static constexpr char kMagic[16] = "smelt cache 1\n";

static StringRef asText(const ContentCache::Key &key) {
  return {reinterpret_cast<const char *>(key.data()), key.size()};
}

static ContentCache::Key digest(StringRef bytes) { return SHA256::hash(arrayRefFromStringRef(bytes)); }

Expected<ContentCache> ContentCache::open(StringRef folder) {
  if (std::error_code code = sys::fs::create_directories(folder))
    return environmentError("--cache " + folder + ": cannot be created: " + code.message());
  if (!sys::fs::is_directory(folder))
    return environmentError("--cache " + folder + ": is no folder");
  return ContentCache(folder.str());
}

/// The prefix is what llvm::pruneCache looks for.
std::string ContentCache::pathOf(const Key &key) const {
  SmallString<128> path(folder_);
  sys::path::append(path, "llvmcache-" + toHex(key, /*LowerCase=*/true));
  return path.str().str();
}

/// The bytes of a regular file of no more than `most`. Read, not mapped: another process may cut it meanwhile.
static std::unique_ptr<MemoryBuffer> readFile(StringRef path, uint64_t most) {
  sys::fs::file_status status;
  if (sys::fs::status(path, status) || !sys::fs::is_regular_file(status) || status.getSize() > most)
    return nullptr;
  ErrorOr<std::unique_ptr<MemoryBuffer>> file =
      MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false, /*IsVolatile=*/true);
  return file ? std::move(*file) : nullptr;
}

/// pruneCache goes by the time of the last access, which many file systems do not keep.
static void touch(StringRef path) {
  int descriptor = -1;
  if (sys::fs::openFileForRead(path, descriptor))
    return;
  const std::error_code untouched =
      sys::fs::setLastAccessAndModificationTime(descriptor, std::chrono::system_clock::now());
  const std::error_code unclosed = sys::Process::SafelyCloseFileDescriptor(descriptor);
  (void)untouched; // of a folder that may only be read
  (void)unclosed;
}

std::optional<std::string> ContentCache::find(const Key &key) const {
  const std::string path = pathOf(key);
  const std::unique_ptr<MemoryBuffer> file = readFile(path, kMostEntryBytes);
  if (!file)
    return std::nullopt;
  StringRef bytes = file->getBuffer();
  if (!bytes.consume_front(StringRef(kMagic, sizeof kMagic)) || !bytes.consume_front(asText(key)) ||
      bytes.size() < std::tuple_size<Key>())
    return std::nullopt;
  const StringRef sum = bytes.take_front(std::tuple_size<Key>());
  bytes = bytes.drop_front(sum.size());
  if (asText(digest(bytes)) != sum)
    return std::nullopt;
  touch(path);
  return bytes.str();
}

static Error write(StringRef path, const ContentCache::Key &key, StringRef bytes) {
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  file->stream() << StringRef(kMagic, sizeof kMagic) << asText(key) << asText(digest(bytes)) << bytes;
  return file->commit();
}

void ContentCache::keep(const Key &key, StringRef bytes) {
  if (bytes.size() > kMostEntryBytes - sizeof kMagic - 2 * std::tuple_size<Key>())
    return;
  if (Error error = write(pathOf(key), key, bytes)) {
    const std::lock_guard<std::mutex> lock(mutex_);
    warning_ = toString(std::move(error));
  }
}

void ContentCache::trim(uint64_t mostBytes, unsigned seconds) const {
  CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(seconds);
  policy.Expiration = std::chrono::seconds(0); // none
  policy.MaxSizePercentageOfAvailableSpace = 0;
  policy.MaxSizeBytes = mostBytes;
  pruneCache(folder_, policy);
}

std::string ContentCache::warning() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return warning_;
}

} // namespace smelt::artifact

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_CONTENTCACHE_H
#define SMELT_CODEGEN_ARTIFACT_CONTENTCACHE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <mutex>
#include <optional>
#include <string>

namespace smelt::artifact {

/// A folder of results by the SHA-256 of all that they depend on. Any number of processes and threads may share it:
/// entries appear whole, and one that is damaged, cut or of another name is none. Whoever may write to the folder
/// decides what is found in it.
class ContentCache {
public:
  using Key = std::array<uint8_t, 32>;

  static constexpr uint64_t kMostBytes = 1ULL << 30;       // of all entries; the least recently used ones go
  static constexpr uint64_t kMostEntryBytes = 64ULL << 20; // larger ones are not kept

  /// Creates the folder where it is missing.
  static llvm::Expected<ContentCache> open(llvm::StringRef folder);

  ContentCache(ContentCache &&other) noexcept : folder_(std::move(other.folder_)), warning_(other.warning()) {}

  std::optional<std::string> find(const Key &key) const;
  /// Where that fails there is a warning, and nothing else happens.
  void keep(const Key &key, llvm::StringRef bytes);
  /// Removes the least recently used entries beyond `mostBytes`; looks no more often than once in `seconds`.
  void trim(uint64_t mostBytes = kMostBytes, unsigned seconds = 60) const;

  /// Why something could not be kept; empty where all was.
  std::string warning() const;

private:
  explicit ContentCache(std::string folder) : folder_(std::move(folder)) {}
  std::string pathOf(const Key &key) const;

  std::string folder_;
  mutable std::mutex mutex_;
  std::string warning_;
};

/// What tells this build of the compiler, its libraries included, from all others.
std::string buildIdentity();

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_CONTENTCACHE_H

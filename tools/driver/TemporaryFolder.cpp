// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/TemporaryFolder.h"
#include "tools/driver/Errors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace smelt {

// Where a handler finds them. More at once than this are never made.
static std::array<std::atomic<char *>, 16> folders;

static void remember(const std::string &path) {
  char *copy = strdup(path.c_str());
  for (std::atomic<char *> &folder : folders)
    if (char *none = nullptr; folder.compare_exchange_strong(none, copy))
      return;
  std::free(copy);
}

static void forget(const std::string &path) {
  for (std::atomic<char *> &folder : folders)
    if (char *known = folder.load(); known && path == known && folder.compare_exchange_strong(known, nullptr))
      std::free(known);
}

// How many threads have made a folder, or are about to, that is not among them yet: a handler waits for these.
static std::atomic<int> creating;

llvm::Expected<TemporaryFolder> TemporaryFolder::create() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before); // or a handler on this thread would wait for itself
  ++creating;
  llvm::SmallString<128> path;
  std::error_code code = llvm::sys::fs::createUniqueDirectory("smelt", path);
  if (!code)
    remember(path.str().str());
  --creating;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (code)
    return driver::toolError(driver::kEnvironment,
                             "no temporary folder can be made at " + path + " (TMPDIR says where): " + code.message());
  return TemporaryFolder(path.str().str());
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty())
    return;
  (void)llvm::sys::fs::remove_directories(path_);
  forget(path_);
}

// What getdents64 writes. The C library's readdir allocates, which a handler may not.
namespace {
struct Entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[1];
};
} // namespace

constexpr int kMostDepth = 4; // of folders in one another: the cache of kernels has one

/// Removes what is in an open folder, and closes it.
static void empty(int folder, int depth) { // NOLINT(misc-no-recursion): as deep as kMostDepth
  alignas(Entry) char buffer[2048];
  for (long bytes = 0; (bytes = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0;)
    for (long at = 0; at < bytes;) {
      const auto *entry = reinterpret_cast<const Entry *>(buffer + at);
      at += entry->length;
      const char *name = entry->name;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0 || unlinkat(folder, name, 0) == 0)
        continue;
      const int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner < 0)
        continue;
      if (depth < kMostDepth)
        empty(inner, depth + 1);
      else
        close(inner);
      unlinkat(folder, name, AT_REMOVEDIR);
    }
  close(folder);
}

void TemporaryFolder::removeAllOnSignal() {
  constexpr int kAttempts = 8; // other threads go on writing
  constexpr timespec kTurn = {0, 1'000'000};
  for (int turn = 0; turn < 100 && creating; ++turn)
    nanosleep(&kTurn, nullptr);
  for (std::atomic<char *> &folder : folders)
    if (const char *path = folder.load())
      for (int attempt = 0; attempt < kAttempts && rmdir(path) != 0; ++attempt)
        if (const int opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); opened >= 0)
          empty(opened, 0);
}

} // namespace smelt

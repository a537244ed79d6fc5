// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/ContentCache.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace llvm;
using smelt::artifact::buildIdentity;
using smelt::artifact::ContentCache;

namespace {

class ContentCacheTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("smelt-cache", folder_)); }
  void TearDown() override { (void)sys::fs::remove_directories(folder_); }

  ContentCache open() { return cantFail(ContentCache::open(folder_)); }

  static ContentCache::Key key(uint8_t number) {
    ContentCache::Key key{};
    key.back() = number;
    return key;
  }

  std::vector<std::string> entries() const {
    std::vector<std::string> paths;
    std::error_code code;
    for (sys::fs::directory_iterator file(folder_, code), end; file != end && !code; file.increment(code))
      if (sys::path::filename(file->path()).starts_with("llvmcache-"))
        paths.push_back(file->path());
    return paths;
  }

  std::string onlyEntry() const {
    const std::vector<std::string> paths = entries();
    EXPECT_EQ(paths.size(), 1u);
    return paths.empty() ? "" : paths.front();
  }

  static std::string read(StringRef path) {
    return cantFail(errorOrToExpected(MemoryBuffer::getFile(path)))->getBuffer().str();
  }

  static void write(StringRef path, StringRef bytes) {
    std::error_code code;
    raw_fd_ostream(path, code) << bytes;
    ASSERT_FALSE(code);
  }

  SmallString<128> folder_;
};

TEST_F(ContentCacheTest, FindsWhatWasKept) {
  ContentCache cache = open();
  const std::string bytes("a\0b", 3);
  EXPECT_EQ(cache.find(key(1)), std::nullopt);
  cache.keep(key(1), bytes);
  cache.keep(key(2), "");
  EXPECT_EQ(cache.find(key(1)), bytes);
  EXPECT_EQ(open().find(key(2)), "");
  EXPECT_EQ(cache.find(key(3)), std::nullopt);
  EXPECT_EQ(cache.warning(), "");
}

TEST_F(ContentCacheTest, CreatesItsFolder) {
  sys::path::append(folder_, "a", "b");
  EXPECT_TRUE(bool(ContentCache::open(folder_)));
  EXPECT_TRUE(sys::fs::is_directory(folder_));
}

TEST_F(ContentCacheTest, RefusesWhatIsNoFolder) {
  sys::path::append(folder_, "file");
  write(folder_, "");
  EXPECT_NE(toString(ContentCache::open(folder_).takeError()), "");
}

TEST_F(ContentCacheTest, TakesNoDamagedEntry) {
  open().keep(key(1), "the code of a kernel");
  const std::string path = onlyEntry(), whole = read(path);
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    std::string damaged = whole;
    damaged[byte] ^= 1;
    write(path, damaged);
    EXPECT_EQ(open().find(key(1)), std::nullopt) << "byte " << byte;
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    write(path, StringRef(whole).take_front(size));
    EXPECT_EQ(open().find(key(1)), std::nullopt) << size << " bytes";
  }
  write(path, whole + "more");
  EXPECT_EQ(open().find(key(1)), std::nullopt);
  open().keep(key(1), "again");
  EXPECT_EQ(open().find(key(1)), "again");
}

TEST_F(ContentCacheTest, TakesNoEntryOfAnotherName) {
  open().keep(key(1), "one");
  const std::string path = onlyEntry();
  std::string other = path;
  other.back() = '2';
  ASSERT_FALSE(sys::fs::rename(path, other));
  EXPECT_EQ(open().find(key(2)), std::nullopt);
}

TEST_F(ContentCacheTest, TakesNothingThatIsNoFile) {
  open().keep(key(1), "one");
  const std::string path = onlyEntry();
  ASSERT_FALSE(sys::fs::remove(path));
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); // reading it would wait for ever
  EXPECT_EQ(open().find(key(1)), std::nullopt);
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_FALSE(sys::fs::create_directory(path));
  ContentCache cache = open();
  EXPECT_EQ(cache.find(key(1)), std::nullopt);
  cache.keep(key(1), "one");
  EXPECT_NE(cache.warning(), "");
}

TEST_F(ContentCacheTest, LeavesOutTheLeastRecentlyUsed) {
  ContentCache cache = open();
  const std::string bytes(10000, 'x');
  for (uint8_t number : {1, 2, 3}) {
    cache.keep(key(number), bytes);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(cache.find(key(1)));
  cache.trim(25000, 0);
  EXPECT_TRUE(cache.find(key(1)));
  EXPECT_FALSE(cache.find(key(2)));
  EXPECT_TRUE(cache.find(key(3)));
}

TEST_F(ContentCacheTest, IsSharedByThreads) {
  ContentCache cache = open();
  auto work = [&] {
    for (int round = 0; round < 200; ++round) {
      const auto number = static_cast<uint8_t>(round % 10);
      const std::string bytes(1000 + number, static_cast<char>(number));
      std::optional<std::string> found = cache.find(key(number));
      EXPECT_TRUE(!found || *found == bytes);
      cache.keep(key(number), bytes);
    }
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  EXPECT_EQ(cache.warning(), "");
  EXPECT_EQ(entries().size(), 10u); // nothing temporary is left
}

TEST(BuildIdentity, IsTheSameAndNotNothing) {
  EXPECT_EQ(buildIdentity(), buildIdentity());
  EXPECT_GT(StringRef(buildIdentity()).count('\n'), 2u); // the program, libraries
}

} // namespace

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "OnnxFile.h"
#include "frontends/common/MappedFile.h"
#include "frontends/common/Refusal.h"
#include "gmock/gmock.h"
#include <sys/stat.h>

using namespace smelt;
using namespace smelt::frontend;
using testing::HasSubstr;

namespace {

/// What is wrong with a location beneath a folder; empty where nothing is.
std::string refusalOf(const test::Folder &folder, const std::string &location) {
  try {
    MappedFile::openBeneath((folder / "model").string(), location);
    return "";
  } catch (const Refusal &refusal) {
    EXPECT_EQ(refusal.kind, ImportError::Kind::Malformed);
    return refusal.message;
  }
}

struct Beneath : testing::Test {
  test::Folder folder;
  void SetUp() override {
    std::filesystem::create_directories(folder / "model/sub");
    folder.write("secret", "secret");
    folder.write("model/weights", "data");
    folder.write("model/sub/weights", "more");
  }
};

TEST_F(Beneath, filesOfTheFolderAndBelow) {
  std::shared_ptr<const MappedFile> file = MappedFile::openBeneath((folder / "model").string(), "./sub//weights");
  EXPECT_EQ(std::string(file->bytes().data(), file->bytes().size()), "more");
  EXPECT_EQ(refusalOf(folder, "weights"), "");
}

TEST_F(Beneath, pathsThatLeaveTheFolder) {
  const std::string locations[] = {"../secret", "sub/../../secret",         "/etc/passwd", "",
                                   ".",         std::string("weights\0", 8)};
  for (const std::string &location : locations)
    EXPECT_NE(refusalOf(folder, location), "") << location;
}

TEST_F(Beneath, links) {
  std::filesystem::create_symlink(folder / "secret", folder / "model/symbolic");
  std::filesystem::create_directory_symlink(folder / "model/sub", folder / "model/folder");
  std::filesystem::create_hard_link(folder / "secret", folder / "model/hard");
  EXPECT_THAT(refusalOf(folder, "symbolic"), HasSubstr("link"));
  EXPECT_THAT(refusalOf(folder, "folder/weights"), HasSubstr("link"));
  EXPECT_THAT(refusalOf(folder, "hard"), HasSubstr("hard link"));
}

TEST_F(Beneath, whatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo((folder / "model/pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusalOf(folder, "pipe"), HasSubstr("regular"));
  EXPECT_THAT(refusalOf(folder, "sub"), HasSubstr("regular"));
  EXPECT_THAT(refusalOf(folder, "weights/x"), HasSubstr("link"));
  EXPECT_THAT(refusalOf(folder, "missing"), HasSubstr("No such file"));
}

TEST(printable, escapesWhatTerminalsObey) {
  EXPECT_EQ(printable("Conv_3 ü 模型"), "Conv_3 ü 模型");
  EXPECT_EQ(printable("\x1b[31m\n"), "\\x1b[31m\\x0a");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");          // CSI in one character
  EXPECT_EQ(printable("\xff\xe4\xb8"), "\\xff\\xe4\\xb8"); // no UTF-8
  EXPECT_EQ(printable(std::string(200, 'n'), 3), "nnn...");
}

} // namespace

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/CommandLine.h"
#include "tools/runner/Error.h"
#include "gmock/gmock.h"

using namespace smelt::runner;

namespace {

struct Parsed {
  std::string file, text, error;
  unsigned threads = 1;
  bool flag = false;
};

Parsed parse(const std::vector<std::string> &arguments) {
  Parsed parsed;
  CommandLine line("smelt try", "For the test.");
  line.addPositional("FILE", "a file", parsed.file);
  line.addText("--text", "TEXT", "a text", parsed.text);
  line.addOption("--threads", "N", "threads", [&](const std::string &value) { parsed.threads = parseThreads(value); });
  line.addFlag("--flag", "a flag", parsed.flag);
  try {
    line.parse(arguments);
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), Exit::Usage);
    parsed.error = error.what();
  }
  return parsed;
}

TEST(CommandLine, TakesValuesInBothForms) {
  const Parsed parsed = parse({"--text", "a=b", "net.so", "--threads=3", "--flag"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.file, "net.so");
  EXPECT_EQ(parsed.text, "a=b");
  EXPECT_EQ(parsed.threads, 3u);
  EXPECT_TRUE(parsed.flag);
}

TEST(CommandLine, NamesTheWrongArgument) {
  EXPECT_EQ(parse({}).error, "FILE is missing; see smelt try --help");
  EXPECT_EQ(parse({"a", "b"}).error, "one argument too many: 'b'; see smelt try --help");
  EXPECT_EQ(parse({"a", "--fast"}).error, "no option '--fast'; see smelt try --help");
  EXPECT_EQ(parse({"a", "--text"}).error, "--text needs a value; see smelt try --help");
  EXPECT_EQ(parse({"a", "--flag=1"}).error, "--flag takes no value; see smelt try --help");
}

TEST(CommandLine, ThreadsAreANumberTheRuntimeTakes) {
  for (const char *text : {"0", "65", "-1", "two", "", "1x", "99999999999999999999"})
    EXPECT_NE(parse({"a", std::string("--threads=") + text}).error, "") << text;
}

} // namespace

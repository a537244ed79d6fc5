// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Child processes that answer, crash, leave or hang.
#include "tools/smelt-conformance/Workers.h"
#include "gmock/gmock.h"

#include <csignal>
#include <cstdio>
#include <map>
#include <unistd.h>

using namespace smelt::conformance;
using testing::HasSubstr;

namespace {

std::map<size_t, Answer> run(size_t count, unsigned jobs, const std::function<std::string(size_t)> &work) {
  constexpr unsigned kSeconds = 2;
  std::map<size_t, Answer> answers;
  runInWorkers(count, jobs, kSeconds, work, [&](size_t i, const Answer &answer) {
    EXPECT_EQ(answers.count(i), 0u) << "answered twice: " << i;
    answers[i] = answer;
  });
  return answers;
}

TEST(Workers, EveryTaskIsAnsweredOnce) {
  for (unsigned jobs : {1, 2, 7, 100}) {
    const auto answers = run(40, jobs, [](size_t i) { return "answer " + std::to_string(i); });
    ASSERT_EQ(answers.size(), 40u);
    for (const auto &[i, answer] : answers) {
      EXPECT_FALSE(answer.died);
      EXPECT_EQ(answer.text, "answer " + std::to_string(i));
    }
  }
}

TEST(Workers, NothingToDo) {
  EXPECT_TRUE(run(0, 2, [](size_t) { return "never"; }).empty());
}

// Each death is charged to its own task, with the last line that the child wrote in it.
TEST(Workers, ADeathCostsOneTask) {
  const auto answers = run(12, 2, [](size_t i) -> std::string {
    if (i % 4 == 1) {
      std::fprintf(stderr, "first line\nlast words of %zu\n", i);
      raise(SIGKILL);
    }
    if (i % 4 == 2)
      _exit(3);
    return "fine";
  });
  ASSERT_EQ(answers.size(), 12u);
  for (const auto &[i, answer] : answers) {
    EXPECT_EQ(answer.died, i % 4 == 1 || i % 4 == 2) << i;
    if (i % 4 == 1)
      EXPECT_EQ(answer.text, "crashed: Killed: last words of " + std::to_string(i));
    else if (i % 4 == 2)
      EXPECT_EQ(answer.text, "ended with exit code 3");
    else
      EXPECT_EQ(answer.text, "fine");
  }
}

TEST(Workers, WhatDoesNotEndIsEnded) {
  const auto answers = run(3, 1, [](size_t i) -> std::string {
    while (i == 1)
      pause();
    return "fine";
  });
  EXPECT_EQ(answers.at(0).text, "fine");
  EXPECT_TRUE(answers.at(1).died);
  EXPECT_THAT(answers.at(1).text, HasSubstr("no end after 2 s"));
  EXPECT_EQ(answers.at(2).text, "fine");
}

TEST(Workers, AnEmptyAnswerIsNoDeath) {
  const auto answers = run(3, 2, [](size_t) { return ""; });
  for (const auto &[i, answer] : answers)
    EXPECT_TRUE(!answer.died && answer.text.empty()) << i;
}

TEST(Workers, LongAnswersAreCut) {
  const auto answers = run(1, 1, [](size_t) { return std::string(1 << 20, 'x'); });
  EXPECT_FALSE(answers.at(0).died);
  EXPECT_EQ(answers.at(0).text.size(), size_t(1) << 14);
}

} // namespace

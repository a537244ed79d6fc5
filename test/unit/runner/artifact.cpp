// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The toy model of test/python: y = (x + w) · 2, n = 3 i.
#include "TemporaryFolder.h"
#include "tools/runner/Buffers.h"
#include "tools/runner/ElfFile.h"
#include "tools/runner/Error.h"
#include "tools/runner/RunOnce.h"
#include "gmock/gmock.h"

#include <cstring>

using namespace smelt::runner;
using smelt_test::TemporaryFolder;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

namespace {

std::string toyBytes() {
  std::ostringstream content;
  content << std::ifstream(TOY_MODEL, std::ios::binary).rdbuf();
  return content.str();
}

Error loadError(const std::string &path) {
  try {
    const Artifact artifact(path);
  } catch (const Error &error) {
    return error;
  }
  return {Exit::Done, ""};
}

TEST(Artifact, RunsWithAnyNumberOfThreads) {
  const Artifact artifact(TOY_MODEL);
  for (unsigned threads : {1, 2, 5}) {
    const Instance instance(artifact, threads);
    Buffers buffers = Buffers::seeded(instance);
    buffers.run(instance);
    const auto *x = reinterpret_cast<const float *>(buffers.inputs()[0].data());
    const auto *y = reinterpret_cast<const float *>(buffers.outputs()[0].data());
    EXPECT_EQ(y[0], (x[0] + 1) * 2);
    EXPECT_EQ(y[63], x[63] * 2);
    EXPECT_EQ(*reinterpret_cast<const int64_t *>(buffers.outputs()[1].data()),
              3 * *reinterpret_cast<const int64_t *>(buffers.inputs()[1].data()));
  }
}

TEST(Artifact, RunsAgainAfterItsWeightsWereGivenBack) {
  const Artifact artifact(TOY_MODEL);
  Instance instance(artifact);
  for (int round = 0; round < 2; ++round) {
    Buffers buffers = Buffers::seeded(instance);
    const auto *x = reinterpret_cast<const float *>(buffers.inputs()[0].data());
    const float first = x[0], last = x[63]; // the inputs are lost
    runOnce(instance, buffers);
    const auto *y = reinterpret_cast<const float *>(buffers.outputs()[0].data());
    EXPECT_EQ(y[0], (first + 1) * 2);
    EXPECT_EQ(y[63], last * 2);
  }
  EXPECT_EQ(instance.handle().hook, nullptr);
}

TEST(Artifact, KnowsItsKernels) {
  EXPECT_THAT(Artifact(TOY_MODEL).kernelNames(), ElementsAre("add", "twice", "triple"));
}

TEST(Artifact, EveryTruncationIsRefused) {
  const TemporaryFolder folder;
  const std::string whole = toyBytes();
  for (size_t length = 0; length < whole.size(); length += 97)
    EXPECT_EQ(loadError(folder.write("cut.so", whole.substr(0, length))).code(), Exit::Malformed) << length;
}

TEST(Artifact, OtherMachinesAreNamed) {
  const TemporaryFolder folder;
  std::string content = toyBytes();
  content[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_RISCV);
  const Error error = loadError(folder.write("other.so", content));
  EXPECT_EQ(error.code(), Exit::Environment);
  EXPECT_THAT(error.what(), HasSubstr("compiled for machine 243"));
}

TEST(Artifact, OtherFilesAreRefusedUnloaded) {
  const TemporaryFolder folder;
  EXPECT_THAT(loadError(folder.write("text.so", std::string(1000, 'x'))).what(), HasSubstr("no ELF file"));
  EXPECT_THAT(loadError(OTHER_LIBRARY).what(), HasSubstr("exports no smelt_model"));
  EXPECT_EQ(loadError(folder.file("missing.so")).code(), Exit::Environment);
}

TEST(Buffers, SeededValuesAreTheSameEachTime) {
  const Artifact artifact(TOY_MODEL);
  const Instance instance(artifact);
  const Buffers a = Buffers::seeded(instance), b = Buffers::seeded(instance);
  for (size_t i = 0; i < a.inputs().size(); ++i)
    EXPECT_EQ(std::memcmp(a.inputs()[i].data(), b.inputs()[i].data(), a.inputs()[i].size()), 0);
}

TEST(Buffers, SeededIntegersAreInTheirRange) {
  const Artifact artifact(TOY_MODEL);
  const Instance instance(artifact);
  const std::string name = artifact.model().inputs[1].name;
  auto drawn = [&](int64_t least, int64_t most) {
    const Buffers buffers = Buffers::seeded(instance, {{name, {least, most}}});
    return *reinterpret_cast<const int64_t *>(buffers.inputs()[1].data());
  };
  EXPECT_EQ(drawn(-7, -7), -7);
  EXPECT_THAT(drawn(30, 40), AllOf(Ge(30), Le(40)));
  EXPECT_THAT(drawn(5, INT64_MAX), AnyOf(5, 6)); // of what has no end, the least
  EXPECT_THAT(drawn(INT64_MIN, INT64_MAX), AnyOf(INT64_MIN, INT64_MIN + 1));
}

} // namespace

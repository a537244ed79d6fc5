// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "SampleModel.h"

#include <gtest/gtest.h>

using namespace smelt_test;

namespace {

struct Init : testing::Test {
  Sample sample;
  smelt_model model = sampleModel();
  smelt_instance instance{};

  smelt_status init(void *arena, size_t bytes) { return smelt_init(&instance, &model, arena, bytes); }
};

TEST_F(Init, BindsModelAndArenaAndNothingElse) {
  instance.parallel_for = [](void *, int64_t, smelt_range_body, void *) {};
  instance.hook = [](void *, const smelt_model *, uint32_t, int) {};
  ASSERT_EQ(init(sample.arena, sizeof sample.arena), SMELT_OK);
  EXPECT_EQ(instance.model, &model);
  EXPECT_EQ(instance.arena, sample.arena);
  EXPECT_EQ(instance.parallel_for, nullptr);
  EXPECT_EQ(instance.parallel_user, nullptr);
  EXPECT_EQ(instance.hook, nullptr);
  EXPECT_EQ(instance.hook_user, nullptr);
}

TEST_F(Init, RefusesNullPointers) {
  EXPECT_EQ(smelt_init(nullptr, &model, sample.arena, sizeof sample.arena), SMELT_ERROR_ARGUMENT);
  EXPECT_EQ(smelt_init(&instance, nullptr, sample.arena, sizeof sample.arena), SMELT_ERROR_ARGUMENT);
  EXPECT_EQ(init(nullptr, sizeof sample.arena), SMELT_ERROR_ARGUMENT);
}

// The version comes first: nothing else of a model of another version can be trusted.
TEST_F(Init, RefusesAnotherVersionBeforeAllElse) {
  model.abi_version = SMELT_ABI_VERSION + 1;
  model.cpu_features = ~0ull;
  EXPECT_EQ(init(nullptr, 0), SMELT_ERROR_ABI);
}

TEST_F(Init, RefusesAnArenaOneByteShort) {
  EXPECT_EQ(init(sample.arena, kArenaBytes - 1), SMELT_ERROR_ARENA);
  EXPECT_EQ(init(sample.arena, kArenaBytes), SMELT_OK);
}

TEST_F(Init, RefusesAMisalignedArena) {
  model.arena_bytes = SMELT_ALIGNMENT;
  EXPECT_EQ(init(sample.arena + SMELT_ALIGNMENT / 2, SMELT_ALIGNMENT), SMELT_ERROR_ALIGNMENT);
  EXPECT_EQ(init(sample.arena + SMELT_ALIGNMENT, SMELT_ALIGNMENT), SMELT_OK);
}

TEST_F(Init, NeedsNoArenaWhereTheModelHasNone) {
  model.arena_bytes = 0;
  EXPECT_EQ(init(nullptr, 0), SMELT_OK);
}

TEST_F(Init, RefusalsLeaveTheInstanceAlone) {
  model.cpu_features = 1ull << 63;
  EXPECT_EQ(init(sample.arena, sizeof sample.arena), SMELT_ERROR_CPU);
  EXPECT_EQ(instance.model, nullptr);
  EXPECT_EQ(instance.arena, nullptr);
}

} // namespace

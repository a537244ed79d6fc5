// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "SampleModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace smelt_test;
using testing::ElementsAre;
using testing::Pair;

namespace {

struct Run : testing::Test {
  Sample sample;
  smelt_model model = sampleModel();
  smelt_instance instance{};

  void SetUp() override { ASSERT_EQ(smelt_init(&instance, &model, sample.arena, sizeof sample.arena), SMELT_OK); }
  smelt_status run() { return smelt_run(&instance, sample.inputs.data(), sample.outputs.data()); }
};

TEST_F(Run, ComputesThePlan) {
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_EQ(sample.result, sample.expected());
}

// What an earlier run left in the arena does not show.
TEST_F(Run, MayBeRepeated) {
  ASSERT_EQ(run(), SMELT_OK);
  sample.left.fill(3);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_EQ(sample.result, sample.expected());
}

// --- refusals, before anything is computed ---

struct RunRefuses : Run {
  void SetUp() override {
    Run::SetUp();
    smelt_set_step_hook(
        &instance, [](void *, const smelt_model *, uint32_t, int) { ADD_FAILURE() << "a step ran"; }, nullptr);
  }
};

TEST_F(RunRefuses, NullPointers) {
  EXPECT_EQ(smelt_run(nullptr, sample.inputs.data(), sample.outputs.data()), SMELT_ERROR_ARGUMENT);
  EXPECT_EQ(smelt_run(&instance, nullptr, sample.outputs.data()), SMELT_ERROR_ARGUMENT);
  EXPECT_EQ(smelt_run(&instance, sample.inputs.data(), nullptr), SMELT_ERROR_ARGUMENT);
}

TEST_F(RunRefuses, AnInstanceThatWasNotInitialised) {
  const smelt_instance empty{};
  EXPECT_EQ(smelt_run(&empty, sample.inputs.data(), sample.outputs.data()), SMELT_ERROR_ARGUMENT);
}

TEST_F(RunRefuses, ANullBufferInAnyPlace) {
  for (const void *&input : sample.inputs) {
    const void *kept = std::exchange(input, nullptr);
    EXPECT_EQ(run(), SMELT_ERROR_ARGUMENT);
    input = kept;
  }
  for (void *&output : sample.outputs) {
    void *kept = std::exchange(output, nullptr);
    EXPECT_EQ(run(), SMELT_ERROR_ARGUMENT);
    output = kept;
  }
}

TEST_F(RunRefuses, AMisalignedBufferInAnyPlace) {
  for (const void *&input : sample.inputs) {
    const void *kept = std::exchange(input, static_cast<const char *>(input) + SMELT_ALIGNMENT / 2);
    EXPECT_EQ(run(), SMELT_ERROR_ALIGNMENT);
    input = kept;
  }
  for (void *&output : sample.outputs) {
    void *kept = std::exchange(output, static_cast<char *>(output) + 1);
    EXPECT_EQ(run(), SMELT_ERROR_ALIGNMENT);
    output = kept;
  }
}

// --- models with little in them ---

TEST_F(Run, AnEmptyTensorMayBeNull) {
  const int64_t shape[] = {0, 4};
  const smelt_tensor_info empty = {"empty", shape, 0, 2, SMELT_F32};
  const smelt_operand operands[] = {{0, SMELT_BASE_INPUT, 0}, {0, SMELT_BASE_OUTPUT, 0}};
  const smelt_step step = {[](void *const *buffers, int64_t, int64_t) {
                             EXPECT_EQ(buffers[0], nullptr);
                             EXPECT_EQ(buffers[1], nullptr);
                           },
                           operands,
                           "Identity_0",
                           1,
                           2,
                           0};
  model.inputs = model.outputs = &empty;
  model.steps = &step;
  model.input_count = model.output_count = model.step_count = 1;
  sample.inputs[0] = sample.outputs[0] = nullptr;
  EXPECT_EQ(run(), SMELT_OK);
}

TEST_F(Run, AModelWithoutTensorsNeedsNoLists) {
  model.input_count = model.output_count = model.step_count = 0;
  EXPECT_EQ(smelt_run(&instance, nullptr, nullptr), SMELT_OK);
}

// operand i → arena + 4 i, for as many operands as a step may have
TEST_F(Run, AStepMayHaveTheMostOperands) {
  std::vector<smelt_operand> operands;
  for (int64_t i = 0; i < SMELT_MAX_OPERANDS; ++i)
    operands.push_back({i * 4, SMELT_BASE_ARENA, 0});
  const smelt_step step = {[](void *const *buffers, int64_t, int64_t) {
                             for (int64_t i = 0; i < SMELT_MAX_OPERANDS; ++i)
                               *static_cast<int32_t *>(buffers[i]) = int32_t(i);
                           },
                           operands.data(),
                           "Concat_0",
                           1,
                           SMELT_MAX_OPERANDS,
                           0};
  model.steps = &step;
  model.step_count = 1;
  ASSERT_EQ(run(), SMELT_OK);
  for (int32_t i = 0; i < SMELT_MAX_OPERANDS; ++i)
    EXPECT_EQ(reinterpret_cast<const int32_t *>(sample.arena)[i], i);
}

// --- the hook ---

using Events = std::vector<std::pair<std::string, int>>;

void record(void *user, const smelt_model *model, uint32_t step, int done) {
  static_cast<Events *>(user)->emplace_back(model->steps[step].name, done);
}

TEST_F(Run, TheHookSeesEveryStepInOrder) {
  Events events;
  smelt_set_step_hook(&instance, record, &events);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_THAT(events, ElementsAre(Pair("Add_0", 0), Pair("Add_0", 1), Pair("Mul_1", 0), Pair("Mul_1", 1),
                                  Pair("Sum_2", 0), Pair("Sum_2", 1), Pair("Add_3", 0), Pair("Add_3", 1)));
}

TEST_F(Run, TheHookMayBeTakenAway) {
  Events events;
  smelt_set_step_hook(&instance, record, &events);
  smelt_set_step_hook(&instance, nullptr, nullptr);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_TRUE(events.empty());
}

// Between "before" and "after" lies the step's own work: total is written by step 2 and by no other.
TEST_F(Run, TheHookSurroundsTheStep) {
  sample.total[0] = -1;
  smelt_set_step_hook(
      &instance,
      [](void *user, const smelt_model *, uint32_t step, int done) {
        const bool written = static_cast<Sample *>(user)->total[0] != -1;
        EXPECT_EQ(written, step > 2 || (step == 2 && done)) << "step " << step << ", done " << done;
      },
      &sample);
  ASSERT_EQ(run(), SMELT_OK);
}

// --- parallel_for of the caller ---

// Calls its body tile by tile, last first, and notes the counts.
void backwards(void *user, int64_t count, smelt_range_body body, void *context) {
  static_cast<std::vector<int64_t> *>(user)->push_back(count);
  for (int64_t tile = count; tile-- > 0;)
    body(context, tile, tile + 1);
}

// Sum_2 has one tile: it never leaves the calling thread.
TEST_F(Run, StepsOfSeveralTilesGoThroughParallelFor) {
  std::vector<int64_t> counts;
  smelt_set_parallel_for(&instance, backwards, &counts);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_EQ(sample.result, sample.expected());
  EXPECT_THAT(counts, ElementsAre(kTiles, kTiles, kTiles));
}

TEST_F(Run, StepsThatAreAloneStayWithTheCaller) {
  smelt_step steps[std::size(kSteps)];
  std::copy(std::begin(kSteps), std::end(kSteps), steps);
  steps[1].alone = 1;
  smelt_model model = sampleModel();
  model.steps = steps;
  smelt_instance alone;
  ASSERT_EQ(smelt_init(&alone, &model, sample.arena, sizeof sample.arena), SMELT_OK);
  std::vector<int64_t> counts;
  smelt_set_parallel_for(&alone, backwards, &counts);
  ASSERT_EQ(smelt_run(&alone, sample.inputs.data(), sample.outputs.data()), SMELT_OK);
  EXPECT_EQ(sample.result, sample.expected());
  EXPECT_THAT(counts, ElementsAre(kTiles, kTiles));
}

TEST_F(Run, ParallelForMayBeTakenAway) {
  std::vector<int64_t> counts;
  smelt_set_parallel_for(&instance, backwards, &counts);
  smelt_set_parallel_for(&instance, nullptr, nullptr);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_EQ(sample.result, sample.expected());
  EXPECT_TRUE(counts.empty());
}

// --- one model, several instances ---

TEST(RunInstances, OfOneModelRunAtTheSameTime) {
  const smelt_model model = sampleModel();
  const auto runOften = [&model](float seed) {
    Sample sample(seed);
    const Tensor expected = sample.expected();
    smelt_instance instance;
    ASSERT_EQ(smelt_init(&instance, &model, sample.arena, sizeof sample.arena), SMELT_OK);
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(smelt_run(&instance, sample.inputs.data(), sample.outputs.data()), SMELT_OK);
      ASSERT_EQ(sample.result, expected);
    }
  };
  std::thread other(runOften, 5.f);
  runOften(2.f);
  other.join();
}

} // namespace

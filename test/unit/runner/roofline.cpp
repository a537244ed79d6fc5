// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a layer has to do, as an artefact says it, and how long that takes at least.
#include "tools/runner/Roofline.h"
#include "gmock/gmock.h"

#include <cstring>

using namespace smelt::runner;
using smelt::artifact::WorkHeader;
using smelt::artifact::WorkRow;

namespace {

/// 100 GFLOP/s, 250 of dots of bf16; 200 GB/s from 1 MB, 50 from 10 MB, 10 from memory.
MachinePeaks machine() { return {1, 100, 512, 250, 400, {{"L2", 1e6, 200}, {"L3", 1e7, 50}, {"memory", 1e8, 10}}, 10}; }

TEST(Roofline, IsTheGreaterOfBothTimes) {
  const Bound compute = boundOf({1e9, 1e6, 0}, machine(), 1e6); // 1 GFLOP, 1 MB of activations
  EXPECT_DOUBLE_EQ(compute.computeMs, 10);
  EXPECT_DOUBLE_EQ(compute.memoryMs, 0.005);
  EXPECT_TRUE(compute.isCompute());
  EXPECT_DOUBLE_EQ(compute.ms(), 10);
  const Bound memory = boundOf({1e6, 1e6, 1e6}, machine(), 5e7);
  EXPECT_FALSE(memory.isCompute());
  EXPECT_DOUBLE_EQ(memory.ms(), 0.1);
}

TEST(Roofline, TakesWeightsFromWhereTheWholeModelFits) {
  const StepWork work{0, 3e6, 1e6}; // 1 MB of weights and 2 MB of others, which lie in the third cache
  EXPECT_DOUBLE_EQ(boundOf(work, machine(), 1e6).ms(), 1e6 / 200e6 + 2e6 / 50e6);
  EXPECT_DOUBLE_EQ(boundOf(work, machine(), 1e7).ms(), 1e6 / 50e6 + 2e6 / 50e6);
  EXPECT_DOUBLE_EQ(boundOf(work, machine(), 1e9).ms(), 1e6 / 10e6 + 2e6 / 50e6);
}

TEST(Roofline, KnowsInstructionsThatMultiplySeveral) {
  EXPECT_DOUBLE_EQ(boundOf({1e9, 0, 0, false, 2}, machine(), 0).ms(), 4);
  EXPECT_DOUBLE_EQ(boundOf({1e9, 0, 0, false, 4}, machine(), 0).ms(), 2.5);
  MachinePeaks without = machine();
  without.gigaflopsBf16 = 0;
  EXPECT_DOUBLE_EQ(boundOf({1e9, 0, 0, false, 2}, without, 0).ms(), 10);
}

TEST(Roofline, HasNoBoundWithoutWorkOrPeaks) {
  EXPECT_EQ(boundOf({}, machine(), 0).ms(), 0);
  EXPECT_EQ(boundOf({1e9, 1e9, 1e9}, MachinePeaks{}, 0).ms(), 0);
}

TEST(Roofline, IsDoubtedWhereAStepBeatsItsBoundByFar) {
  const StepWork work{0, 1e6, 1e6};
  const Bound bound = boundOf(work, machine(), 1e9); // 0.1 ms
  EXPECT_FALSE(bound.isBeatenBy(0.09, work));
  EXPECT_TRUE(bound.isBeatenBy(0.07, work));
  EXPECT_FALSE(bound.isBeatenBy(0, work)); // it was not measured
  const StepWork small{0, 6e4, 6e4};       // which may lie in the first cache
  EXPECT_FALSE(boundOf(small, machine(), 1e9).isBeatenBy(1e-4, small));
  const StepWork computed{1e9, 1e6, 1e6};
  EXPECT_FALSE(boundOf(computed, machine(), 1e9).isBeatenBy(0.07, computed));
}

TEST(MachinePeaks, AreDoubtedWhereALevelIsSlowerThanTheNext) {
  MachinePeaks peaks = machine();
  EXPECT_FALSE(peaks.doubt());
  EXPECT_FALSE(MachinePeaks().doubt());
  peaks.levels[1].gigabytesPerSecond = 9;
  EXPECT_EQ(peaks.doubt(), "L3 slower than memory");
  peaks.levels[1].gigabytesPerSecond = 9.9; // as good as the same
  EXPECT_FALSE(peaks.doubt());
}

TEST(MachinePeaks, ArePlausibleAndOrdered) {
  const MachinePeaks peaks = measurePeaks(1);
  EXPECT_GT(peaks.gigaflops, 0.1);
  EXPECT_LT(peaks.gigaflops, 1e4); // more, and the loop was optimised away
  ASSERT_GE(peaks.levels.size(), 2U);
  EXPECT_GT(peaks.memory().gigabytesPerSecond, 0.1);
  EXPECT_LT(peaks.levels.front().gigabytesPerSecond, 1e4);
  EXPECT_LT(peaks.levels.front().bytes, peaks.memory().bytes);
}

// ------------------------------------------------------------------------------------------------ the section's table

template <typename T> void append(std::string &bytes, const T &value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

/// Two steps of a model with one size, size 0, which the run has found to be 7. Sizes of the table are 1: 3, 2: 3 · 7.
struct Fixture {
  smelt_size known{0, SMELT_SIZE_DIM, 0, 0, 0};
  smelt_model model{};
  alignas(SMELT_ALIGNMENT) unsigned char arena[SMELT_ALIGNMENT] = {};
  smelt_instance instance{};
  std::vector<smelt_size> sizes = {{3, SMELT_SIZE_NUMBER, 0, 0, 0}, {0, SMELT_SIZE_MULTIPLY, 0, 1, 0}};
  std::vector<WorkRow> rows = {{100, 2, 1, WorkRow::kBytesIsSize | WorkRow::kIsFewer, 2}, {5, 6, 0, 0, 1}};

  Fixture() {
    model.sizes = &known;
    model.size_count = 1;
    model.step_count = 2;
    instance.model = &model;
    instance.arena = arena;
    const int64_t seven = 7;
    std::memcpy(arena, &seven, sizeof seven);
  }
  std::string section() const {
    std::string bytes;
    append(bytes, WorkHeader{smelt::artifact::kWorkVersion, static_cast<uint32_t>(sizes.size()),
                             static_cast<uint32_t>(rows.size()), 0});
    for (const smelt_size &size : sizes)
      append(bytes, size);
    for (const WorkRow &row : rows)
      append(bytes, row);
    return bytes;
  }
};

TEST(WorkTable, ComputesWhatTheSizesOfTheRunSay) {
  const Fixture fixture;
  const WorkTable table(fixture.model, fixture.section());
  ASSERT_TRUE(table.isKnown());
  const auto steps = table.stepsOf(fixture.instance);
  ASSERT_EQ(steps.size(), 2U);
  ASSERT_TRUE(steps[0] && steps[1]);
  EXPECT_EQ(steps[0]->operations, 100);
  EXPECT_EQ(steps[0]->bytes, 21);
  EXPECT_EQ(steps[0]->weightBytes, 1);
  EXPECT_TRUE(steps[0]->isFewer);
  EXPECT_EQ(steps[0]->together, 2U);
  EXPECT_EQ(steps[1]->bytes, 6);
  EXPECT_FALSE(steps[1]->isFewer);
}

TEST(WorkTable, KnowsNothingOfAStepWhoseSizeHasNoValue) {
  Fixture fixture;
  fixture.sizes[0].number = INT64_MAX; // times 7 overflows
  const auto steps = WorkTable(fixture.model, fixture.section()).stepsOf(fixture.instance);
  EXPECT_FALSE(steps[0]);
  EXPECT_TRUE(steps[1]);
  fixture.rows[1].operations = -1;
  EXPECT_FALSE(WorkTable(fixture.model, fixture.section()).stepsOf(fixture.instance)[1]);
  fixture.rows[1] = {99, 6, 0, WorkRow::kOperationsIsSize, 1}; // there is no size 99
  EXPECT_FALSE(WorkTable(fixture.model, fixture.section()).stepsOf(fixture.instance)[1]);
}

TEST(WorkTable, TakesNoDamagedSection) {
  const Fixture fixture;
  const std::string whole = fixture.section();
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(WorkTable(fixture.model, whole.substr(0, length)).isKnown()) << length;
  Fixture other;
  other.rows.pop_back(); // another number of steps than the plan's
  EXPECT_FALSE(WorkTable(other.model, other.section()).isKnown());
  Fixture later;
  later.sizes[0] = {0, SMELT_SIZE_ADD, 0, 2, 0}; // of a size behind it
  EXPECT_FALSE(WorkTable(later.model, later.section()).isKnown());
  Fixture reader;
  reader.sizes[0] = {0, SMELT_SIZE_DIM, 9, 9, 0}; // of an input: a table has no inputs
  EXPECT_FALSE(WorkTable(reader.model, reader.section()).isKnown());
}

} // namespace

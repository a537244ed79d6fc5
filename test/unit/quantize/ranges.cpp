// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The ranges that are chosen from the numbers a tensor was seen to hold.
#include "tools/quantize/Statistics.h"
#include "gmock/gmock.h"
#include <cmath>
#include <limits>

using namespace smelt::quantize;
using testing::DoubleNear;

namespace {

Histogram of(const std::vector<float> &numbers) {
  Histogram histogram;
  histogram.add(numbers.data(), numbers.size());
  return histogram;
}

/// Sums of twelve numbers that fill [-0.5, 0.5) evenly: nearly a normal distribution.
std::vector<float> bell(size_t count) {
  std::vector<float> numbers;
  uint64_t state = 1;
  for (size_t i = 0; i < count; ++i) {
    double sum = -6;
    for (int k = 0; k < 12; ++k) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      sum += static_cast<double>(state >> 11) * 0x1p-53;
    }
    numbers.push_back(static_cast<float>(sum));
  }
  return numbers;
}

TEST(Range, MinMaxIsOfAllNumbersAndZero) {
  Range range = of({3, -0.25f, 7.5f}).range(RangeMethod::MinMax);
  EXPECT_EQ(range.low, -0.25);
  EXPECT_EQ(range.high, 7.5);
  EXPECT_EQ(of({3, 4}).range(RangeMethod::MinMax).low, 0);
}

TEST(Range, OfNothingAndOfZerosIsZero) {
  for (RangeMethod method : {RangeMethod::MinMax, RangeMethod::Percentile, RangeMethod::Entropy, RangeMethod::Mse})
    for (const std::vector<float> &numbers : {std::vector<float>{}, std::vector<float>{0, 0, 0}}) {
      Range range = of(numbers).range(method);
      EXPECT_EQ(range.low, 0);
      EXPECT_EQ(range.high, 0);
    }
}

TEST(Range, LeavesOutWhatIsNoNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  Histogram histogram = of({1, infinity, std::nanf(""), -infinity, -2});
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.notFinite(), 3u);
  EXPECT_EQ(histogram.range(RangeMethod::MinMax).low, -2);
}

TEST(Range, OneFarNumberIsClamped) {
  std::vector<float> numbers = bell(200000);
  numbers.push_back(60);
  for (RangeMethod method : {RangeMethod::Percentile, RangeMethod::Entropy}) {
    Range range = of(numbers).range(method);
    EXPECT_LT(range.high, 45);
    EXPECT_GT(range.high, 2.5);
  }
}

TEST(Range, SquaredErrorWeighsFarNumbers) {
  std::vector<float> numbers = bell(20000);
  EXPECT_THAT(of(numbers).range(RangeMethod::Mse).high, DoubleNear(3.7, 0.7));
  numbers.insert(numbers.end(), 200, 40); // too many to lose
  EXPECT_GT(of(numbers).range(RangeMethod::Mse).high, 30);
}

TEST(Range, DoesNotDependOnTheOrder) {
  std::vector<float> small = bell(1000), numbers = small;
  numbers.push_back(500);
  Histogram late = of(numbers), early;
  const float far = 500;
  early.add(&far, 1);
  early.add(small.data(), small.size());
  for (RangeMethod method : {RangeMethod::Percentile, RangeMethod::Mse}) {
    EXPECT_EQ(late.range(method).low, early.range(method).low);
    EXPECT_EQ(late.range(method).high, early.range(method).high);
  }
}

TEST(Range, DoesNotDependOnHowManyNumbersComeAtOnce) {
  std::vector<float> numbers = bell(10001);
  numbers[5000] = 90;
  for (size_t i = 0; i < numbers.size(); i += 3)
    numbers[i] = 0;
  Histogram together = of(numbers), apart;
  for (const float &number : numbers)
    apart.add(&number, 1);
  EXPECT_EQ(together.count(), apart.count());
  for (RangeMethod method : {RangeMethod::MinMax, RangeMethod::Percentile, RangeMethod::Entropy, RangeMethod::Mse}) {
    EXPECT_EQ(together.range(method).low, apart.range(method).low);
    EXPECT_EQ(together.range(method).high, apart.range(method).high);
  }
}

TEST(Range, OfTwoPartsIsThatOfAll) {
  std::vector<float> numbers = bell(10000);
  numbers[3] = 90;
  numbers[7000] = std::nanf("");
  for (size_t i = 0; i < numbers.size(); i += 3)
    numbers[i] = 0;
  const Histogram all = of(numbers);
  for (size_t middle : {size_t(0), size_t(1), size_t(5000), numbers.size()}) {
    Histogram first = of({numbers.begin(), numbers.begin() + static_cast<ptrdiff_t>(middle)});
    first.merge(of({numbers.begin() + static_cast<ptrdiff_t>(middle), numbers.end()}));
    EXPECT_EQ(first.count(), all.count());
    EXPECT_EQ(first.notFinite(), 1u);
    for (RangeMethod method : {RangeMethod::MinMax, RangeMethod::Percentile, RangeMethod::Entropy, RangeMethod::Mse}) {
      EXPECT_EQ(first.range(method).low, all.range(method).low);
      EXPECT_EQ(first.range(method).high, all.range(method).high);
    }
  }
}

TEST(Statistics, OfTwoPartsAreThoseOfAll) {
  const float numbers[] = {1, 2, -3, 4, 5, 6, -7, 8}; // two channels, two samples of two rows
  Statistics all(2, 1), first(2, 1), second(2, 1);
  all.add(numbers, 4, 2);
  all.add(numbers + 4, 4, 2);
  first.add(numbers, 4, 2);
  second.add(numbers + 4, 4, 2);
  first.merge(second);
  for (size_t channel : {0, 1}) {
    EXPECT_EQ(first.low(channel), all.low(channel));
    EXPECT_EQ(first.high(channel), all.high(channel));
    EXPECT_DOUBLE_EQ(first.mean(channel), all.mean(channel));
    EXPECT_DOUBLE_EQ(first.meanSquare(channel), all.meanSquare(channel));
    EXPECT_DOUBLE_EQ(first.lowTails()[channel].decay, all.lowTails()[channel].decay);
    EXPECT_DOUBLE_EQ(first.highTails()[channel].decay, all.highTails()[channel].decay);
  }
  EXPECT_EQ(first.perSample(), 2);
  EXPECT_EQ(first.parts().size(), 4u);
}

/// Of so many samples, each the largest of eight numbers of an exponential distribution of mean 1.
Tails exponential(size_t samples) {
  Tails tails(1);
  uint64_t state = 1;
  for (size_t i = 0; i < samples; ++i) {
    double largest = 0;
    for (int k = 0; k < 8; ++k) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      largest = std::max(largest, -std::log((static_cast<double>(state >> 11) + 0.5) * 0x1p-53));
    }
    tails.add({static_cast<float>(largest)});
  }
  return tails;
}

TEST(Tails, FindWhatOthersHaveBeyond) {
  constexpr size_t kSamples = 4000;
  const Tail tail = exponential(kSamples).find()[0];
  EXPECT_NEAR(tail.decay, 1, 0.1);
  EXPECT_DOUBLE_EQ(tail.share, 1.0 / (kSamples + 1));
  // The mean square of an exponentially distributed excess is twice that of its mean; e times less lies a mean further.
  EXPECT_DOUBLE_EQ(tail.beyond(tail.largest), tail.share * 2 * tail.decay * tail.decay);
  EXPECT_DOUBLE_EQ(tail.beyond(tail.largest + tail.decay) * std::exp(1.0), tail.beyond(tail.largest));
  EXPECT_EQ(tail.beyond(0), tail.beyond(tail.largest)); // what was seen counts elsewhere
}

TEST(Tails, OfOneSampleAndOfEqualOnesAreNone) {
  EXPECT_EQ(exponential(1).find()[0].beyond(0), 0);
  Tails tails(1);
  for (int i = 0; i < 8; ++i)
    tails.add({3});
  EXPECT_EQ(tails.find()[0].beyond(0), 0);
}

TEST(Tails, OfFewSamplesAreLikeThoseOfOtherChannels) {
  Tails tails(2); // the first is the same in both samples, by chance
  tails.add({5, 4});
  tails.add({5, 6});
  EXPECT_GT(tails.find()[0].decay, 0.3 * tails.find()[1].decay);
  EXPECT_LT(tails.find()[0].decay, tails.find()[1].decay);
}

TEST(Statistics, LeavesOutWhatIsNoNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float numbers[] = {1, infinity, std::nanf(""), -2};
  Statistics statistics(2, 1);
  statistics.add(numbers, 4, 1);
  EXPECT_EQ(statistics.high(1), 0);
  EXPECT_EQ(statistics.low(1), -2);
  EXPECT_EQ(statistics.high(0), 1);
  EXPECT_DOUBLE_EQ(statistics.meanSquare(1), 4 / 2.0);
}

TEST(Statistics, KnowsChannels) {
  const float numbers[] = {1, 2, -3, 4, 5, 6, -7, 8}; // two channels of runs of two
  Statistics statistics(2, 2);
  statistics.add(numbers, 8, 2);
  EXPECT_EQ(statistics.high(0), 6);
  EXPECT_EQ(statistics.low(1), -7);
  EXPECT_EQ(statistics.low(0), 0);
  EXPECT_DOUBLE_EQ(statistics.mean(1), (-3 + 4 - 7 + 8) / 4.0);
  EXPECT_DOUBLE_EQ(statistics.meanSquare(0), (1 + 4 + 25 + 36) / 4.0);
  ASSERT_EQ(statistics.parts().size(), 2u);
  EXPECT_THAT(statistics.parts()[0].low, testing::ElementsAre(0, -3));
  EXPECT_THAT(statistics.parts()[1].high, testing::ElementsAre(6, 8));
}

} // namespace

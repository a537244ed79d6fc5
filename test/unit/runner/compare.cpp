// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Compare.h"
#include "gmock/gmock.h"

#include <cmath>
#include <limits>

using namespace smelt::runner;
using testing::HasSubstr;

namespace {

const float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

template <typename T> TensorView view(smelt_dtype dtype, const std::vector<T> &values) {
  return {dtype, {static_cast<int64_t>(values.size())}, reinterpret_cast<const unsigned char *>(values.data())};
}
TensorView view(const std::vector<float> &values) { return view(SMELT_F32, values); }

TEST(Compare, ReadsEveryType) {
  EXPECT_EQ(view<int8_t>(SMELT_I8, {-3}).at(0), -3);
  EXPECT_EQ(view<uint8_t>(SMELT_U8, {200}).at(0), 200);
  EXPECT_EQ(view<int16_t>(SMELT_I16, {-300}).at(0), -300);
  EXPECT_EQ(view<uint32_t>(SMELT_U32, {4000000000u}).at(0), 4e9);
  EXPECT_EQ(view<double>(SMELT_F64, {0.1}).at(0), 0.1);
  EXPECT_EQ(view<uint16_t>(SMELT_BF16, {0xc040}).at(0), -3);
  const std::vector<uint16_t> halves = {0x3c00, 0xc200, 0x0001, 0x7bff, 0x7c00, 0xfc00, 0x7e00};
  const TensorView half = view<uint16_t>(SMELT_F16, halves);
  EXPECT_EQ(half.at(0), 1);
  EXPECT_EQ(half.at(1), -3);
  EXPECT_EQ(half.at(2), std::ldexp(1, -24)); // the least subnormal
  EXPECT_EQ(half.at(3), 65504);
  EXPECT_EQ(half.at(4), kInfinity);
  EXPECT_EQ(half.at(5), -kInfinity);
  EXPECT_TRUE(std::isnan(half.at(6)));
}

TEST(Compare, ReadsFloatsOfAByte) {
  const std::vector<uint8_t> e4m3Codes = {0x38, 0xb9, 0x01, 0x7e, 0x7f}, e5m2Codes = {0x7b, 0xfc, 0x7d},
                             unsignedZeroCodes = {0x7f, 0x80};
  const TensorView e4m3 = view(SMELT_F8E4M3FN, e4m3Codes);
  EXPECT_EQ(e4m3.at(0), 1);
  EXPECT_EQ(e4m3.at(1), -1.125);
  EXPECT_EQ(e4m3.at(2), std::ldexp(1, -9));
  EXPECT_EQ(e4m3.at(3), 448);
  EXPECT_TRUE(std::isnan(e4m3.at(4)));
  const TensorView e5m2 = view(SMELT_F8E5M2, e5m2Codes);
  EXPECT_EQ(e5m2.at(0), 57344);
  EXPECT_EQ(e5m2.at(1), -kInfinity);
  EXPECT_TRUE(std::isnan(e5m2.at(2)));
  const TensorView e5m2fnuz = view(SMELT_F8E5M2FNUZ, unsignedZeroCodes);
  EXPECT_EQ(e5m2fnuz.at(0), 57344);
  EXPECT_TRUE(std::isnan(e5m2fnuz.at(1)));
  EXPECT_EQ(view<uint8_t>(SMELT_F8E4M3FNUZ, {0x7f}).at(0), 240);
  EXPECT_EQ(view<uint8_t>(SMELT_F8E8M0, {128}).at(0), 2);
  EXPECT_EQ(view<uint8_t>(SMELT_F6E3M2, {0x1f}).at(0), 28);
  EXPECT_EQ(view<uint8_t>(SMELT_F6E2M3, {0x3f}).at(0), -7.5);
}

TEST(Compare, ReadsElementsThatShareAByte) {
  const std::vector<uint8_t> bytes = {0x8f, 0x27};
  const TensorView i4{SMELT_I4, {3}, bytes.data()}, u2{SMELT_U2, {6}, bytes.data()},
      f4{SMELT_F4E2M1, {4}, bytes.data()};
  EXPECT_EQ(i4.at(0), -1);
  EXPECT_EQ(i4.at(1), -8);
  EXPECT_EQ(i4.at(2), 7);
  EXPECT_EQ(u2.at(3), 2);
  EXPECT_EQ(u2.at(4), 3);
  EXPECT_EQ(f4.at(2), 6);
  EXPECT_EQ(f4.at(3), 1);
  const std::vector<uint8_t> others = {0x8f, 0x17}; // the fourth differs
  EXPECT_EQ(beyond(i4, {SMELT_I4, {3}, others.data()}, {0, 0}), "");
  EXPECT_THAT(beyond(f4, {SMELT_F4E2M1, {4}, others.data()}, {9, 9}), HasSubstr("1 of 4 elements, the worst at [3]"));
}

TEST(Compare, MeasuresDistance) {
  const std::vector<float> got = {1, 2, 3.5f}, want = {1, 2, -4};
  const Difference apart = difference(view(got), view(want));
  EXPECT_EQ(apart.maxAbs, 7.5);
  EXPECT_EQ(apart.maxRelative, 7.5 / 4);
  EXPECT_EQ(apart.worst, 2u);
  EXPECT_EQ(apart.differing, 1u);
  EXPECT_NEAR(apart.cosine, (1 + 4 - 14) / std::sqrt(17.25 * 21), 1e-12);
}

TEST(Compare, NanEqualsNanAndNothingElse) {
  const std::vector<float> nan = {kNan, kInfinity, 1}, same = nan, other = {0, kInfinity, 1},
                           negative = {kNan, -kInfinity, 1};
  EXPECT_EQ(difference(view(nan), view(same)).differing, 0u);
  EXPECT_EQ(difference(view(nan), view(other)).maxAbs, kInfinity);
  EXPECT_EQ(difference(view(nan), view(negative)).maxAbs, kInfinity);
  EXPECT_EQ(beyond(view(nan), view(same), {0, 0}), "");
  EXPECT_THAT(beyond(view(nan), view(other), {1e9, 1e9}), HasSubstr("1 of 3 elements, the worst at [0]: nan, not 0"));
}

TEST(Compare, IntegersAreExact) {
  const std::vector<int64_t> a = {int64_t(1) << 60, 5}, b = {(int64_t(1) << 60) + 1, 5};
  EXPECT_EQ(difference(view(SMELT_I64, a), view(SMELT_I64, b)).differing, 1u);
  EXPECT_NE(beyond(view(SMELT_I64, a), view(SMELT_I64, b), {10, 10}), "");
  EXPECT_EQ(beyond(view(SMELT_I64, a), view(SMELT_I64, a), {0, 0}), "");
}

TEST(Compare, ToleranceIsAbsoluteAndRelative) {
  const std::vector<float> got = {100.5f}, want = {100};
  EXPECT_EQ(beyond(view(got), view(want), {0, 0.01}), "");
  EXPECT_EQ(beyond(view(got), view(want), {0.5, 0}), "");
  EXPECT_EQ(beyond(view(got), view(want), {0.1, 0.005}), "");
  EXPECT_NE(beyond(view(got), view(want), {0.1, 0.001}), "");
}

TEST(Compare, ZeroReferences) {
  const std::vector<float> zero = {0, 0}, some = {0, 1};
  EXPECT_EQ(difference(view(zero), view(zero)).maxRelative, 0);
  EXPECT_EQ(difference(view(zero), view(zero)).cosine, 1);
  EXPECT_EQ(difference(view(some), view(zero)).maxRelative, kInfinity);
}

} // namespace

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "smelt/smelt.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

// Every status has a sentence, no two the same, and a number from nowhere gets one too.
TEST(StatusString, EveryStatusHasASentenceOfItsOwn) {
  std::set<std::string> sentences;
  for (int status = SMELT_OK; status <= SMELT_ERROR_THREADS + 1; ++status) {
    const std::string sentence = smelt_status_string(static_cast<smelt_status>(status));
    EXPECT_EQ(sentence.back(), '.') << sentence;
    EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
  }
}

TEST(DtypeSize, IsTheSizeOfTheCType) {
  const struct {
    smelt_dtype dtype;
    size_t size;
  } rows[] = {{SMELT_F32, 4},  {SMELT_F16, 2},    {SMELT_BF16, 2},   {SMELT_F64, 8},   {SMELT_I8, 1},  {SMELT_I16, 2},
              {SMELT_I32, 4},  {SMELT_I64, 8},    {SMELT_U8, 1},     {SMELT_U16, 2},   {SMELT_U32, 4}, {SMELT_U64, 8},
              {SMELT_BOOL, 1}, {SMELT_F8E5M2, 1}, {SMELT_F8E8M0, 1}, {SMELT_F6E2M3, 1}};
  for (const auto &row : rows)
    EXPECT_EQ(smelt_dtype_size(row.dtype), row.size) << "dtype " << row.dtype;
}

TEST(DtypeBits, AreThoseOfAnElement) {
  EXPECT_EQ(smelt_dtype_bits(SMELT_F64), 64u);
  EXPECT_EQ(smelt_dtype_bits(SMELT_BOOL), 8u);
  for (smelt_dtype dtype : {SMELT_F4E2M1, SMELT_I4, SMELT_U4})
    EXPECT_EQ(smelt_dtype_bits(dtype), 4u);
  for (smelt_dtype dtype : {SMELT_I2, SMELT_U2})
    EXPECT_EQ(smelt_dtype_bits(dtype), 2u);
  for (smelt_dtype dtype : {SMELT_I4, SMELT_U2}) // a byte holds several
    EXPECT_EQ(smelt_dtype_size(dtype), 0u);
}

TEST(DtypeSize, IsZeroForAnUnknownType) {
  EXPECT_EQ(smelt_dtype_size(static_cast<smelt_dtype>(0)), 0u);
  EXPECT_EQ(smelt_dtype_size(static_cast<smelt_dtype>(26)), 0u);
  EXPECT_EQ(smelt_dtype_bits(static_cast<smelt_dtype>(26)), 0u);
}

} // namespace

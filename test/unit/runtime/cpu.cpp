// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The processor check of smelt_init against what compiler and operating system say of the same processor.
#include "SampleModel.h"

#include <gtest/gtest.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

using namespace smelt_test;

namespace {

smelt_status initFor(uint64_t features) {
  static Sample sample;
  smelt_model model = sampleModel();
  model.cpu_features = features;
  smelt_instance instance;
  return smelt_init(&instance, &model, sample.arena, sizeof sample.arena);
}

TEST(Cpu, AnUnknownFeatureIsMissing) { EXPECT_EQ(initFor(1ull << 63), SMELT_ERROR_CPU); }

// No processor has both: one of the two bits is always missing, and one that is there does not make up for it.
TEST(Cpu, OneMissingFeatureIsEnough) { EXPECT_EQ(initFor(SMELT_CPU_AVX2 | SMELT_CPU_NEON), SMELT_ERROR_CPU); }

#if defined(__x86_64__)

// SMELT_CPU_AVX2 stands for all of x86-64-v3, and so on: the compiler's single bits are implied by ours.
TEST(Cpu, X86FeaturesAgreeWithTheCompilers) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  EXPECT_EQ(initFor(SMELT_CPU_AVX2) == SMELT_OK, avx2);
  EXPECT_EQ(initFor(SMELT_CPU_AVX512) == SMELT_OK, avx512);
  EXPECT_EQ(initFor(SMELT_CPU_AVX512_VNNI) == SMELT_OK, avx512 && __builtin_cpu_supports("avx512vnni"));
  EXPECT_EQ(initFor(SMELT_CPU_AVX512_BF16) == SMELT_OK, avx512 && __builtin_cpu_supports("avx512bf16"));
  EXPECT_EQ(initFor(SMELT_CPU_AVX_VNNI) == SMELT_OK, avx2 && __builtin_cpu_supports("avxvnni"));
  EXPECT_EQ(initFor(SMELT_CPU_NEON), SMELT_ERROR_CPU);
}

#elif defined(__aarch64__) && defined(__linux__)

TEST(Cpu, ArmFeaturesAgreeWithTheOperatingSystem) {
  EXPECT_EQ(initFor(SMELT_CPU_NEON), SMELT_OK);
  EXPECT_EQ(initFor(SMELT_CPU_DOTPROD) == SMELT_OK, (getauxval(AT_HWCAP) >> 20 & 1) != 0);
  EXPECT_EQ(initFor(SMELT_CPU_I8MM) == SMELT_OK, (getauxval(AT_HWCAP2) >> 13 & 1) != 0);
  EXPECT_EQ(initFor(SMELT_CPU_AVX2), SMELT_ERROR_CPU);
}

#endif

} // namespace

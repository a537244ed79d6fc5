/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "cpu.h"

#include "smelt/smelt.h"

#if defined(__x86_64__)

/* The instructions themselves instead of __builtin_cpu_supports: that one needs libgcc or compiler-rt, which bare-metal
 * programs may lack. */

typedef struct cpuid_result {
  uint32_t eax, ebx, ecx, edx;
} cpuid_result;

static cpuid_result cpuid(uint32_t leaf, uint32_t subleaf) {
  cpuid_result result;
  __asm__ volatile("cpuid"
                   : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                   : "a"(leaf), "c"(subleaf));
  return result;
}

/* The register sets the operating system saves for each thread. Faults where leaf 1 does not report OSXSAVE. */
static uint32_t enabled_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* The words that describe a processor, and their bits as the manuals of Intel and AMD number them. */
enum { LEAF_1_ECX, LEAF_7_EBX, LEAF_7_ECX, LEAF_7_1_EAX, LEAF_80000001_ECX, XCR0, WORD_COUNT };

#define MAX_LEAF 0u
#define MAX_EXTENDED_LEAF 0x80000000u

#define BIT(n) (1u << (n))
#define OSXSAVE BIT(27)

/* SSE3, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, OSXSAVE, AVX, F16C */
#define V3_LEAF_1_ECX                                                                                                  \
  (BIT(0) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | OSXSAVE | BIT(28) | BIT(29))
#define V3_LEAF_7_EBX (BIT(3) | BIT(5) | BIT(8)) /* BMI1, AVX2, BMI2 */
#define V4_LEAF_7_EBX                                                                                                  \
  (V3_LEAF_7_EBX | BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31)) /* AVX-512 F, DQ, CD, BW, VL                       \
                                                                     */
#define V3_LEAF_80000001_ECX (BIT(0) | BIT(5))                      /* LAHF, LZCNT */
#define V3_XCR0 (BIT(1) | BIT(2))                                   /* XMM, YMM */
#define V4_XCR0 (V3_XCR0 | BIT(5) | BIT(6) | BIT(7))                /* masks, ZMM0-15, ZMM16-31 */

/* Compilers use all of a level once its name is given to them, so each row asks for all of it. */
static const struct {
  uint64_t feature;
  uint32_t needs[WORD_COUNT];
} rows[] = {
    {SMELT_CPU_AVX2, {V3_LEAF_1_ECX, V3_LEAF_7_EBX, 0, 0, V3_LEAF_80000001_ECX, V3_XCR0}},
    {SMELT_CPU_AVX512, {V3_LEAF_1_ECX, V4_LEAF_7_EBX, 0, 0, V3_LEAF_80000001_ECX, V4_XCR0}},
    {SMELT_CPU_AVX_VNNI, {V3_LEAF_1_ECX, V3_LEAF_7_EBX, 0, BIT(4), V3_LEAF_80000001_ECX, V3_XCR0}},
    {SMELT_CPU_AVX512_VNNI, {V3_LEAF_1_ECX, V4_LEAF_7_EBX, BIT(11), 0, V3_LEAF_80000001_ECX, V4_XCR0}},
    {SMELT_CPU_AVX512_BF16, {V3_LEAF_1_ECX, V4_LEAF_7_EBX, 0, BIT(5), V3_LEAF_80000001_ECX, V4_XCR0}},
};

/* Leaves beyond the largest are not asked: Intel answers them with another leaf's bits. */
static void read_words(uint32_t words[WORD_COUNT]) {
  for (int word = 0; word < WORD_COUNT; ++word)
    words[word] = 0;
  words[LEAF_1_ECX] = cpuid(1, 0).ecx;
  if (words[LEAF_1_ECX] & OSXSAVE)
    words[XCR0] = enabled_state();
  if (cpuid(MAX_EXTENDED_LEAF, 0).eax > MAX_EXTENDED_LEAF)
    words[LEAF_80000001_ECX] = cpuid(MAX_EXTENDED_LEAF + 1, 0).ecx;
  if (cpuid(MAX_LEAF, 0).eax < 7)
    return;
  const cpuid_result leaf_7 = cpuid(7, 0);
  words[LEAF_7_EBX] = leaf_7.ebx;
  words[LEAF_7_ECX] = leaf_7.ecx;
  if (leaf_7.eax >= 1)
    words[LEAF_7_1_EAX] = cpuid(7, 1).eax;
}

uint64_t smelt_cpu_features(void) {
  uint32_t words[WORD_COUNT];
  read_words(words);
  uint64_t features = 0;
  for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; ++row) {
    uint32_t missing = 0;
    for (int word = 0; word < WORD_COUNT; ++word)
      missing |= rows[row].needs[word] & ~words[word];
    if (!missing)
      features |= rows[row].feature;
  }
  return features;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>

/* Written out because older kernel headers lack them. */
#define HWCAP_ASIMDDP_BIT (1ul << 20)
#define HWCAP2_I8MM_BIT (1ul << 13)
#define HWCAP2_BF16_BIT (1ul << 14)

uint64_t smelt_cpu_features(void) {
  uint64_t features = SMELT_CPU_NEON; /* part of the AArch64 base */
  if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP_BIT)
    features |= SMELT_CPU_DOTPROD;
  if (getauxval(AT_HWCAP2) & HWCAP2_I8MM_BIT)
    features |= SMELT_CPU_I8MM;
  if (getauxval(AT_HWCAP2) & HWCAP2_BF16_BIT)
    features |= SMELT_CPU_BF16;
  return features;
}

#else

/* Nobody to ask: without an operating system the runtime is compiled for the very processor it runs on. */
uint64_t smelt_cpu_features(void) {
  uint64_t features = 0;
#if defined(__aarch64__)
  features |= SMELT_CPU_NEON;
#endif
#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
  features |= SMELT_CPU_DOTPROD;
#endif
#if defined(__aarch64__) && defined(__ARM_FEATURE_MATMUL_INT8)
  features |= SMELT_CPU_I8MM;
#endif
#if defined(__aarch64__) && defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  features |= SMELT_CPU_BF16;
#endif
  return features;
}

#endif

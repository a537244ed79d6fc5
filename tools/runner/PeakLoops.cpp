// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/PeakLoops.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace smelt::runner {

constexpr int64_t kAhead = 1024;                    // bytes
constexpr float kFactor = 0.999F, kAddend = 0.001F; // neither overflows nor becomes denormal

#if defined(__x86_64__)
constexpr int kChains512 = 16, kChains256 = 12;

__attribute__((target("avx512f"))) static float multiplyAdd512(int64_t steps, float start) {
  __m512 sums[kChains512];
  for (int i = 0; i < kChains512; ++i)
    sums[i] = _mm512_set1_ps(start + static_cast<float>(i));
  const __m512 factor = _mm512_set1_ps(kFactor), addend = _mm512_set1_ps(kAddend);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 16
    for (__m512 &sum : sums)
      sum = _mm512_fmadd_ps(sum, factor, addend);
  float total = 0;
  for (const __m512 &sum : sums)
    total += _mm512_reduce_add_ps(sum);
  return total;
}

__attribute__((target("avx512f,avx512bf16"))) static float dotBf16(int64_t steps, float start) {
  __m512 sums[kChains512];
  for (int i = 0; i < kChains512; ++i)
    sums[i] = _mm512_set1_ps(start + static_cast<float>(i));
  const __m512 factors = _mm512_set1_ps(kFactor), addends = _mm512_set1_ps(kAddend);
  const __m512bh a = _mm512_cvtne2ps_pbh(factors, factors), b = _mm512_cvtne2ps_pbh(addends, addends);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 16
    for (__m512 &sum : sums)
      sum = _mm512_dpbf16_ps(sum, a, b);
  float total = 0;
  for (const __m512 &sum : sums)
    total += _mm512_reduce_add_ps(sum);
  return total;
}

__attribute__((target("avx512f,avx512vnni"))) static float dotInt8With512(int64_t steps, float start) {
  __m512i sums[kChains512];
  for (int i = 0; i < kChains512; ++i)
    sums[i] = _mm512_set1_epi32(static_cast<int>(start) + i);
  const __m512i a = _mm512_set1_epi32(static_cast<int>(start) | 0x01020304), b = _mm512_set1_epi32(0x01FF01FF);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 16
    for (__m512i &sum : sums)
      sum = _mm512_dpbusd_epi32(sum, a, b);
  __m512i total = sums[0];
  for (const __m512i &sum : sums)
    total = _mm512_xor_si512(total, sum);
  return static_cast<float>(_mm512_reduce_add_epi32(total));
}

template <int64_t kStreams, bool isAhead>
__attribute__((target("avx512f"))) static uint64_t read512(const unsigned char *from, int64_t bytes) {
  __m512i sums[kStreams] = {};
  for (int64_t at = 0; at < bytes / kStreams; at += kBytesPerStream)
    for (int64_t stream = 0; stream < kStreams; ++stream)
#pragma GCC unroll 4
      for (int64_t i = 0; i < kBytesPerStream; i += 64) {
        const unsigned char *place = from + stream * (bytes / kStreams) + at + i;
        if (isAhead)
          __builtin_prefetch(place + kAhead);
        sums[stream] = _mm512_or_si512(sums[stream], _mm512_load_si512(place));
      }
  __m512i all = sums[0];
  for (const __m512i &sum : sums)
    all = _mm512_or_si512(all, sum);
  return static_cast<uint64_t>(_mm512_reduce_or_epi64(all));
}

__attribute__((target("avx2,fma"))) static float multiplyAdd256(int64_t steps, float start) {
  __m256 sums[kChains256];
  for (int i = 0; i < kChains256; ++i)
    sums[i] = _mm256_set1_ps(start + static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(kFactor), addend = _mm256_set1_ps(kAddend);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 12
    for (__m256 &sum : sums)
      sum = _mm256_fmadd_ps(sum, factor, addend);
  float total = 0;
  for (const __m256 &sum : sums)
    total += _mm256_cvtss_f32(sum);
  return total;
}

__attribute__((target("avx2,avxvnni"))) static float dotInt8With256(int64_t steps, float start) {
  __m256i sums[kChains256];
  for (int i = 0; i < kChains256; ++i)
    sums[i] = _mm256_set1_epi32(static_cast<int>(start) + i);
  const __m256i a = _mm256_set1_epi32(static_cast<int>(start) | 0x01020304), b = _mm256_set1_epi32(0x01FF01FF);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 12
    for (__m256i &sum : sums)
      sum = _mm256_dpbusd_avx_epi32(sum, a, b);
  __m256i total = sums[0];
  for (const __m256i &sum : sums)
    total = _mm256_xor_si256(total, sum);
  return static_cast<float>(_mm256_extract_epi32(total, 0));
}

template <int64_t kStreams, bool isAhead>
__attribute__((target("avx2"))) static uint64_t read256(const unsigned char *from, int64_t bytes) {
  __m256i sums[kStreams] = {};
  for (int64_t at = 0; at < bytes / kStreams; at += kBytesPerStream)
    for (int64_t stream = 0; stream < kStreams; ++stream)
#pragma GCC unroll 8
      for (int64_t i = 0; i < kBytesPerStream; i += 32) {
        const unsigned char *place = from + stream * (bytes / kStreams) + at + i;
        if (isAhead && i % 64 == 0)
          __builtin_prefetch(place + kAhead);
        sums[stream] = _mm256_or_si256(sums[stream], _mm256_load_si256(reinterpret_cast<const __m256i *>(place)));
      }
  __m256i all = sums[0];
  for (const __m256i &sum : sums)
    all = _mm256_or_si256(all, sum);
  return static_cast<uint64_t>(_mm256_extract_epi64(all, 0));
}
#endif

#if defined(__aarch64__)
constexpr int kChainsNeon = 24;

static float multiplyAddNeon(int64_t steps, float start) {
  float32x4_t sums[kChainsNeon];
  for (int i = 0; i < kChainsNeon; ++i)
    sums[i] = vdupq_n_f32(start + static_cast<float>(i));
  const float32x4_t factor = vdupq_n_f32(kFactor), addend = vdupq_n_f32(kAddend);
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 24
    for (float32x4_t &sum : sums)
      sum = vfmaq_f32(sum, factor, addend);
  float total = 0;
  for (const float32x4_t &sum : sums)
    total += vaddvq_f32(sum);
  return total;
}
#endif

/// For any processor.
static float multiplyAddPlain(int64_t steps, float start) {
  float sums[8];
  for (int i = 0; i < 8; ++i)
    sums[i] = start + static_cast<float>(i);
  for (int64_t step = 0; step < steps; ++step)
    for (float &sum : sums)
      sum = sum * kFactor + kAddend;
  float total = 0;
  for (const float sum : sums)
    total += sum;
  return total;
}

template <int64_t kStreams, bool isAhead> static uint64_t readPlain(const unsigned char *from, int64_t bytes) {
  uint64_t sums[8] = {};
  for (int64_t at = 0; at < bytes / kStreams; at += 64)
    for (int64_t stream = 0; stream < kStreams; ++stream) {
      const unsigned char *place = from + stream * (bytes / kStreams) + at;
      if (isAhead)
        __builtin_prefetch(place + kAhead);
      for (int64_t i = 0; i < 8; ++i) {
        uint64_t word;
        std::memcpy(&word, place + 8 * i, sizeof word);
        sums[i] |= word;
      }
    }
  uint64_t all = 0;
  for (const uint64_t sum : sums)
    all |= sum;
  return all;
}

PeakLoops widestLoops() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {512,
            2.0 * 16 * kChains512,
            multiplyAdd512,
            __builtin_cpu_supports("avx512bf16") ? dotBf16 : nullptr,
            __builtin_cpu_supports("avx512vnni") ? dotInt8With512 : nullptr,
            {read512<1, false>, read512<kManyStreams, true>}};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {256,
            2.0 * 8 * kChains256,
            multiplyAdd256,
            nullptr,
            __builtin_cpu_supports("avxvnni") ? dotInt8With256 : nullptr,
            {read256<1, false>, read256<kManyStreams, true>}};
#elif defined(__aarch64__)
  return {128,
          2.0 * 4 * kChainsNeon,
          multiplyAddNeon,
          nullptr,
          nullptr,
          {readPlain<1, false>, readPlain<kManyStreams, true>}};
#endif
  return {32, 2.0 * 8, multiplyAddPlain, nullptr, nullptr, {readPlain<1, false>, readPlain<kManyStreams, true>}};
}

} // namespace smelt::runner

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Philox 4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011: random numbers
// that are a function of their number, so that neither order nor threads matter. Words of 32 bits are kept in 64.

#include "dialects/Graph/Ops/Formulas.h"

namespace smelt::graph::formula {

static uint64_t highWord(uint64_t x) { return x >> 32; }
static Expr highWord(Expr x) { return shiftRightUnsigned(x, 32); }
static uint64_t toHighWord(uint64_t x) { return x << 32; }
static Expr toHighWord(Expr x) { return shiftLeft(x, 32); }
static uint64_t constantLike(uint64_t, uint64_t value) { return value; }
static Expr constantLike(Expr x, uint64_t value) { return x.integer(static_cast<int64_t>(value)); }

template <typename X> static X philoxOf(X counter, uint64_t seed) {
  constexpr uint64_t kWord = 0xFFFFFFFF, kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint64_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  auto number = [&](uint64_t value) { return constantLike(counter, value); };
  X words[4] = {counter & number(kWord), highWord(counter), number(0), number(0)};
  uint64_t keys[2] = {seed & kWord, seed >> 32};
  for (int round = 0; round < 10; ++round) {
    X product0 = words[0] * number(kMultiplier0), product1 = words[2] * number(kMultiplier1);
    words[0] = highWord(product1) ^ words[1] ^ number(keys[0]);
    words[1] = product1 & number(kWord);
    words[2] = highWord(product0) ^ words[3] ^ number(keys[1]);
    words[3] = product0 & number(kWord);
    keys[0] = (keys[0] + kWeyl0) & kWord;
    keys[1] = (keys[1] + kWeyl1) & kWord;
  }
  return toHighWord(words[1]) | words[0];
}

uint64_t philox(uint64_t counter, uint64_t seed) { return philoxOf(counter, seed); }
int64_t philox(int64_t counter, uint64_t seed) {
  return static_cast<int64_t>(philoxOf(static_cast<uint64_t>(counter), seed));
}
Expr philox(Expr counter, uint64_t seed) {
  return counter.width() == 64 ? philoxOf(counter, seed) : Expr(counter.builder(), nullptr);
}

} // namespace smelt::graph::formula

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Runs a target on files, once each, without libFuzzer: what the suite "fuzz" does with seeds and regressions.

#include "test/fuzz/Fuzz.h"
#include <fstream>
#include <iterator>
#include <vector>

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    std::printf("RUN %s\n", argv[i]);
    std::fflush(stdout);
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
    std::printf("PASS %s\n", argv[i]);
  }
  return 0;
}

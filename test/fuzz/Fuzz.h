// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the fuzz targets share. A target is libFuzzer's LLVMFuzzerTestOneInput: whatever the bytes are, it returns, and
// the sanitizers have nothing to say. What is known of the result is checked with require().

#ifndef SMELT_TEST_FUZZ_FUZZ_H
#define SMELT_TEST_FUZZ_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace smelt::fuzz {

/// Ends the process where something does not hold: a finding.
inline void require(bool holds, const std::string &what) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", what.c_str());
  std::abort();
}

/// Bytes as a file that lies in memory, for code that opens paths.
class MemoryFile {
public:
  MemoryFile(const uint8_t *data, size_t size);
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  ~MemoryFile();

  const std::string &path() const { return path_; }

private:
  int descriptor_;
  std::string path_;
};

} // namespace smelt::fuzz

#endif // SMELT_TEST_FUZZ_FUZZ_H

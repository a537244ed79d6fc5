// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A small model → object code. Nothing ends as a defect of Smelt.

#include "tools/driver/Compile.h"
#include "test/fuzz/Fuzz.h"
#include "tools/driver/Errors.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace smelt;

constexpr size_t kMostBytes = 4096; // larger models take longer, and show little that small ones do not

static void compile(const std::string &path) {
  driver::CompileOptions options;
  options.model = path;
  options.emit = driver::Emit::Object;
  llvm::SmallString<128> output;
  fuzz::require(!llvm::sys::fs::createTemporaryFile("smelt-fuzz", "o", output), "a temporary file");
  options.output = output.str().str();
  options.target = "x86-64-v3";
  options.threads = 1;
  driver::CompileReport report;
  llvm::Error error = driver::compile(options, report);
  llvm::sys::fs::remove(output);
  if (!error)
    return;
  const driver::Failure failure = driver::explain(std::move(error));
  fuzz::require(failure.exitCode != driver::kDefect, failure.message);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0 || size > kMostBytes)
    return 0;
  const fuzz::MemoryFile file(data, size);
  compile(file.path());
  return 0;
}

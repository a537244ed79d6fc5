// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Tensor.h"

#include "tools/runner/Error.h"

#include <sys/sysinfo.h>

namespace smelt::runner {

/// More than the machine has would be granted all the same, and end the process when it is used.
static bool fitsMachine(uint64_t size) {
  struct sysinfo info;
  if (sysinfo(&info) != 0)
    return true;
  return size / info.mem_unit <= static_cast<uint64_t>(info.totalram) + info.totalswap;
}

static unsigned char *allocate(uint64_t size) {
  if (!fitsMachine(size))
    return nullptr;
  const uint64_t whole = (size / SMELT_ALIGNMENT + 1) * SMELT_ALIGNMENT;
  return static_cast<unsigned char *>(std::aligned_alloc(SMELT_ALIGNMENT, whole));
}

AlignedBytes::AlignedBytes(uint64_t size, const std::string &what) : data_(allocate(size)), size_(size) {
  if (!data_)
    throw Error(Exit::Environment,
                what + " needs " + std::to_string(size) + " bytes of memory, which this machine lacks");
}

std::optional<uint64_t> tensorBytes(smelt_dtype dtype, const std::vector<int64_t> &shape) {
  int64_t bytes = static_cast<int64_t>(smelt_dtype_size(dtype));
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
      return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

const char *dtypeName(uint32_t dtype) {
  static constexpr const char *kNames[] = {"?",   "f32", "f16", "bf16", "f64", "i8",  "i16",
                                           "i32", "i64", "u8",  "u16",  "u32", "u64", "bool"};
  return dtype < std::size(kNames) ? kNames[dtype] : "?";
}

} // namespace smelt::runner

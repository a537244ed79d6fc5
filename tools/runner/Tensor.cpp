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
  const auto bits = static_cast<int64_t>(smelt_dtype_bits(dtype));
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(elements, extent, &elements))
      return std::nullopt;
  int64_t whole, bytes; // in parts, because elements · bits may overflow
  if (__builtin_mul_overflow(elements / 8, bits, &whole) ||
      __builtin_add_overflow(whole, (elements % 8 * bits + 7) / 8, &bytes))
    return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

bool isPacked(smelt_dtype dtype) { return smelt_dtype_bits(dtype) > 0 && smelt_dtype_bits(dtype) < 8; }

static bool isSigned(smelt_dtype dtype) { return dtype == SMELT_I4 || dtype == SMELT_I2; }

void unpack(const unsigned char *packed, smelt_dtype dtype, uint64_t count, unsigned char *elements) {
  const size_t bits = smelt_dtype_bits(dtype), perByte = 8 / bits;
  for (uint64_t i = 0; i < count; ++i) {
    const auto top = static_cast<unsigned char>(packed[i / perByte] << (8 - bits - i % perByte * bits));
    elements[i] = isSigned(dtype) ? static_cast<unsigned char>(static_cast<signed char>(top) >> (8 - bits))
                                  : static_cast<unsigned char>(top >> (8 - bits));
  }
}

void pack(const unsigned char *elements, smelt_dtype dtype, uint64_t count, unsigned char *packed) {
  const size_t bits = smelt_dtype_bits(dtype), perByte = 8 / bits;
  for (uint64_t i = 0; i < count; ++i) {
    if (i % perByte == 0)
      packed[i / perByte] = 0;
    packed[i / perByte] |= (elements[i] & ((1U << bits) - 1)) << (i % perByte * bits);
  }
}

const char *dtypeName(uint32_t dtype) {
  static constexpr const char *kNames[] = {"?",        "f32",        "f16",    "bf16",       "f64",    "i8",     "i16",
                                           "i32",      "i64",        "u8",     "u16",        "u32",    "u64",    "bool",
                                           "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0", "f4e2m1", "i4",
                                           "u4",       "i2",         "u2",     "f6e2m3",     "f6e3m2"};
  return dtype < std::size(kNames) ? kNames[dtype] : "?";
}

} // namespace smelt::runner

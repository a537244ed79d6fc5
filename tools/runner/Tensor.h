// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_TENSOR_H
#define SMELT_TOOLS_RUNNER_TENSOR_H

#include "smelt/smelt.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace smelt::runner {

/// Memory that starts at a multiple of SMELT_ALIGNMENT and is never null. Pages that nobody touches cost nothing.
class AlignedBytes {
public:
  AlignedBytes() : AlignedBytes(0) {}
  /// Throws an Error that says how much is missing; `what` is it for.
  explicit AlignedBytes(uint64_t size, const std::string &what = "a tensor");

  unsigned char *data() const { return data_.get(); }
  size_t size() const { return size_; }

private:
  struct Free {
    void operator()(unsigned char *data) const { std::free(data); }
  };
  std::unique_ptr<unsigned char, Free> data_;
  size_t size_;
};

/// A dense row-major tensor of the host.
struct Tensor {
  std::string name;
  smelt_dtype dtype = SMELT_F32;
  std::vector<int64_t> shape;
  AlignedBytes bytes;
};

/// Bytes of a tensor; nothing where an extent is negative or the size overflows.
std::optional<uint64_t> tensorBytes(smelt_dtype dtype, const std::vector<int64_t> &shape);

/// Whether a byte holds several elements of this type, as smelt.h says.
bool isPacked(smelt_dtype dtype);
/// `count` elements of such a type, packed → one byte each, integers extended by their sign or zeros; and back, where
/// only the low bits count.
void unpack(const unsigned char *packed, smelt_dtype dtype, uint64_t count, unsigned char *elements);
void pack(const unsigned char *elements, smelt_dtype dtype, uint64_t count, unsigned char *packed);

/// "f32", "bf16", "i64", "bool": as messages and reports spell a type. "?" for an unknown one.
const char *dtypeName(uint32_t dtype);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_TENSOR_H

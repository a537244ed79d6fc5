// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Tensors in .npz files, as numpy.savez and numpy.savez_compressed write them, and in .npy files.

#ifndef SMELT_TOOLS_RUNNER_NPZ_H
#define SMELT_TOOLS_RUNNER_NPZ_H

#include "tools/runner/Tensor.h"
#include "tools/runner/Zip.h"

namespace smelt::runner {

/// What a .npy header says of its array.
struct NpyHeader {
  smelt_dtype dtype = SMELT_F32;
  std::vector<int64_t> shape;
  bool columnMajor = false; // "fortran_order"
};

/// The dictionary of a .npy header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }. Returns what is wrong
/// with it, or nothing. ml_dtypes stores bf16 as two bytes without a meaning, '<V2'.
std::string parseNpyHeader(std::string_view text, NpyHeader &header);

/// Whether elements of a tensor's type can come as an array of another: those of ml_dtypes as the integers that NumPy
/// has, one element each. bf16 as u16; floats of a byte or less as the bytes of their codes; i4, u4, i2 and u2 as i8
/// and u8.
bool canHold(smelt_dtype array, smelt_dtype tensor);

/// A whole header, from the magic number on; the array's bytes follow at a multiple of 64.
std::string makeNpyHeader(smelt_dtype dtype, const std::vector<int64_t> &shape);

struct NpzEntry {
  std::string name; // without ".npy"
  NpyHeader header;
  uint64_t bytes = 0;
  const ZipMember *member = nullptr;
};

class NpzReader {
public:
  /// Reads all headers. A file whose name ends in .npy has one array, without a name. Throws Malformed for what is no
  /// .npz or .npy file, Environment for what cannot be read.
  explicit NpzReader(const std::string &path);

  const std::string &path() const { return archive_.file().path(); }
  const std::vector<NpzEntry> &entries() const { return entries_; }
  /// Null where there is none.
  const NpzEntry *find(std::string_view name) const;
  /// The one array of a .npy file; null of others.
  const NpzEntry *only() const {
    return entries_.size() == 1 && entries_[0].member->isWholeFile ? &entries_[0] : nullptr;
  }

  /// The array's bytes, row-major, into memory of `entry.bytes`.
  void read(const NpzEntry &entry, unsigned char *to) const;
  Tensor read(const NpzEntry &entry) const;
  /// The same as a tensor of a type that the array can hold, packed where that is; into memory of tensorBytes.
  void readAs(const NpzEntry &entry, smelt_dtype dtype, unsigned char *to) const;
  Tensor readAs(const NpzEntry &entry, smelt_dtype dtype) const;

private:
  NpzEntry readHeader(const ZipMember &member) const;

  ZipReader archive_;
  std::vector<NpzEntry> entries_;
};

class NpzWriter {
public:
  explicit NpzWriter(std::string path) : archive_(std::move(path)) {}

  /// Types that NumPy lacks become bytes without a meaning ('<V1', as of ml_dtypes: array.view(ml_dtypes.float8_e5m2)),
  /// but i4 and i2 become i8, u4 and u2 u8; one byte an element.
  void add(const std::string &name, smelt_dtype dtype, const std::vector<int64_t> &shape, const void *data);
  void commit() { archive_.commit(); }

private:
  ZipWriter archive_;
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_NPZ_H

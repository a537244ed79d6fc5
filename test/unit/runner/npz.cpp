// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Npz.h"
#include "TemporaryFolder.h"
#include "tools/runner/Error.h"
#include "gmock/gmock.h"

#include <cstring>

using namespace smelt::runner;
using smelt_test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// numpy.savez_compressed(a=numpy.asfortranarray([[0, 1, 2], [3, 4, 5]], dtype=int16))
const std::string &compressed() {
  static const char bytes[] =
      "\x50\x4b\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00\x68\xc6\x18\x0f\x51\x00\x00\x00\x8c\x00\x00"
      "\x00\x05\x00\x14\x00\x61\x2e\x6e\x70\x79\x01\x00\x10\x00\x8c\x00\x00\x00\x00\x00\x00\x00\x51\x00\x00"
      "\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8\x50\xc6\x50\xad\x9e\x92\x5a\x9c\x5c\xa4\x6e\xa5"
      "\xa0\x6e\x93\x69\xa4\xae\xa3\xa0\x9e\x96\x5f\x54\x52\x94\x98\x17\x9f\x5f\x94\x92\x0a\x12\x0f\x29\x2a"
      "\x4d\x05\x0a\x17\x67\x24\x16\xa4\x02\xb9\x1a\x46\x3a\x0a\xc6\x9a\x3a\x0a\xb5\x0a\xe4\x03\x2e\x06\x06"
      "\x66\x06\x46\x06\x16\x06\x26\x06\x56\x06\x00\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\x00\x00"
      "\x21\x00\x68\xc6\x18\x0f\x51\x00\x00\x00\x8c\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x80\x01\x00\x00\x00\x00\x61\x2e\x6e\x70\x79\x50\x4b\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x33"
      "\x00\x00\x00\x88\x00\x00\x00\x00\x00";
  static const std::string content(bytes, sizeof bytes - 1);
  return content;
}

std::string stored(const TemporaryFolder &folder) {
  const float a[] = {1, 2, 3, 4, 5, 6};
  const int64_t b = -7;
  NpzWriter writer(folder.file("stored.npz"));
  writer.add("a", SMELT_F32, {2, 3}, a);
  writer.add("gpu_0/data:0", SMELT_I64, {}, &b);
  writer.commit();
  return folder.read("stored.npz");
}

/// Whether a file can be read to its end. Anything but an Error fails the test.
bool readable(const std::string &path) {
  try {
    const NpzReader reader(path);
    for (const NpzEntry &entry : reader.entries())
      reader.read(entry);
    return true;
  } catch (const Error &) {
    return false;
  }
}

std::string errorOf(const std::string &path) {
  try {
    NpzReader reader(path);
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

std::string headerError(std::string_view text) {
  NpyHeader header;
  return parseNpyHeader(text, header);
}

TEST(Npz, ReadsWhatItWrote) {
  const TemporaryFolder folder;
  stored(folder);
  const NpzReader reader(folder.file("stored.npz"));
  ASSERT_EQ(reader.entries().size(), 2u);
  const Tensor a = reader.read(*reader.find("a")), b = reader.read(*reader.find("gpu_0/data:0"));
  EXPECT_EQ(a.dtype, SMELT_F32);
  EXPECT_THAT(a.shape, ElementsAre(2, 3));
  EXPECT_EQ(reinterpret_cast<const float *>(a.bytes.data())[5], 6);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.bytes.data()) % SMELT_ALIGNMENT, 0u);
  EXPECT_EQ(b.dtype, SMELT_I64);
  EXPECT_TRUE(b.shape.empty());
  EXPECT_EQ(*reinterpret_cast<const int64_t *>(b.bytes.data()), -7);
  EXPECT_EQ(reader.find("b"), nullptr);
}

TEST(Npz, KeepsEveryType) {
  const TemporaryFolder folder;
  const unsigned char bytes[8] = {1, 0, 1, 0, 1, 0, 1, 0};
  NpzWriter writer(folder.file("types.npz"));
  for (int dtype = SMELT_F32; dtype <= SMELT_BOOL; ++dtype)
    writer.add(std::to_string(dtype), static_cast<smelt_dtype>(dtype), {1}, bytes);
  writer.commit();
  const NpzReader reader(folder.file("types.npz"));
  for (int dtype = SMELT_F32; dtype <= SMELT_BOOL; ++dtype) {
    const Tensor tensor = reader.read(*reader.find(std::to_string(dtype)));
    EXPECT_EQ(tensor.dtype, dtype);
    EXPECT_EQ(std::memcmp(tensor.bytes.data(), bytes, tensor.bytes.size()), 0) << dtypeName(tensor.dtype);
  }
}

// NumPy and ml_dtypes have a byte for each element.
TEST(Npz, TypesOfMlDtypes) {
  const TemporaryFolder folder;
  const unsigned char packed[] = {0x8f, 0x01}, codes[] = {0x38, 0x7f, 0x80};
  NpzWriter writer(folder.file("types.npz"));
  writer.add("i4", SMELT_I4, {3}, packed);
  writer.add("f4", SMELT_F4E2M1, {3}, packed);
  writer.add("f8", SMELT_F8E4M3FN, {3}, codes);
  writer.commit();
  const NpzReader reader(folder.file("types.npz"));
  const Tensor i4 = reader.read(*reader.find("i4")), f4 = reader.read(*reader.find("f4"));
  EXPECT_EQ(i4.dtype, SMELT_I8);
  EXPECT_THAT(std::vector<int>(i4.bytes.data(), i4.bytes.data() + 3), ElementsAre(0xff, 0xf8, 1));
  EXPECT_EQ(f4.dtype, SMELT_U8);
  EXPECT_THAT(std::vector<int>(f4.bytes.data(), f4.bytes.data() + 3), ElementsAre(0xf, 8, 1));
  const Tensor again = reader.readAs(*reader.find("i4"), SMELT_I4),
               f8 = reader.readAs(*reader.find("f8"), SMELT_F8E4M3FN);
  EXPECT_EQ(again.dtype, SMELT_I4);
  EXPECT_THAT(std::vector<int>(again.bytes.data(), again.bytes.data() + again.bytes.size()), ElementsAre(0x8f, 1));
  EXPECT_EQ(std::memcmp(f8.bytes.data(), codes, 3), 0);
  EXPECT_TRUE(canHold(SMELT_U8, SMELT_F8E5M2) && canHold(SMELT_I8, SMELT_I2) && canHold(SMELT_F8E5M2, SMELT_F8E5M2));
  EXPECT_FALSE(canHold(SMELT_I8, SMELT_U4) || canHold(SMELT_U8, SMELT_I8) || canHold(SMELT_F32, SMELT_F8E5M2));
}

// NumPy keeps the order of an array's memory: [[0, 1, 2], [3, 4, 5]] lies as 0 3 1 4 2 5.
TEST(Npz, ReadsDeflatedColumnMajorArraysOfNumpy) {
  const TemporaryFolder folder;
  const NpzReader reader(folder.write("compressed.npz", compressed()));
  const Tensor a = reader.read(*reader.find("a"));
  EXPECT_EQ(a.dtype, SMELT_I16);
  EXPECT_THAT(a.shape, ElementsAre(2, 3));
  const auto *values = reinterpret_cast<const int16_t *>(a.bytes.data());
  EXPECT_THAT(std::vector<int16_t>(values, values + 6), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Npz, BoolsBecomeZeroAndOne) {
  const TemporaryFolder folder;
  const unsigned char bytes[] = {0, 1, 2, 255};
  NpzWriter writer(folder.file("bools.npz"));
  writer.add("b", SMELT_BOOL, {4}, bytes);
  writer.commit();
  const NpzReader reader(folder.file("bools.npz"));
  const Tensor b = reader.read(*reader.find("b"));
  EXPECT_THAT(std::vector<int>(b.bytes.data(), b.bytes.data() + 4), ElementsAre(0, 1, 1, 1));
}

TEST(Npz, SameContentSameBytes) {
  const TemporaryFolder a, b;
  EXPECT_EQ(stored(a), stored(b));
}

TEST(Npz, WithoutCommitNothingRemains) {
  const TemporaryFolder folder;
  const float value = 1;
  {
    NpzWriter writer(folder.file("partial.npz"));
    writer.add("a", SMELT_F32, {}, &value);
  }
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Npz, EveryTruncationIsRefused) {
  const TemporaryFolder folder;
  for (const std::string &whole : {stored(folder), compressed()})
    for (size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(readable(folder.write("cut.npz", whole.substr(0, length)))) << length;
}

TEST(Npz, NoFlippedByteDoesHarm) {
  const TemporaryFolder folder;
  for (const std::string &whole : {stored(folder), compressed()})
    for (size_t at = 0; at < whole.size(); ++at)
      for (unsigned char mask : {0x01, 0x80, 0xff}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ mask);
        readable(folder.write("flipped.npz", changed));
      }
}

TEST(Npz, AWrongByteOfTheDataIsNoticed) {
  const TemporaryFolder folder;
  std::string content = stored(folder);
  const float six = 6;
  const size_t at = content.find(std::string(reinterpret_cast<const char *>(&six), sizeof six));
  content[at] ^= 1;
  EXPECT_FALSE(readable(folder.write("wrong.npz", content)));
}

TEST(Npz, NamesWhatIsWrong) {
  const TemporaryFolder folder;
  EXPECT_THAT(errorOf(folder.write("text.npz", "no archive")), HasSubstr("it is no zip archive"));
  const std::string whole = stored(folder);
  EXPECT_THAT(errorOf(folder.write("half.npz", whole.substr(0, whole.size() / 2))), HasSubstr("it is cut off"));
  EXPECT_THAT(errorOf(folder.file("missing.npz")), HasSubstr("cannot be read: No such file"));
  EXPECT_THAT(errorOf("/dev/zero"), HasSubstr("it is not a regular file"));
  ZipWriter writer(folder.file("text-member.npz"));
  writer.add("a.txt", "hello", nullptr, 0);
  writer.commit();
  EXPECT_THAT(errorOf(folder.file("text-member.npz")), HasSubstr("'a.txt': it is no .npy file"));
}

// The header promises 4 · 2^40 bytes: refused by the file's size, before memory is taken.
TEST(Npz, ShapesBeyondTheFileAreRefused) {
  const TemporaryFolder folder;
  const std::string header = makeNpyHeader(SMELT_F32, {int64_t(1) << 40});
  ZipWriter writer(folder.file("huge.npz"));
  writer.add("a.npy", header, nullptr, 0);
  writer.commit();
  EXPECT_THAT(errorOf(folder.file("huge.npz")), HasSubstr("its shape does not fit its size"));
}

TEST(Npy, HeadersAreReadStrictly) {
  EXPECT_EQ(headerError("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n"), "");
  EXPECT_EQ(headerError("{\"descr\":\"|b1\",\"fortran_order\":True,\"shape\":()}"), "");
  EXPECT_EQ(headerError("{'descr': '<V2', 'fortran_order': False, 'shape': (3,)}"), "");
  const std::string broken = "its header is damaged";
  for (const char *text : {
           "",
           "{",
           "{}",
           "{'descr'",
           "{'descr': '<f4'",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': ()}",
       })
    EXPECT_EQ(headerError(text), broken) << text;
}

TEST(Npy, TypesWithoutAPlaceAreNamed) {
  const std::string rest = "', 'fortran_order': False, 'shape': ()}";
  EXPECT_THAT(headerError("{'descr': '>f4" + rest), HasSubstr("big-endian"));
  EXPECT_THAT(headerError("{'descr': '|O" + rest), HasSubstr("Python objects"));
  EXPECT_THAT(headerError("{'descr': '<U3" + rest), HasSubstr("'<U3'"));
  EXPECT_THAT(headerError("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': ()}"), HasSubstr("structures"));
}

TEST(Npy, DataStartsAtAMultipleOf64) {
  for (size_t rank = 0; rank < 20; ++rank)
    EXPECT_EQ(makeNpyHeader(SMELT_F32, std::vector<int64_t>(rank, 123456)).size() % 64, 0u);
}

} // namespace

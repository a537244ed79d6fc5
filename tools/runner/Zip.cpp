// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Zip.h"

#include "tools/runner/Error.h"

#include <algorithm>
#include <cstring>
#include <zlib.h>

namespace smelt::runner {

// The parts of an archive, by their signatures and the bytes of what is fixed in each.
constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kEnd64LocatorBytes = 20;
constexpr size_t kMostCommentBytes = 65535;
constexpr uint16_t kExtra64 = 1; // the extra field with 64-bit sizes
constexpr uint16_t kEncrypted = 1 << 0, kUtf8Name = 1 << 11;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint16_t kVersion = 45;            // the first one with 64-bit sizes
constexpr uint16_t kFirstDay = (1 << 5) | 1; // 1 January 1980
// More members than any model has tensors, and more bytes of names than they need.
constexpr uint64_t kMostMembers = 1 << 14, kMostDirectoryBytes = 1 << 26;
constexpr uint64_t kMostDeflateRatio = 1032; // nothing deflates better
constexpr size_t kChunk = 1 << 15;

// --------------------------------------------------------------------------------------------------------- reading

namespace {
/// Little-endian numbers from bytes whose size was checked.
class Fields {
public:
  explicit Fields(const unsigned char *at) : at_(at) {}

  uint64_t number(size_t offset, size_t bytes) const {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
      value = value << 8 | at_[offset + i];
    return value;
  }
  uint16_t u16(size_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }
  uint32_t u32(size_t offset) const { return static_cast<uint32_t>(number(offset, 4)); }
  uint64_t u64(size_t offset) const { return number(offset, 8); }

private:
  const unsigned char *at_;
};

struct Directory {
  uint64_t members = 0, bytes = 0, offset = 0;
};
} // namespace

[[noreturn]] static void malformed(const InputFile &file, const std::string &why) {
  throw Error(Exit::Malformed, file.path() + ": not a readable .npz file: " + why);
}

/// The end record lies before a comment of unknown length: the last place that can be one is it.
static Directory findDirectory(const InputFile &file) {
  const size_t tail = std::min<uint64_t>(file.size(), kEnd64LocatorBytes + kEndBytes + kMostCommentBytes);
  std::vector<unsigned char> bytes(tail);
  file.readAt(file.size() - tail, bytes.data(), tail);
  for (size_t at = tail < kEndBytes ? 0 : tail - kEndBytes + 1; at-- > 0;) {
    const Fields end(&bytes[at]);
    if (end.u32(0) != kEnd || end.u16(20) != tail - at - kEndBytes)
      continue;
    Directory directory{end.u16(10), end.u32(12), end.u32(16)};
    if (at < kEnd64LocatorBytes || Fields(&bytes[at - kEnd64LocatorBytes]).u32(0) != kEnd64Locator)
      return directory;
    const uint64_t end64 = Fields(&bytes[at - kEnd64LocatorBytes]).u64(8);
    unsigned char record[kEnd64Bytes];
    if (!file.holds(end64, sizeof record))
      malformed(file, "its directory is damaged");
    file.readAt(end64, record, sizeof record);
    const Fields fields(record);
    if (fields.u32(0) != kEnd64)
      malformed(file, "its directory is damaged");
    return {fields.u64(32), fields.u64(40), fields.u64(48)};
  }
  unsigned char begin[4];
  if (file.holds(0, sizeof begin)) {
    file.readAt(0, begin, sizeof begin);
    if (Fields(begin).u32(0) == kLocalHeader)
      malformed(file, "it is cut off: a zip archive without its end; copy or write it again");
  }
  malformed(file, "it is no zip archive");
}

/// Replaces each size that does not fit 32 bits by the one in the extra field, in its order.
static bool applyExtra64(ZipMember &member, const unsigned char *extra, size_t bytes) {
  for (size_t at = 0; at + 4 <= bytes;) {
    const size_t length = Fields(extra + at).u16(2), end = at + 4 + length;
    if (end > bytes)
      return false;
    if (Fields(extra + at).u16(0) == kExtra64) {
      size_t field = at + 4;
      for (uint64_t *value : {&member.bytes, &member.storedBytes, &member.headerOffset}) {
        if (*value != UINT32_MAX)
          continue;
        if (field + 8 > end)
          return false;
        *value = Fields(extra + field).u64(0);
        field += 8;
      }
    }
    at = end;
  }
  return true;
}

static void checkMember(const InputFile &file, const ZipMember &member, uint16_t flags, uint16_t method) {
  const std::string name = "member " + quoted(member.name);
  if (flags & kEncrypted)
    malformed(file, name + " is encrypted");
  if (method != kStored && method != kDeflated)
    malformed(file, name + " is compressed by method " + std::to_string(method) + "; use numpy.savez");
  if (!file.holds(member.headerOffset, kLocalBytes) || !file.holds(member.headerOffset, member.storedBytes))
    malformed(file, name + " lies beyond the file's end");
  const bool possible =
      member.deflated ? member.bytes / kMostDeflateRatio <= member.storedBytes : member.bytes == member.storedBytes;
  if (!possible)
    malformed(file, name + " states an impossible size");
}

/// The member whose directory entry starts at `at`, which moves behind it.
static ZipMember readMember(const InputFile &file, const std::vector<unsigned char> &bytes, size_t &at) {
  if (bytes.size() - at < kCentralBytes || Fields(&bytes[at]).u32(0) != kCentralHeader)
    malformed(file, "its directory is damaged");
  const Fields header(&bytes[at]);
  const size_t name = header.u16(28), extra = header.u16(30), comment = header.u16(32);
  if (bytes.size() - at - kCentralBytes < name + extra + comment)
    malformed(file, "its directory is damaged");
  const unsigned char *text = &bytes[at] + kCentralBytes;
  ZipMember member{std::string(reinterpret_cast<const char *>(text), name),
                   header.u32(42),
                   header.u32(20),
                   header.u32(24),
                   header.u32(16),
                   header.u16(10) == kDeflated};
  if (!applyExtra64(member, text + name, extra))
    malformed(file, "its directory is damaged");
  checkMember(file, member, header.u16(8), header.u16(10));
  at += kCentralBytes + name + extra + comment;
  return member;
}

ZipReader::ZipReader(std::string path) : file_(std::move(path)) {
  const Directory directory = findDirectory(file_);
  if (directory.members > kMostMembers || directory.bytes > kMostDirectoryBytes)
    malformed(file_, "it has too many members");
  if (!file_.holds(directory.offset, directory.bytes))
    malformed(file_, "its directory is damaged");
  std::vector<unsigned char> bytes(directory.bytes);
  file_.readAt(directory.offset, bytes.data(), bytes.size());
  size_t at = 0;
  for (uint64_t i = 0; i < directory.members; ++i)
    members_.push_back(readMember(file_, bytes, at));
}

ZipReader ZipReader::ofWhole(std::string path) {
  ZipReader reader{InputFile(std::move(path))};
  ZipMember member;
  member.storedBytes = member.bytes = reader.file_.size();
  member.isWholeFile = true;
  reader.members_.push_back(std::move(member));
  return reader;
}

struct ZipStream::Inflater {
  z_stream stream = {};
  bool started = inflateInit2(&stream, -MAX_WBITS) == Z_OK; // no header of zlib's own
  unsigned char chunk[kChunk];

  Inflater() = default;
  Inflater(Inflater &&) = delete;
  Inflater &operator=(Inflater &&) = delete;
  ~Inflater() { inflateEnd(&stream); }
};

void ZipStream::damaged(const char *why) const { malformed(file_, "member " + quoted(member_.name) + " " + why); }

ZipStream::ZipStream(const ZipReader &archive, const ZipMember &member)
    : file_(archive.file()), member_(member), position_(0), unread_(member.storedBytes) {
  if (member.isWholeFile)
    return;
  unsigned char header[kLocalBytes];
  file_.readAt(member.headerOffset, header, sizeof header);
  const Fields fields(header);
  if (fields.u32(0) != kLocalHeader)
    damaged("is not where the directory says");
  position_ = member.headerOffset + kLocalBytes + fields.u16(26) + fields.u16(28);
  if (!file_.holds(position_, unread_))
    damaged("lies beyond the file's end");
  if (!member.deflated)
    return;
  inflater_ = std::make_unique<Inflater>();
  if (!inflater_->started)
    throw Error(Exit::Environment, file_.path() + ": not enough memory to inflate it");
}

ZipStream::~ZipStream() = default;

/// At least one byte into [to, to + bytes).
size_t ZipStream::inflateInto(void *to, size_t bytes) {
  z_stream &stream = inflater_->stream;
  stream.next_out = static_cast<unsigned char *>(to);
  stream.avail_out = static_cast<uInt>(std::min<size_t>(bytes, UINT32_MAX));
  const uInt room = stream.avail_out;
  while (stream.avail_out == room) {
    if (stream.avail_in == 0) {
      const size_t count = std::min<uint64_t>(unread_, kChunk);
      if (count == 0)
        damaged("is shorter than it says");
      file_.readAt(position_, inflater_->chunk, count);
      position_ += count;
      unread_ -= count;
      stream.next_in = inflater_->chunk;
      stream.avail_in = static_cast<uInt>(count);
    }
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END && stream.avail_out == room)
      damaged("is shorter than it says");
    if (code != Z_OK && code != Z_STREAM_END)
      damaged("does not inflate");
  }
  return room - stream.avail_out;
}

void ZipStream::read(void *to, size_t bytes) {
  if (bytes > member_.bytes - delivered_)
    damaged("is shorter than its content says");
  auto *at = static_cast<unsigned char *>(to);
  delivered_ += bytes;
  while (bytes > 0) {
    size_t count = std::min<size_t>(bytes, UINT32_MAX); // as many as zlib counts at a time
    if (inflater_) {
      count = inflateInto(at, count);
    } else {
      file_.readAt(position_, at, count);
      position_ += count;
    }
    checksum_ = crc32(checksum_, at, static_cast<uInt>(count));
    at += count;
    bytes -= count;
  }
}

void ZipStream::finish() {
  if (delivered_ != member_.bytes)
    damaged("is longer than its content says");
  if (!member_.isWholeFile && checksum_ != member_.checksum)
    damaged("has a wrong checksum");
}

// --------------------------------------------------------------------------------------------------------- writing

namespace {
/// Little-endian numbers in a row.
struct Record {
  std::string bytes;

  Record &number(uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i)
      bytes += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Record &u16(uint64_t value) { return number(value, 2); }
  Record &u32(uint64_t value) { return number(value, 4); }
  Record &u64(uint64_t value) { return number(value, 8); }
  Record &text(const std::string &value) {
    bytes += value;
    return *this;
  }
};
} // namespace

static uint32_t checksumOf(unsigned long start, const void *data, uint64_t bytes) {
  const auto *at = static_cast<const unsigned char *>(data);
  while (bytes > 0) {
    const auto count = static_cast<uInt>(std::min<uint64_t>(bytes, UINT32_MAX));
    start = crc32(start, at, count);
    at += count;
    bytes -= count;
  }
  return static_cast<uint32_t>(start);
}

/// What the two headers of a member share. All sizes are in the extra field, so that there is one form of a header.
static void commonFields(Record &record, const ZipMember &member, uint16_t extraBytes) {
  record.u16(kVersion).u16(kUtf8Name).u16(kStored).u16(0).u16(kFirstDay).u32(member.checksum);
  record.u32(UINT32_MAX).u32(UINT32_MAX).u16(member.name.size()).u16(extraBytes);
}

void ZipWriter::add(const std::string &name, const std::string &head, const void *body, uint64_t bodyBytes) {
  if (name.size() > UINT16_MAX)
    throw Error(Exit::Unsupported, "the name " + quoted(name) + " is too long for a .npz file");
  ZipMember member;
  member.name = name;
  member.headerOffset = file_.position();
  member.bytes = member.storedBytes = head.size() + bodyBytes;
  member.checksum = checksumOf(checksumOf(0, head.data(), head.size()), body, bodyBytes);
  Record header;
  commonFields(header.u32(kLocalHeader), member, 20);
  header.text(name).u16(kExtra64).u16(16).u64(member.bytes).u64(member.storedBytes);
  file_.write(header.bytes.data(), header.bytes.size());
  file_.write(head.data(), head.size());
  file_.write(body, bodyBytes);
  members_.push_back(std::move(member));
}

void ZipWriter::commit() {
  const uint64_t start = file_.position();
  for (const ZipMember &member : members_) {
    Record header;
    commonFields(header.u32(kCentralHeader).u16(kVersion), member, 28);
    header.u16(0).u16(0).u16(0).u32(0).u32(UINT32_MAX).text(member.name);
    header.u16(kExtra64).u16(24).u64(member.bytes).u64(member.storedBytes).u64(member.headerOffset);
    file_.write(header.bytes.data(), header.bytes.size());
  }
  const uint64_t end = file_.position(), count = members_.size();
  Record tail;
  tail.u32(kEnd64).u64(kEnd64Bytes - 12).u16(kVersion).u16(kVersion).u32(0).u32(0).u64(count).u64(count);
  tail.u64(end - start).u64(start);
  tail.u32(kEnd64Locator).u32(0).u64(end).u32(1);
  tail.u32(kEnd).u16(0).u16(0).u16(UINT16_MAX).u16(UINT16_MAX).u32(UINT32_MAX).u32(UINT32_MAX).u16(0);
  file_.write(tail.bytes.data(), tail.bytes.size());
  file_.commit();
}

} // namespace smelt::runner

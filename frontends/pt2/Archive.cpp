// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Archive.h"
#include "frontends/common/Refusal.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include <algorithm>

using namespace llvm;

namespace smelt::frontend::pt2 {

constexpr size_t kMostMembers = 1 << 18;

namespace {
/// Reads little-endian numbers of a record; refuses to read beyond its end.
class Record {
public:
  explicit Record(ArrayRef<char> bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size(); }
  ArrayRef<char> take(uint64_t count) {
    if (count > bytes_.size())
      malformed("its zip directory ends in the middle of a record");
    ArrayRef<char> taken = bytes_.take_front(count);
    bytes_ = bytes_.drop_front(count);
    return taken;
  }
  template <typename Number> Number number() {
    return support::endian::read<Number, llvm::endianness::little>(take(sizeof(Number)).data());
  }
  uint16_t half() { return number<uint16_t>(); }
  uint32_t word() { return number<uint32_t>(); }
  uint64_t wide() { return number<uint64_t>(); }

private:
  ArrayRef<char> bytes_;
};

/// Where the central directory lies.
struct Directory {
  uint64_t offset, size, count;
};

struct Entry {
  StringRef name;
  uint64_t offset = 0, size = 0; // of the local header, of the data
  uint32_t checksum = 0;
  bool isCompressed = false;
};
} // namespace

constexpr uint32_t kEndSignature = 0x06054b50, kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50,
                   kEntrySignature = 0x02014b50, kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22, kLocator64Bytes = 20, kEnd64Bytes = 56;

static uint32_t signatureAt(ArrayRef<char> bytes, uint64_t offset) {
  return Record(bytes.drop_front(offset).take_front(4)).word();
}

/// The record at the archive's end: nothing but its own comment follows it.
static uint64_t findEnd(ArrayRef<char> bytes) {
  constexpr size_t kLongestComment = 0xffff;
  if (bytes.size() >= kEndBytes)
    for (uint64_t comment = 0; comment <= std::min(kLongestComment, bytes.size() - kEndBytes); ++comment) {
      uint64_t at = bytes.size() - kEndBytes - comment;
      if (signatureAt(bytes, at) == kEndSignature &&
          Record(bytes.drop_front(at + kEndBytes - 2).take_front(2)).half() == comment)
        return at;
    }
  malformed("is a zip archive without an end: it is cut off, or none");
}

static Directory readEnd64(ArrayRef<char> bytes, uint64_t end) {
  Record locator(bytes.drop_front(end - kLocator64Bytes));
  locator.word();
  uint32_t disk = locator.word();
  uint64_t at = locator.wide();
  if (disk != 0 || at > end - kLocator64Bytes || end - kLocator64Bytes - at < kEnd64Bytes ||
      signatureAt(bytes, at) != kEnd64Signature)
    malformed("its zip directory's 64-bit record lies elsewhere than is said");
  Record record(bytes.drop_front(at + 4));
  record.take(8 + 2 + 2); // its size, versions
  uint32_t own = record.word(), first = record.word();
  uint64_t here = record.wide(), count = record.wide(), size = record.wide(), offset = record.wide();
  if (own != 0 || first != 0 || here != count)
    malformed("is a part of a zip archive in several");
  return {offset, size, count};
}

static Directory findDirectory(ArrayRef<char> bytes) {
  uint64_t end = findEnd(bytes);
  Record record(bytes.drop_front(end + 4));
  uint16_t own = record.half(), first = record.half(), here = record.half(), count = record.half();
  uint32_t size = record.word(), offset = record.word();
  Directory directory{offset, size, count};
  if (end >= kLocator64Bytes && signatureAt(bytes, end - kLocator64Bytes) == kLocator64Signature)
    directory = readEnd64(bytes, end);
  else if (own != 0 || first != 0 || here != count)
    malformed("is a part of a zip archive in several");
  if (directory.offset > end || directory.size > end - directory.offset)
    malformed("its zip directory lies outside the file");
  if (directory.count > kMostMembers)
    malformed("is a zip archive of " + Twine(directory.count) + " members");
  return directory;
}

/// Numbers that did not fit 32 bits are in an extra field, in this order.
static void readExtra64(Record extra, std::initializer_list<uint64_t *> numbers) {
  constexpr uint16_t kZip64 = 1;
  while (extra.left() >= 4) {
    uint16_t tag = extra.half(), size = extra.half();
    Record field(extra.take(size));
    if (tag == kZip64)
      for (uint64_t *number : numbers)
        if (*number == UINT32_MAX)
          *number = field.wide();
  }
}

static Entry readEntry(Record &record) {
  if (record.word() != kEntrySignature)
    malformed("its zip directory has fewer entries than is said");
  record.take(4); // versions
  uint16_t flags = record.half(), method = record.half();
  record.take(4); // time
  Entry entry;
  entry.checksum = record.word();
  uint64_t packed = record.word();
  entry.size = record.word();
  uint16_t nameBytes = record.half(), extraBytes = record.half(), commentBytes = record.half();
  uint64_t disk = record.half();
  record.take(6); // attributes
  entry.offset = record.word();
  entry.name = toStringRef(record.take(nameBytes));
  readExtra64(Record(record.take(extraBytes)), {&entry.size, &packed, &entry.offset});
  record.take(commentBytes);
  const std::string quoted = "its member '" + printable(entry.name) + "' ";
  if (flags & 1)
    unsupported(quoted + "is encrypted");
  entry.isCompressed = method != 0;
  if (entry.isCompressed)
    entry.size = packed;
  if (packed != entry.size || (disk != 0 && disk != UINT16_MAX))
    malformed(quoted + "has two sizes");
  return entry;
}

/// Where a member's data begins: behind a header of its own, which must agree.
static uint64_t dataOffset(ArrayRef<char> bytes, const Entry &entry, uint64_t limit) {
  constexpr uint64_t kHeaderBytes = 30;
  const std::string quoted = "its member '" + printable(entry.name) + "' ";
  if (entry.offset > limit || limit - entry.offset < kHeaderBytes ||
      signatureAt(bytes, entry.offset) != kLocalSignature)
    malformed(quoted + "does not lie where the zip directory says");
  Record header(bytes.slice(entry.offset, kHeaderBytes));
  header.take(26);
  uint64_t nameBytes = header.half(), extraBytes = header.half();
  uint64_t offset = entry.offset + kHeaderBytes + nameBytes + extraBytes;
  if (offset > limit || entry.size > limit - offset)
    malformed(quoted + "ends behind the zip directory's begin");
  if (toStringRef(bytes.slice(entry.offset + kHeaderBytes, nameBytes)) != entry.name)
    malformed(quoted + "is called otherwise where it lies");
  return offset;
}

Archive::Archive(ArrayRef<char> bytes) {
  Directory directory = findDirectory(bytes);
  Record record(bytes.slice(directory.offset, directory.size));
  std::vector<std::pair<uint64_t, uint64_t>> taken; // begin and end of each
  for (uint64_t number = 0; number < directory.count; ++number) {
    Entry entry = readEntry(record);
    uint64_t offset = dataOffset(bytes, entry, directory.offset);
    if (!members_.insert({entry.name, {bytes.slice(offset, entry.size), entry.checksum, entry.isCompressed}}).second)
      malformed("has two members '" + printable(entry.name) + "'");
    taken.emplace_back(entry.offset, offset + entry.size);
    names_.push_back(entry.name);
  }
  llvm::sort(taken);
  for (size_t number = 1; number < taken.size(); ++number)
    if (taken[number].first < taken[number - 1].second)
      malformed("is a zip archive whose members overlap");
}

ArrayRef<char> Archive::member(StringRef name) const {
  auto found = members_.find(name);
  if (found == members_.end())
    malformed("lacks the member '" + printable(name) + "'");
  if (found->second.isCompressed)
    unsupported("its member '" + printable(name) +
                "' is compressed; torch.export.save stores members as they are: save the program again, or unpack the "
                "archive and pack it with zip -0");
  return found->second.bytes;
}

StringRef Archive::text(StringRef name) const {
  ArrayRef<char> bytes = member(name);
  if (llvm::crc32(arrayRefFromStringRef(toStringRef(bytes))) != members_.find(name)->second.checksum)
    malformed("its member '" + printable(name) + "' is damaged: its checksum does not hold");
  return toStringRef(bytes);
}

} // namespace smelt::frontend::pt2

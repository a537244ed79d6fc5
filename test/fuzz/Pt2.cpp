// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The JSON of an exported program → a graph. An archive is made around it whose checksums hold, so that what is behind
// them is met; bytes that begin as an archive does are taken as one. What is imported verifies.

#include "test/fuzz/Fuzz.h"
#include "test/fuzz/ImportFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"

using namespace smelt;

namespace {
/// A zip archive of members as they are.
class ArchiveWriter {
public:
  void add(llvm::StringRef name, llvm::StringRef data) {
    const uint64_t offset = bytes_.size();
    const uint32_t checksum = llvm::crc32(llvm::arrayRefFromStringRef(data));
    auto sizes = [&](std::string &to) {
      word(to, checksum);
      word(to, static_cast<uint32_t>(data.size()));
      word(to, static_cast<uint32_t>(data.size()));
      half(to, static_cast<uint16_t>(name.size()));
      half(to, 0);
    };
    bytes_ += std::string("PK\3\4\0\0\0\0\0\0\0\0\0\0", 14);
    sizes(bytes_);
    (bytes_ += name) += data;
    directory_ += std::string("PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    sizes(directory_);
    directory_ += std::string(10, '\0');
    word(directory_, static_cast<uint32_t>(offset));
    directory_ += name;
    ++count_;
  }

  std::string finish() {
    std::string end("PK\5\6\0\0\0\0", 8);
    half(end, count_);
    half(end, count_);
    word(end, static_cast<uint32_t>(directory_.size()));
    word(end, static_cast<uint32_t>(bytes_.size()));
    half(end, 0);
    return bytes_ + directory_ + end;
  }

private:
  template <typename Number> static void number(std::string &to, Number value) {
    char bytes[sizeof(Number)];
    llvm::support::endian::write<Number, llvm::endianness::little>(bytes, value);
    to.append(bytes, sizeof(Number));
  }
  static void word(std::string &to, uint32_t value) { number(to, value); }
  static void half(std::string &to, uint16_t value) { number(to, value); }

  std::string bytes_, directory_;
  uint16_t count_ = 0;
};
} // namespace

/// Weights of 4 and 8 elements under names that seeds use.
static std::string archiveOf(llvm::StringRef model) {
  constexpr llvm::StringLiteral kMeta = R"(","is_param":true,"use_pickle":false,"tensor_meta":{"dtype":7,"layout":7,)";
  const std::string config =
      (R"({"config":{"w":{"path_name":"weight_0)" + kMeta +
       R"("sizes":[{"as_int":2},{"as_int":4}],"strides":[{"as_int":4},{"as_int":1}]}},"b":)" +
       R"({"path_name":"weight_0)" + kMeta + R"("sizes":[{"as_int":4}],"strides":[{"as_int":1}]}}}})")
          .str();
  ArchiveWriter archive;
  archive.add("m/archive_format", "pt2");
  archive.add("m/models/model.json", model);
  archive.add("m/data/weights/weight_0", std::string(32, '\1'));
  archive.add("m/data/weights/model_weights_config.json", config);
  archive.add("m/data/constants/model_constants_config.json", R"({"config":{}})");
  return archive.finish();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  const std::string bytes = text.starts_with("PK") ? text.str() : archiveOf(text);
  const fuzz::MemoryFile file(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  fuzz::importFile(file.path());
  return 0;
}

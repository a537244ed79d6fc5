// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Npz.h"

#include "tools/runner/Error.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace smelt::runner {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;
constexpr size_t kMostHeaderBytes = 1 << 16;
constexpr size_t kMostRank = 64;
constexpr std::string_view kSuffix = ".npy";

// NumPy's spelling of each type; where there are several, the first is written, and where one spells several types, the
// first is read. ml_dtypes spells most of its types as bytes without a meaning, which are read as u8: whoever knows the
// type asks canHold.
static constexpr struct {
  std::string_view text;
  smelt_dtype dtype;
} kDescriptions[] = {
    {"<f4", SMELT_F32},        {"<f2", SMELT_F16},    {"<V2", SMELT_BF16},     {"|V2", SMELT_BF16},
    {"<f8", SMELT_F64},        {"|i1", SMELT_I8},     {"<i2", SMELT_I16},      {"<i4", SMELT_I32},
    {"<i8", SMELT_I64},        {"|u1", SMELT_U8},     {"<u2", SMELT_U16},      {"<u4", SMELT_U32},
    {"<u8", SMELT_U64},        {"|b1", SMELT_BOOL},   {"<V1", SMELT_U8},       {"|V1", SMELT_U8},
    {"<f1", SMELT_F8E5M2},     {"|f1", SMELT_F8E5M2}, {"<V1", SMELT_F8E4M3FN}, {"<V1", SMELT_F8E4M3FNUZ},
    {"<V1", SMELT_F8E5M2FNUZ}, {"<V1", SMELT_F8E8M0}, {"<V1", SMELT_F4E2M1},   {"<V1", SMELT_F6E2M3},
    {"<V1", SMELT_F6E3M2},     {"|i1", SMELT_I4},     {"|i1", SMELT_I2},       {"|u1", SMELT_U4},
    {"|u1", SMELT_U2},
};

// ---------------------------------------------------------------------------------------------------------- header

namespace {
/// The literals of Python that a header consists of. Each function says whether it found what it looks for.
class Literals {
public:
  explicit Literals(std::string_view text) : text_(text) {}

  bool word(std::string_view word) {
    skipSpaces();
    if (text_.substr(0, word.size()) != word)
      return false;
    text_.remove_prefix(word.size());
    return true;
  }
  bool string(std::string_view &value) {
    skipSpaces();
    const char quote = text_.empty() ? '\0' : text_.front();
    const size_t end = text_.find(quote, 1);
    if ((quote != '\'' && quote != '"') || end == std::string_view::npos)
      return false;
    value = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return true;
  }
  bool extent(int64_t &value) {
    skipSpaces();
    if (text_.empty() || text_.front() < '0' || text_.front() > '9')
      return false;
    for (value = 0; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; text_.remove_prefix(1))
      if (__builtin_mul_overflow(value, int64_t(10), &value) ||
          __builtin_add_overflow(value, int64_t(text_.front() - '0'), &value))
        return false;
    return true;
  }
  bool boolean(bool &value) {
    value = word("True");
    return value || word("False");
  }
  /// (), (2,) or (2, 3)
  bool tuple(std::vector<int64_t> &values) {
    if (!word("("))
      return false;
    while (!word(")")) {
      int64_t value;
      if (!extent(value) || values.size() == kMostRank)
        return false;
      values.push_back(value);
      if (!word(",") && !peek(')'))
        return false;
    }
    return true;
  }
  bool peek(char c) {
    skipSpaces();
    return !text_.empty() && text_.front() == c;
  }
  bool atEnd() {
    skipSpaces();
    return text_.empty();
  }

private:
  void skipSpaces() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size())); }

  std::string_view text_;
};
} // namespace

static std::string typeError(std::string_view description) {
  if (!description.empty() && description.front() == '>')
    return "its numbers are big-endian; convert it with .astype(array.dtype.newbyteorder('<'))";
  if (!description.empty() && description.find('O') != std::string_view::npos)
    return "it holds Python objects, not numbers";
  return "its element type is " + quoted(description) + ", not a float, an integer or bool";
}

static std::string parseType(std::string_view description, smelt_dtype &dtype) {
  for (const auto &row : kDescriptions)
    if (row.text == description) {
      dtype = row.dtype;
      return "";
    }
  return typeError(description);
}

bool canHold(smelt_dtype array, smelt_dtype tensor) {
  if (array == tensor)
    return true;
  if (tensor == SMELT_BF16)
    return array == SMELT_U16; // NumPy without ml_dtypes
  if (tensor == SMELT_I4 || tensor == SMELT_I2)
    return array == SMELT_I8 || array == SMELT_U8;
  return tensor > SMELT_BOOL && array == SMELT_U8;
}

std::string parseNpyHeader(std::string_view text, NpyHeader &header) {
  const std::string broken = "its header is damaged";
  Literals literals(text);
  bool type = false, order = false, shape = false;
  if (!literals.word("{"))
    return broken;
  while (!literals.word("}")) {
    std::string_view key, description;
    if (!literals.string(key) || !literals.word(":"))
      return broken;
    if (key == "descr" && !std::exchange(type, true)) {
      if (literals.peek('['))
        return "it is an array of structures; give each field as an array of its own";
      if (!literals.string(description))
        return broken;
      if (std::string why = parseType(description, header.dtype); !why.empty())
        return why;
    } else if (key == "fortran_order" && !std::exchange(order, true)) {
      if (!literals.boolean(header.columnMajor))
        return broken;
    } else if (key == "shape" && !std::exchange(shape, true)) {
      if (!literals.tuple(header.shape))
        return broken;
    } else {
      return broken;
    }
    if (!literals.word(",") && !literals.peek('}'))
      return broken;
  }
  return type && order && shape && literals.atEnd() ? "" : broken;
}

std::string makeNpyHeader(smelt_dtype dtype, const std::vector<int64_t> &shape) {
  const auto *row = std::find_if(std::begin(kDescriptions), std::end(kDescriptions),
                                 [&](const auto &candidate) { return candidate.dtype == dtype; });
  if (row == std::end(kDescriptions))
    throw Error(Exit::Defect, "no .npy type for element type " + std::to_string(dtype));
  std::string text = "{'descr': '" + std::string(row->text) + "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  text += shape.size() == 1 ? ",), }" : "), }";
  constexpr size_t kPrefix = kMagicBytes + 4; // magic number, version 1.0, length
  text.append(SMELT_ALIGNMENT - 1 - (kPrefix + text.size()) % SMELT_ALIGNMENT, ' ');
  text += '\n';
  return std::string(kMagic, kMagicBytes) + '\x01' + '\0' + static_cast<char>(text.size() & 255) +
         static_cast<char>(text.size() >> 8) + text;
}

// --------------------------------------------------------------------------------------------------------- archive

[[noreturn]] static void malformed(const InputFile &file, const std::string &name, const std::string &why) {
  throw Error(Exit::Malformed, file.path() + (name.empty() ? ": " : ": array " + quoted(name) + ": ") + why);
}

/// The text of a header; `stream` then stands at the array's first byte.
static std::string readHeaderText(ZipStream &stream, const InputFile &file, const std::string &name) {
  unsigned char prefix[kMagicBytes + 2], length[4] = {};
  stream.read(prefix, sizeof prefix);
  if (std::memcmp(prefix, kMagic, kMagicBytes) != 0)
    malformed(file, name, "it is no .npy file");
  const unsigned char version = prefix[kMagicBytes];
  if (version < 1 || version > 3)
    malformed(file, name, "version " + std::to_string(version) + " of the .npy format is not known");
  stream.read(length, version == 1 ? 2 : 4);
  const size_t bytes = length[0] | length[1] << 8 | length[2] << 16 | static_cast<size_t>(length[3]) << 24;
  if (bytes > kMostHeaderBytes)
    malformed(file, name, "its header is damaged");
  std::string text(bytes, '\0');
  stream.read(text.data(), bytes);
  return text;
}

NpzEntry NpzReader::readHeader(const ZipMember &member) const {
  const std::string_view whole = member.isWholeFile ? kSuffix : std::string_view(member.name);
  if (whole.size() < kSuffix.size() || whole.substr(whole.size() - kSuffix.size()) != kSuffix)
    malformed(archive_.file(), member.name, "it is no .npy file");
  NpzEntry entry{std::string(whole.substr(0, whole.size() - kSuffix.size())), {}, 0, &member};
  ZipStream stream(archive_, member);
  const std::string text = readHeaderText(stream, archive_.file(), entry.name);
  if (const std::string why = parseNpyHeader(text, entry.header); !why.empty())
    malformed(archive_.file(), entry.name, why);
  const std::optional<uint64_t> bytes = tensorBytes(entry.header.dtype, entry.header.shape);
  // The prefix takes 8 bytes and 2 or 4 for the length: what is left must be the array.
  if (!bytes || member.bytes < *bytes || member.bytes - *bytes > kMostHeaderBytes + 12)
    malformed(archive_.file(), entry.name, "its shape does not fit its size");
  entry.bytes = *bytes;
  return entry;
}

static ZipReader open(const std::string &path) {
  const bool isArray = path.size() >= kSuffix.size() && path.substr(path.size() - kSuffix.size()) == kSuffix;
  return isArray ? ZipReader::ofWhole(path) : ZipReader(path);
}

NpzReader::NpzReader(const std::string &path) : archive_(open(path)) {
  for (const ZipMember &member : archive_.members()) {
    NpzEntry entry = readHeader(member);
    if (find(entry.name))
      malformed(archive_.file(), entry.name, "it is there twice");
    entries_.push_back(std::move(entry));
  }
}

const NpzEntry *NpzReader::find(std::string_view name) const {
  for (const NpzEntry &entry : entries_)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

/// Column-major elements of `from` in row-major order.
static void transpose(const NpyHeader &header, const unsigned char *from, unsigned char *to, uint64_t bytes) {
  const size_t size = smelt_dtype_size(header.dtype), rank = header.shape.size();
  std::vector<int64_t> index(rank, 0), strides(rank, 1);
  for (size_t dim = 1; dim < rank; ++dim)
    strides[dim] = strides[dim - 1] * header.shape[dim - 1];
  uint64_t source = 0;
  for (uint64_t at = 0; at < bytes; at += size) {
    std::memcpy(to + at, from + source * size, size);
    for (size_t dim = rank; dim-- > 0;) { // the last dim moves fastest
      source += strides[dim];
      if (++index[dim] < header.shape[dim])
        break;
      source -= strides[dim] * header.shape[dim];
      index[dim] = 0;
    }
  }
}

void NpzReader::read(const NpzEntry &entry, unsigned char *to) const {
  ZipStream stream(archive_, *entry.member);
  readHeaderText(stream, archive_.file(), entry.name);
  if (!entry.header.columnMajor || entry.header.shape.size() < 2) {
    stream.read(to, entry.bytes);
    stream.finish();
  } else {
    const AlignedBytes stored(entry.bytes, "array " + quoted(entry.name));
    stream.read(stored.data(), entry.bytes);
    stream.finish();
    transpose(entry.header, stored.data(), to, entry.bytes);
  }
  if (entry.header.dtype == SMELT_BOOL) // kernels rely on 0 and 1
    std::transform(to, to + entry.bytes, to, [](unsigned char value) { return value != 0; });
}

void NpzReader::readAs(const NpzEntry &entry, smelt_dtype dtype, unsigned char *to) const {
  if (!isPacked(dtype))
    return read(entry, to);
  const AlignedBytes elements(entry.bytes, "array " + quoted(entry.name));
  read(entry, elements.data());
  pack(elements.data(), dtype, entry.bytes, to);
}

Tensor NpzReader::readAs(const NpzEntry &entry, smelt_dtype dtype) const {
  Tensor tensor{entry.name, dtype, entry.header.shape,
                AlignedBytes(tensorBytes(dtype, entry.header.shape).value_or(0), "array " + quoted(entry.name))};
  readAs(entry, dtype, tensor.bytes.data());
  return tensor;
}

Tensor NpzReader::read(const NpzEntry &entry) const {
  Tensor tensor{entry.name, entry.header.dtype, entry.header.shape,
                AlignedBytes(entry.bytes, "array " + quoted(entry.name))};
  read(entry, tensor.bytes.data());
  return tensor;
}

void NpzWriter::add(const std::string &name, smelt_dtype dtype, const std::vector<int64_t> &shape, const void *data) {
  const std::optional<uint64_t> bytes = tensorBytes(dtype, shape);
  if (!bytes)
    throw Error(Exit::Defect, "the shape of " + quoted(name) + " is impossible");
  const std::string file = name + std::string(kSuffix), header = makeNpyHeader(dtype, shape);
  if (!isPacked(dtype))
    return archive_.add(file, header, data, *bytes);
  const uint64_t count = *tensorBytes(SMELT_U8, shape);
  const AlignedBytes elements(count, "array " + quoted(name));
  unpack(static_cast<const unsigned char *>(data), dtype, count, elements.data());
  archive_.add(file, header, elements.data(), count);
}

} // namespace smelt::runner

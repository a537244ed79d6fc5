// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Skeleton.h"
#include "frontends/common/Refusal.h"
#include <cstring>

using namespace llvm;

namespace smelt::frontend::onnx {

namespace {
/// The messages between a model and its tensors. Dropped fields stay out of the skeleton.
enum class Message : uint8_t {
  Opaque,
  Dropped,
  Payload,
  Model,
  Graph,
  Node,
  Attribute,
  Tensor,
  SparseTensor,
  Function
};

/// What a length-delimited field of a message holds; Opaque where it is not listed.
struct Field {
  uint32_t number;
  Message in, holds;
};
constexpr Field kFields[] = {
    {6, Message::Model, Message::Dropped},  // doc_string
    {7, Message::Model, Message::Graph},    // graph
    {20, Message::Model, Message::Dropped}, // training_info
    {25, Message::Model, Message::Function},
    {1, Message::Graph, Message::Node},
    {5, Message::Graph, Message::Tensor},        // initializer
    {10, Message::Graph, Message::Dropped},      // doc_string
    {15, Message::Graph, Message::SparseTensor}, // sparse_initializer
    {5, Message::Node, Message::Attribute},
    {6, Message::Node, Message::Dropped},       // doc_string
    {5, Message::Attribute, Message::Tensor},   // t
    {6, Message::Attribute, Message::Graph},    // g
    {10, Message::Attribute, Message::Tensor},  // tensors
    {11, Message::Attribute, Message::Graph},   // graphs
    {13, Message::Attribute, Message::Dropped}, // doc_string
    {22, Message::Attribute, Message::SparseTensor},
    {23, Message::Attribute, Message::SparseTensor},
    {9, Message::Tensor, Message::Payload},      // raw_data
    {12, Message::Tensor, Message::Dropped},     // doc_string
    {1, Message::SparseTensor, Message::Tensor}, // values
    {2, Message::SparseTensor, Message::Tensor}, // indices
    {7, Message::Function, Message::Node},
    {8, Message::Function, Message::Dropped}, // doc_string
    {11, Message::Function, Message::Attribute},
};

Message heldBy(Message in, uint32_t number) {
  for (const Field &field : kFields)
    if (field.in == in && field.number == number)
      return field.holds;
  return Message::Opaque;
}

/// Protobuf's wire types.
enum : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

constexpr size_t kMostParts = 1 << 21;         // nodes, attributes and tensors; a transformer of 100 layers has 2^17
constexpr size_t kMostSkeletonBytes = 1 << 30; // protobuf ends at 2^31
constexpr size_t kLengthBytes = 5;             // of a length in the skeleton, padded so that it can be filled in later

class SkeletonWriter {
public:
  explicit SkeletonWriter(StringRef file) : file_(file) {}

  std::string write() {
    message(Message::Model, file_, 0);
    return std::move(skeleton_);
  }

private:
  void message(Message kind, StringRef bytes, unsigned depth);
  void lengthDelimited(Message kind, StringRef tag, uint32_t number, StringRef content, unsigned depth);
  void keep(StringRef bytes);

  /// Takes what a field consists of from the front of `bytes`.
  uint64_t takeVarint(StringRef &bytes) const;
  StringRef take(StringRef &bytes, uint64_t size) const;
  size_t offsetOf(StringRef bytes) const { return bytes.data() - file_.data(); }

  StringRef file_;
  std::string skeleton_;
  size_t parts_ = 0;
};
} // namespace

uint64_t SkeletonWriter::takeVarint(StringRef &bytes) const {
  uint64_t value = 0;
  StringRef from = bytes;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty())
      break;
    auto byte = static_cast<unsigned char>(bytes.front());
    bytes = bytes.drop_front();
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  malformed("is no ONNX model, or is damaged: no number at byte " + Twine(offsetOf(from)));
}

StringRef SkeletonWriter::take(StringRef &bytes, uint64_t size) const {
  if (size > bytes.size())
    malformed("is no ONNX model, or is truncated: a field at byte " + Twine(offsetOf(bytes)) + " should have " +
              Twine(size) + " bytes, of which " + Twine(bytes.size()) + " are there");
  StringRef taken = bytes.take_front(size);
  bytes = bytes.drop_front(size);
  return taken;
}

void SkeletonWriter::keep(StringRef bytes) {
  if (bytes.size() > kMostSkeletonBytes - skeleton_.size())
    unsupported("holds more than " + Twine(kMostSkeletonBytes) + " bytes besides raw tensor data");
  skeleton_ += bytes;
}

void SkeletonWriter::message(Message kind, StringRef bytes, unsigned depth) {
  if (depth > kDeepestNesting)
    unsupported("nests graphs too deep: more than " + Twine(kDeepestNesting) + " messages within each other at byte " +
                Twine(offsetOf(bytes)));
  if (++parts_ > kMostParts)
    unsupported("has more than " + Twine(kMostParts) + " nodes, attributes and tensors");
  while (!bytes.empty()) {
    StringRef field = bytes;
    uint64_t tag = takeVarint(bytes);
    uint32_t wireType = tag & 7;
    if (tag < 8 || tag > UINT32_MAX)
      malformed("is no ONNX model, or is damaged: no field at byte " + Twine(offsetOf(field)));
    if (wireType == kLengthDelimited) {
      StringRef tagBytes = field.drop_back(bytes.size());
      uint64_t size = takeVarint(bytes);
      lengthDelimited(kind, tagBytes, static_cast<uint32_t>(tag >> 3), take(bytes, size), depth);
      continue;
    }
    if (wireType == kVarint)
      takeVarint(bytes);
    else if (wireType == kFixed64 || wireType == kFixed32)
      take(bytes, wireType == kFixed64 ? 8 : 4);
    else
      malformed("is no ONNX model, or is damaged: no field at byte " + Twine(offsetOf(field)));
    keep(field.drop_back(bytes.size()));
  }
}

/// A varint of kLengthBytes, which may be longer than it must.
static void writeLength(MutableArrayRef<char> to, size_t length) {
  for (size_t i = 0; i < to.size(); ++i, length >>= 7)
    to[i] = static_cast<char>((length & 0x7f) | (i + 1 < to.size() ? 0x80 : 0));
}

void SkeletonWriter::lengthDelimited(Message kind, StringRef tag, uint32_t number, StringRef content, unsigned depth) {
  Message holds = heldBy(kind, number);
  if (holds == Message::Dropped)
    return;
  keep(tag);
  size_t lengthAt = skeleton_.size();
  keep(StringRef("\0\0\0\0\0", kLengthBytes));
  if (holds == Message::Opaque) {
    keep(content);
  } else if (holds == Message::Payload) {
    Payload payload = {offsetOf(content), content.size()};
    keep(StringRef(reinterpret_cast<const char *>(&payload), sizeof payload));
  } else {
    message(holds, content, depth + 1);
  }
  writeLength({skeleton_.data() + lengthAt, kLengthBytes}, skeleton_.size() - lengthAt - kLengthBytes);
}

std::string makeSkeleton(StringRef file) { return SkeletonWriter(file).write(); }

std::optional<Payload> Payload::decode(StringRef rawData) {
  Payload payload;
  if (rawData.size() != sizeof payload)
    return std::nullopt;
  std::memcpy(&payload, rawData.data(), sizeof payload);
  return payload;
}

} // namespace smelt::frontend::onnx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Mutates ONNX models as the messages that they are, so that what comes out still parses: fields are set, repeated,
// dropped, exchanged for others of their kind, and names for names that occur elsewhere. libFuzzer links it where a
// target reads models.

#include "frontends/onnx/Operators.h"
#include "test/fuzz/Fuzz.h"
#include <fstream>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <random>

using namespace google::protobuf;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {
/// The messages of onnx-ml.proto, with reflection: what the compiler itself links has none.
class Schema {
public:
  Schema() {
    std::ifstream file(ONNX_DESCRIPTORS, std::ios::binary);
    FileDescriptorSet files;
    smelt::fuzz::require(files.ParseFromIstream(&file) && files.file_size() == 1, "the schema is read");
    model_ = factory_.GetPrototype(pool_.BuildFile(files.file(0))->FindMessageTypeByName("ModelProto"));
  }
  std::unique_ptr<Message> make() const { return std::unique_ptr<Message>(model_->New()); }

private:
  DescriptorPool pool_;
  DynamicMessageFactory factory_;
  const Message *model_;
};

/// One place of a message that holds, or could hold, a value.
struct Place {
  Message *message;
  const FieldDescriptor *field;
};

class Mutator {
public:
  Mutator(Message &model, unsigned seed) : random_(seed) { collect(model, 0); }

  void mutate();
  /// Exchanges a message for one of the same type elsewhere.
  void graft(const Mutator &other);

private:
  void collect(Message &message, unsigned depth);
  void mutateRepeated(const Place &place);
  void mutateSingle(const Place &place);
  template <typename T> T number(T old);
  std::string text(const Place &place, const std::string &old);
  static std::string bytes(std::string old);
  size_t below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }
  /// A copy of some message of a type: a message may be put into itself.
  std::unique_ptr<Message> another(const Descriptor *type);

  std::mt19937 random_;
  std::vector<Place> places_;
  std::vector<Message *> messages_;
  std::vector<std::pair<const FieldDescriptor *, std::string>> texts_;
};
} // namespace

constexpr unsigned kDeepest = 40;    // of what is mutated
constexpr size_t kMostCopies = 4;    // of an element that is repeated
constexpr size_t kMostRaw = 1 << 12; // bytes of raw data

void Mutator::collect(Message &message, unsigned depth) {
  if (depth > kDeepest)
    return;
  messages_.push_back(&message);
  const Reflection &reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor *field = message.GetDescriptor()->field(i);
    places_.push_back({&message, field});
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      if (!field->is_repeated() && reflection.HasField(message, field))
        texts_.emplace_back(field, reflection.GetString(message, field));
      for (int at = 0; field->is_repeated() && at < reflection.FieldSize(message, field); ++at)
        texts_.emplace_back(field, reflection.GetRepeatedString(message, field, at));
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE)
      continue;
    if (!field->is_repeated() && reflection.HasField(message, field))
      collect(*reflection.MutableMessage(&message, field), depth + 1);
    for (int at = 0; field->is_repeated() && at < reflection.FieldSize(message, field); ++at)
      collect(*reflection.MutableRepeatedMessage(&message, field, at), depth + 1);
  }
}

template <typename T> T Mutator::number(T old) {
  using Limits = std::numeric_limits<T>;
  const T special[] = {T(0),
                       T(1),
                       T(2),
                       T(3),
                       T(4),
                       T(7),
                       T(16),
                       T(64),
                       T(-1),
                       T(-2),
                       T(1000),
                       Limits::lowest(),
                       Limits::max(),
                       T(1u << 16),
                       T(1ll << 30),
                       T(1ll << 31),
                       Limits::max() / 2,
                       Limits::infinity(),
                       Limits::quiet_NaN()};
  switch (below(4)) {
  case 0:
    return old > Limits::lowest() ? T(old - 1) : old;
  case 1:
    return old < Limits::max() ? T(old + 1) : old;
  default:
    return special[below(std::size(special))];
  }
}

std::string Mutator::bytes(std::string old) {
  const size_t size = old.size();
  old.resize(std::max<size_t>(size + 8, 16));
  const size_t most = old.size();
  old.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(old.data()), size, most));
  return old.substr(0, kMostRaw);
}

/// Mostly something that the model, or the table of operators, has already: names are worth more than noise.
std::string Mutator::text(const Place &place, const std::string &old) {
  static const smelt::frontend::onnx::OperatorTable operators;
  static const auto known = operators.oldest();
  if (place.field->name() == "op_type" && below(2) == 0)
    return known[below(known.size())]->name.str();
  if (!texts_.empty() && below(8) != 0)
    return texts_[below(texts_.size())].second;
  return bytes(old);
}

std::unique_ptr<Message> Mutator::another(const Descriptor *type) {
  std::vector<const Message *> candidates;
  for (const Message *message : messages_)
    if (message->GetDescriptor() == type)
      candidates.push_back(message);
  if (candidates.empty())
    return nullptr;
  const Message &chosen = *candidates[below(candidates.size())];
  std::unique_ptr<Message> copy(chosen.New());
  copy->CopyFrom(chosen);
  return copy;
}

namespace {
/// How a field of numbers is read and written.
template <typename T> struct Access {
  T (Reflection::*get)(const Message &, const FieldDescriptor *) const;
  void (Reflection::*set)(Message *, const FieldDescriptor *, T) const;
  T (Reflection::*getRepeated)(const Message &, const FieldDescriptor *, int) const;
  void (Reflection::*setRepeated)(Message *, const FieldDescriptor *, int, T) const;
  void (Reflection::*add)(Message *, const FieldDescriptor *, T) const;
};
} // namespace

/// Calls visit(Access<T>) for a field of numbers. ONNX has no enumerations and bools in a message that matter here.
template <typename Visit> static void withAccess(const FieldDescriptor *field, Visit visit) {
  using R = Reflection;
  switch (field->cpp_type()) {
  case FieldDescriptor::CPPTYPE_INT32:
    return visit(Access<int32_t>{&R::GetInt32, &R::SetInt32, &R::GetRepeatedInt32, &R::SetRepeatedInt32, &R::AddInt32});
  case FieldDescriptor::CPPTYPE_INT64:
    return visit(Access<int64_t>{&R::GetInt64, &R::SetInt64, &R::GetRepeatedInt64, &R::SetRepeatedInt64, &R::AddInt64});
  case FieldDescriptor::CPPTYPE_UINT64:
    return visit(
        Access<uint64_t>{&R::GetUInt64, &R::SetUInt64, &R::GetRepeatedUInt64, &R::SetRepeatedUInt64, &R::AddUInt64});
  case FieldDescriptor::CPPTYPE_FLOAT:
    return visit(Access<float>{&R::GetFloat, &R::SetFloat, &R::GetRepeatedFloat, &R::SetRepeatedFloat, &R::AddFloat});
  case FieldDescriptor::CPPTYPE_DOUBLE:
    return visit(
        Access<double>{&R::GetDouble, &R::SetDouble, &R::GetRepeatedDouble, &R::SetRepeatedDouble, &R::AddDouble});
  case FieldDescriptor::CPPTYPE_ENUM:
    return visit(Access<int>{&R::GetEnumValue, &R::SetEnumValue, &R::GetRepeatedEnumValue, &R::SetRepeatedEnumValue,
                             &R::AddEnumValue});
  default:
    return;
  }
}

void Mutator::mutateSingle(const Place &place) {
  auto [message, field] = place;
  const Reflection &reflection = *message->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    if (const std::unique_ptr<Message> other = another(field->message_type()); other && below(4) != 0) {
      reflection.MutableMessage(message, field)->CopyFrom(*other);
    } else if (reflection.HasField(*message, field)) {
      reflection.ClearField(message, field);
    } else {
      reflection.MutableMessage(message, field);
    }
  } else if (reflection.HasField(*message, field) && below(6) == 0) {
    reflection.ClearField(message, field);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    const std::string old = reflection.GetString(*message, field);
    const bool isText = field->type() == FieldDescriptor::TYPE_STRING;
    reflection.SetString(message, field, isText ? text(place, old) : bytes(old));
  } else {
    withAccess(field, [&, message = message, field = field](auto access) {
      (reflection.*access.set)(message, field, number((reflection.*access.get)(*message, field)));
    });
  }
}

void Mutator::mutateRepeated(const Place &place) {
  auto [message, field] = place;
  const Reflection &reflection = *message->GetReflection();
  const int size = reflection.FieldSize(*message, field);
  const int at = size > 0 ? static_cast<int>(below(size)) : 0;
  const size_t choice = below(4);
  if (size > 0 && choice == 0) {
    reflection.SwapElements(message, field, at, size - 1);
    reflection.RemoveLast(message, field);
  } else if (size > 0 && choice == 1) {
    reflection.SwapElements(message, field, at, static_cast<int>(below(size)));
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const std::unique_ptr<Message> other = another(field->message_type());
    for (size_t copies = 1 + (choice == 2 ? 0 : below(kMostCopies)); copies > 0; --copies) {
      Message *added = reflection.AddMessage(message, field);
      if (other)
        added->CopyFrom(*other);
    }
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    const std::string old = size > 0 ? reflection.GetRepeatedString(*message, field, at) : "";
    const std::string value = field->type() == FieldDescriptor::TYPE_STRING ? text(place, old) : bytes(old);
    size > 0 && choice == 2 ? reflection.SetRepeatedString(message, field, at, value)
                            : reflection.AddString(message, field, value);
  } else {
    withAccess(field, [&, message = message, field = field](auto access) {
      if (size > 0 && choice == 2)
        (reflection.*access.setRepeated)(message, field, at,
                                         number((reflection.*access.getRepeated)(*message, field, at)));
      else
        (reflection.*access.add)(message, field, size > 0 ? (reflection.*access.getRepeated)(*message, field, at) : 0);
    });
  }
}

void Mutator::mutate() {
  const Place &place = places_[below(places_.size())];
  place.field->is_repeated() ? mutateRepeated(place) : mutateSingle(place);
}

void Mutator::graft(const Mutator &other) {
  Message *onto = messages_[below(messages_.size())];
  std::vector<const Message *> candidates;
  for (const Message *message : other.messages_)
    if (message->GetDescriptor() == onto->GetDescriptor())
      candidates.push_back(message);
  if (!candidates.empty())
    onto->CopyFrom(*candidates[below(candidates.size())]);
}

static const Schema &schema() {
  static const Schema schema;
  return schema;
}

static std::unique_ptr<Message> parse(const uint8_t *data, size_t size) {
  std::unique_ptr<Message> model = schema().make();
  SetLogHandler(nullptr); // protobuf would complain of strings that are no UTF-8
  return model->ParsePartialFromArray(data, static_cast<int>(size)) ? std::move(model) : nullptr;
}

static size_t write(const Message &model, uint8_t *to, size_t most) {
  const std::string bytes = model.SerializePartialAsString();
  if (bytes.size() > most || bytes.empty())
    return 0;
  std::copy(bytes.begin(), bytes.end(), to);
  return bytes.size();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  const std::unique_ptr<Message> model = parse(data, size);
  if (!model || seed % 50 == 0) // the parser has its bugs, too
    return LLVMFuzzerMutate(data, size, maxSize);
  for (unsigned count = 1 + seed % 4; count > 0; --count)
    Mutator(*model, seed + count).mutate();
  const size_t written = write(*model, data, maxSize);
  return written ? written : LLVMFuzzerMutate(data, size, maxSize);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                            uint8_t *out, size_t maxSize, unsigned seed) {
  const std::unique_ptr<Message> model = parse(data1, size1), other = parse(data2, size2);
  if (!model || !other)
    return 0;
  Mutator(*model, seed).graft(Mutator(*other, seed));
  return write(*model, out, maxSize);
}

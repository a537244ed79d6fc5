// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Pickle.h"
#include "frontends/common/Refusal.h"
#include "llvm/Support/Endian.h"
#include <deque>

using namespace llvm;

namespace smelt::frontend::pt2 {

namespace {
/// What a pickle makes. Parts lie in the reader's arena, so that no value owns another.
struct Object {
  enum class Kind { None, Mark, Bool, Integer, Float, Text, List, Dict, Global, Storage, Tensor };
  Kind kind = Kind::None;
  int64_t integer = 0;
  std::string text;            // also of a global: "torch._utils._rebuild_tensor_v2"
  std::vector<Object *> parts; // of lists and tuples; keys and values of dicts in turns
  StoredTensor tensor;         // of a storage: its dtype and bytes
};

/// Reads protocol 2 and what later ones add for texts and tuples (CPython's Lib/pickletools.py).
class Reader {
public:
  Reader(StringRef bytes, const Archive &archive, StringRef root) : bytes_(bytes), archive_(archive), root_(root) {}

  const Object &read();

private:
  using Kind = Object::Kind;

  StringRef take(uint64_t count);
  template <typename Number> Number number() {
    return support::endian::read<Number, llvm::endianness::little>(take(sizeof(Number)).data());
  }
  StringRef line();
  Object *make(Kind kind);
  void push(Object *object) { stack_.push_back(object); }
  void pushInteger(int64_t value);
  void pushText(StringRef text);
  void pushGlobal(StringRef module, StringRef name);
  Object *pop();
  std::vector<Object *> popToMark();
  Object &top(Kind kind);
  void remember(uint64_t index);
  void recall(uint64_t index);
  void tuple(std::vector<Object *> parts);
  void call();
  void storage();
  void extend(bool isDict);
  bool step(unsigned char code);
  bool stepNumber(unsigned char code);
  bool stepMemo(unsigned char code);
  Object *rebuiltTensor(const Object &arguments);

  StringRef bytes_;
  const Archive &archive_;
  std::string root_;
  std::deque<Object> arena_;
  std::vector<Object *> stack_;
  DenseMap<uint64_t, Object *> memo_;
};
} // namespace

StringRef Reader::take(uint64_t count) {
  if (count > bytes_.size())
    malformed("its pickle ends in the middle");
  StringRef taken = bytes_.take_front(count);
  bytes_ = bytes_.drop_front(count);
  return taken;
}

StringRef Reader::line() {
  size_t end = bytes_.find('\n');
  if (end == StringRef::npos)
    malformed("its pickle ends in the middle");
  return take(end + 1).drop_back();
}

Object *Reader::make(Kind kind) {
  arena_.emplace_back().kind = kind;
  return &arena_.back();
}

void Reader::pushInteger(int64_t value) {
  push(make(Kind::Integer));
  stack_.back()->integer = value;
}

void Reader::pushText(StringRef text) {
  push(make(Kind::Text));
  stack_.back()->text = text.str();
}

/// The classes and functions that a pickle may name. Storages are torch's classes.
void Reader::pushGlobal(StringRef module, StringRef name) {
  constexpr StringLiteral kKnown[] = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                      "torch._utils._rebuild_parameter", "torch.Size"};
  std::string full = (module + "." + name).str();
  if (!is_contained(kKnown, full) && !(module == "torch" && dtypeOfStorage(name)))
    unsupported("its pickle names '" + printable(full) +
                "', which Smelt does not execute; save the model with torch 2.9 "
                "or later, or without it");
  push(make(Kind::Global));
  stack_.back()->text = full;
}

Object *Reader::pop() {
  if (stack_.empty() || stack_.back()->kind == Kind::Mark)
    malformed("its pickle takes more than it has");
  Object *object = stack_.back();
  stack_.pop_back();
  return object;
}

std::vector<Object *> Reader::popToMark() {
  auto mark = std::find_if(stack_.rbegin(), stack_.rend(), [](Object *o) { return o->kind == Kind::Mark; });
  if (mark == stack_.rend())
    malformed("its pickle lacks a mark");
  std::vector<Object *> above(mark.base(), stack_.end());
  stack_.erase(mark.base() - 1, stack_.end());
  return above;
}

Object &Reader::top(Kind kind) {
  if (stack_.empty() || stack_.back()->kind != kind)
    malformed("its pickle changes what it should not");
  return *stack_.back();
}

void Reader::remember(uint64_t index) {
  if (stack_.empty())
    malformed("its pickle takes more than it has");
  memo_[index] = stack_.back();
}

void Reader::recall(uint64_t index) {
  auto found = memo_.find(index);
  if (found == memo_.end())
    malformed("its pickle refers to what it has not made");
  push(found->second);
}

void Reader::tuple(std::vector<Object *> parts) {
  push(make(Kind::List));
  stack_.back()->parts = std::move(parts);
}

static SmallVector<int64_t> integersOf(const Object &list) {
  SmallVector<int64_t> numbers;
  for (const Object *part : list.parts) {
    if (part->kind != Object::Kind::Integer)
      malformed("its pickle has sizes or strides that are no integers");
    numbers.push_back(part->integer);
  }
  return numbers;
}

/// _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks)
Object *Reader::rebuiltTensor(const Object &arguments) {
  ArrayRef<Object *> parts = arguments.parts;
  if (parts.size() < 4 || parts[0]->kind != Kind::Storage || parts[1]->kind != Kind::Integer ||
      parts[2]->kind != Kind::List || parts[3]->kind != Kind::List)
    malformed("its pickle has a tensor that is made of something else");
  Object *made = make(Kind::Tensor);
  made->tensor = parts[0]->tensor;
  made->tensor.offset = parts[1]->integer;
  made->tensor.sizes = integersOf(*parts[2]);
  made->tensor.strides = integersOf(*parts[3]);
  return made;
}

/// Stands for the call of a known function.
void Reader::call() {
  Object *arguments = pop(), *function = pop();
  if (arguments->kind != Kind::List || function->kind != Kind::Global)
    malformed("its pickle calls what is no function");
  if (function->text == "collections.OrderedDict")
    return push(make(Kind::Dict));
  if (function->text == "torch._utils._rebuild_tensor_v2")
    return push(rebuiltTensor(*arguments));
  if (function->text == "torch.Size" && arguments->parts.size() == 1 && arguments->parts[0]->kind == Kind::List)
    return push(arguments->parts[0]);
  if (function->text == "torch._utils._rebuild_parameter" && !arguments->parts.empty() &&
      arguments->parts[0]->kind == Kind::Tensor)
    return push(arguments->parts[0]);
  malformed("its pickle calls '" + printable(function->text) + "' with something else than it takes");
}

/// ("storage", class, key, device, elements): the member data/KEY
void Reader::storage() {
  Object *id = pop();
  ArrayRef<Object *> parts = id->parts;
  if (id->kind != Kind::List || parts.size() < 3 || parts[1]->kind != Kind::Global || parts[2]->kind != Kind::Text)
    malformed("its pickle refers to something else than a storage");
  StringRef type = parts[1]->text;
  std::optional<int64_t> dtype = type.consume_front("torch.") ? dtypeOfStorage(type) : std::nullopt;
  if (!dtype)
    malformed("its pickle has a storage of no type");
  push(make(Kind::Storage));
  stack_.back()->tensor.dtype = *dtype;
  stack_.back()->tensor.storage = archive_.member(root_ + "data/" + parts[2]->text);
}

void Reader::extend(bool isDict) {
  std::vector<Object *> above = popToMark();
  if (isDict && above.size() % 2 != 0)
    malformed("its pickle has a key without a value");
  Object &target = top(isDict ? Kind::Dict : Kind::List);
  target.parts.insert(target.parts.end(), above.begin(), above.end());
}

/// Numbers and texts.
bool Reader::stepNumber(unsigned char code) {
  switch (code) {
  case 'K': // BININT1
    return pushInteger(number<uint8_t>()), true;
  case 'M': // BININT2
    return pushInteger(number<uint16_t>()), true;
  case 'J': // BININT
    return pushInteger(number<int32_t>()), true;
  case 0x8a: { // LONG1
    StringRef bytes = take(number<uint8_t>());
    if (bytes.size() > 8)
      malformed("its pickle has an integer of more than 64 bits");
    uint64_t value = !bytes.empty() && (bytes.back() & 0x80) ? ~uint64_t(0) : 0;
    for (char byte : reverse(bytes))
      value = value << 8 | static_cast<unsigned char>(byte);
    return pushInteger(static_cast<int64_t>(value)), true;
  }
  case 'G': // BINFLOAT
    take(8);
    return push(make(Kind::Float)), true;
  case 0x88: // NEWTRUE
  case 0x89: // NEWFALSE
    push(make(Kind::Bool));
    stack_.back()->integer = code == 0x88;
    return true;
  case 'N': // NONE
    return push(make(Kind::None)), true;
  case 'X': // BINUNICODE
    return pushText(take(number<uint32_t>())), true;
  case 0x8c: // SHORT_BINUNICODE
    return pushText(take(number<uint8_t>())), true;
  default:
    return false;
  }
}

bool Reader::stepMemo(unsigned char code) {
  switch (code) {
  case 'q': // BINPUT
    return remember(number<uint8_t>()), true;
  case 'r': // LONG_BINPUT
    return remember(number<uint32_t>()), true;
  case 0x94: // MEMOIZE
    return remember(memo_.size()), true;
  case 'h': // BINGET
    return recall(number<uint8_t>()), true;
  case 'j': // LONG_BINGET
    return recall(number<uint32_t>()), true;
  default:
    return false;
  }
}

bool Reader::step(unsigned char code) {
  switch (code) {
  case 0x80: // PROTO
    return take(1), true;
  case 0x95: // FRAME
    return take(8), true;
  case '(': // MARK
    return push(make(Kind::Mark)), true;
  case '}': // EMPTY_DICT
    return push(make(Kind::Dict)), true;
  case ']': // EMPTY_LIST
  case ')': // EMPTY_TUPLE
    return push(make(Kind::List)), true;
  case 't': // TUPLE
    return tuple(popToMark()), true;
  case 0x85:   // TUPLE1
  case 0x86:   // TUPLE2
  case 0x87: { // TUPLE3
    std::vector<Object *> parts(code - 0x84);
    for (Object *&part : reverse(parts))
      part = pop();
    return tuple(std::move(parts)), true;
  }
  case 'c': { // GLOBAL
    StringRef module = line();
    return pushGlobal(module, line()), true;
  }
  case 'Q': // BINPERSID
    return storage(), true;
  case 'R': // REDUCE
    return call(), true;
  case 'b': // BUILD, of the attributes of a dict, which say nothing about tensors
    pop();
    return top(Kind::Dict), true;
  case 's': { // SETITEM
    Object *value = pop(), *key = pop();
    Object &dict = top(Kind::Dict);
    dict.parts.insert(dict.parts.end(), {key, value});
    return true;
  }
  case 'a': { // APPEND
    Object *value = pop();
    return top(Kind::List).parts.push_back(value), true;
  }
  case 'u': // SETITEMS
    return extend(/*isDict=*/true), true;
  case 'e': // APPENDS
    return extend(/*isDict=*/false), true;
  default:
    return false;
  }
}

const Object &Reader::read() {
  constexpr unsigned char kStop = '.';
  for (auto code = number<unsigned char>(); code != kStop; code = number<unsigned char>())
    if (!step(code) && !stepNumber(code) && !stepMemo(code))
      unsupported("its pickle does something else than make tensors (operation " + Twine(code) + ")");
  return *pop();
}

StringMap<StoredTensor> readPickledTensors(const Archive &archive, const Twine &where) {
  return within(where, [&] {
    constexpr StringLiteral kPickle = "data.pkl";
    const auto *pickle = find_if(
        archive.names(), [&](StringRef name) { return name == kPickle || name.ends_with(("/" + kPickle).str()); });
    if (pickle == archive.names().end())
      malformed("lacks a pickle");
    StringRef root = pickle->drop_back(kPickle.size());
    if (archive.has((root + "byteorder").str()) && archive.text((root + "byteorder").str()) != "little")
      unsupported("its numbers are not little-endian");
    Reader reader(archive.text(*pickle), archive, root);
    const Object &top = reader.read();
    if (top.kind != Object::Kind::Dict)
      malformed("its pickle is no dict");
    StringMap<StoredTensor> tensors;
    for (size_t at = 0; at + 1 < top.parts.size(); at += 2)
      if (top.parts[at]->kind == Object::Kind::Text && top.parts[at + 1]->kind == Object::Kind::Tensor)
        tensors[top.parts[at]->text] = top.parts[at + 1]->tensor;
    return tensors;
  });
}

} // namespace smelt::frontend::pt2

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Ptx.h"
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <set>

namespace ptx {

unsigned bytesOf(Type type) {
  switch (type) {
  case Type::Pred:
  case Type::B8:
  case Type::U8:
  case Type::S8:
    return 1;
  case Type::B16:
  case Type::U16:
  case Type::S16:
  case Type::F16:
  case Type::BF16:
    return 2;
  case Type::B64:
  case Type::U64:
  case Type::S64:
  case Type::F64:
    return 8;
  default:
    return 4;
  }
}

static const std::map<std::string_view, Type> kTypes = {
    {"pred", Type::Pred}, {"b8", Type::B8},       {"b16", Type::B16},   {"b32", Type::B32},  {"b64", Type::B64},
    {"u8", Type::U8},     {"u16", Type::U16},     {"u32", Type::U32},   {"u64", Type::U64},  {"s8", Type::S8},
    {"s16", Type::S16},   {"s32", Type::S32},     {"s64", Type::S64},   {"f16", Type::F16},  {"f32", Type::F32},
    {"f64", Type::F64},   {"f16x2", Type::F16x2}, {"bf16", Type::BF16}, {"tf32", Type::TF32}};

static const std::map<std::string_view, Compare> kCompares = {
    {"eq", Compare::Eq},   {"ne", Compare::Ne},   {"lt", Compare::Lt},   {"le", Compare::Le},   {"gt", Compare::Gt},
    {"ge", Compare::Ge},   {"equ", Compare::Equ}, {"neu", Compare::Neu}, {"ltu", Compare::Ltu}, {"leu", Compare::Leu},
    {"gtu", Compare::Gtu}, {"geu", Compare::Geu}, {"num", Compare::Num}, {"nan", Compare::Nan}, {"lo", Compare::Lt},
    {"ls", Compare::Le},   {"hi", Compare::Gt},   {"hs", Compare::Ge}};

static const std::map<std::string_view, Shuffle> kShuffles = {
    {"idx", Shuffle::Index}, {"up", Shuffle::Up}, {"down", Shuffle::Down}, {"bfly", Shuffle::Butterfly}};

static const std::map<std::string_view, Op> kOps = {{"add", Op::Add},
                                                    {"sub", Op::Sub},
                                                    {"mul", Op::Mul},
                                                    {"mad", Op::Mad},
                                                    {"div", Op::Div},
                                                    {"rem", Op::Rem},
                                                    {"min", Op::Min},
                                                    {"max", Op::Max},
                                                    {"neg", Op::Neg},
                                                    {"abs", Op::Abs},
                                                    {"fma", Op::Fma},
                                                    {"sqrt", Op::Sqrt},
                                                    {"rcp", Op::Rcp},
                                                    {"and", Op::And},
                                                    {"or", Op::Or},
                                                    {"xor", Op::Xor},
                                                    {"not", Op::Not},
                                                    {"shl", Op::Shl},
                                                    {"shr", Op::Shr},
                                                    {"setp", Op::Setp},
                                                    {"selp", Op::Selp},
                                                    {"cvt", Op::Cvt},
                                                    {"popc", Op::Popc},
                                                    {"clz", Op::Clz},
                                                    {"brev", Op::Brev},
                                                    {"copysign", Op::CopySign},
                                                    {"prmt", Op::Prmt},
                                                    {"bfe", Op::Bfe},
                                                    {"ld", Op::Ld},
                                                    {"st", Op::St},
                                                    {"mov", Op::Mov},
                                                    {"cvta", Op::Mov},
                                                    {"bra", Op::Branch},
                                                    {"ret", Op::Return},
                                                    {"bar", Op::Barrier},
                                                    {"barrier", Op::Barrier},
                                                    {"shf", Op::ShfLeft},
                                                    {"shfl", Op::Shuffle},
                                                    {"ldmatrix", Op::LdMatrix},
                                                    {"mma", Op::Mma}};

/// What changes nothing here.
static const std::set<std::string_view> kPlain = {"rn",  "rna",  "lo",   "global",  "local", "shared", "const", "nc",
                                                  "uni", "to",   "sync", "aligned", "v2",    "v4",     "row",   "col",
                                                  "l",   "wrap", "m8n8", "x1",      "x2",    "x4"};

namespace {

using Words = std::vector<std::string_view>;

/// Identifiers with what belongs to them, numbers, and single characters.
Words tokenise(std::string_view text) {
  auto isWord = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("._$%", c); };
  Words words;
  for (size_t at = 0; at < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[at]))) {
      ++at;
    } else if (text[at] == '/' && at + 1 < text.size() && text[at + 1] == '/') {
      at = std::min(text.find('\n', at), text.size());
    } else if (text[at] == '"') {
      size_t end = std::min(text.find('"', at + 1), text.size() - 1) + 1;
      words.push_back(text.substr(at, end - at));
      at = end;
    } else if (isWord(text[at])) {
      size_t end = at;
      while (end < text.size() &&
             (isWord(text[end]) || (text[end] == ':' && end + 1 < text.size() && text[end + 1] == ':')))
        end += text[end] == ':' ? 2 : 1; // max.ftz::…
      words.push_back(text.substr(at, end - at));
      at = end;
    } else {
      words.push_back(text.substr(at++, 1));
    }
  }
  return words;
}

Words splitAtDots(std::string_view word) {
  Words parts;
  for (size_t at = 0; at <= word.size();) {
    size_t end = std::min(word.find('.', at), word.size());
    parts.push_back(word.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

uint64_t numberOf(std::string_view word) {
  const std::string text(word);
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'f' || text[1] == 'd'))
    return std::strtoull(text.c_str() + 2, nullptr, 16);
  return std::strtoull(text.c_str(), nullptr, 0);
}

class Parser {
public:
  explicit Parser(std::string_view text) : words_(tokenise(text)) {}
  std::map<std::string, Kernel> run();

private:
  bool atEnd() const { return at_ >= words_.size(); }
  std::string_view peek() const { return atEnd() ? std::string_view() : words_[at_]; }
  std::string_view next() {
    if (atEnd())
      throw Error("the assembly ends early");
    return words_[at_++];
  }
  void expect(std::string_view word) {
    if (std::string_view found = next(); found != word)
      throw Error("'" + std::string(word) + "' expected, not '" + std::string(found) + "'");
  }
  void skipTo(std::string_view word) {
    while (next() != word) {
    }
  }

  void parseVariable();
  void parseKernel();
  void parseParameters();
  void parseBody();
  void parseRegisters();
  void parseLocal();
  void parseInstruction();
  void finishBranches();
  void decode(std::string_view word, Instruction &made);
  void readOperands(Instruction &made, bool isStore);
  uint32_t readRegister(unsigned width);
  void readVector(std::vector<uint32_t> &registers, unsigned width);
  void readAddress(Instruction &made);
  uint32_t newRegister(unsigned width) {
    kernel_.registerBytes += kRegisterBytes;
    kernel_.widths.push_back(static_cast<uint8_t>(width));
    return kernel_.registerBytes - kRegisterBytes;
  }
  uint32_t constant(uint64_t value, unsigned width);
  uint32_t special(Kernel::Special what, uint64_t offset = 0);
  uint32_t named(std::string_view name);

  Words words_;
  size_t at_ = 0;
  std::map<std::string, Kernel> kernels_;
  std::map<std::string, std::pair<uint64_t, uint64_t>, std::less<>> shared_; // offset and bytes, by name
  uint64_t sharedBytes_ = 0;
  // Of the kernel at hand.
  Kernel kernel_;
  std::map<std::string, uint32_t, std::less<>> registers_;
  std::map<std::pair<uint64_t, unsigned>, uint32_t> constants_;
  std::map<std::pair<int, uint64_t>, uint32_t> given_;
  std::map<std::string, uint32_t, std::less<>> labels_;
  std::vector<std::pair<size_t, std::string>> branches_;
  std::string where_; // the instruction's text, for messages
};

uint32_t Parser::constant(uint64_t value, unsigned width) {
  auto [known, isNew] = constants_.try_emplace({value, width}, 0);
  if (isNew) {
    known->second = newRegister(width);
    kernel_.constants.push_back({known->second, value});
  }
  return known->second;
}

uint32_t Parser::special(Kernel::Special what, uint64_t offset) {
  auto [known, isNew] = given_.try_emplace({static_cast<int>(what), offset}, 0);
  if (isNew) {
    const bool isAddress = what == Kernel::Special::Local || what == Kernel::Special::Shared;
    known->second = newRegister(isAddress ? 8 : 4);
    kernel_.given.push_back({known->second, what, offset});
  }
  return known->second;
}

uint32_t Parser::named(std::string_view name) {
  if (name == "%tid.x")
    return special(Kernel::Special::ThreadX);
  if (name == "%ctaid.x")
    return special(Kernel::Special::BlockX);
  if (name == "%laneid")
    return special(Kernel::Special::Lane);
  if (name.rfind("__local_depot", 0) == 0)
    return special(Kernel::Special::Local);
  if (auto found = shared_.find(name); found != shared_.end())
    return special(Kernel::Special::Shared, found->second.first);
  auto found = registers_.find(name);
  if (found == registers_.end())
    throw Error("no register '" + std::string(name) + "' in " + where_);
  return found->second;
}

/// A register, or a constant in one of so many bytes.
uint32_t Parser::readRegister(unsigned width) {
  std::string_view word = next();
  if (word == "_")
    return newRegister(8); // nobody reads it
  if (word == "!")
    throw Error("negated predicates are not known: " + where_);
  if (word == "-") {
    uint64_t value = -numberOf(next());
    return constant(value, width);
  }
  if (std::isdigit(static_cast<unsigned char>(word[0])))
    return constant(numberOf(word), width);
  return named(word);
}

void Parser::readVector(std::vector<uint32_t> &registers, unsigned width) {
  if (peek() != "{") {
    registers.push_back(readRegister(width));
    return;
  }
  next();
  while (peek() != "}") {
    registers.push_back(readRegister(width));
    if (peek() == ",")
      next();
  }
  next();
}

/// [register + number]
void Parser::readAddress(Instruction &made) {
  expect("[");
  made.sources.push_back(readRegister(8));
  if (peek() == "+") {
    next();
    bool isNegative = peek() == "-";
    if (isNegative)
      next();
    auto number = static_cast<int64_t>(numberOf(next()));
    made.offset = isNegative ? -number : number;
  }
  expect("]");
}

void Parser::parseParameters() {
  expect("(");
  for (std::string_view word = next(); word != ")"; word = next())
    kernel_.parameters += word == ".param";
}

void Parser::parseRegisters() {
  const unsigned width = bytesOf(kTypes.at(next().substr(1)));
  std::string name(next());
  if (peek() == "<") {
    next();
    const uint64_t count = numberOf(next());
    for (uint64_t number = 0; number < count; ++number)
      registers_[name + std::to_string(number)] = newRegister(width);
    expect(">");
  } else {
    registers_[name] = newRegister(width);
  }
  expect(";");
}

/// .align n .b8 name[bytes];   what follows .local or .shared
void Parser::parseLocal() {
  expect(".align");
  next();
  next();
  next();
  expect("[");
  kernel_.localBytes = static_cast<uint32_t>(numberOf(next()));
  expect("]");
  expect(";");
}

void Parser::parseVariable() {
  uint64_t align = 16;
  std::string name;
  uint64_t bytes = 0;
  for (std::string_view word = next(); word != ";"; word = next()) {
    if (word == ".align") {
      align = numberOf(next());
    } else if (word == "[") {
      bytes = numberOf(next());
      expect("]");
    } else if (word[0] != '.') {
      name = std::string(word);
    }
  }
  sharedBytes_ = (sharedBytes_ + align - 1) / align * align;
  shared_[name] = {sharedBytes_, bytes};
  sharedBytes_ += bytes;
}

/// What the dots of an instruction's name say.
void Parser::decode(std::string_view word, Instruction &made) {
  Words parts = splitAtDots(word);
  if (word.rfind("cp.async", 0) == 0) {
    made.op = parts[2] == "commit_group"                           ? Op::AsyncCommit
              : parts[2] == "wait_group" || parts[2] == "wait_all" ? Op::AsyncWait
                                                                   : Op::AsyncCopy;
    return;
  }
  auto op = kOps.find(parts[0]);
  if (op == kOps.end())
    throw Error("unknown instruction '" + std::string(word) + "'");
  made.op = op->second;
  unsigned types = 0;
  for (size_t number = 1; number < parts.size(); ++number) {
    std::string_view part = parts[number];
    if (auto type = kTypes.find(part); type != kTypes.end()) {
      if (++types <= 3) // mma has four: of the result, of its operands, and of what is added
        (types == 1 ? made.type : types == 2 ? made.from : made.right) = type->second;
    } else if (part.rfind("m16n8k", 0) == 0 || part.rfind("m8n8k", 0) == 0) {
      made.offset = static_cast<int64_t>(numberOf(part.substr(part.rfind('k') + 1)));
    } else if (auto compare = kCompares.find(part); compare != kCompares.end() && made.op == Op::Setp) {
      made.compare = compare->second;
    } else if (part == "wide") {
      made.op = made.op == Op::Mad ? Op::MadWide : Op::MulWide;
    } else if (part == "hi" && made.op == Op::Mul) {
      made.op = Op::MulHi;
    } else if (part == "NaN") {
      made.op = made.op == Op::Min ? Op::MinNan : Op::MaxNan;
    } else if (part == "sat") {
      made.saturates = true;
    } else if (part == "r" && made.op == Op::ShfLeft) {
      made.op = Op::ShfRight;
    } else if (auto shuffle = kShuffles.find(part); shuffle != kShuffles.end() && made.op == Op::Shuffle) {
      made.shuffle = shuffle->second;
    } else if (part == "trans") {
      made.isTransposed = true;
    } else if (part.size() == 3 && part[0] == 'r' && part[2] == 'i') {
      made.isInteger = true;
      made.round = part[1] == 'n'   ? Round::Nearest
                   : part[1] == 'z' ? Round::Zero
                   : part[1] == 'm' ? Round::Down
                                    : Round::Up;
    } else if (part == "rz") {
      made.round = Round::Zero;
    } else if (part == "param") {
      made.op = Op::LdParam;
    } else if (!kPlain.count(part)) {
      throw Error("'." + std::string(part) + "' of '" + std::string(word) + "' is not known");
    }
  }
}

/// Of operand number `number`, which counts where it is a constant.
static unsigned widthOf(const Instruction &instruction, size_t number) {
  switch (instruction.op) {
  case Op::Cvt:
    return bytesOf(instruction.type == Type::F16x2 ? Type::F32 : instruction.from);
  case Op::Shl:
  case Op::Shr:
  case Op::Bfe:
    return number == 0 ? bytesOf(instruction.type) : 4;
  case Op::MadWide:
    return bytesOf(instruction.type) * (number == 2 ? 2 : 1);
  case Op::Selp:
    return number == 2 ? 1 : bytesOf(instruction.type);
  case Op::Shuffle:
    return 4;
  default:
    return bytesOf(instruction.type);
  }
}

void Parser::readOperands(Instruction &made, bool isStore) {
  if (isStore) {
    readAddress(made);
    expect(",");
    readVector(made.sources, bytesOf(made.type));
    return;
  }
  readVector(made.to, bytesOf(made.type));
  if (peek() == "|") {
    next();
    made.to.push_back(readRegister(1));
  }
  if (made.op == Op::Setp && (made.to.size() == 2) != (made.type == Type::F16x2))
    throw Error("two results go with two comparisons: " + where_);
  while (peek() == ",") {
    next();
    if (peek() == "[")
      readAddress(made);
    else
      readVector(made.sources, widthOf(made, made.sources.size()));
  }
}

void Parser::parseInstruction() {
  Instruction made;
  std::string_view word = next();
  if (word == "@") {
    made.isNegated = peek() == "!";
    if (made.isNegated)
      next();
    made.guard = named(next());
    word = next();
  }
  where_ = std::string(word) + " in " + kernel_.name;
  decode(word, made);
  switch (made.op) {
  case Op::Branch:
    branches_.emplace_back(kernel_.code.size(), std::string(next()));
    break;
  case Op::Return:
  case Op::AsyncCommit:
    break;
  case Op::Barrier:
  case Op::AsyncWait:
    while (peek() != ";") {
      std::string_view number = next();
      if (made.op == Op::Barrier && number != "0")
        throw Error("barriers other than 0 are not known");
      made.offset = static_cast<int64_t>(numberOf(number));
    }
    break;
  case Op::LdParam: {
    made.to.push_back(readRegister(bytesOf(made.type)));
    expect(",");
    expect("[");
    std::string_view name = next();
    made.offset = static_cast<int64_t>(numberOf(name.substr(name.rfind('_') + 1)));
    expect("]");
    break;
  }
  case Op::AsyncCopy:
    readAddress(made);
    expect(",");
    expect("[");
    made.sources.push_back(readRegister(8));
    if (peek() == "+") {
      next();
      made.target = static_cast<uint32_t>(numberOf(next()));
    }
    expect("]");
    expect(",");
    while (peek() != ";")
      if (std::string_view size = next(); size != ",")
        made.sources.push_back(std::isdigit(static_cast<unsigned char>(size[0])) ? constant(numberOf(size), 4)
                                                                                 : named(size));
    break;
  default:
    readOperands(made, made.op == Op::St);
  }
  if (made.op == Op::Mov && made.to.size() > 1)
    made.op = Op::Unpack;
  else if (made.op == Op::Mov && made.sources.size() > 1)
    made.op = Op::Pack;
  expect(";");
  kernel_.code.push_back(std::move(made));
}

void Parser::finishBranches() {
  for (const auto &[number, label] : branches_) {
    auto found = labels_.find(label);
    if (found == labels_.end())
      throw Error("no label '" + label + "'");
    kernel_.code[number].target = found->second;
  }
}

void Parser::parseBody() {
  expect("{");
  for (int depth = 1; depth > 0;) {
    std::string_view word = peek();
    if (word == "{" || word == "}") {
      depth += word == "{" ? 1 : -1;
      next();
    } else if (word == ".reg") {
      next();
      parseRegisters();
    } else if (word == ".local") {
      next();
      parseLocal();
    } else if (word == ".shared") {
      next();
      parseVariable();
    } else if (word == ".pragma") {
      skipTo(";");
    } else if (at_ + 1 < words_.size() && words_[at_ + 1] == ":") {
      labels_[std::string(next())] = static_cast<uint32_t>(kernel_.code.size());
      next();
    } else {
      parseInstruction();
    }
  }
  kernel_.code.push_back({});
  kernel_.code.back().op = Op::Return;
  finishBranches();
}

void Parser::parseKernel() {
  kernel_ = {};
  registers_.clear();
  constants_.clear();
  given_.clear();
  labels_.clear();
  branches_.clear();
  kernel_.name = std::string(next());
  parseParameters();
  while (peek() != "{") {
    if (next() == ".reqntid")
      kernel_.threads = static_cast<unsigned>(numberOf(next()));
  }
  parseBody();
  kernel_.sharedBytes = static_cast<uint32_t>(sharedBytes_);
  kernels_[kernel_.name] = std::move(kernel_);
}

std::map<std::string, Kernel> Parser::run() {
  while (!atEnd()) {
    std::string_view word = next();
    if (word == ".version" || word == ".target" || word == ".address_size") {
      next();
    } else if (word == ".visible") {
      expect(".entry");
      parseKernel();
      shared_.clear(); // variables lie before the kernel whose they are
      sharedBytes_ = 0;
    } else if (word == ".shared") {
      parseVariable();
    } else {
      throw Error("unknown '" + std::string(word) + "'");
    }
  }
  return std::move(kernels_);
}

} // namespace

std::map<std::string, Kernel> parse(std::string_view text) { return Parser(text).run(); }

} // namespace ptx

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/CustomOperators.h"
#include "dialects/Graph/Graph.h"
#include "frontends/common/ImportError.h"
#include "frontends/common/MappedFile.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace smelt::frontend {

constexpr size_t kMostTensors = 32; // of an operator; a kernel takes 64 with the sizes
constexpr size_t kMostAttributes = 64;
constexpr size_t kMostFileBytes = 1 << 20;

mlir::Type customElementType(StringRef name, mlir::MLIRContext *context) {
  mlir::OpBuilder builder(context);
  const std::pair<StringRef, mlir::Type> types[] = {{"f32", builder.getF32Type()},
                                                    {"f16", builder.getF16Type()},
                                                    {"bf16", builder.getBF16Type()},
                                                    {"f64", builder.getF64Type()}};
  for (auto [known, type] : types)
    if (known == name)
      return type;
  const bool isUnsigned = name.consume_front("u");
  unsigned width = 0;
  if (!name.consume_front("i") || name.getAsInteger(10, width) || !is_contained({1U, 8U, 16U, 32U, 64U}, width) ||
      (isUnsigned && width == 1))
    return nullptr;
  return mlir::IntegerType::get(context, width, isUnsigned ? mlir::IntegerType::Unsigned : mlir::IntegerType::Signless);
}

namespace {
/// Why a declaration is none.
struct Wrong {
  std::string why;
};

/// Reads one declaration.
class Reader {
public:
  Reader(StringRef text, mlir::MLIRContext &context) : rest_(text), context_(context) {}

  std::pair<std::string, std::string> name();
  CustomOperator rest();

private:
  [[noreturn]] void wrong(const Twine &why) const { throw Wrong{why.str()}; }
  bool take(StringRef text);
  void want(StringRef text);
  StringRef word(StringRef what, StringRef others = "");
  std::string functionName();
  void item(CustomOperator &result);
  CustomTensor tensor(StringRef elements, bool isOutput);
  StringRef dimText();
  void checkDim(StringRef text, bool isOutput);
  CustomAttribute attribute(StringRef name);
  CustomValue value(CustomAttribute::Kind kind);
  template <typename Number> std::vector<Number> list(bool isOne);
  StringRef numberText();

  StringRef rest_;
  mlir::MLIRContext &context_;
  StringSet<> known_; // names of dims and int attributes
  StringSet<> types_; // names of types that inputs have
  bool hasLeading_ = false;
};
} // namespace

bool Reader::take(StringRef text) {
  rest_ = rest_.ltrim();
  return rest_.consume_front(text);
}

void Reader::want(StringRef text) {
  if (!take(text))
    wrong("wanted '" + text + "' " + (rest_.empty() ? Twine("at the end") : "before '" + printable(rest_, 40) + "'"));
}

/// Letters, digits, underscores and `others`, of which the first is no digit.
StringRef Reader::word(StringRef what, StringRef others) {
  rest_ = rest_.ltrim();
  StringRef found = rest_.take_while([&](char c) { return isAlnum(c) || c == '_' || others.contains(c); });
  if (found.empty() || isDigit(found.front()))
    wrong("wanted " + what + " " + (rest_.empty() ? Twine("at the end") : "before '" + printable(rest_, 40) + "'"));
  rest_ = rest_.drop_front(found.size());
  return found;
}

std::pair<std::string, std::string> Reader::name() {
  std::string first = word("the name of an operator", ".-").str();
  if (!take("::"))
    return {"", first};
  return {first == "ai.onnx" ? "" : first, word("the name of an operator", ".-").str()};
}

CustomOperator Reader::rest() {
  CustomOperator result;
  want("(");
  if (!take(")")) {
    do
      item(result);
    while (take(","));
    want(")");
  }
  want("->");
  do
    result.outputs.push_back(tensor(word("an element type"), /*isOutput=*/true));
  while (take(","));
  if (result.inputs.size() + result.outputs.size() > kMostTensors || result.attributes.size() > kMostAttributes)
    wrong("there may be " + Twine(kMostTensors) + " inputs and outputs, and " + Twine(kMostAttributes) + " attributes");
  want("=");
  result.function = functionName();
  if (!rest_.trim().empty())
    wrong("nothing may follow the function, but '" + printable(rest_.trim(), 40) + "' does");
  return result;
}

/// One that a program may define, and that is none of C's or of Smelt's own.
std::string Reader::functionName() {
  constexpr StringLiteral kReserved[] = {
      "alignas",       "alignof",       "auto",     "bool",         "break",    "case",    "char",   "const",
      "constexpr",     "continue",      "default",  "do",           "double",   "else",    "enum",   "extern",
      "false",         "float",         "for",      "goto",         "if",       "inline",  "int",    "long",
      "main",          "nullptr",       "register", "restrict",     "return",   "short",   "signed", "sizeof",
      "static",        "struct",        "switch",   "thread_local", "true",     "typedef", "typeof", "union",
      "static_assert", "typeof_unqual", "unsigned", "void",         "volatile", "while"};
  StringRef name = word("the name of a C function");
  if (is_contained(kReserved, name) || name.starts_with("smelt_") || name.starts_with("_"))
    wrong("the function cannot be named " + printable(name, 40) + ", which is reserved");
  return name.str();
}

void Reader::item(CustomOperator &result) {
  StringRef first = word("an element type, or the name of an attribute");
  if (take(":")) {
    result.attributes.push_back(attribute(first));
    return;
  }
  CustomTensor input = tensor(first, /*isOutput=*/false);
  input.isOptional = take("?");
  result.inputs.push_back(std::move(input));
}

/// Up to what ends a dim: a comma or bracket that is in no parentheses.
StringRef Reader::dimText() {
  size_t end = 0;
  for (int depth = 0; end < rest_.size(); ++end) {
    char c = rest_[end];
    if (depth == 0 && (c == ',' || c == ']'))
      break;
    depth += (c == '(') - (c == ')');
  }
  StringRef text = rest_.take_front(end).trim();
  rest_ = rest_.drop_front(end);
  return text;
}

void Reader::checkDim(StringRef text, bool isOutput) {
  if (text == CustomTensor::kAnyDim && !isOutput)
    return;
  std::optional<graph::Extent> extent = graph::Extent::parse(&context_, text);
  if (!extent || extent->isTooLarge() || text.contains('%') || text.contains('$'))
    wrong("'" + printable(text, 40) + "' is no extent");
  if (!isOutput && !extent->asSymbol().empty())
    known_.insert(extent->asSymbol());
  extent->walkSymbols([&](StringRef symbol) {
    if (!known_.contains(symbol))
      wrong("nothing before '" + printable(text, 40) + "' says what " + printable(symbol, 40) + " is");
  });
}

CustomTensor Reader::tensor(StringRef elements, bool isOutput) {
  CustomTensor result;
  result.elements = elements.str();
  if (!isOutput && isUpper(elements.front()))
    types_.insert(elements);
  if (!customElementType(elements, &context_) && !types_.contains(elements))
    wrong("'" + printable(elements, 40) + "' is no element type" +
          (isOutput ? ", nor the name of one that an input has" : ""));
  want("[");
  if (take("]"))
    return result;
  result.hasLeading = take("...");
  hasLeading_ |= result.hasLeading && !isOutput;
  if (result.hasLeading && !hasLeading_)
    wrong("an output has any dims, and no input does");
  if (result.hasLeading && !take(",")) {
    want("]");
    return result;
  }
  do {
    StringRef text = dimText();
    checkDim(text, isOutput);
    result.dims.push_back(text.str());
  } while (take(","));
  want("]");
  return result;
}

CustomAttribute Reader::attribute(StringRef name) {
  using Kind = CustomAttribute::Kind;
  CustomAttribute result;
  result.name = name.str();
  StringRef kind = word("the kind of an attribute");
  auto known = StringSwitch<std::optional<Kind>>(kind)
                   .Case("int", Kind::Int)
                   .Case("ints", Kind::Ints)
                   .Case("float", Kind::Float)
                   .Case("floats", Kind::Floats)
                   .Case("string", Kind::String)
                   .Default(std::nullopt);
  if (!known)
    wrong("attribute " + printable(name, 40) + " is of kind '" + printable(kind, 40) +
          "'; there are int, ints, float, floats and string");
  result.kind = *known;
  if (result.kind == Kind::Int)
    known_.insert(name);
  if (take("="))
    result.fallback = value(result.kind);
  return result;
}

StringRef Reader::numberText() {
  rest_ = rest_.ltrim();
  StringRef found = rest_.take_while([](char c) { return isAlnum(c) || c == '.' || c == '-' || c == '+'; });
  rest_ = rest_.drop_front(found.size());
  return found;
}

template <typename Number> static bool parse(StringRef text, Number &number) {
  if constexpr (std::is_same_v<Number, int64_t>)
    return !text.getAsInteger(10, number);
  else
    return !text.getAsDouble(number);
}

template <typename Number> std::vector<Number> Reader::list(bool isOne) {
  std::vector<Number> numbers;
  if (!isOne)
    want("[");
  if (!isOne && take("]"))
    return numbers;
  do {
    StringRef text = numberText();
    if (Number number = 0; parse(text, number))
      numbers.push_back(number);
    else
      wrong("'" + printable(text, 40) + "' is no number of its attribute's kind");
  } while (!isOne && take(","));
  if (!isOne)
    want("]");
  return numbers;
}

CustomValue Reader::value(CustomAttribute::Kind kind) {
  using Kind = CustomAttribute::Kind;
  if (kind == Kind::Int || kind == Kind::Ints)
    return list<int64_t>(kind == Kind::Int);
  if (kind == Kind::Float || kind == Kind::Floats)
    return list<double>(kind == Kind::Float);
  want("\"");
  size_t end = rest_.find('"');
  if (end == StringRef::npos)
    wrong("a string does not end");
  std::string text = rest_.take_front(end).str();
  rest_ = rest_.drop_front(end + 1);
  return text;
}

static Error usage(const Twine &message) { return make_error<ImportError>(ImportError::Kind::Usage, message.str()); }

static Error readLine(StringRef line, mlir::MLIRContext &context, CustomOperators &operators) {
  try {
    Reader reader(line, context);
    std::pair<std::string, std::string> name = reader.name();
    CustomOperator declared = reader.rest();
    if (!operators.try_emplace(name, std::move(declared)).second)
      return usage("operator " + printable(name.second, 40) + " is declared twice");
  } catch (const Wrong &wrong) {
    return usage(wrong.why);
  }
  return Error::success();
}

Error readCustomOperators(StringRef path, CustomOperators &operators) {
  std::shared_ptr<const MappedFile> file;
  try {
    file = MappedFile::open(path);
  } catch (const Refusal &refusal) {
    return make_error<ImportError>(refusal.kind, printable(path, 400) + ": " + refusal.message);
  }
  if (file->bytes().size() > kMostFileBytes)
    return usage(printable(path, 400) + ": is too large for a file of declarations");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<graph::GraphDialect>();
  SmallVector<StringRef> lines;
  toStringRef(file->bytes()).split(lines, '\n');
  for (auto [number, line] : enumerate(lines)) {
    StringRef text = line.trim();
    if (text.empty() || text.starts_with("#"))
      continue;
    if (Error error = readLine(text, context, operators))
      return usage(printable(path, 400) + ":" + Twine(number + 1) + ": " + toString(std::move(error)));
  }
  return Error::success();
}

} // namespace smelt::frontend

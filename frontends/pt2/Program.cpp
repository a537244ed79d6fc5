// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Program.h"
#include "dialects/Graph/Extent.h"
#include "frontends/common/Refusal.h"
#include "frontends/pt2/Pickle.h"

using namespace llvm;

namespace smelt::frontend::pt2 {

constexpr StringLiteral kFlatModel = "serialized_exported_program.json"; // torch 2.5 to 2.7

Program::Program(std::shared_ptr<const MappedFile> file, StringRef name)
    : file_(std::move(file)), archive_(file_->bytes()) {
  if (archive_.has(kFlatModel))
    openFlat();
  else
    openPackage(name);
  if (!name.empty() && name_ != name)
    refuse(ImportError::Kind::Usage,
           "--signature: there is no model '" + printable(name) + "'; the archive has one, without a name");
  const json::Object &model = asObject(model_, "a program");
  int64_t major = integerIn(objectIn(model, "schema_version"), "major");
  constexpr int64_t kOldest = 7, kNewest = 8;
  if (major < kOldest || major > kNewest)
    unsupported("has schema version " + schemaVersion() + " of exported programs; Smelt knows versions " +
                Twine(kOldest) + " and " + Twine(kNewest));
  graph_ = &objectIn(objectIn(model, "graph_module"), "graph");
  readSignature();
  checkRanges();
}

void Program::openFlat() {
  model_ = parseJson(archive_.text(kFlatModel), kFlatModel);
  weights_ = readPickled("serialized_state_dict.pt");
  constants_ = readPickled("serialized_constants.pt");
}

/// Which of the package's models is read.
void Program::chooseModel(StringRef wanted) {
  const std::string folder = root_ + "models/";
  std::string list;
  for (StringRef name : archive_.names())
    if (name.consume_front(folder) && name.consume_back(".json")) {
      names_.push_back(name.str());
      list += (list.empty() ? "'" : ", '") + printable(name) + "'";
    }
  if (names_.empty())
    malformed("holds no models/NAME.json: it is damaged");
  if (!wanted.empty() && !is_contained(names_, wanted))
    refuse(ImportError::Kind::Usage,
           "--signature: there is no model '" + printable(wanted) + "'; the archive has " + list);
  if (wanted.empty() && names_.size() != 1)
    refuse(ImportError::Kind::Usage, "holds " + Twine(names_.size()) + " models; say which with --signature: " + list);
  name_ = wanted.empty() ? names_.front() : wanted.str();
}

/// models/NAME.json below a folder that is called as the file was.
void Program::openPackage(StringRef wanted) {
  constexpr StringLiteral kFormat = "archive_format";
  const auto *format = find_if(
      archive_.names(), [&](StringRef name) { return name == kFormat || name.ends_with(("/" + kFormat).str()); });
  if (format == archive_.names().end()) {
    bool isScript = any_of(archive_.names(),
                           [](StringRef name) { return name.ends_with("/constants.pkl") || name.contains("/code/"); });
    bool isPickle = any_of(archive_.names(), [](StringRef name) { return name.ends_with("data.pkl"); });
    unsupported(
        isScript
            ? "is a TorchScript archive, as torch.jit.save writes it; export the module with torch.export.save instead"
        : isPickle ? "is what torch.save wrote; export the module with torch.export.save instead"
                   : "is a zip archive that holds no exported program, as torch.export.save writes it");
  }
  root_ = format->drop_back(kFormat.size()).str();
  if (archive_.text(*format) != "pt2")
    unsupported("is an archive of the format '" + printable(archive_.text(*format), 20) + "'; Smelt reads 'pt2'");
  if (archive_.has(root_ + "byteorder") && archive_.text(root_ + "byteorder") != "little")
    unsupported("its numbers are not little-endian");
  chooseModel(wanted);
  const std::string member = root_ + "models/" + name_ + ".json", weights = name_ + "_weights_config.json";
  model_ = parseJson(archive_.text(member), member);
  if (archive_.has(root_ + "data/weights/" + weights)) {
    weights_ = readRaw("data/weights/", weights);
    constants_ = readRaw("data/constants/", name_ + "_constants_config.json");
    return;
  }
  weights_ = readPickled("data/weights/" + name_ + ".pt");
  constants_ = readPickled("data/constants/" + name_ + ".pt");
}

/// {"as_int": 3}, as sizes and strides of stored tensors are.
static int64_t fixedSize(const json::Value &value) {
  Union size = unionOf(value);
  std::optional<int64_t> number = size.kind == "as_int" ? size.value->getAsInteger() : std::nullopt;
  if (!number)
    malformed("has a stored tensor of sizes that are no numbers");
  return *number;
}

static StoredTensor rawTensor(const json::Object &meta, ArrayRef<char> storage) {
  constexpr int64_t kStrided = 7;
  StoredTensor tensor;
  tensor.dtype = integerIn(meta, "dtype");
  tensor.storage = storage;
  for (const json::Value &size : arrayIn(meta, "sizes"))
    tensor.sizes.push_back(fixedSize(size));
  for (const json::Value &stride : arrayIn(meta, "strides"))
    tensor.strides.push_back(fixedSize(stride));
  if (const json::Value *offset = meta.get("storage_offset"))
    tensor.offset = fixedSize(*offset);
  if (integerIn(meta, "layout") != kStrided)
    tensor.refusal = "it is sparse, or of another layout that is not supported";
  return tensor;
}

Program::Tensors Program::readRaw(StringRef folder, StringRef config) const {
  const std::string where = root_ + folder.str(), name = where + config.str();
  json::Value parsed = parseJson(archive_.text(name), name);
  Tensors tensors;
  within(config, [&] {
    for (const auto &[key, value] : objectIn(asObject(parsed, "a list of tensors"), "config")) {
      const json::Object &entry = asObject(value, "an entry");
      StringRef path = stringIn(entry, "path_name");
      StoredTensor &tensor = tensors[StringRef(key)];
      if (flagIn(entry, "use_pickle", false) || !entry.getObject("tensor_meta"))
        tensor.refusal = "it lies pickled in '" + printable(path) + "'";
      else
        tensor = within("tensor '" + printable(StringRef(key)) + "'", [&] {
          return rawTensor(objectIn(entry, "tensor_meta"), archive_.member((where + path).str()));
        });
    }
  });
  return tensors;
}

Program::Tensors Program::readPickled(StringRef member) const {
  ArrayRef<char> bytes = archive_.member(root_ + member.str());
  if (bytes.empty())
    return {};
  Archive inner = within(member, [&] { return Archive(bytes); });
  return readPickledTensors(inner, member);
}

static std::string argumentName(const json::Object &spec) { return stringIn(objectIn(spec, "arg"), "name").str(); }

/// What the graph calls a user's input; "" of a number that the signature holds itself.
static std::string nameOfUsers(const json::Value *argument) {
  const json::Object *object = argument ? unionOf(*argument).value->getAsObject() : nullptr;
  return object ? object->getString("name").value_or("").str() : "";
}

static InputSpec readInput(const json::Value &value) {
  Union of = unionOf(value);
  const json::Object &spec = asObject(*of.value, "an input");
  using Kind = InputSpec::Kind;
  if (of.kind == "parameter")
    return {Kind::Parameter, argumentName(spec), stringIn(spec, "parameter_name").str()};
  if (of.kind == "buffer")
    return {Kind::Buffer, argumentName(spec), stringIn(spec, "buffer_name").str(), nullptr,
            flagIn(spec, "persistent", true)};
  if (of.kind == "tensor_constant")
    return {Kind::Constant, argumentName(spec), stringIn(spec, "tensor_constant_name").str()};
  if (of.kind == "user_input")
    return {Kind::User, nameOfUsers(spec.get("arg")), "", spec.get("arg")};
  if (of.kind == "constant_input" || of.kind == "token") // tokens keep checks in order
    return {Kind::Ignored, "", ""};
  unsupported("has an input of the kind '" + printable(of.kind) + "', which is not supported");
}

static OutputSpec readOutput(const json::Value &value) {
  Union of = unionOf(value);
  const json::Object &spec = asObject(*of.value, "an output");
  using Kind = OutputSpec::Kind;
  const json::Value *argument = spec.get("arg");
  if (!argument)
    malformed("has an output without an argument");
  if (of.kind == "user_output")
    return {Kind::User, argument, ""};
  if (of.kind == "buffer_mutation")
    return {Kind::BufferMutation, argument, stringIn(spec, "buffer_name").str()};
  if (of.kind == "user_input_mutation")
    return {Kind::InputMutation, argument, stringIn(spec, "user_input_name").str()};
  if (of.kind == "parameter_mutation")
    unsupported("changes its parameter '" + printable(stringIn(spec, "parameter_name")) + "' as it runs, " +
                kChangedParameter);
  unsupported("has an output of the kind '" + printable(of.kind) + "', which is not supported");
}

void Program::readSignature() {
  const json::Object &signature = objectIn(objectIn(asObject(model_, "a program"), "graph_module"), "signature");
  for (const json::Value &spec : arrayIn(signature, "input_specs"))
    inputs_.push_back(readInput(spec));
  for (const json::Value &spec : arrayIn(signature, "output_specs"))
    if (unionOf(spec).kind != "token")
      outputs_.push_back(readOutput(spec));
}

const json::Object *Program::topModule() const {
  const json::Array *calls = objectIn(*model_.getAsObject(), "graph_module").getArray("module_call_graph");
  const json::Object *first = calls && !calls->empty() ? calls->front().getAsObject() : nullptr;
  return first && first->getString("fqn").value_or("?").empty() ? first : nullptr;
}

std::string Program::dialect() const {
  const json::Array *verifiers = model_.getAsObject()->getArray("verifiers");
  std::optional<StringRef> first = verifiers && !verifiers->empty() ? verifiers->front().getAsString() : std::nullopt;
  return printable(first.value_or(""));
}

std::string Program::torchVersion() const {
  return printable(model_.getAsObject()->getString("torch_version").value_or(""));
}

std::string Program::schemaVersion() const {
  const json::Object &version = objectIn(*model_.getAsObject(), "schema_version");
  return std::to_string(integerIn(version, "major")) + "." + std::to_string(version.getInteger("minor").value_or(0));
}

/// A number, or null where there is none.
static std::optional<int64_t> boundIn(const json::Object &constraint, StringRef key) {
  const json::Value *value = constraint.get(key);
  if (!value || value->kind() == json::Value::Null)
    return std::nullopt;
  if (std::optional<int64_t> number = value->getAsInteger())
    return number;
  malformed("has a bound '" + key + "' that is no integer");
}

/// Every range leaves a number. Those of what the run finds may be negative.
void Program::checkRanges() const {
  const json::Object *ranges = model_.getAsObject()->getObject("range_constraints");
  for (const auto &[name, value] : ranges ? *ranges : json::Object()) {
    const json::Object &constraint = asObject(value, "a range");
    const int64_t least = boundIn(constraint, "min_val").value_or(INT64_MIN);
    const int64_t most = boundIn(constraint, "max_val").value_or(INT64_MAX);
    if (least > most)
      malformed("its range_constraints say that '" + printable(StringRef(name)) + "' is " + Twine(least) +
                " or more and " + Twine(most) + " or less");
  }
}

constexpr int64_t kUnlimited = int64_t(1) << 40; // torch writes one of several large numbers where there is no limit

std::optional<std::array<int64_t, 2>> Program::rangeOfSize(StringRef name) const {
  const json::Object &sizes = objectIn(graph(), "sym_int_values");
  const json::Value *value = sizes.get(name);
  if (!value)
    return std::nullopt;
  const StatedDim stated = dim(*value);
  if (stated.number)
    return std::array<int64_t, 2>{*stated.number, *stated.number};
  const json::Object *ranges = model_.getAsObject()->getObject("range_constraints");
  const json::Object *found = ranges ? ranges->getObject(stated.text) : nullptr;
  if (!found)
    return std::nullopt;
  const int64_t least = boundIn(*found, "min_val").value_or(INT64_MIN);
  const int64_t most = boundIn(*found, "max_val").value_or(INT64_MAX);
  if (least <= -kUnlimited && most >= kUnlimited)
    return std::nullopt;
  if (least <= -kUnlimited)
    return std::array<int64_t, 2>{most, most};
  return std::array<int64_t, 2>{least, most};
}

std::pair<int64_t, int64_t> Program::range(StringRef expression) const {
  std::pair<int64_t, int64_t> range{0, INT64_MAX};
  const json::Object *ranges = model_.getAsObject()->getObject("range_constraints");
  const json::Object *found = ranges ? ranges->getObject(expression) : nullptr;
  if (!found)
    return range;
  range.first = boundIn(*found, "min_val").value_or(0);
  range.second = boundIn(*found, "max_val").value_or(INT64_MAX);
  if (range.second >= kUnlimited)
    range.second = INT64_MAX;
  if (range.first > graph::kMostExtent)
    malformed("its range_constraints say that '" + printable(expression) + "', a dim of an input, is " +
              Twine(range.first) + " or more; no dim is more than " + Twine(graph::kMostExtent));
  // What the run finds may be negative, a dim of an input not; and one that is always empty is none that stays open.
  if ((range.first < 0 && range.first > -kUnlimited) || range.second < 1)
    malformed("its range_constraints say that '" + printable(expression) + "', a dim of an input, is " +
              Twine(range.first) + " to " + Twine(range.second) +
              "; a dim that stays open is 0 or more, and may be 1: export the module with other dynamic_shapes");
  range.first = std::max<int64_t>(range.first, 0);
  return range;
}

const StoredTensor *Program::find(const InputSpec &spec) const {
  const bool isWeight = spec.kind != InputSpec::Kind::Constant && spec.isPersistent;
  const Tensors &own = isWeight ? weights_ : constants_, &others = isWeight ? constants_ : weights_;
  for (const Tensors *tensors : {&own, &others})
    if (auto found = tensors->find(spec.target); found != tensors->end())
      return &found->second;
  return nullptr;
}

// Expressions.

namespace {
/// Reads sympy's srepr of sums and products.
class ExpressionReader {
public:
  explicit ExpressionReader(StringRef text) : text_(text) {}

  std::string read() {
    std::string result = expression(0);
    return isBad_ || !text_.empty() ? "" : result;
  }

private:
  bool eat(StringRef token) {
    text_ = text_.ltrim();
    return text_.consume_front(token);
  }
  std::string fail() {
    isBad_ = true;
    return "";
  }
  std::string expression(unsigned depth);
  std::string symbol();

  StringRef text_;
  bool isBad_ = false;
};
} // namespace

/// 's39', positive=True, integer=True)
std::string ExpressionReader::symbol() {
  if (!eat("'"))
    return fail();
  auto [name, rest] = text_.split('\'');
  size_t end = rest.find(')');
  if (end == StringRef::npos)
    return fail();
  text_ = rest.drop_front(end + 1);
  return name.str();
}

std::string ExpressionReader::expression(unsigned depth) {
  constexpr unsigned kDeepest = 32;
  if (depth > kDeepest || isBad_)
    return fail();
  if (eat("Symbol("))
    return symbol();
  if (eat("Integer(")) {
    auto [number, rest] = text_.split(')');
    text_ = rest;
    return number.str();
  }
  const bool isSum = eat("Add("), isProduct = !isSum && eat("Mul(");
  if (!isSum && !isProduct)
    return fail();
  std::string joined;
  do
    joined += (joined.empty() ? "" : isSum ? " + " : "*") + expression(depth + 1);
  while (!isBad_ && eat(","));
  if (!eat(")") || (isProduct && StringRef(joined).contains(' ')))
    return fail();
  return joined;
}

std::string expressionText(StringRef srepr) { return ExpressionReader(srepr).read(); }

namespace {
/// Whether a text is sympy's srepr of anything: NAME(argument, …), of expressions, 'names', numbers and key=value.
class ExpressionForm {
public:
  explicit ExpressionForm(StringRef text) : text_(text) {}

  bool holds() { return call(0) && text_.trim().empty(); }

private:
  StringRef word() {
    text_ = text_.ltrim();
    StringRef taken = text_.take_while([](char c) { return isAlnum(c) || c == '_' || c == '-' || c == '.'; });
    text_ = text_.drop_front(taken.size()).ltrim();
    return taken;
  }
  bool call(unsigned depth) {
    constexpr unsigned kDeepest = 64;
    StringRef name = word();
    return depth <= kDeepest && !name.empty() && isAlpha(name.front()) && text_.consume_front("(") && arguments(depth);
  }
  bool arguments(unsigned depth) {
    do
      if (!argument(depth))
        return false;
    while (text_.consume_front(","));
    const bool ends = text_.consume_front(")");
    text_ = text_.ltrim();
    return ends;
  }
  bool argument(unsigned depth) {
    text_ = text_.ltrim();
    if (text_.consume_front("'")) {
      auto [name, rest] = text_.split('\'');
      const bool isName =
          !name.empty() && !isDigit(name.front()) && all_of(name, [](char c) { return isAlnum(c) || c == '_'; });
      double number = 0; // Float('0.5', precision=53)
      text_ = rest.ltrim();
      return isName || !name.getAsDouble(number);
    }
    const StringRef before = text_, name = word();
    if (text_.starts_with("(")) {
      text_ = before;
      return call(depth + 1);
    }
    return !name.empty() && (!text_.consume_front("=") || !word().empty());
  }

  StringRef text_;
};
} // namespace

StatedDim Program::dim(const json::Value &value) const {
  Union size = unionOf(value);
  if (size.kind == "as_int") {
    if (std::optional<int64_t> number = size.value->getAsInteger())
      return {number, ""};
    malformed("has a dim that is no integer");
  }
  const json::Object *expression = size.kind == "as_expr" ? size.value->getAsObject() : nullptr;
  StringRef text = expression ? expression->getString("expr_str").value_or("") : "";
  const json::Object *ranges = model_.getAsObject()->getObject("range_constraints");
  if (ranges && ranges->get(text)) // torch 2.5 writes names as they are
    return {std::nullopt, text.str()};
  if (!ExpressionForm(text).holds())
    malformed("has a dim '" + printable(text, 60) + "', which is neither a number nor an expression of symbols");
  std::string name = expressionText(text);
  int64_t number = 0;
  return StringRef(name).getAsInteger(10, number) ? StatedDim{std::nullopt, name} : StatedDim{number, ""};
}

} // namespace smelt::frontend::pt2

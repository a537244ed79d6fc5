// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Guards.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/Branches.h"
#include "frontends/common/Import.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/Requirement.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using llvm::Twine;
namespace json = llvm::json;

namespace smelt::frontend::pt2 {

using graph::Extent;

namespace {

/// "L['y']['a'][1]" → the name of an input.
using Paths = llvm::StringMap<std::string>;

/// An integer, or a float as a tensor of rank 0.
struct Number {
  std::optional<Extent> size;
  Value real;
};

/// Nothing of a guard that is made of what Smelt does not know.
struct Unknown {};

/// Reads a guard, which is an expression of Python.
class GuardReader {
public:
  GuardReader(GraphBuilder &builder, const Paths &paths, llvm::function_ref<Value(StringRef)> valueOf, StringRef text)
      : b_(builder), paths_(paths), valueOf_(valueOf), text_(text) {}

  /// 1 where it holds, else 0. Throws Unknown.
  Extent read() {
    Extent condition = either(0);
    if (!text_.trim().empty())
      throw Unknown();
    return condition;
  }

private:
  bool eat(StringRef token) {
    text_ = text_.ltrim();
    return text_.consume_front(token);
  }
  void expect(StringRef token) {
    if (!eat(token))
      throw Unknown();
  }
  static void checkDepth(unsigned depth) {
    constexpr unsigned kDeepest = 32;
    if (depth > kDeepest)
      throw Unknown();
  }
  Extent either(unsigned depth);
  Extent both(unsigned depth);
  Extent comparison(unsigned depth);
  Number sum(unsigned depth);
  Number product(unsigned depth);
  Number factor(unsigned depth);
  Number literal();
  Number call(Number (GuardReader::*made)(const Number &), unsigned depth);
  Extent dim();

  Value real(const Number &number) {
    return number.size ? b_.cast(b_.number(*number.size), b_.builder().getF64Type()) : number.real;
  }
  Number truncated(const Number &number) {
    if (number.size)
      return number;
    return {b_.sizesFrom(b_.cast(number.real, b_.builder().getI64Type())).front(), nullptr}; // towards 0
  }
  Number asFloat(const Number &number) { return {std::nullopt, real(number)}; }
  template <typename Op>
  Number combined(const Number &a, const Number &c, Extent (*ofSizes)(const Extent &, const Extent &)) {
    if (a.size && c.size)
      return {ofSizes(*a.size, *c.size), nullptr};
    return {std::nullopt, b_.make<Op>(real(a), real(c))};
  }
  Extent isLess(const Number &a, const Number &c);
  Extent isEqual(const Number &a, const Number &c);

  GraphBuilder &b_;
  const Paths &paths_;
  llvm::function_ref<Value(StringRef)> valueOf_;
  StringRef text_;
};

} // namespace

Extent GuardReader::either(unsigned depth) {
  checkDepth(depth);
  Extent condition = both(depth + 1);
  while (eat("or "))
    condition = Extent::max(condition, both(depth + 1));
  return condition;
}

Extent GuardReader::both(unsigned depth) {
  Extent condition = comparison(depth + 1);
  while (eat("and "))
    condition *= comparison(depth + 1);
  return condition;
}

Extent GuardReader::isLess(const Number &a, const Number &c) {
  if (!a.size || !c.size)
    return conditionFrom(b_, b_.make<graph::LessOp>(real(a), real(c)));
  if (b_.ranges().isAtLeast(*a.size, *c.size))
    return 0;
  if (b_.ranges().isAtLeast(*c.size, *a.size + 1))
    return 1;
  return Extent::min(1, Extent::max(*c.size - *a.size, 0));
}

Extent GuardReader::isEqual(const Number &a, const Number &c) {
  if (!a.size || !c.size)
    return conditionFrom(b_, b_.make<graph::EqualOp>(real(a), real(c)));
  return Extent::isSame(*a.size, *c.size);
}

/// a < c, and chains of such.
Extent GuardReader::comparison(unsigned depth) {
  checkDepth(depth);
  if (eat("not "))
    return Extent(1) - comparison(depth + 1);
  const StringRef before = text_;
  if (eat("(")) { // of a condition, or of a number
    try {
      Extent condition = either(depth + 1);
      expect(")");
      if (text_.trim().empty() || text_.ltrim().starts_with(")") || text_.ltrim().starts_with("and ") ||
          text_.ltrim().starts_with("or "))
        return condition;
    } catch (const Unknown &) {
    }
    text_ = before;
  }
  Number left = sum(depth + 1);
  Extent condition = 1;
  for (bool isFirst = true;; isFirst = false) {
    constexpr StringLiteral kOperators[] = {"==", "!=", "<=", ">=", "<", ">"};
    const auto *found = llvm::find_if(kOperators, [&](StringRef name) { return eat(name); });
    if (found == std::end(kOperators)) {
      if (isFirst)
        throw Unknown();
      return condition;
    }
    const Number right = sum(depth + 1);
    condition *= *found == "=="   ? isEqual(left, right)
                 : *found == "!=" ? Extent(1) - isEqual(left, right)
                 : *found == "<"  ? isLess(left, right)
                 : *found == ">"  ? isLess(right, left)
                 : *found == "<=" ? Extent(1) - isLess(right, left)
                                  : Extent(1) - isLess(left, right);
    left = right;
  }
}

Number GuardReader::sum(unsigned depth) {
  checkDepth(depth);
  Number total = product(depth + 1);
  while (true) {
    if (eat("+"))
      total = combined<graph::AddOp>(total, product(depth + 1), [](const Extent &a, const Extent &c) { return a + c; });
    else if (eat("-"))
      total = combined<graph::SubOp>(total, product(depth + 1), [](const Extent &a, const Extent &c) { return a - c; });
    else
      return total;
  }
}

Number GuardReader::product(unsigned depth) {
  Number total = factor(depth + 1);
  auto divisor = [&] {
    const Number by = factor(depth + 1);
    if (!total.size || !by.size || !b_.ranges().isAtLeast(*by.size, 1))
      throw Unknown();
    return *by.size;
  };
  while (true) {
    if (eat("**"))
      throw Unknown();
    if (eat("*")) {
      total = combined<graph::MulOp>(total, factor(depth + 1), [](const Extent &a, const Extent &c) { return a * c; });
    } else if (eat("//")) {
      total.size = total.size.value_or(0).floorDiv(divisor());
    } else if (eat("%")) {
      const Extent by = divisor();
      total.size = *total.size - total.size->floorDiv(by) * by;
    } else if (eat("/")) {
      const Number by = factor(depth + 1);
      total = {std::nullopt, b_.make<graph::DivOp>(real(total), real(by))};
    } else {
      return total;
    }
  }
}

Number GuardReader::call(Number (GuardReader::*made)(const Number &), unsigned depth) {
  Number number = sum(depth + 1);
  expect(")");
  return (this->*made)(number);
}

Number GuardReader::factor(unsigned depth) {
  checkDepth(depth);
  if (eat("-"))
    return combined<graph::SubOp>({Extent(0), nullptr}, factor(depth + 1),
                                  [](const Extent &a, const Extent &c) { return a - c; });
  if (eat("(")) {
    Number number = sum(depth + 1);
    expect(")");
    return number;
  }
  if (eat("math.trunc("))
    return call(&GuardReader::truncated, depth);
  if (eat("torch.sym_float("))
    return call(&GuardReader::asFloat, depth);
  for (StringRef name : {"torch.sym_max(", "torch.sym_min(", "max(", "min(", "Max(", "Min("})
    if (eat(name)) {
      Number number = sum(depth + 1);
      const bool isMax = name.contains_insensitive("max(");
      while (eat(",")) {
        Number other = sum(depth + 1);
        number = isMax ? combined<graph::MaxOp>(number, other, Extent::max)
                       : combined<graph::MinOp>(number, other, Extent::min);
      }
      expect(")");
      return number;
    }
  text_ = text_.ltrim();
  return text_.starts_with("L[") ? Number{dim(), nullptr} : literal();
}

Number GuardReader::literal() {
  StringRef digits = text_.take_while([](char c) { return llvm::isAlnum(c) || c == '.'; });
  if (digits.empty() || !llvm::isDigit(digits.front()))
    throw Unknown();
  if (digits.ends_with("e") || digits.ends_with("E")) // 1e-05
    digits = text_.take_front(
        digits.size() + 1 +
        text_.drop_front(digits.size() + 1).take_while([](char c) { return llvm::isDigit(c); }).size());
  text_ = text_.drop_front(digits.size());
  int64_t whole = 0;
  if (!digits.getAsInteger(10, whole))
    return {Extent(whole), nullptr};
  double number = 0;
  if (digits.getAsDouble(number))
    throw Unknown();
  return {std::nullopt, b_.scalar(b_.builder().getF64Type(), number)};
}

/// L['x'].size()[1]
Extent GuardReader::dim() {
  auto [path, rest] = text_.split(".size()[");
  auto found = paths_.find(path);
  const Value value = found == paths_.end() ? Value() : valueOf_(found->second);
  auto [digits, after] = rest.split(']');
  unsigned dim = 0;
  if (!value || digits.getAsInteger(10, dim) || dim >= rankOf(value))
    throw Unknown();
  text_ = after;
  return extentsOf(value)[dim];
}

// Where inputs stand among what the module is called with.

/// The paths of the leaves of a tree of arguments, as torch.utils._pytree writes it.
static void addLeaves(const json::Object &spec, const std::string &path, std::vector<std::string> &leaves,
                      unsigned depth) {
  constexpr unsigned kDeepest = 16;
  constexpr size_t kMost = 4096;
  if (depth > kDeepest || leaves.size() > kMost)
    throw Unknown();
  const json::Array *children = spec.getArray("children_spec");
  const std::optional<StringRef> type = spec.getString("type");
  if (!children)
    throw Unknown();
  if (!type) {
    leaves.push_back(path);
    return;
  }
  std::vector<std::string> keys;
  if (*type == "builtins.dict") {
    llvm::Expected<json::Value> names = json::parse(spec.getString("context").value_or(""));
    if (!names) {
      llvm::consumeError(names.takeError());
      throw Unknown();
    }
    if (const json::Array *list = names->getAsArray())
      for (const json::Value &name : *list)
        keys.push_back("'" + name.getAsString().value_or("").str() + "'");
  }
  for (auto [number, child] : llvm::enumerate(*children)) {
    const json::Object *object = child.getAsObject();
    if (!object || (*type == "builtins.dict" && number >= keys.size()))
      throw Unknown();
    addLeaves(*object, path + "[" + (keys.empty() ? std::to_string(number) : keys[number]) + "]", leaves, depth + 1);
  }
}

/// Of a tree [args, kwargs], whose args have the names of the parameters of forward.
static std::vector<std::string> leavesOf(const Program &program) {
  const json::Object *module = program.topModule();
  const json::Object *signature = module ? module->getObject("signature") : nullptr;
  const json::Array *names = signature ? signature->getArray("forward_arg_names") : nullptr;
  if (!names)
    throw Unknown();
  llvm::Expected<json::Value> parsed = json::parse(signature->getString("in_spec").value_or(""));
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    throw Unknown();
  }
  const json::Array *versioned = parsed->getAsArray();
  const json::Object *tree = versioned && versioned->size() == 2 ? (*versioned)[1].getAsObject() : nullptr;
  const json::Array *both = tree ? tree->getArray("children_spec") : nullptr;
  const json::Object *args = both && both->size() == 2 ? (*both)[0].getAsObject() : nullptr;
  const json::Object *kwargs = args ? (*both)[1].getAsObject() : nullptr;
  const json::Array *positional = args ? args->getArray("children_spec") : nullptr;
  if (!kwargs || !positional)
    throw Unknown();
  std::vector<std::string> leaves;
  for (auto [number, child] : llvm::enumerate(*positional)) {
    std::optional<StringRef> name = number < names->size() ? (*names)[number].getAsString() : std::nullopt;
    if (!name || !child.getAsObject())
      throw Unknown();
    addLeaves(*child.getAsObject(), "L['" + name->str() + "']", leaves, 0);
  }
  addLeaves(*kwargs, "L", leaves, 0);
  return leaves;
}

static Paths pathsOf(const Program &program) {
  Paths paths;
  try {
    const std::vector<std::string> leaves = leavesOf(program);
    std::vector<StringRef> inputs;
    for (const InputSpec &spec : program.inputs())
      if (spec.kind == InputSpec::Kind::User || spec.kind == InputSpec::Kind::Ignored)
        inputs.push_back(spec.name);
    if (leaves.size() != inputs.size())
      return {};
    for (auto [leaf, input] : llvm::zip_equal(leaves, inputs))
      paths[leaf] = input.str();
  } catch (const Unknown &) {
    return {};
  }
  return paths;
}

void checkGuards(GraphBuilder &b, const Program &program, llvm::function_ref<Value(StringRef name)> valueOf) {
  const json::Array *guards = program.guards();
  if (!guards)
    return;
  const Paths paths = pathsOf(program);
  b.setLocation(graph::sourceLocation(b.builder().getContext(), "guards_code", "guard"));
  constexpr size_t kMostGuards = 1024;
  for (const auto &[number, value] : llvm::enumerate(*guards)) {
    if (number == kMostGuards)
      return;
    const StringRef text = value.getAsString().value_or("");
    Extent condition = 1;
    try {
      condition = GuardReader(b, paths, valueOf, text).read();
    } catch (const Unknown &) {
      continue;
    }
    if (condition == Extent(0))
      refuse(ImportError::Kind::Usage, "the program takes only inputs of which " + printable(text) +
                                           " holds, which no shape that is asked for does");
    if (!condition.isTooLarge())
      require(b, condition, {"takes only inputs of which " + quotedForComplaint(text) + " holds", {}});
  }
}

} // namespace smelt::frontend::pt2

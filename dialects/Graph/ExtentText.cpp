// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents as text:
//   sum      = ["-"] product {("+" | "-") product}
//   product  = factor {"*" factor}
//   factor   = number | name | function "(" sum "," sum ")" | "(" sum ")"
//   function = "floordiv" | "min" | "max" | "broadcast" | "equal"

#include "dialects/Graph/Extent.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace smelt::graph {

static StringRef nameOf(Atom::Kind kind) {
  switch (kind) {
  case Atom::Kind::Symbol:
    return "";
  case Atom::Kind::FloorDiv:
    return "floordiv";
  case Atom::Kind::Min:
    return "min";
  case Atom::Kind::Max:
    return "max";
  case Atom::Kind::Broadcast:
    return "broadcast";
  case Atom::Kind::Equal:
    return "equal";
  }
  return "";
}

static void print(llvm::raw_ostream &os, const Extent &extent);

static void print(llvm::raw_ostream &os, Atom atom) {
  if (atom.kind() == Atom::Kind::Symbol) {
    os << atom.symbol();
    return;
  }
  os << nameOf(atom.kind()) << '(';
  print(os, atom.lhs());
  os << ", ";
  print(os, atom.rhs());
  os << ')';
}

static void print(llvm::raw_ostream &os, const Extent &extent) {
  if (extent.isNumber()) {
    os << extent.number();
    return;
  }
  bool isFirst = true;
  for (const Term &term : extent.terms()) {
    bool isNegative = term.factor < 0;
    os << (isFirst ? (isNegative ? "-" : "") : (isNegative ? " - " : " + "));
    isFirst = false;
    uint64_t size = isNegative ? 0 - static_cast<uint64_t>(term.factor) : static_cast<uint64_t>(term.factor);
    if (size != 1 || term.atoms.empty())
      os << size << (term.atoms.empty() ? "" : "*");
    llvm::interleave(term.atoms, [&](Atom atom) { print(os, atom); }, [&] { os << '*'; });
  }
}

std::string Extent::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os, *this);
  return text;
}

std::string joined(ArrayRef<Extent> extents) {
  return llvm::join(llvm::map_range(extents, [](const Extent &extent) { return extent.str(); }), ", ");
}

namespace {
class Parser {
public:
  Parser(MLIRContext *context, StringRef text) : context_(context), rest_(text) {}

  std::optional<Extents> parse() {
    Extents extents;
    if (rest_.trim().empty())
      return extents;
    do {
      std::optional<Extent> extent = sum(0);
      if (!extent)
        return std::nullopt;
      extents.push_back(*extent);
    } while (take(','));
    return rest_.trim().empty() ? std::optional(extents) : std::nullopt;
  }

private:
  static constexpr unsigned kDeepest = 32;

  bool take(char symbol) {
    rest_ = rest_.ltrim();
    return rest_.consume_front(StringRef(&symbol, 1));
  }

  std::optional<Extent> sum(unsigned depth) {
    if (depth > kDeepest)
      return std::nullopt;
    Extent total = 0;
    bool isNegative = take('-');
    if (isNegative && rest_.consume_front("9223372036854775808")) // the least number has no opposite
      return INT64_MIN;
    do {
      std::optional<Extent> next = product(depth);
      if (!next)
        return std::nullopt;
      total = isNegative ? total - *next : total + *next;
      isNegative = take('-');
    } while (isNegative || take('+'));
    return total;
  }

  std::optional<Extent> product(unsigned depth) {
    std::optional<Extent> result = factor(depth);
    while (result && take('*')) {
      std::optional<Extent> next = factor(depth);
      if (!next)
        return std::nullopt;
      *result *= *next;
    }
    return result;
  }

  std::optional<Extent> factor(unsigned depth) {
    if (take('(')) {
      std::optional<Extent> inner = sum(depth + 1);
      return take(')') ? inner : std::nullopt;
    }
    rest_ = rest_.ltrim();
    int64_t number = 0;
    if (!rest_.empty() && llvm::isDigit(rest_.front()))
      return rest_.consumeInteger(10, number) ? std::nullopt : std::optional<Extent>(number);
    size_t sigil = rest_.starts_with("%") || rest_.starts_with("$");
    StringRef letters =
        rest_.drop_front(sigil).take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    if (letters.empty() || letters.front() == '.')
      return std::nullopt;
    StringRef name = rest_.take_front(sigil + letters.size());
    rest_ = rest_.drop_front(name.size());
    return take('(') ? function(name, depth + 1) : Extent::symbol(context_, name);
  }

  std::optional<Extent> function(StringRef name, unsigned depth) {
    std::optional<Extent> a = sum(depth);
    if (!a || !take(','))
      return std::nullopt;
    std::optional<Extent> b = sum(depth);
    if (!b || !take(')'))
      return std::nullopt;
    if (name == nameOf(Atom::Kind::FloorDiv))
      return a->floorDiv(*b);
    if (name == nameOf(Atom::Kind::Min))
      return Extent::min(*a, *b);
    if (name == nameOf(Atom::Kind::Max))
      return Extent::max(*a, *b);
    if (name == nameOf(Atom::Kind::Equal))
      return Extent::equal(*a, *b);
    return name == nameOf(Atom::Kind::Broadcast) ? Extent::broadcast(*a, *b) : std::nullopt;
  }

  MLIRContext *context_;
  StringRef rest_;
};
} // namespace

std::optional<Extents> parseExtents(MLIRContext *context, StringRef text) { return Parser(context, text).parse(); }

std::optional<Extent> Extent::parse(MLIRContext *context, StringRef text) {
  std::optional<Extents> extents = parseExtents(context, text);
  return extents && extents->size() == 1 ? std::optional(extents->front()) : std::nullopt;
}

} // namespace smelt::graph

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "mlir/IR/AttributeSupport.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::graph {

// A file can ask for any expression: what grows beyond these is tooLarge().
constexpr size_t kMostTerms = 64;
constexpr size_t kMostAtoms = 16; // of a term
constexpr unsigned kDeepestAtom = 16;

// Storage.

static llvm::hash_code hash_value(const Term &term) {
  return llvm::hash_combine(term.factor, llvm::hash_combine_range(term.atoms.begin(), term.atoms.end()));
}
static bool operator==(const Term &a, const Term &b) { return a.factor == b.factor && a.atoms == b.atoms; }

namespace detail {
struct AtomStorage : AttributeStorage {
  struct KeyTy {
    Atom::Kind kind;
    StringRef symbol;
    Extent lhs, rhs;
    bool operator==(const KeyTy &other) const {
      return kind == other.kind && symbol == other.symbol && lhs == other.lhs && rhs == other.rhs;
    }
  };

  explicit AtomStorage(KeyTy key, unsigned depth) : key(key), depth(depth) {}
  bool operator==(const KeyTy &other) const { return key == other; }
  static llvm::hash_code hashKey(const KeyTy &key) {
    return llvm::hash_combine(static_cast<int>(key.kind), key.symbol, key.lhs, key.rhs);
  }
  static AtomStorage *construct(AttributeStorageAllocator &allocator, KeyTy key) {
    key.symbol = allocator.copyInto(key.symbol);
    return new (allocator.allocate<AtomStorage>()) AtomStorage(key, 1 + std::max(depthOf(key.lhs), depthOf(key.rhs)));
  }
  static unsigned depthOf(const Extent &extent);

  KeyTy key;
  unsigned depth; // of atoms in atoms
};

struct PolynomialStorage : AttributeStorage {
  using KeyTy = ArrayRef<Term>;

  explicit PolynomialStorage(KeyTy terms) : terms(terms) {}
  bool operator==(const KeyTy &other) const { return terms == other; }
  static llvm::hash_code hashKey(KeyTy key) { return llvm::hash_combine_range(key.begin(), key.end()); }
  static PolynomialStorage *construct(AttributeStorageAllocator &allocator, KeyTy key) {
    SmallVector<Term> terms;
    for (const Term &term : key)
      terms.push_back({term.factor, allocator.copyInto(term.atoms)});
    return new (allocator.allocate<PolynomialStorage>()) PolynomialStorage(allocator.copyInto(ArrayRef<Term>(terms)));
  }

  ArrayRef<Term> terms;
};

struct ExtentsStorage : AttributeStorage {
  using KeyTy = ArrayRef<Extent>;

  explicit ExtentsStorage(KeyTy extents) : extents(extents) {}
  bool operator==(const KeyTy &other) const { return extents == other; }
  static llvm::hash_code hashKey(KeyTy key) { return llvm::hash_combine_range(key.begin(), key.end()); }
  static ExtentsStorage *construct(AttributeStorageAllocator &allocator, KeyTy key) {
    return new (allocator.allocate<ExtentsStorage>()) ExtentsStorage(allocator.copyInto(key));
  }

  ArrayRef<Extent> extents;
};

unsigned AtomStorage::depthOf(const Extent &extent) {
  unsigned depth = 0;
  if (!extent.isNumber())
    for (const Term &term : extent.terms())
      for (Atom atom : term.atoms)
        depth = std::max(depth, static_cast<const AtomStorage *>(atom.getImpl())->depth);
  return depth;
}
} // namespace detail

llvm::hash_code hash_value(const Extent &extent) { return llvm::hash_combine(extent.number_, extent.polynomial_); }

Atom Atom::get(MLIRContext *context, Kind kind, StringRef symbol, Extent lhs, Extent rhs) {
  return Base::get(context, detail::AtomStorage::KeyTy{kind, symbol, std::move(lhs), std::move(rhs)});
}
Atom::Kind Atom::kind() const { return getImpl()->key.kind; }
StringRef Atom::symbol() const { return getImpl()->key.symbol; }
const Extent &Atom::lhs() const { return getImpl()->key.lhs; }
const Extent &Atom::rhs() const { return getImpl()->key.rhs; }

Polynomial Polynomial::get(MLIRContext *context, ArrayRef<Term> terms) { return Base::get(context, terms); }
ArrayRef<Term> Polynomial::terms() const { return getImpl()->terms; }

ExtentsAttr ExtentsAttr::get(MLIRContext *context, ArrayRef<Extent> extents) { return Base::get(context, extents); }
ArrayRef<Extent> ExtentsAttr::extents() const { return getImpl()->extents; }

// Here, where their storage is known.
void GraphDialect::addExtentAttributes() { addAttributes<Atom, Polynomial, ExtentsAttr>(); }

// The canonical order.

static int compareNumbers(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

static int compareAtoms(Atom a, Atom b) {
  if (a == b)
    return 0;
  if (a.kind() != b.kind())
    return compareNumbers(static_cast<int>(a.kind()), static_cast<int>(b.kind()));
  if (int order = a.symbol().compare(b.symbol()))
    return order;
  if (int order = Extent::compare(a.lhs(), b.lhs()))
    return order;
  return Extent::compare(a.rhs(), b.rhs());
}

/// More atoms come first, so that a number is the last term.
static int compareProducts(ArrayRef<Atom> a, ArrayRef<Atom> b) {
  if (a.size() != b.size())
    return a.size() > b.size() ? -1 : 1;
  for (auto [left, right] : llvm::zip_equal(a, b))
    if (int order = compareAtoms(left, right))
      return order;
  return 0;
}

int Extent::compare(const Extent &a, const Extent &b) {
  if (a == b)
    return 0;
  if (a.isNumber() || b.isNumber())
    return a.isNumber() && b.isNumber() ? compareNumbers(a.number_, b.number_) : (a.isNumber() ? -1 : 1);
  if (int order = compareNumbers(a.terms().size(), b.terms().size()))
    return order;
  for (auto [left, right] : llvm::zip_equal(a.terms(), b.terms())) {
    if (int order = compareProducts(left.atoms, right.atoms))
      return order;
    if (int order = compareNumbers(left.factor, right.factor))
      return order;
  }
  return 0;
}

// Sums and products.

ArrayRef<Term> Extent::terms() const { return polynomial_.terms(); }

Atom Extent::asAtom() const {
  if (isNumber() || terms().size() != 1)
    return {};
  const Term &term = terms().front();
  return term.factor == 1 && term.atoms.size() == 1 ? term.atoms.front() : Atom();
}

StringRef Extent::asSymbol() const {
  Atom atom = asAtom();
  return atom && atom.kind() == Atom::Kind::Symbol ? atom.symbol() : "";
}

/// The terms of any extent; a number's has no atoms.
static SmallVector<Term> termsOf(const Extent &extent) {
  if (!extent.isNumber())
    return SmallVector<Term>(extent.terms());
  return extent.number() == 0 ? SmallVector<Term>() : SmallVector<Term>{{extent.number(), {}}};
}

Extent Extent::fromTerms(SmallVectorImpl<Term> &terms) {
  llvm::sort(terms, [](const Term &a, const Term &b) { return compareProducts(a.atoms, b.atoms) < 0; });
  SmallVector<Term> merged;
  for (const Term &term : terms) {
    if (merged.empty() || merged.back().atoms != term.atoms)
      merged.push_back(term);
    else if (llvm::AddOverflow(merged.back().factor, term.factor, merged.back().factor))
      return tooLarge();
  }
  llvm::erase_if(merged, [](const Term &term) { return term.factor == 0; });
  if (merged.size() > kMostTerms)
    return tooLarge();
  if (merged.empty())
    return 0;
  if (merged.size() == 1 && merged.front().atoms.empty())
    return merged.front().factor;
  return Extent(Polynomial::get(merged.front().atoms.front().getContext(), merged));
}

Extent Extent::symbol(MLIRContext *context, StringRef name) {
  Atom atom = Atom::get(context, Atom::Kind::Symbol, name, 0, 0);
  return Extent(Polynomial::get(context, Term{1, atom}));
}

Extent operator+(const Extent &a, const Extent &b) {
  if (a.isTooLarge() || b.isTooLarge())
    return Extent::tooLarge();
  SmallVector<Term> terms = termsOf(a);
  llvm::append_range(terms, termsOf(b));
  return Extent::fromTerms(terms);
}

Extent operator-(const Extent &a, const Extent &b) { return a + b * -1; }

Extent operator*(const Extent &a, const Extent &b) {
  if (a.isTooLarge() || b.isTooLarge())
    return Extent::tooLarge();
  SmallVector<Term> left = termsOf(a), right = termsOf(b), terms;
  std::vector<SmallVector<Atom>> products; // what the terms refer to
  products.reserve(left.size() * right.size());
  for (const Term &x : left)
    for (const Term &y : right) {
      SmallVector<Atom> atoms(x.atoms);
      llvm::append_range(atoms, y.atoms);
      llvm::sort(atoms, [](Atom p, Atom q) { return compareAtoms(p, q) < 0; });
      Term term;
      if (atoms.size() > kMostAtoms || llvm::MulOverflow(x.factor, y.factor, term.factor))
        return Extent::tooLarge();
      products.push_back(std::move(atoms));
      term.atoms = products.back();
      terms.push_back(term);
    }
  return Extent::fromTerms(terms);
}

// Quotients.

/// term / divisor, where every atom and the factor of the divisor is in the term.
static bool divide(const Term &term, const Term &divisor, int64_t &factor, SmallVectorImpl<Atom> &atoms) {
  if (divisor.factor == 0 || divisor.factor == -1 || term.factor % divisor.factor != 0)
    return false;
  factor = term.factor / divisor.factor;
  atoms.assign(term.atoms.begin(), term.atoms.end());
  for (Atom atom : divisor.atoms) {
    auto *found = llvm::find(atoms, atom);
    if (found == atoms.end())
      return false;
    atoms.erase(found);
  }
  return true;
}

std::optional<Extent> Extent::dividedBy(const Extent &divisor) const {
  if (isTooLarge() || divisor.isTooLarge() || divisor == Extent(0))
    return std::nullopt;
  if (*this == divisor)
    return 1;
  // Sums of several terms divide only in whole multiples: x · (a + b) / (a + b) is found term by term.
  SmallVector<Term> by = termsOf(divisor);
  SmallVector<Atom> atoms;
  int64_t factor = 0;
  Extent quotient = 0, rest = *this;
  for (size_t round = 0; rest != Extent(0); ++round) {
    if (round == kMostTerms || rest.isTooLarge())
      return std::nullopt;
    if (!divide(termsOf(rest).front(), by.front(), factor, atoms))
      return std::nullopt;
    SmallVector<Term> part{{factor, atoms}};
    Extent step = fromTerms(part);
    quotient += step;
    rest = rest - step * divisor;
  }
  return quotient;
}

Extent Extent::ofAtom(Atom::Kind kind, const Extent &lhs, const Extent &rhs) {
  MLIRContext *context = lhs.isNumber() ? rhs.context() : lhs.context();
  if (lhs.isTooLarge() || rhs.isTooLarge() || detail::AtomStorage::depthOf(lhs) >= kDeepestAtom ||
      detail::AtomStorage::depthOf(rhs) >= kDeepestAtom)
    return tooLarge();
  return Extent(Polynomial::get(context, Term{1, Atom::get(context, kind, "", lhs, rhs)}));
}

static int64_t floorDivNumbers(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/// (n / a + c) / b = (n + a·c) / (a·b), where a and b are numbers: a model's strides one after another.
static std::optional<Extent> quotientOfQuotient(const Extent &extent, const Extent &divisor) {
  if (extent.isNumber() || !divisor.isNumber() || divisor.number() < 1 || extent.terms().size() > 2)
    return std::nullopt;
  const Term &first = extent.terms().front();
  if (first.factor != 1 || first.atoms.size() != 1 || first.atoms.front().kind() != Atom::Kind::FloorDiv)
    return std::nullopt;
  Atom inner = first.atoms.front();
  int64_t added = extent.terms().size() == 2 ? extent.terms().back().factor : 0;
  if (!inner.rhs().isNumber() || inner.rhs().number() < 1 ||
      (extent.terms().size() == 2 && !extent.terms().back().atoms.empty()))
    return std::nullopt;
  Extent result = (inner.lhs() + inner.rhs() * added).floorDiv(inner.rhs() * divisor);
  return result.isTooLarge() ? std::nullopt : std::optional(result);
}

Extent Extent::floorDiv(const Extent &divisor) const {
  if (isTooLarge() || divisor.isTooLarge() || divisor == Extent(0))
    return tooLarge();
  if (std::optional<Extent> exact = dividedBy(divisor))
    return *exact;
  if (isNumber() && divisor.isNumber())
    return divisor.number_ == -1 ? 0 - *this : Extent(floorDivNumbers(number_, divisor.number_));
  // Whole multiples come out: (4·n + 3) / 2 = 2·n + 1 + (1 / 2), (n - 1) / 2 = (n + 1) / 2 - 1.
  Extent whole = 0, rest = 0;
  for (const Term &term : termsOf(*this)) {
    SmallVector<Term> one{term};
    Extent part = fromTerms(one);
    std::optional<Extent> quotient = part.dividedBy(divisor);
    if (!quotient && divisor.isNumber() && divisor.number_ > 0) {
      one.front().factor = floorDivNumbers(term.factor, divisor.number_);
      quotient = fromTerms(one);
    }
    whole += quotient.value_or(0);
    rest += part - quotient.value_or(0) * divisor;
  }
  if (whole != Extent(0))
    return whole + rest.floorDiv(divisor);
  return quotientOfQuotient(*this, divisor).value_or(ofAtom(Atom::Kind::FloorDiv, *this, divisor));
}

// Bounds.

static std::optional<int64_t> mostOf(Atom atom);

/// A number that an extent never exceeds, as far as that is seen at a glance.
static std::optional<int64_t> mostOf(const Extent &extent) {
  std::optional<int64_t> least = (Extent(0) - extent).lowerBound();
  return least && *least != INT64_MIN ? std::optional(-*least) : std::nullopt;
}

/// The larger is at least their mean.
static std::optional<int64_t> leastOfLarger(const Extent &a, const Extent &b) {
  Extent sum = a + b;
  return sum.isNumber() && !sum.isTooLarge() ? std::optional(sum.number() / 2 - (sum.number() < 0)) : std::nullopt;
}

static std::optional<int64_t> lowerBoundOf(Atom atom) {
  std::optional<int64_t> left = atom.lhs().lowerBound(), right = atom.rhs().lowerBound();
  switch (atom.kind()) {
  case Atom::Kind::Symbol:
    return mayBeNegative(atom.symbol()) ? std::nullopt : std::optional<int64_t>(0);
  case Atom::Kind::FloorDiv:
    if (atom.rhs().isNumber() && atom.rhs().number() > 0)
      return left ? std::optional(floorDivNumbers(*left, atom.rhs().number())) : std::nullopt;
    return left && *left >= 0 && right && *right >= 0 ? std::optional<int64_t>(0) : std::nullopt;
  case Atom::Kind::Max:
    if (!left && !right)
      return leastOfLarger(atom.lhs(), atom.rhs());
    return left && right ? std::optional(std::max(*left, *right)) : left ? left : right;
  case Atom::Kind::Min:
  case Atom::Kind::Broadcast:
    return left && right ? std::optional(std::min(*left, *right)) : std::nullopt;
  case Atom::Kind::Equal:
    return left;
  }
  return std::nullopt;
}

static std::optional<int64_t> mostOf(Atom atom) {
  switch (atom.kind()) {
  case Atom::Kind::Min: {
    std::optional<int64_t> left = mostOf(atom.lhs()), right = mostOf(atom.rhs());
    return left && right ? std::optional(std::min(*left, *right)) : left ? left : right;
  }
  case Atom::Kind::Max: {
    std::optional<int64_t> left = mostOf(atom.lhs()), right = mostOf(atom.rhs());
    return left && right ? std::optional(std::max(*left, *right)) : std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

std::optional<int64_t> Extent::lowerBound() const {
  if (isNumber())
    return number_;
  int64_t bound = 0;
  for (const Term &term : terms()) {
    int64_t product = term.factor;
    for (Atom atom : term.atoms) {
      std::optional<int64_t> least = lowerBoundOf(atom), extreme = term.factor < 0 ? mostOf(atom) : least;
      if (!least || *least < 0 || !extreme || llvm::MulOverflow(product, *extreme, product))
        return std::nullopt;
    }
    if (llvm::AddOverflow(bound, product, bound))
      return std::nullopt;
  }
  return bound;
}

bool Extent::isAtLeast(const Extent &other) const {
  std::optional<int64_t> difference = (*this - other).lowerBound();
  return difference && *difference >= 0;
}

/// Whether an extent is a dim of an input, and no number that the model finds ("%n", "$n"), a kernel's parameter or the
/// like.
static bool isDim(const Extent &extent) {
  StringRef name = extent.asSymbol();
  return !name.empty() && !isFoundAtRunTime(name) && !(name.consume_front("p") && llvm::all_of(name, llvm::isDigit));
}

using Most = function_ref<std::optional<Extent>(StringRef)>;

static std::optional<Extent> upperBoundOf(Atom atom, Most most) {
  if (atom.kind() == Atom::Kind::Symbol)
    return isFoundAtRunTime(atom.symbol()) ? most(atom.symbol()) : Extent::symbol(atom.getContext(), atom.symbol());
  std::optional<Extent> left = atom.lhs().upperBound(most), right = atom.rhs().upperBound(most);
  switch (atom.kind()) {
  case Atom::Kind::Symbol:
    break;
  case Atom::Kind::FloorDiv: {
    std::optional<int64_t> least = atom.rhs().lowerBound();
    bool isSimple = atom.rhs().isNumber() && atom.rhs().number() > 0;
    if (!left || (!isSimple && !(atom.lhs().isAtLeast(0) && least && *least >= 0)))
      return std::nullopt;
    return isSimple ? left->floorDiv(atom.rhs()) : *left;
  }
  case Atom::Kind::Min:
    for (std::optional<Extent> *side : {&left, &right})
      if (*side && (*side)->isNumber() && (*side)->number() >= kMostExtent)
        side->reset(); // "to the end" bounds nothing
    return left && right ? std::optional(Extent::min(*left, *right)) : left ? left : right;
  case Atom::Kind::Max:
  case Atom::Kind::Broadcast:
    return left && right ? std::optional(Extent::max(*left, *right)) : std::nullopt;
  case Atom::Kind::Equal:
    return left ? left : right;
  }
  return std::nullopt;
}

// What is subtracted counts as nothing, where it is not negative.
std::optional<Extent> Extent::upperBound(Most most) const {
  if (!isFoundAtRunTime())
    return *this;
  Extent bound = 0;
  for (const Term &term : terms()) {
    SmallVector<Term> one{term};
    if (Extent alone = fromTerms(one); !alone.isFoundAtRunTime()) {
      bound += alone;
      continue;
    }
    Extent product = term.factor;
    for (Atom atom : term.atoms) {
      std::optional<int64_t> least = lowerBoundOf(atom);
      std::optional<Extent> largest = term.factor < 0 ? std::optional<Extent>(1) : upperBoundOf(atom, most);
      if (!least || *least < 0 || !largest)
        return std::nullopt;
      product *= *largest;
    }
    if (term.factor > 0)
      bound += product;
  }
  return bound.isTooLarge() ? std::nullopt : std::optional(bound);
}

bool Extent::isFoundAtRunTime() const {
  bool isFound = false;
  walkSymbols([&](StringRef symbol) { isFound |= graph::isFoundAtRunTime(symbol); });
  return isFound;
}

Extent Extent::min(const Extent &a, const Extent &b) {
  if (a.isAtLeast(b) || (a.isNumber() && a.number() >= kMostExtent && isDim(b)))
    return b;
  if (b.isAtLeast(a) || (b.isNumber() && b.number() >= kMostExtent && isDim(a)))
    return a;
  return compare(a, b) < 0 ? ofAtom(Atom::Kind::Min, a, b) : ofAtom(Atom::Kind::Min, b, a);
}

Extent Extent::max(const Extent &a, const Extent &b) {
  if (a.isAtLeast(b))
    return a;
  if (b.isAtLeast(a))
    return b;
  return compare(a, b) < 0 ? ofAtom(Atom::Kind::Max, a, b) : ofAtom(Atom::Kind::Max, b, a);
}

/// Whether `whole` is what an extent and something else broadcast to, or the extent is the smaller of `whole` and
/// something else: then it broadcasts to `whole`, for where it is 1 so is `whole`, or the something is 1.
static bool isPartOf(const Extent &extent, const Extent &whole) {
  Atom smaller = extent.asAtom(), larger = whole.asAtom();
  if (smaller && smaller.kind() == Atom::Kind::Min && (smaller.lhs() == whole || smaller.rhs() == whole))
    return true;
  auto isPartOfOne = [&](const Extent &part) { return extent == part || isPartOf(extent, part); };
  return larger && larger.kind() == Atom::Kind::Broadcast && (isPartOfOne(larger.lhs()) || isPartOfOne(larger.rhs()));
}

Extent Extent::agreeing(const Extent &a, const Extent &b) {
  return a.isNumber() && b.isNumber() ? a : ofAtom(Atom::Kind::Broadcast, a, b);
}

Extent Extent::equal(const Extent &a, const Extent &b) {
  return a == b || (a.isNumber() && b.isNumber()) ? a : ofAtom(Atom::Kind::Equal, a, b);
}

Extent Extent::isSame(const Extent &a, const Extent &b) {
  Extent difference = a - b;
  return Extent(1) - min(1, max(difference, Extent(0) - difference));
}

std::optional<Extent> Extent::broadcast(const Extent &a, const Extent &b) {
  if (a == b || b == Extent(1))
    return a;
  if (a == Extent(1))
    return b;
  if (a.isNumber() && b.isNumber())
    return std::nullopt;
  if (a.isNumber() || b.isNumber())
    return a.isNumber() ? a : b; // the other is the same or 1
  if (isPartOf(a, b))
    return b;
  if (isPartOf(b, a))
    return a;
  return compare(a, b) < 0 ? ofAtom(Atom::Kind::Broadcast, a, b) : ofAtom(Atom::Kind::Broadcast, b, a);
}

// Values.

std::optional<int64_t> Extent::evaluate(function_ref<std::optional<int64_t>(StringRef)> valueOf) const {
  if (isNumber())
    return number_;
  auto atomValue = [&](Atom atom) -> std::optional<int64_t> {
    if (atom.kind() == Atom::Kind::Symbol)
      return valueOf(atom.symbol());
    std::optional<int64_t> a = atom.lhs().evaluate(valueOf), b = atom.rhs().evaluate(valueOf);
    if (!a || !b)
      return std::nullopt;
    switch (atom.kind()) {
    case Atom::Kind::Symbol:
      break;
    case Atom::Kind::FloorDiv:
      if (*b == 0 || (*b == -1 && *a == INT64_MIN))
        return std::nullopt;
      return floorDivNumbers(*a, *b);
    case Atom::Kind::Min:
      return std::min(*a, *b);
    case Atom::Kind::Max:
      return std::max(*a, *b);
    case Atom::Kind::Broadcast:
      return *a == 1 ? *b : *a;
    case Atom::Kind::Equal:
      return *a;
    }
    return std::nullopt;
  };
  int64_t sum = 0;
  for (const Term &term : terms()) {
    int64_t product = term.factor;
    for (Atom atom : term.atoms) {
      std::optional<int64_t> value = atomValue(atom);
      if (!value || llvm::MulOverflow(product, *value, product))
        return std::nullopt;
    }
    if (llvm::AddOverflow(sum, product, sum))
      return std::nullopt;
  }
  return sum;
}

Extent Extent::substitute(function_ref<Extent(StringRef)> replacement) const {
  if (isNumber())
    return *this;
  auto replaced = [&](Atom atom) -> Extent {
    if (atom.kind() == Atom::Kind::Symbol)
      return replacement(atom.symbol());
    Extent a = atom.lhs().substitute(replacement), b = atom.rhs().substitute(replacement);
    switch (atom.kind()) {
    case Atom::Kind::Symbol:
      break;
    case Atom::Kind::FloorDiv:
      return a.floorDiv(b);
    case Atom::Kind::Min:
      return min(a, b);
    case Atom::Kind::Max:
      return max(a, b);
    case Atom::Kind::Broadcast:
      return broadcast(a, b).value_or(tooLarge());
    case Atom::Kind::Equal:
      return equal(a, b);
    }
    return tooLarge();
  };
  Extent sum = 0;
  for (const Term &term : terms()) {
    Extent product = term.factor;
    for (Atom atom : term.atoms)
      product *= replaced(atom);
    sum += product;
  }
  return sum;
}

void Extent::walkSymbols(function_ref<void(StringRef)> visit) const {
  if (isNumber())
    return;
  for (const Term &term : terms())
    for (Atom atom : term.atoms) {
      if (atom.kind() == Atom::Kind::Symbol)
        visit(atom.symbol());
      atom.lhs().walkSymbols(visit);
      atom.rhs().walkSymbols(visit);
    }
}

// Lists and types.

std::optional<SmallVector<int64_t>> asNumbers(ArrayRef<Extent> extents) {
  SmallVector<int64_t> numbers;
  for (const Extent &extent : extents) {
    if (!extent.isNumber())
      return std::nullopt;
    numbers.push_back(extent.number());
  }
  return numbers;
}

Extent productOf(ArrayRef<Extent> extents) {
  Extent product = 1;
  for (const Extent &extent : extents)
    product *= extent;
  return product;
}

RankedTensorType tensorOf(ArrayRef<Extent> extents, Type element) {
  SmallVector<int64_t> shape;
  bool isStatic = true;
  for (const Extent &extent : extents) {
    shape.push_back(extent.asNumber().value_or(ShapedType::kDynamic));
    isStatic &= extent.isNumber();
  }
  return RankedTensorType::get(shape, element,
                               isStatic ? Attribute() : ExtentsAttr::get(element.getContext(), extents));
}

Extents extentsOf(RankedTensorType type) {
  if (auto encoding = dyn_cast_if_present<ExtentsAttr>(type.getEncoding()))
    return Extents(encoding.extents());
  return toExtents(type.getShape());
}

} // namespace smelt::graph

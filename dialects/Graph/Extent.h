// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes of tensors whose dims are symbolic.

#ifndef SMELT_DIALECTS_GRAPH_EXTENT_H
#define SMELT_DIALECTS_GRAPH_EXTENT_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <string>

namespace smelt::graph {

namespace detail {
struct AtomStorage;
struct PolynomialStorage;
struct ExtentsStorage;
} // namespace detail

class Extent;

/// No dim of an input is larger: artefacts refuse such shapes. Exporters write numbers from here on where they mean "to
/// the end".
constexpr int64_t kMostExtent = 1'000'000'000;

/// What cannot be written as sums and products of others. Symbols are dims of inputs, or, where their names begin with
/// '%' or '$', numbers that the model finds when it runs; those with a '$' may be negative, all others are not.
class Atom : public mlir::Attribute::AttrBase<Atom, mlir::Attribute, detail::AtomStorage> {
public:
  enum class Kind {
    Symbol,    // a dim of an input, or what an op finds at run time
    FloorDiv,  // lhs / rhs, rounded down
    Min,       //
    Max,       //
    Broadcast, // of two extents that are equal or one of which is 1: the other one
    Equal,     // lhs, which must be equal to rhs
  };
  static constexpr mlir::StringLiteral name = "graph.atom";

  using Base::Base;
  static Atom get(mlir::MLIRContext *context, Kind kind, llvm::StringRef symbol, Extent lhs, Extent rhs);

  Kind kind() const;
  llvm::StringRef symbol() const;
  const Extent &lhs() const;
  const Extent &rhs() const;
};

/// factor · atoms[0] · atoms[1] · …
struct Term {
  int64_t factor = 0;
  llvm::ArrayRef<Atom> atoms; // sorted
};

/// A sum of terms in canonical order: none has the factor 0, no two the same atoms.
class Polynomial : public mlir::Attribute::AttrBase<Polynomial, mlir::Attribute, detail::PolynomialStorage> {
public:
  static constexpr mlir::StringLiteral name = "graph.polynomial";

  using Base::Base;
  static Polynomial get(mlir::MLIRContext *context, llvm::ArrayRef<Term> terms);

  llvm::ArrayRef<Term> terms() const;
};

/// A number, or a polynomial with integer factors over atoms. Equal ones compare equal whenever they are the same
/// polynomial. What overflows, divides by zero or takes too many terms is tooLarge(), which no tensor has.
class Extent {
public:
  Extent(int64_t number = 0) : number_(number) {}
  static Extent symbol(mlir::MLIRContext *context, llvm::StringRef name);
  static Extent tooLarge() { return {INT64_MAX}; }
  /// Reads what str() writes; nothing where the text is no such expression. Names are [%$]?[A-Za-z_][A-Za-z0-9_.]*.
  static std::optional<Extent> parse(mlir::MLIRContext *context, llvm::StringRef text);

  bool isNumber() const { return !polynomial_; }
  /// Only where isNumber().
  int64_t number() const { return number_; }
  std::optional<int64_t> asNumber() const { return isNumber() ? std::optional(number_) : std::nullopt; }
  bool isTooLarge() const { return isNumber() && number_ == INT64_MAX; }
  llvm::ArrayRef<Term> terms() const; // only where it is no number
  /// The atom that it is, and nothing else; null, or empty, where it is no such.
  Atom asAtom() const;
  llvm::StringRef asSymbol() const;

  friend Extent operator+(const Extent &a, const Extent &b);
  friend Extent operator-(const Extent &a, const Extent &b);
  friend Extent operator*(const Extent &a, const Extent &b);
  Extent &operator+=(const Extent &other) { return *this = *this + other; }
  Extent &operator*=(const Extent &other) { return *this = *this * other; }
  friend bool operator==(const Extent &a, const Extent &b) {
    return a.number_ == b.number_ && a.polynomial_ == b.polynomial_;
  }
  friend bool operator!=(const Extent &a, const Extent &b) { return !(a == b); }

  /// The quotient where there is no remainder whatever the symbols are.
  std::optional<Extent> dividedBy(const Extent &divisor) const;
  Extent floorDiv(const Extent &divisor) const;
  Extent ceilDiv(const Extent &divisor) const { return (*this + divisor - 1).floorDiv(divisor); }
  static Extent min(const Extent &a, const Extent &b);
  static Extent max(const Extent &a, const Extent &b);
  /// Nothing where they are known not to broadcast to each other.
  static std::optional<Extent> broadcast(const Extent &a, const Extent &b);
  /// The same as an expression that says both: whoever computes it finds whether they broadcast.
  static Extent agreeing(const Extent &a, const Extent &b);
  /// a, as an expression that says that b is the same: whoever computes it finds whether that is so.
  static Extent equal(const Extent &a, const Extent &b);
  /// 1 where a is b, else 0.
  static Extent isSame(const Extent &a, const Extent &b);
  /// a where the condition, 1 or 0, holds; else b.
  static Extent select(const Extent &condition, const Extent &a, const Extent &b) { return b + condition * (a - b); }

  /// A number that it never falls below, as far as that is seen at a glance.
  std::optional<int64_t> lowerBound() const;
  bool isAtLeast(const Extent &other) const;
  /// An extent that it never exceeds where no symbol exceeds what `most` says of it; nothing where none is seen.
  std::optional<Extent> upperBound(llvm::function_ref<std::optional<Extent>(llvm::StringRef)> most) const;
  /// Whether some symbol is found when the model runs.
  bool isFoundAtRunTime() const;

  /// Its value for these of the symbols; nothing where it overflows, divides by zero or a symbol has none.
  std::optional<int64_t> evaluate(llvm::function_ref<std::optional<int64_t>(llvm::StringRef)> valueOf) const;
  Extent substitute(llvm::function_ref<Extent(llvm::StringRef)> replacement) const;
  void walkSymbols(llvm::function_ref<void(llvm::StringRef)> visit) const;

  /// "2*batch*seq + 4"
  std::string str() const;

  /// An order that is the same in every run.
  static int compare(const Extent &a, const Extent &b);
  friend llvm::hash_code hash_value(const Extent &extent);

private:
  explicit Extent(Polynomial polynomial) : number_(0), polynomial_(polynomial) {}
  static Extent fromTerms(llvm::SmallVectorImpl<Term> &terms);
  static Extent ofAtom(Atom::Kind kind, const Extent &lhs, const Extent &rhs);
  mlir::MLIRContext *context() const { return polynomial_ ? polynomial_.getContext() : nullptr; }

  int64_t number_ = 0;
  Polynomial polynomial_; // null for a number
};

using Extents = llvm::SmallVector<Extent>;

/// Whether a symbol is a number that the model finds when it runs.
inline bool isFoundAtRunTime(llvm::StringRef symbol) { return symbol.starts_with("%") || symbol.starts_with("$"); }
inline bool mayBeNegative(llvm::StringRef symbol) { return symbol.starts_with("$"); }

inline Extents toExtents(llvm::ArrayRef<int64_t> numbers) { return Extents(numbers.begin(), numbers.end()); }
/// Nothing where one is symbolic.
std::optional<llvm::SmallVector<int64_t>> asNumbers(llvm::ArrayRef<Extent> extents);
Extent productOf(llvm::ArrayRef<Extent> extents);
/// "batch, 2*seq + 4, 384"
std::string joined(llvm::ArrayRef<Extent> extents);
std::optional<Extents> parseExtents(mlir::MLIRContext *context, llvm::StringRef text);

/// A list of extents: the encoding of a tensor type that has symbolic dims. #graph.extents<"batch, 384">
class ExtentsAttr : public mlir::Attribute::AttrBase<ExtentsAttr, mlir::Attribute, detail::ExtentsStorage> {
public:
  static constexpr mlir::StringLiteral name = "graph.extents";

  using Base::Base;
  static ExtentsAttr get(mlir::MLIRContext *context, llvm::ArrayRef<Extent> extents);

  llvm::ArrayRef<Extent> extents() const;
};

/// tensor<?x384xf32, #graph.extents<"batch, 384">>; without an encoding where all are numbers.
mlir::RankedTensorType tensorOf(llvm::ArrayRef<Extent> extents, mlir::Type element);
Extents extentsOf(mlir::RankedTensorType type);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_EXTENT_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Einsum as transposes, products and sums: operands meet two at a time, from the left, and each pair is one matmul.

#include "frontends/common/Einsum.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

/// Dims are told apart by labels: letters, or numbers from kEllipsis on for what "..." stands for, counted from the
/// last.
using Labels = SmallVector<int, 8>;
constexpr int kEllipsis = 256;

namespace {
/// A tensor whose dims have labels, no two the same.
struct Term {
  Value value;
  Labels labels;
};

class EinsumBuilder {
public:
  EinsumBuilder(GraphBuilder &builder, StringRef equation) : b_(builder), equation_(equation) {}

  Value build(ArrayRef<Value> operands);

private:
  Labels parse(StringRef text, int64_t rank);
  Labels implicitOutput(ArrayRef<Labels> inputs) const;
  Term diagonal(Value value, Labels labels);
  Term sumOut(Term term, ArrayRef<int> kept);
  Term multiply(const Term &lhs, const Term &rhs, ArrayRef<int> kept);
  Value arrange(const Term &term, ArrayRef<int> order);
  [[noreturn]] void fail(const Twine &why) const { malformed("equation '" + printable(equation_) + "' " + why); }

  GraphBuilder &b_;
  StringRef equation_;
  int64_t ellipsisRank_ = 0;
};
} // namespace

/// The labels of one operand, or of the result where `rank` is negative.
Labels EinsumBuilder::parse(StringRef text, int64_t rank) {
  Labels labels;
  bool hasEllipsis = false;
  for (text = text.ltrim(' '); !text.empty(); text = text.ltrim(' ')) {
    if (text.consume_front("...")) {
      int64_t letters = static_cast<int64_t>(text.size() - text.count(' ') + labels.size());
      int64_t dims = rank < 0 ? ellipsisRank_ : rank - letters;
      if (hasEllipsis || dims < 0)
        fail("does not fit an operand of " + Twine(rank) + " dims");
      hasEllipsis = true;
      ellipsisRank_ = std::max(ellipsisRank_, dims);
      for (int64_t dim = dims; dim > 0; --dim)
        labels.push_back(kEllipsis + static_cast<int>(dim));
    } else if (llvm::isAlpha(text.front())) {
      labels.push_back(text.front());
      text = text.drop_front();
    } else {
      fail("holds '" + printable(text.take_front()) + "'");
    }
  }
  if (rank >= 0 && static_cast<int64_t>(labels.size()) != rank)
    fail("does not fit an operand of " + Twine(rank) + " dims");
  return labels;
}

/// What "..." stands for, then the letters that occur once, by the alphabet.
Labels EinsumBuilder::implicitOutput(ArrayRef<Labels> inputs) const {
  int counts[kEllipsis] = {};
  for (const Labels &labels : inputs)
    for (int label : labels)
      if (label < kEllipsis)
        ++counts[label];
  Labels output;
  for (int64_t dim = ellipsisRank_; dim > 0; --dim)
    output.push_back(kEllipsis + static_cast<int>(dim));
  for (int letter = 0; letter < kEllipsis; ++letter)
    if (counts[letter] == 1)
      output.push_back(letter);
  return output;
}

/// ii → i: of two dims of one label only the elements with equal coordinates count.
Term EinsumBuilder::diagonal(Value value, Labels labels) {
  for (size_t first = 0; first < labels.size(); ++first) {
    for (size_t second = labels.size() - 1; second > first; --second) {
      if (labels[first] != labels[second])
        continue;
      const Extent extent = extentsOf(value)[first];
      value = b_.withDim(value, static_cast<int64_t>(second), extent);
      if (extentsOf(value)[second] != extent)
        fail("names dims of " + extent.str() + " and " + extentsOf(value)[second].str() + " alike");
      auto coordinates = [&](size_t dim) {
        Extents shape(labels.size(), 1);
        shape[dim] = extent;
        return b_.countAlong(shape, static_cast<int64_t>(dim));
      };
      Value isDiagonal = b_.make<graph::EqualOp>(coordinates(first), coordinates(second));
      value = b_.make<graph::SelectOp>(isDiagonal, value, b_.scalarLike(value, 0));
      value = b_.make<graph::ReduceOp>(value, graph::ReduceKind::Sum, static_cast<int64_t>(second));
      Extents shape = extentsOf(value);
      shape.erase(shape.begin() + second);
      value = b_.reshape(value, shape);
      labels.erase(labels.begin() + second);
    }
  }
  return {value, labels};
}

/// Sums over dims that nothing else has.
Term EinsumBuilder::sumOut(Term term, ArrayRef<int> kept) {
  SmallVector<int64_t> axes;
  Extents shape;
  Labels labels;
  for (auto [dim, label] : llvm::enumerate(term.labels)) {
    if (llvm::is_contained(kept, label)) {
      labels.push_back(label);
      shape.push_back(extentsOf(term.value)[dim]);
    } else {
      axes.push_back(static_cast<int64_t>(dim));
    }
  }
  if (axes.empty())
    return term;
  return {b_.reshape(b_.make<graph::ReduceOp>(term.value, graph::ReduceKind::Sum, axes), shape), labels};
}

/// Labels one after the other.
static Labels joined(ArrayRef<int> a, ArrayRef<int> b, ArrayRef<int> c = {}) {
  Labels labels(a);
  labels.append(b.begin(), b.end());
  labels.append(c.begin(), c.end());
  return labels;
}

/// The value with its dims in an order of labels, with 1 for those that it lacks.
Value EinsumBuilder::arrange(const Term &term, ArrayRef<int> order) {
  SmallVector<int64_t> permutation;
  Extents shape;
  for (int label : order) {
    const auto *at = llvm::find(term.labels, label);
    if (at != term.labels.end())
      permutation.push_back(at - term.labels.begin());
    shape.push_back(at == term.labels.end() ? Extent(1) : extentsOf(term.value)[at - term.labels.begin()]);
  }
  return b_.reshape(b_.transpose(term.value, permutation), shape);
}

/// [b…, m…, k…] · [b…, k…, n…] → [b…, m…, n…]; dims of 1 among b… broadcast.
Term EinsumBuilder::multiply(const Term &lhs, const Term &rhs, ArrayRef<int> kept) {
  Labels batch, contracted, left, right;
  for (int label : lhs.labels) {
    bool isShared = llvm::is_contained(rhs.labels, label);
    (!isShared ? left : llvm::is_contained(kept, label) ? batch : contracted).push_back(label);
  }
  for (int label : rhs.labels)
    if (!llvm::is_contained(lhs.labels, label))
      right.push_back(label);
  Labels result = joined(batch, left, right);
  if (contracted.empty())
    return {b_.make<graph::MulOp>(arrange(lhs, result), arrange(rhs, result)), result};
  Value a = arrange(lhs, joined(batch, left, contracted)), b = arrange(rhs, joined(batch, contracted, right));
  for (size_t number = 0; number < contracted.size(); ++number) {
    size_t bDim = batch.size() + number, aDim = bDim + left.size();
    const Extent extent = simplerOf(extentsOf(a)[aDim], extentsOf(b)[bDim]);
    a = b_.withDim(a, static_cast<int64_t>(aDim), extent);
    b = b_.withDim(b, static_cast<int64_t>(bDim), extent);
  }
  Extents aDims = extentsOf(a), bDims = extentsOf(b);
  ArrayRef<Extent> aShape = aDims, bShape = bDims;
  ArrayRef<Extent> aLeft = aShape.slice(batch.size(), left.size()), aInner = aShape.take_back(contracted.size());
  ArrayRef<Extent> bInner = bShape.slice(batch.size(), contracted.size()), bRight = bShape.take_back(right.size());
  if (aInner != bInner)
    fail("names dims " + inWords(aInner) + " and " + inWords(bInner) + " alike");
  Extents aFlat(aShape.take_front(batch.size())), bFlat(bShape.take_front(batch.size()));
  aFlat.append({elementsOf(aLeft), elementsOf(aInner)});
  bFlat.append({elementsOf(bInner), elementsOf(bRight)});
  Value product = b_.make<graph::MatMulOp>(b_.reshape(a, aFlat), b_.reshape(b, bFlat));
  Extents shape(llvm::drop_end(extentsOf(product), 2));
  shape.append(aLeft.begin(), aLeft.end());
  shape.append(bRight.begin(), bRight.end());
  return {b_.reshape(product, shape), result};
}

Value EinsumBuilder::build(ArrayRef<Value> operands) {
  auto [left, right] = equation_.split("->");
  bool isExplicit = left.size() != equation_.size();
  SmallVector<StringRef> texts;
  left.split(texts, ',');
  constexpr size_t kMostOperands = 64;
  if (operands.size() > kMostOperands)
    unsupported("has more than " + Twine(kMostOperands) + " operands");
  if (texts.size() != operands.size())
    fail("is for " + Twine(texts.size()) + " operands, not " + Twine(operands.size()));
  SmallVector<Labels> inputs;
  for (auto [text, operand] : llvm::zip_equal(texts, operands))
    inputs.push_back(parse(text, rankOf(operand)));
  Labels output = isExplicit ? parse(right, -1) : implicitOutput(inputs);
  for (auto [position, label] : llvm::enumerate(output)) {
    if (llvm::is_contained(ArrayRef<int>(output).take_front(position), label))
      fail("names a dim of the result twice");
    if (llvm::none_of(inputs, [label = label](const Labels &labels) { return llvm::is_contained(labels, label); }))
      fail("names a dim of the result that no operand has");
  }
  Term result;
  for (auto [position, operand] : llvm::enumerate(operands)) {
    Labels kept = output; // by the result and the operands that are still to come
    for (const Labels &labels : ArrayRef<Labels>(inputs).drop_front(position + 1))
      kept.append(labels.begin(), labels.end());
    Term term = sumOut(diagonal(operand, inputs[position]), joined(kept, result.labels));
    result = position == 0 ? term : multiply(sumOut(result, joined(kept, term.labels)), term, kept);
  }
  return arrange(sumOut(result, output), output);
}

Value einsum(GraphBuilder &b, StringRef equation, ArrayRef<Value> operands) {
  Type element = elementOf(operands.front());
  SmallVector<Value> wide(operands);
  // Sums of narrow integers wrap, as whoever cuts off a wider sum sees it.
  if (element.isInteger() && element.getIntOrFloatBitWidth() < 32)
    for (Value &operand : wide)
      operand = b.cast(operand, b.builder().getI32Type());
  return b.cast(EinsumBuilder(b, equation).build(wide), element);
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::HostTensor, graph::ReduceKind, graph::Scalar;

constexpr int64_t kMostNgrams = 1 << 20;

namespace {

/// The n-grams of one length that are looked for.
struct Pool {
  int64_t length = 1;
  SmallVector<int64_t> items;   // length by length
  SmallVector<int64_t> columns; // of the result, one an n-gram
};

// TfIdfVectorizer: how often each n-gram of a pool occurs in a row, with up to max_skip_count items left out between
// its items; its weight in place of that or times it
class TfIdfBuilder {
public:
  explicit TfIdfBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}
  Value build();

private:
  void readPools();
  Value count(const Pool &pool, int64_t skip);
  Value weighted(Value counts);

  NodeReader &node_;
  GraphBuilder &b_;
  Value rows_; // [rows, items]
  SmallVector<Pool> pools_;
  int64_t columns_ = 0;
};

} // namespace

void TfIdfBuilder::readPools() {
  if (node_.has("pool_strings"))
    unsupported("n-grams of strings are not supported");
  Integers items = node_.integers("pool_int64s").value_or(Integers()), columns, starts;
  columns = node_.integers("ngram_indexes").value_or(Integers());
  starts = node_.integers("ngram_counts").value_or(Integers());
  int64_t least = node_.integer("min_gram_length"), most = node_.integer("max_gram_length");
  if (least < 1 || most < least || columns.empty() || static_cast<int64_t>(items.size()) > kMostNgrams)
    malformed("has n-grams of " + Twine(least) + " to " + Twine(most) + " items, " + Twine(columns.size()) + " in all");
  for (int64_t column : columns) {
    if (column < 0 || column >= kMostNgrams)
      malformed("has an n-gram of column " + Twine(column));
    columns_ = std::max(columns_, column + 1);
  }
  size_t ngram = 0;
  for (size_t number = 0; number < starts.size(); ++number) {
    auto length = static_cast<int64_t>(number + 1), total = static_cast<int64_t>(items.size());
    int64_t end = number + 1 < starts.size() ? starts[number + 1] : total;
    if (starts[number] < 0 || end < starts[number] || end > total || (end - starts[number]) % length != 0)
      malformed("has ngram_counts " + inWords(starts) + " of " + Twine(total) + " items");
    Pool pool{length, {}, {}};
    pool.items.assign(items.begin() + starts[number], items.begin() + end);
    for (int64_t count = (end - starts[number]) / length; count > 0; --count) {
      if (ngram >= columns.size())
        malformed("has fewer ngram_indexes than n-grams");
      pool.columns.push_back(columns[ngram++]);
    }
    if (length >= least && length <= most && !pool.columns.empty())
      pools_.push_back(std::move(pool));
  }
}

/// [rows, n-grams] of i32: where all items of an n-gram stand `skip` + 1 apart.
Value TfIdfBuilder::count(const Pool &pool, int64_t skip) {
  const graph::Extent rows = extentsOf(rows_)[0];
  int64_t ngrams = static_cast<int64_t>(pool.columns.size());
  Type i64 = b_.builder().getI64Type(), i32 = b_.builder().getI32Type();
  int64_t reach = checkedMul(pool.length - 1, checkedAdd(skip, 1)), places = checkedSub(fixedDim(rows_, 1), reach);
  if (places <= 0)
    return nullptr;
  checkedType({rows, ngrams, places}, i32);
  Value all;
  for (int64_t item = 0; item < pool.length; ++item) {
    HostTensor wanted = HostTensor::zeros(checkedType({ngrams, 1}, i64));
    for (int64_t ngram = 0; ngram < ngrams; ++ngram)
      wanted.set(ngram, Scalar::ofSigned(pool.items[ngram * pool.length + item]));
    Value here = b_.reshape(b_.sliceDim(rows_, 1, item * (skip + 1), places), {rows, 1, places});
    Value isHit = b_.make<graph::EqualOp>(here, b_.constant(wanted));
    all = all ? b_.make<graph::AndOp>(all, isHit) : isHit;
  }
  Value sum = b_.make<graph::ReduceOp>(b_.cast(all, i32), ReduceKind::Sum, ArrayRef<int64_t>{2});
  return b_.reshape(sum, {rows, ngrams});
}

/// TF: the count. IDF: the weight, where there is any. TFIDF: their product.
Value TfIdfBuilder::weighted(Value counts) {
  enum Mode { Count, Weight, Both };
  Mode mode = node_.choice<Mode>("mode", "TF", {{"TF", Count}, {"IDF", Weight}, {"TFIDF", Both}});
  auto weights = node_.numbers("weights");
  if (mode == Weight)
    counts = b_.make<graph::MinOp>(counts, b_.scalarLike(counts, 1));
  if (mode == Count || !weights)
    return counts;
  if (static_cast<int64_t>(weights->size()) < columns_)
    malformed("has " + Twine(weights->size()) + " weights for " + Twine(columns_) + " columns");
  HostTensor row = HostTensor::zeros(checkedType({columns_}, elementOf(counts)));
  for (int64_t column = 0; column < columns_; ++column)
    row.set(column, Scalar::ofFloat((*weights)[column]));
  return b_.make<graph::MulOp>(counts, b_.constant(row));
}

Value TfIdfBuilder::build() {
  constexpr int64_t kMostSkips = 64; // each is a comparison of everything with everything
  Value x = node_.input(0, SignedIntegers);
  Type i64 = b_.builder().getI64Type(), f32 = b_.builder().getF32Type();
  if (rankOf(x) < 1 || rankOf(x) > 2)
    malformed("needs items [n] or [rows, n], not " + inWords(extentsOf(x)));
  const graph::Extent rows = rankOf(x) == 2 ? extentsOf(x)[0] : graph::Extent(1);
  int64_t items = fixedDim(x, rankOf(x) - 1);
  rows_ = b_.cast(b_.reshape(x, {rows, items}), i64);
  readPools();
  int64_t skips = node_.integer("max_skip_count");
  if (skips < 0)
    malformed("has a max_skip_count of " + Twine(skips));
  skips = std::min(skips, items);
  if (skips > kMostSkips)
    unsupported("a max_skip_count of more than " + Twine(kMostSkips) + " is not supported");
  Value result = b_.broadcast(b_.scalar(f32, 0.0), {rows, columns_});
  for (const Pool &pool : pools_) {
    Value counts;
    for (int64_t skip = 0; skip <= (pool.length == 1 ? 0 : skips); ++skip)
      if (Value some = count(pool, skip))
        counts = counts ? b_.make<graph::AddOp>(counts, some) : some;
    if (!counts)
      continue;
    Value columns = b_.broadcast(b_.integers(pool.columns), extentsOf(counts));
    result = b_.make<graph::ScatterElementsOp>(result, columns, b_.cast(counts, f32), int64_t(1),
                                               graph::ScatterReduction::Add);
  }
  result = weighted(result);
  return rankOf(x) == 1 ? b_.reshape(result, {columns_}) : result;
}

static Values tfIdfVectorizer(NodeReader &node) { return {TfIdfBuilder(node).build()}; }

static constexpr Operator kOperators[] = {{"TfIdfVectorizer", 9, tfIdfVectorizer}};

ArrayRef<Operator> textOperators() { return kOperators; }

} // namespace smelt::frontend::onnx

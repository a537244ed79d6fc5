// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embeddings that were written as the product of one-hot rows and a table: most of it multiplies by zero.

#include "passes/graph/Match.h"
#include "passes/graph/recognise/Recognise.h"
#include <cmath>

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

/// Whether a constant counts 0, 1, 2, … along its last dim, its only one.
static bool isCount(Value value) {
  std::optional<HostTensor> numbers = constantOf(value);
  if (!numbers || numbers->rank() == 0 || numbers->size() != numbers->shape().back())
    return false;
  for (int64_t i = 0; i < numbers->size(); ++i)
    if (numbers->get(i).asFloat() != static_cast<double>(i))
      return false;
  return true;
}

/// 0 · ∞ is no zero.
static bool isFinite(Value value) {
  std::optional<HostTensor> numbers = constantOf(value);
  if (!numbers || !isFloat(value))
    return false;
  for (int64_t i = 0; i < numbers->size(); ++i)
    if (!std::isfinite(numbers->get(i).asFloat()))
      return false;
  return true;
}

namespace {

/// matmul(cast(equal(i, [0 … n - 1])), table) → gather(concat(table, 0), i where 0 <= i < n, else n)
struct Embedding : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    auto converted = op.getLhs().getDefiningOp<CastOp>();
    auto equal = converted ? converted.getInput().getDefiningOp<EqualOp>() : EqualOp();
    Value table = op.getRhs();
    if (!equal || typeOf(table).getRank() != 2 || !isa<IntegerType>(elementTypeOf(equal.getLhs())))
      return failure();
    Value index = equal.getLhs();
    Extents spread = extentsOf(equal.getResult()), wanted(spread);
    // One index a row: all dims but the last are its own.
    wanted.back() = 1;
    if (extentsOf(index) != wanted || spread.back() != extentsOf(table)[0] || !isCount(equal.getRhs()) ||
        !isFinite(table))
      return failure();
    ArrayRef<Extent> rows = ArrayRef<Extent>(spread).drop_back();
    auto type = llvm::cast<IntegerType>(elementTypeOf(index));
    if (!llvm::isUIntN(type.getWidth() - (type.isUnsigned() ? 0 : 1), shapeOf(table)[0]))
      return rewriter.notifyMatchFailure(op, "the index's type does not hold n");
    Location loc = op.getLoc();
    index = withinOr(rewriter, loc, reshapeTo(rewriter, loc, index, rows), shapeOf(table)[0]);
    Value zero = makeConstant(rewriter, loc, HostTensor::zeros(typeOf(table).clone({1, shapeOf(table)[1]})));
    Value extended = ConcatOp::create(rewriter, loc, ValueRange{table, zero}, 0);
    rewriter.replaceOpWithNewOp<GatherOp>(op, extended, index, 0);
    return success();
  }

private:
  /// The index where it lies in [0, count), else count.
  static Value withinOr(PatternRewriter &rewriter, Location loc, Value index, int64_t count) {
    Type type = elementTypeOf(index);
    Value end = makeScalar(rewriter, loc, type, Scalar::ofSigned(count));
    Value zero = makeScalar(rewriter, loc, type, Scalar::ofSigned(0));
    Value isInside = AndOp::create(rewriter, loc, GreaterEqualOp::create(rewriter, loc, index, zero),
                                   LessOp::create(rewriter, loc, index, end));
    return SelectOp::create(rewriter, loc, isInside, index, end);
  }
};

} // namespace

void graph::addEmbeddingPatterns(RewritePatternSet &patterns) { patterns.add<Embedding>(patterns.getContext()); }

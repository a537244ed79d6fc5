// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// share-roundings: a large tensor that products read rounded, and elementwise work as it was, is written rounded alone.
//   add(x, y), round(x)       →   add(widened(round(x)), y), round(x)
//   add(x, y), round(x * f)   →   add(widened(round(x * f)) / f, y), round(x * f)
// It costs an error of one rounding where sums run on from layer to layer, and saves two thirds of the bytes written
// there.

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Rounding.h"
#include <cmath>

using namespace mlir;
using namespace smelt;

// Of a tensor in f32: about what stays in a second cache beside the weights until it is read again.
constexpr int64_t kLeastBytes = int64_t(512) << 10;

static bool isLarge(Value value) {
  int64_t elements = 1;
  for (const graph::Extent &extent : graph::extentsOf(value))
    if (llvm::MulOverflow(elements, kernel::typicalLength(extent), elements))
      return true;
  return elements >= kLeastBytes / static_cast<int64_t>(sizeof(float));
}

namespace {
/// A value that is rounded, on its own or after its channels were evened out by a multiplication.
class Rounded {
public:
  explicit Rounded(Operation *rounding) : rounding_(rounding), value_(rounding->getOperand(0)) {
    auto product = value_.getDefiningOp<graph::MulOp>();
    if (!product || !product->hasOneUse())
      return;
    factors_ = factorsOf(product);
    if (factors_)
      value_ = product.getLhs();
  }

  Value value() const { return value_; }
  /// The uses of the value as it was; nothing where not all of them are elementwise.
  SmallVector<OpOperand *> exactUses() const;
  /// What it is in f32 after rounding.
  Value widened(OpBuilder &builder) const;

private:
  static std::optional<graph::HostTensor> factorsOf(graph::MulOp product);

  Operation *rounding_;
  Value value_;
  std::optional<graph::HostTensor> factors_; // of the multiplication, if there is one
};
} // namespace

/// The constant factors of x * f, of which each has an inverse.
std::optional<graph::HostTensor> Rounded::factorsOf(graph::MulOp product) {
  std::optional<graph::HostTensor> factors = graph::constantOf(product.getRhs());
  if (!factors || !factors->type().getElementType().isF32() ||
      product.getLhs().getType() != product.getResult().getType())
    return std::nullopt;
  bool areInvertible =
      llvm::all_of(factors->as<float>(), [](float f) { return std::isnormal(f) && std::isnormal(1 / f); });
  return areInvertible ? factors : std::nullopt;
}

SmallVector<OpOperand *> Rounded::exactUses() const {
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : value_.getUses()) {
    Operation *user = use.getOwner();
    if (user == rounding_ || user == rounding_->getOperand(0).getDefiningOp())
      continue;
    // What is rounded twice, to unlike scales, would lose twice as much.
    bool isRoundedNext = user->hasOneUse() && isa<graph::MulOp>(user) && quantize::isRounding(*user->user_begin());
    if (!isa<graph::ScalarInterface>(user) || isa<graph::CastOp, graph::QuantizeOp>(user) || isRoundedNext)
      return {};
    uses.push_back(&use);
  }
  return uses;
}

Value Rounded::widened(OpBuilder &builder) const {
  Value wide = quantize::widened(builder, rounding_);
  if (!factors_)
    return wide;
  auto inverse = graph::HostTensor::zeros(factors_->type());
  llvm::transform(factors_->as<float>(), inverse.asMutable<float>().begin(), [](float f) { return 1 / f; });
  Location loc = rounding_->getLoc();
  return graph::MulOp::create(builder, loc, wide, graph::makeConstant(builder, loc, inverse));
}

namespace {
struct ShareRoundings : PassWrapper<ShareRoundings, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ShareRoundings)
  StringRef getArgument() const override { return "share-roundings"; }
  StringRef getDescription() const override { return "large tensors that products read rounded → rounded for all"; }

  void runOnOperation() override {
    SmallVector<Operation *> roundings;
    getOperation().walk([&](Operation *op) {
      bool isHalf = isa<graph::CastOp>(op) && graph::typeOf(op->getResult(0)).getElementType().isF16();
      if (quantize::isRounding(op) && !isHalf && op->getOperand(0).getDefiningOp() && isLarge(op->getOperand(0)))
        roundings.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *rounding : roundings) {
      Rounded rounded(rounding);
      SmallVector<OpOperand *> uses = rounded.exactUses();
      if (uses.empty() || !rounded.value().getDefiningOp())
        continue;
      for (OpOperand *use : uses) { // each widens what it reads
        rewriter.setInsertionPointAfter(rounding);
        Value wide = rounded.widened(rewriter);
        rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(wide); });
      }
    }
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createShareRoundingsPass() { return std::make_unique<ShareRoundings>(); }

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fold-columns: a convolution with fewer result channels than a vector has lanes computes several neighbouring columns
// as channels, so that no lane is idle. Its filter is repeated, shifted by a stride each time, with zeros between:
//   conv(x, w[k, c, n]) {stride s}   →   reshape(conv(x, w'[k + (f - 1) s, c, f n]) {stride f s})
//   w'[j, :, p n + :] = w[j - p s, :, :]
// Elementwise work that follows moves before the reshape, into the convolution's kernel; where it is costly, it alone
// may be worth that.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Contractions.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {

/// How a convolution is folded.
struct Folding {
  int64_t factor = 1;
  int64_t taps = 0; // of the new filter along the columns
};

class Folder {
public:
  Folder(graph::ConvOp op, int64_t lanes, IRRewriter &rewriter)
      : op_(op), lanes_(lanes), rewriter_(rewriter), filter_(graph::typeOf(op.getFilter())),
        type_(graph::typeOf(op.getResult())), shape_(graph::extentsOf(type_)), spatial_(op.getStrides().size()) {}

  void run();

private:
  bool isCandidate();
  double epilogueSteps();
  double time(const Folding &folding, double epilogue);
  Folding choose();
  Value foldedFilter(const Folding &folding);
  Value foldedConv(const Folding &folding);
  bool sink(Value &wide, Operation *user, const Folding &folding, bool isWhole);
  Value widened(Value operand, const Folding &folding, bool isWhole);

  graph::ConvOp op_;
  int64_t lanes_;
  IRRewriter &rewriter_;
  RankedTensorType filter_, type_; // the result's
  graph::Extents shape_;
  size_t spatial_;
};

} // namespace

bool Folder::isCandidate() {
  constexpr int64_t kMostFilterBytes = 1 << 16; // it grows by more than the factor
  return op_.getLayout() == graph::Layout::ChannelsLast && op_.getGroups() == 1 && op_.getDilations().back() == 1 &&
         type_.getShape().back() < lanes_ && op_.getFilter().getDefiningOp<graph::ConstantOp>() &&
         filter_.getNumElements() * graph::elementBytes(filter_.getElementType()) <= kMostFilterBytes;
}

/// Multiply-adds of a vector that take as long as the elementwise work that will follow in the same kernel. Only costly
/// functions count: others hardly show beside the products.
double Folder::epilogueSteps() {
  constexpr double kCostlySteps = 32;
  return kCostlySteps * double(llvm::count_if(plan::epilogueOf(op_.getResult()), plan::isCostly));
}

/// The time that a column of results is estimated to take, in multiply-adds of one vector, of which `epilogue` follow.
double Folder::time(const Folding &folding, double epilogue) {
  int64_t tapsOfColumn = filter_.getNumElements() / filter_.getShape().back() / filter_.getDimSize(spatial_ - 1),
          vectors = llvm::divideCeil(folding.factor * type_.getShape().back(), lanes_),
          columns = kernel::typicalSide(shape_[spatial_]);
  double blocks = double(llvm::divideCeil(columns, folding.factor)) / double(columns);
  return (double(folding.taps * tapsOfColumn) + epilogue) * double(vectors) * blocks;
}

Folding Folder::choose() {
  constexpr double kGain = 1.3; // less is not worth the larger filter
  int64_t taps = filter_.getDimSize(spatial_ - 1), stride = op_.getStrides().back(),
          columns = kernel::typicalSide(shape_[spatial_]);
  Folding best{1, taps};
  const double epilogue = epilogueSteps();
  double most = time(best, epilogue) / kGain;
  for (int64_t factor = 2; factor * type_.getShape().back() <= 2 * lanes_ && factor <= columns; ++factor) {
    Folding folding{factor, taps + (factor - 1) * stride};
    if (double needed = time(folding, epilogue); needed < most) {
      best = folding;
      most = needed;
    }
  }
  return best;
}

Value Folder::foldedFilter(const Folding &folding) {
  Location loc = op_.getLoc();
  int64_t rank = filter_.getRank(), stride = op_.getStrides().back();
  Value zero = graph::makeScalar(rewriter_, loc, filter_.getElementType(), graph::Scalar::ofFloat(0));
  SmallVector<Value> shifted;
  for (int64_t column = 0; column < folding.factor; ++column) {
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    low[spatial_ - 1] = column * stride;
    high[spatial_ - 1] = (folding.factor - 1 - column) * stride;
    shifted.push_back(graph::PadOp::create(rewriter_, loc, op_.getFilter(), zero, low, high, graph::PadMode::Constant));
  }
  // Channels lie innermost: one column's follow another's.
  return graph::ConcatOp::create(rewriter_, loc, shifted, rank - 1);
}

Value Folder::foldedConv(const Folding &folding) {
  SmallVector<int64_t> strides(op_.getStrides()), high(op_.getHigh());
  strides.back() *= folding.factor;
  // What the last window reaches; of a symbolic dim, what it may reach.
  graph::Extent reach = (shape_[spatial_].ceilDiv(folding.factor) - 1) * strides.back() + folding.taps;
  graph::Extent missing = reach - op_.getLow().back() - graph::extentsOf(op_.getInput())[spatial_];
  high.back() = missing.isNumber() ? std::max<int64_t>(0, missing.number())
                                   : high.back() + (folding.factor - 1) * op_.getStrides().back();
  return graph::ConvOp::create(rewriter_, op_.getLoc(), op_.getInput(), foldedFilter(folding), strides,
                               op_.getDilations(), op_.getLow(), high, 1, graph::Layout::ChannelsLast, op_.getWide());
}

/// An operand of elementwise work as the folded result needs it; null where that is no cheap thing.
Value Folder::widened(Value operand, const Folding &folding, bool isWhole) {
  if (plan::isPerChannel(operand, shape_))
    return plan::repeatChannels(rewriter_, op_.getLoc(), operand, folding.factor);
  if (isWhole && graph::extentsOf(operand) == shape_) {
    graph::Extents wide(shape_);
    wide[spatial_] = shape_[spatial_].ceilDiv(folding.factor);
    wide.back() *= folding.factor;
    return graph::reshapeTo(rewriter_, op_.getLoc(), operand, ArrayRef<graph::Extent>(wide));
  }
  return nullptr;
}

/// elementwise(reshape(x), y…)   →   reshape(elementwise(x, y'…))
bool Folder::sink(Value &wide, Operation *user, const Folding &folding, bool isWhole) {
  if (!isa<graph::ScalarInterface>(user)) // a terminator has no result to look at
    return false;
  RankedTensorType type = graph::typeOf(user->getResult(0));
  if (graph::extentsOf(type) != shape_)
    return false;
  rewriter_.setInsertionPoint(user);
  SmallVector<Value> operands;
  for (Value operand : user->getOperands()) {
    bool isFolded = operand.getDefiningOp() == op_;
    operands.push_back(isFolded ? wide : widened(operand, folding, isWhole));
    if (!operands.back())
      return false;
  }
  Operation *moved = rewriter_.clone(*user);
  moved->setOperands(operands);
  moved->getResult(0).setType(graph::typeOf(wide).clone(type.getElementType()));
  wide = moved->getResult(0);
  // From here on the elementwise op stands for the convolution, whose place in the graph it takes.
  rewriter_.replaceAllUsesWith(user->getResult(0), op_.getResult());
  rewriter_.eraseOp(user);
  return true;
}

void Folder::run() {
  if (!isCandidate())
    return;
  Folding folding = choose();
  if (folding.factor == 1)
    return;
  rewriter_.setInsertionPoint(op_);
  Value wide = foldedConv(folding);
  graph::Extents shape(shape_);
  shape[spatial_] = shape_[spatial_].ceilDiv(folding.factor) * folding.factor;
  bool isWhole = shape == shape_;
  while (op_->hasOneUse() && graph::typeOf(wide).getElementType() == type_.getElementType())
    if (!sink(wide, *op_->user_begin(), folding, isWhole))
      break;
  rewriter_.setInsertionPointAfterValue(wide);
  Value result = graph::reshapeTo(rewriter_, op_.getLoc(), wide, ArrayRef<graph::Extent>(shape));
  if (!isWhole) {
    SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1);
    Type type = type_.clone(graph::typeOf(result).getElementType()); // elementwise work may have changed it
    result = graph::SliceOp::create(rewriter_, op_.getLoc(), type, result, starts, steps);
  }
  rewriter_.replaceOp(op_, result);
}

namespace {
struct FoldColumns : plan::MachinePass<FoldColumns> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldColumns)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "fold-columns"; }
  StringRef getDescription() const override { return "columns of convolutions with few channels → channels"; }

  void runOnOperation() override {
    SmallVector<graph::ConvOp> convolutions;
    getOperation().walk([&](graph::ConvOp op) { convolutions.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (graph::ConvOp op : convolutions) {
      unsigned bytes = graph::elementBytes(graph::computeType(graph::typeOf(op.getResult()).getElementType()));
      if (bytes > 0)
        Folder(op, machine().vectorBytes / bytes, rewriter).run();
    }
  }
};
} // namespace

std::unique_ptr<Pass> plan::createFoldColumnsPass(const kernel::Machine &machine) {
  return std::make_unique<FoldColumns>(machine);
}

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// split-conv-transpose: a transposed convolution of stride s is a convolution for each phase of the result's rows and
// columns: no work on zeros, and every result is written once, in its place. Phases of columns that read the same
// inputs are channels of one convolution.
//   conv_transpose(x, w) {stride s}   →   reshape(concat(conv(x, w₀), …, conv(x, wₛ₋₁)))
// Row q · s + p of the result reads the taps r + j · s of w at the rows q + t - j of x, where p + low = t · s + r
// (Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016). A sequence is an image of one
// row.

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Contractions.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {

/// What results of one phase along one dim read: taps first, first + stride, … of the filter, the last at `start` of
/// the input, relative to the result's block.
struct Phase {
  int64_t first = 0;
  int64_t taps = 0;
  int64_t start = 0;

  int64_t end() const { return start + taps; }
  bool readsAs(const Phase &other) const { return start == other.start && taps == other.taps; }
};

class Splitter {
public:
  Splitter(graph::ConvTransposeOp op, IRRewriter &rewriter)
      : op_(op), rewriter_(rewriter), input_(graph::extentsOf(op.getInput())),
        filter_(graph::typeOf(op.getFilter()).getShape()), shape_(graph::extentsOf(op.getResult())),
        strides_(op.getStrides()), low_(op.getLow()) {
    if (strides_.size() != 1)
      return;
    input_.insert(input_.begin() + 1, 1);
    filter_.insert(filter_.begin(), 1);
    shape_.insert(shape_.begin() + 1, 1);
    strides_.insert(strides_.begin(), 1);
    low_.insert(low_.begin(), 0);
  }

  void run();

private:
  bool isCandidate();
  Phase phaseOf(size_t dim, int64_t phase);
  Value phaseFilter(const Phase &row, const Phase &column);
  Value phaseConv(const Phase &row, ArrayRef<Phase> columns);
  Value rowOf(const Phase &row, ArrayRef<Phase> columns);
  graph::Extent blocks(size_t dim) { return shape_[dim + 1].ceilDiv(strides_[dim]); }
  /// What lies between the input's end and the last block.
  graph::Extent blocksBeyond(size_t dim) { return blocks(dim) - input_[dim + 1]; }
  Value withEpilogue(Value value, int64_t factor);

  graph::ConvTransposeOp op_;
  IRRewriter &rewriter_;
  graph::Extents input_;
  SmallVector<int64_t> filter_;
  graph::Extents shape_; // of the result
  SmallVector<int64_t> strides_, low_;
  Value image_, taps_;                // the operands in these shapes
  SmallVector<Operation *> epilogue_; // elementwise, one after another
};

} // namespace

bool Splitter::isCandidate() {
  if (op_.getLayout() != graph::Layout::ChannelsLast || op_.getGroups() != 1 || filter_.size() != 4 ||
      !llvm::all_of(op_.getDilations(), [](int64_t dilation) { return dilation == 1; }) ||
      !op_.getFilter().getDefiningOp<graph::ConstantOp>())
    return false;
  for (size_t dim : {0, 1})
    if (low_[dim] < 0 || input_[dim + 1] == graph::Extent(0) || !blocksBeyond(dim).isNumber() ||
        filter_[dim] < strides_[dim])
      return false;
  return true;
}

Phase Splitter::phaseOf(size_t dim, int64_t phase) {
  int64_t stride = strides_[dim], place = phase + low_[dim];
  Phase result;
  result.first = place % stride;
  result.taps = llvm::divideCeil(filter_[dim] - result.first, stride);
  result.start = place / stride - (result.taps - 1);
  return result;
}

/// The filter's taps of one row phase and one column phase, in the input's order.
Value Splitter::phaseFilter(const Phase &row, const Phase &column) {
  SmallVector<int64_t> starts(4, 0), steps(4, 1), shape(filter_);
  for (auto [dim, phase] : llvm::enumerate(std::array{row, column})) {
    int64_t stride = strides_[dim];
    starts[dim] = phase.first + (phase.taps - 1) * stride;
    steps[dim] = -stride;
    shape[dim] = phase.taps;
  }
  auto type = RankedTensorType::get(shape, graph::typeOf(taps_).getElementType());
  return graph::SliceOp::create(rewriter_, op_.getLoc(), type, taps_, starts, steps);
}

/// The results of one row phase and of column phases that read the same: [n, row blocks, column blocks, phases ·
/// channels].
Value Splitter::phaseConv(const Phase &row, ArrayRef<Phase> columns) {
  Location loc = op_.getLoc();
  SmallVector<Value> filters;
  for (const Phase &column : columns)
    filters.push_back(phaseFilter(row, column));
  Value filter = filters.size() == 1 ? filters[0] : graph::ConcatOp::create(rewriter_, loc, filters, 3).getResult();
  // The window of block 0 begins at `start`, that of the last block ends at `end`; both may lie within the input.
  SmallVector<int64_t> low(4, 0), high(4, 0), zeros(2, 0), ones(2, 1);
  for (auto [dim, window] : llvm::enumerate(std::array{row, columns.front()})) {
    low[dim + 1] = -window.start;
    high[dim + 1] = blocksBeyond(dim).number() - 1 + window.end();
  }
  auto isNegative = [](int64_t count) { return count < 0; };
  if (llvm::none_of(low, isNegative) && llvm::none_of(high, isNegative))
    return graph::ConvOp::create(rewriter_, loc, image_, filter, ones, ones, ArrayRef(low).slice(1, 2),
                                 ArrayRef(high).slice(1, 2), 1, graph::Layout::ChannelsLast);
  Value zero = graph::makeScalar(rewriter_, loc, graph::typeOf(image_).getElementType(), graph::Scalar::ofFloat(0));
  Value cropped = graph::PadOp::create(rewriter_, loc, image_, zero, low, high, graph::PadMode::Constant);
  return graph::ConvOp::create(rewriter_, loc, cropped, filter, ones, ones, zeros, zeros, 1,
                               graph::Layout::ChannelsLast);
}

Value Splitter::withEpilogue(Value value, int64_t factor) {
  Value from = op_.getResult();
  for (Operation *op : epilogue_) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(operand == from ? value : plan::repeatChannels(rewriter_, op->getLoc(), operand, factor));
    Operation *moved = rewriter_.clone(*op);
    moved->setOperands(operands);
    moved->getResult(0).setType(graph::typeOf(value).clone(graph::typeOf(op->getResult(0)).getElementType()));
    from = op->getResult(0);
    value = moved->getResult(0);
  }
  return value;
}

/// All results in the rows of one phase: [n, row blocks, 1, columns, channels]. Neighbouring phases of columns that
/// read the same are one convolution.
Value Splitter::rowOf(const Phase &row, ArrayRef<Phase> columns) {
  Location loc = op_.getLoc();
  graph::Extent batch = shape_[0], channels = shape_[3];
  auto phases = static_cast<int64_t>(columns.size());
  SmallVector<Value> parts;
  while (!columns.empty()) {
    ArrayRef<Phase> same = columns.take_while([&](const Phase &column) { return column.readsAs(columns.front()); });
    auto count = static_cast<int64_t>(same.size());
    parts.push_back(graph::reshapeTo(rewriter_, loc, withEpilogue(phaseConv(row, same), count),
                                     graph::Extents{batch, blocks(0), blocks(1), count, channels}));
    columns = columns.drop_front(same.size());
  }
  Value all = parts.size() == 1 ? parts[0] : graph::ConcatOp::create(rewriter_, loc, parts, 3).getResult();
  return graph::reshapeTo(rewriter_, loc, all, graph::Extents{batch, blocks(0), 1, blocks(1) * phases, channels});
}

void Splitter::run() {
  if (!isCandidate())
    return;
  epilogue_ = plan::epilogueOf(op_.getResult()); // which moves before the concatenation
  Operation *last = epilogue_.empty() ? op_.getOperation() : epilogue_.back();
  rewriter_.setInsertionPoint(last);
  Location loc = op_.getLoc();
  image_ = graph::reshapeTo(rewriter_, loc, op_.getInput(), input_);
  taps_ = graph::reshapeTo(rewriter_, loc, op_.getFilter(), filter_);
  int64_t rows = strides_[0], columns = strides_[1];
  SmallVector<Phase> columnPhases;
  for (int64_t phase = 0; phase < columns; ++phase)
    columnPhases.push_back(phaseOf(1, phase));
  SmallVector<Value> phases;
  for (int64_t phase = 0; phase < rows; ++phase)
    phases.push_back(rowOf(phaseOf(0, phase), columnPhases));
  Value all = rows == 1 ? phases[0] : graph::ConcatOp::create(rewriter_, loc, phases, 2).getResult();
  graph::Extents whole{shape_[0], blocks(0) * rows, blocks(1) * columns, shape_[3]};
  Value result = graph::reshapeTo(rewriter_, loc, all, whole);
  if (whole != shape_) {
    SmallVector<int64_t> starts(4, 0), steps(4, 1);
    RankedTensorType cut = graph::tensorOf(shape_, graph::typeOf(result).getElementType());
    result = graph::SliceOp::create(rewriter_, loc, cut, result, starts, steps);
  }
  result = graph::reshapeTo(rewriter_, loc, result, graph::extentsOf(last->getResult(0)));
  rewriter_.replaceAllUsesWith(last->getResult(0), result);
  for (Operation *op : llvm::reverse(epilogue_))
    rewriter_.eraseOp(op);
  rewriter_.eraseOp(op_);
}

namespace {
struct SplitConvTranspose : PassWrapper<SplitConvTranspose, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitConvTranspose)
  StringRef getArgument() const override { return "split-conv-transpose"; }
  StringRef getDescription() const override { return "transposed convolutions → convolutions, one a phase of rows"; }

  void runOnOperation() override {
    SmallVector<graph::ConvTransposeOp> ops;
    getOperation().walk([&](graph::ConvTransposeOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (graph::ConvTransposeOp op : ops)
      Splitter(op, rewriter).run();
  }
};
} // namespace

std::unique_ptr<Pass> plan::createSplitConvTransposePass() { return std::make_unique<SplitConvTranspose>(); }

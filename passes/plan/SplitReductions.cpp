// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// split-reductions: reductions of much to little are computed in parts, each by a group of a device's threads of its
// own; another kernel merges what they find, in one order.
//   reduce(x[r, n])       →   reduce(reduce(x[r, parts, n / parts]))
//   arg_reduce(x[r, n])   →   p · n / parts + i[p]           with i = arg_reduce(x[r, parts, n / parts]),
//                                                                 p = arg_reduce(x[i])
// What normalises few long rows becomes reductions and elementwise work, for all of a device's threads:
//   softmax(x)            →   e / sum(e)                     with e = e^(x - max(x))
//   layer_norm(x)         →   c / sqrt(mean(c²) + epsilon)   with c = x - mean(x)

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Parts.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;
using graph::ReduceKind;

// A group of 128 threads reads some 30 GB/s alone, and another kernel is 2 µs: what one group has to read must be worth
// that. Estimated, not measured on a device yet.
static constexpr int64_t kWorthParts = 16384, kShortestPart = 2048; // elements of a group
static constexpr int64_t kFewestParts = 4;

namespace {
/// Neighbouring dims [first, end) that are reduced, as one of `extent`.
struct Run {
  int64_t first = 0, end = 0, extent = 1;
};
} // namespace

/// The longest of those of `axes`, which are sorted.
static Run longestRun(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  Run longest, run;
  for (int64_t axis : axes) {
    if (axis != run.end || run.extent == 0)
      run = {axis, axis, 1};
    run.extent *= shape[axis];
    run.end = axis + 1;
    if (run.extent >= longest.extent)
      longest = run;
  }
  return longest;
}

/// Elements of `shape` that a group goes through, where all that are reduced to one result are one group's.
static int64_t elementsOfGroup(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, int64_t &groups) {
  int64_t results = 1, elements = 1;
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    elements *= extent;
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)))
      results *= extent;
  }
  if (elements == 0)
    return 0;
  auto rank = static_cast<int64_t>(shape.size());
  while (rank > 1 && shape[rank - 1] == 1)
    --rank;
  groups = results;
  if (!llvm::is_contained(axes, rank - 1)) // neighbours along the innermost dim share one
    groups = results / shape[rank - 1] * static_cast<int64_t>(llvm::divideCeil(shape[rank - 1], plan::kLinesOfGroup));
  return elements / groups;
}

/// How `run` is cut; nothing where that gains nothing.
static std::optional<plan::Parts> partsOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, const Run &run) {
  int64_t groups = 1;
  const int64_t elements = elementsOfGroup(shape, axes, groups);
  const int64_t wanted =
      std::min({plan::kGroupsOfDevice / groups, elements / kShortestPart, run.extent / kFewestParts});
  if (elements < kWorthParts || wanted < kFewestParts)
    return std::nullopt;
  return plan::cutInto(run.extent, wanted);
}

/// Whether partial results lose nothing that whole ones keep: narrow floats are summed up in f32.
static bool hasPartialResults(Type element, ReduceKind kind) {
  if (kind == ReduceKind::Max || kind == ReduceKind::Min)
    return !element.isInteger(1);
  if (isa<FloatType>(element))
    return element.isF32() || element.isF64();
  constexpr unsigned kCounts = 32; // bits that hold any number of elements
  if (kind == ReduceKind::Mean)
    return element.getIntOrFloatBitWidth() >= kCounts;
  return !element.isInteger(1) && kind != ReduceKind::L2 && kind != ReduceKind::LogSum && kind != ReduceKind::LogSumExp;
}

/// What parts are reduced by, and their results: the mean, the norm and the logarithm come after both.
static std::pair<ReduceKind, ReduceKind> kindsOf(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::Max:
  case ReduceKind::Min:
  case ReduceKind::Prod:
  case ReduceKind::LogSumExp:
    return {kind, kind};
  case ReduceKind::SumSquare:
  case ReduceKind::L2:
    return {ReduceKind::SumSquare, ReduceKind::Sum};
  case ReduceKind::L1:
    return {ReduceKind::L1, ReduceKind::Sum};
  case ReduceKind::Sum:
  case ReduceKind::Mean:
  case ReduceKind::LogSum:
    return {ReduceKind::Sum, ReduceKind::Sum};
  }
  llvm_unreachable("a kind of reduction");
}

namespace {
class Splitting {
public:
  explicit Splitting(func::FuncOp function) : function_(function), rewriter_(function.getContext()) {}

  void run() {
    each<graph::SoftmaxOp>([&](graph::SoftmaxOp op) { normalise(op); });
    each<graph::LayerNormOp>([&](graph::LayerNormOp op) { normalise(op); });
    each<graph::ReduceOp>([&](graph::ReduceOp op) { split(op); });
    each<graph::ArgReduceOp>([&](graph::ArgReduceOp op) { split(op); });
  }

private:
  void normalise(graph::SoftmaxOp op);
  void normalise(graph::LayerNormOp op);
  void split(graph::ReduceOp op);
  void split(graph::ArgReduceOp op);

  /// Of the ops of this type that are there now, those of one operand whose shapes are numbers.
  template <typename Op> void each(llvm::function_ref<void(Op)> rewrite) {
    SmallVector<Op> ops;
    function_.walk([&](Op op) {
      if (graph::typeOf(op.getInput()).hasStaticShape())
        ops.push_back(op);
    });
    for (Op op : ops) {
      rewriter_.setInsertionPoint(op);
      loc_ = op.getLoc();
      rewrite(op);
    }
  }

  template <typename Op, typename... Operands> Value make(Operands... operands) {
    return Op::create(rewriter_, loc_, operands...);
  }
  Value reduce(Value x, ReduceKind kind, ArrayRef<int64_t> axes) {
    return graph::ReduceOp::create(rewriter_, loc_, x, kind, axes);
  }
  Value number(Value like, double value) {
    const Type element = graph::typeOf(like).getElementType();
    return graph::makeScalar(rewriter_, loc_, element,
                             isa<FloatType>(element) ? graph::Scalar::ofFloat(value)
                                                     : graph::Scalar::ofSigned(static_cast<int64_t>(value)));
  }
  /// What is left to do with the sum of `count` elements.
  Value finish(ReduceKind kind, Value sum, int64_t count) {
    if (kind == ReduceKind::Mean)
      return make<graph::DivOp>(sum, number(sum, static_cast<double>(count)));
    if (kind == ReduceKind::L2)
      return make<graph::SqrtOp>(sum);
    return kind == ReduceKind::LogSum ? make<graph::LogOp>(sum) : sum;
  }

  func::FuncOp function_;
  IRRewriter rewriter_;
  Location loc_ = rewriter_.getUnknownLoc();
};
} // namespace

void Splitting::split(graph::ReduceOp op) {
  RankedTensorType type = graph::typeOf(op.getInput());
  const ReduceKind kind = op.getKind();
  const Run run = longestRun(type.getShape(), op.getAxes());
  std::optional<plan::Parts> parts =
      hasPartialResults(type.getElementType(), kind) ? partsOf(type.getShape(), op.getAxes(), run) : std::nullopt;
  if (!parts)
    return;
  auto [ofParts, ofResults] = kindsOf(kind);
  Value x = graph::reshapeTo(rewriter_, loc_, op.getInput(),
                             plan::replaceDims(type.getShape(), run.first, run.end, {run.extent}));
  // Where the reduced dims are, with the run as `dims` of them, of which the last is reduced.
  auto axesOf = [&](int64_t dims) {
    SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      if (axis < run.first)
        axes.push_back(axis);
      else if (axis >= run.end)
        axes.push_back(axis - run.end + run.first + dims);
      else if (axis == run.first)
        axes.push_back(run.first + dims - 1);
    return axes;
  };
  Value partial = reduce(plan::wholeParts(rewriter_, x, run.first, *parts), ofParts, axesOf(2));
  SmallVector<int64_t> shape(graph::typeOf(partial).getShape());
  shape.erase(shape.begin() + run.first + 1);
  partial = graph::reshapeTo(rewriter_, loc_, partial, shape);
  Value tail;
  if (parts->tail > 0)
    tail = reduce(plan::tailOf(rewriter_, x, run.first, *parts), ofParts, axesOf(1));
  Value all = reduce(plan::besideEachOther(rewriter_, partial, tail, run.first), ofResults, {run.first});
  RankedTensorType result = graph::typeOf(op.getResult());
  all = finish(kind, all, type.getNumElements() / result.getNumElements());
  rewriter_.replaceOp(op, graph::reshapeTo(rewriter_, loc_, all, result.getShape()));
}

void Splitting::split(graph::ArgReduceOp op) {
  RankedTensorType type = graph::typeOf(op.getInput());
  const auto axis = static_cast<int64_t>(op.getAxis());
  const int64_t extent = type.getDimSize(axis);
  std::optional<plan::Parts> parts = partsOf(type.getShape(), {axis}, {axis, axis + 1, extent});
  if (!parts || type.getElementType().isInteger(1))
    return;
  auto best = [&](Value x, int64_t dim) { return make<graph::ArgReduceOp>(x, dim, op.getMinimum(), op.getLast()); };
  auto take = [&](Value from, Value indices, int64_t dim) { return make<graph::GatherElementsOp>(from, indices, dim); };
  Value whole = plan::wholeParts(rewriter_, op.getInput(), axis, *parts), index = best(whole, axis + 1);
  const SmallVector<int64_t> shape = plan::replaceDims(type.getShape(), axis, axis + 1, {parts->count});
  Value value = graph::reshapeTo(rewriter_, loc_, take(whole, index, axis + 1), shape), tailIndex, tailValue;
  index = graph::reshapeTo(rewriter_, loc_, index, shape);
  if (parts->tail > 0) {
    Value tail = plan::tailOf(rewriter_, op.getInput(), axis, *parts);
    tailIndex = best(tail, axis);
    tailValue = take(tail, tailIndex, axis);
  }
  Value part = best(plan::besideEachOther(rewriter_, value, tailValue, axis), axis);
  Value inPart = take(plan::besideEachOther(rewriter_, index, tailIndex, axis), part, axis);
  Value first = make<graph::MulOp>(part, number(part, static_cast<double>(parts->length)));
  rewriter_.replaceOp(op, make<graph::AddOp>(first, inPart));
}

/// Whether a kernel of attention may take the softmax: what it reads and who reads it are products.
static bool isOfAttention(graph::SoftmaxOp op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    auto isProduct = [](Operation *reader) { return isa<kernel::ContractOp>(reader); };
    return isProduct(user) || (isa<graph::CastOp>(user) && llvm::any_of(user->getUsers(), isProduct));
  });
}

void Splitting::normalise(graph::SoftmaxOp op) {
  constexpr int64_t kLongLine = 256, kFewLines = 16384; // for one thread each, which has lines of its own
  RankedTensorType type = op.getType();
  const auto axis = static_cast<int64_t>(op.getAxis());
  const bool isInnermost =
      llvm::all_of(type.getShape().drop_front(axis + 1), [](int64_t extent) { return extent == 1; });
  const int64_t extent = type.getDimSize(axis);
  const bool isLong = isInnermost ? partsOf(type.getShape(), {axis}, {axis, axis + 1, extent}).has_value()
                                  : extent >= kLongLine && type.getNumElements() / extent < kFewLines;
  if (!isLong || !type.getElementType().isF32() || isOfAttention(op))
    return;
  Value x = make<graph::SubOp>(op.getInput(), reduce(op.getInput(), ReduceKind::Max, {axis}));
  Value power = make<graph::ExpOp>(x), sum = reduce(power, ReduceKind::Sum, {axis});
  rewriter_.replaceOp(op, op.getLog() ? make<graph::SubOp>(x, make<graph::LogOp>(sum))
                                      : make<graph::MulOp>(power, make<graph::ReciprocalOp>(sum)));
}

void Splitting::normalise(graph::LayerNormOp op) {
  RankedTensorType type = op.getType();
  const auto first = static_cast<int64_t>(op.getAxis());
  auto axes = llvm::to_vector(llvm::seq<int64_t>(first, type.getRank()));
  const Run run = longestRun(type.getShape(), axes);
  if (!type.getElementType().isF32() || !partsOf(type.getShape(), axes, run))
    return;
  // What rows are reduced to by themselves: kernels of it have one shape, so that all that follows joins them.
  auto ofRows = [&](Value x, ReduceKind kind, llvm::function_ref<Value(Value)> after) {
    Value rows = graph::reshapeTo(rewriter_, loc_, x, plan::replaceDims(type.getShape(), first, run.end, {run.extent}));
    SmallVector<int64_t> shape(type.getShape());
    std::fill(shape.begin() + first, shape.end(), 1);
    return graph::reshapeTo(rewriter_, loc_, after(reduce(rows, kind, {first})), shape);
  };
  Value x = op.getInput();
  if (!op.getRms())
    x = make<graph::SubOp>(x, ofRows(x, ReduceKind::Mean, [](Value mean) { return mean; }));
  Value scale = ofRows(x, ReduceKind::SumSquare, [&](Value sum) {
    Value square = finish(ReduceKind::Mean, sum, run.extent);
    Value variance = make<graph::AddOp>(square, number(square, op.getEpsilon().convertToDouble()));
    return make<graph::ReciprocalOp>(make<graph::SqrtOp>(variance));
  });
  rewriter_.replaceOp(op, make<graph::MulOp>(x, scale));
}

namespace {
struct SplitReductions : PassWrapper<SplitReductions, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitReductions)
  StringRef getArgument() const override { return "split-reductions"; }
  StringRef getDescription() const override { return "reductions of much to little → parts, and their results"; }

  void runOnOperation() override { Splitting(getOperation()).run(); }
};
} // namespace

std::unique_ptr<Pass> plan::createSplitReductionsPass() { return std::make_unique<SplitReductions>(); }

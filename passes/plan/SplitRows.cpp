// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// split-rows: computes neighbouring kernels in strips of rows, all of them for one strip before the next, so that what
// lies between them is never there as a whole: the arena is smaller, and strips stay in the second cache. As in
// "MCUNetV2: Memory-Efficient Patch-based Inference for Tiny Deep Learning" (Lin et al., 2021), but for strips of whole
// rows, of which the last ones are kept for the windows of the next strip: nothing is computed twice, and every number
// is what it would be without.
//   b = dispatch(pad(a)) { conv 3x3 };  a = dispatch(x)
//     →   a0 = dispatch(x[rows 0…8]);  b0 = dispatch(pad(a0));  k = dispatch(a0[rows 7…8]) { copy }
//         a1 = dispatch(x[rows 9…16]); b1 = dispatch(pad(concat(k, a1)));  …;  b = concat(b0, b1, …)
// Concatenations and paddings are views, place-buffers sees to it, and equal kernels share one function.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/ChooseStrips.h"
#include "passes/plan/Frame.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"
#include "passes/plan/Strips.h"

using namespace mlir;
using namespace smelt;

static SmallVector<Operation *> opsOf(func::FuncOp function) {
  SmallVector<Operation *> ops;
  for (Operation &op : function.getBody().front().without_terminator())
    if (!isa<graph::ConstantOp>(op))
      ops.push_back(&op);
  return ops;
}

static void emitStrips(ArrayRef<Operation *> ops, ArrayRef<plan::StripChoice> choices) {
  for (const plan::StripChoice &choice : choices) {
    std::optional<plan::Strips> strips = plan::Strips::of(ops.slice(choice.first, choice.last + 1 - choice.first));
    if (strips && strips->cut(choice.strips))
      strips->emit();
  }
}

namespace {
/// What place-buffers would make of a function.
struct Memory {
  SmallVector<plan::HeldBuffer> buffers; // of the arena
  int64_t bytes = 0;
  double copyCycles = 0; // of all steps that only copy
};

struct SplitRows : plan::MachinePass<SplitRows, void> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitRows)
  SplitRows(const kernel::Machine &machine, int64_t strips) : MachinePass(machine) { strips_ = strips; }
  SplitRows(const SplitRows &other) : MachinePass(other) {}
  StringRef getArgument() const override { return "split-rows"; }
  StringRef getDescription() const override {
    return "compute neighbouring kernels in strips of rows, one strip after another";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<graph::GraphDialect, kernel::KernelDialect>();
  }

  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation()->getRegion(0).getOps<func::FuncOp>()))
      if (!function.isPrivate() && strips_ != 1)
        split(function);
  }

private:
  void split(func::FuncOp function);
  std::optional<Memory> memoryOf(func::FuncOp function, ArrayRef<plan::StripChoice> choices);

  Option<int64_t> strips_{
      *this, "strips",
      llvm::cl::desc("so many of all that can be split; 0: as many as pay; -1: the same for one thread"),
      llvm::cl::init(0)};
};
} // namespace

/// Whether all sizes are known, and such that sums of them are numbers; and all ops run one after another.
static bool isStraight(func::FuncOp function) {
  constexpr int64_t kMostBytes = int64_t(1) << 40;
  auto isKnown = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    graph::Extent bytes = tensor ? plan::bytesOf(tensor) : graph::Extent::tooLarge();
    return bytes.isNumber() && !bytes.isTooLarge() && bytes.number() <= kMostBytes;
  };
  auto isPlain = [&](Operation &op) {
    return (isa<graph::ConstantOp, kernel::DispatchOp>(op) || plan::isView(&op)) &&
           llvm::all_of(op.getResultTypes(), isKnown);
  };
  return llvm::all_of(function.getBody().front().without_terminator(), isPlain) &&
         llvm::all_of(function.getArgumentTypes(), isKnown);
}

/// What a step takes that only copies; else 0.
static double copyCycles(const plan::Step &step) {
  auto dispatch = dyn_cast<kernel::DispatchOp>(step.op);
  if (!dispatch || step.views.size() != 2 || !isa<kernel::YieldOp>(dispatch.getBody().front().front()))
    return 0;
  constexpr int64_t kSideBySide = 8; // fewer are no vectors
  RankedTensorType type = graph::typeOf(dispatch.getResult(0));
  bool isOneByOne = type.getRank() == 0 || type.getShape().back() < kSideBySide ||
                    llvm::any_of(step.views, [](const plan::View &view) { return view.strides.back() != 1; });
  return plan::cyclesOfCopy(type.getNumElements(), graph::elementBytes(type.getElementType()), isOneByOne);
}

/// What a function would need with some of its ops in strips; numbers are those of its ops without constants. Nothing
/// where that is not known.
std::optional<Memory> SplitRows::memoryOf(func::FuncOp function, ArrayRef<plan::StripChoice> choices) {
  func::FuncOp copy = function.clone(); // which place-buffers changes
  function->getBlock()->getOperations().insert(Block::iterator(function), copy);
  emitStrips(opsOf(copy), choices);
  llvm::DenseMap<Operation *, int> numbers;
  SmallVector<Operation *> ops = opsOf(copy);
  for (auto [number, op] : llvm::enumerate(ops))
    numbers[op] = static_cast<int>(number);
  // What fills and copies stands before the op that it is for.
  auto numberOf = [&](Operation *op) {
    while (op && !numbers.count(op))
      op = op->getNextNode();
    return op ? numbers.lookup(op) : static_cast<int>(ops.size());
  };
  plan::FrameBuilder frames(getOperation(), machine());
  std::unique_ptr<plan::Frame> frame = frames.build(copy, true);
  std::optional<Memory> memory;
  if (frame && frame->bytes.isNumber()) {
    memory.emplace();
    memory->bytes = frame->bytes.number();
    ArrayRef<plan::Step> steps = frame->placement->steps();
    for (const plan::Step &step : steps)
      memory->copyCycles += copyCycles(step);
    for (const plan::Buffer &buffer : frame->placement->buffers())
      if (buffer.base == plan::Base::Arena && buffer.first >= 0 && buffer.bytes.isNumber())
        memory->buffers.push_back({buffer.bytes.number(), numberOf(steps[buffer.first].op),
                                   buffer.isHeld ? static_cast<int>(ops.size()) : numberOf(steps[buffer.last].op)});
  }
  frame.reset();
  copy.erase();
  return memory;
}

void SplitRows::split(func::FuncOp function) {
  SmallVector<Operation *> ops = opsOf(function);
  if (strips_ > 1)
    return emitStrips(ops, plan::splitAll(ops, strips_));
  std::optional<Memory> before = isStraight(function) && !ops.empty() ? memoryOf(function, {}) : std::nullopt;
  if (!before)
    return;
  // Estimates leave out some of what places need, and of what is copied for them: what it comes to decides.
  constexpr size_t kMostTrials = 6;
  std::vector<plan::StripPlan> plans =
      plan::chooseStrips(ops, before->buffers, machine(), strips_ == plan::kStripsForMemory);
  const plan::StripPlan *best = nullptr;
  int64_t least = before->bytes;
  for (size_t trial = 0; trial < std::min(kMostTrials, plans.size()); ++trial) {
    const plan::StripPlan &tried = plans[plans.size() - 1 - trial * plans.size() / kMostTrials];
    if (tried.choices.empty())
      continue;
    std::optional<Memory> after = memoryOf(function, tried.choices);
    if (!after)
      continue;
    double cycles = tried.cycles - tried.copyCycles + after->copyCycles - before->copyCycles;
    bool isBetter = after->bytes < least || (after->bytes == before->bytes && !best && cycles < 0);
    if (!isBetter || cycles > tried.mostCycles)
      continue;
    best = &tried;
    least = after->bytes;
  }
  if (best)
    emitStrips(ops, best->choices);
}

std::unique_ptr<Pass> plan::createSplitRowsPass(const kernel::Machine &machine, int64_t strips) {
  return std::make_unique<SplitRows>(machine, strips);
}

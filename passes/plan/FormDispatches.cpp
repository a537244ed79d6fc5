// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// form-dispatches: gathers each root (contraction, pool, reduction, data movement, …) and the elementwise work that
// follows it into one kernel.dispatch, so that results are touched once. Ops that only name part of a tensor (reshape,
// transpose, slice, concat, pad) stay between the dispatches: place-buffers turns them into views.
//   y = relu(add(contract(a, b), c))   →   y = dispatch(a, b, c) { contract; add; relu }

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Contractions.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"
#include "passes/plan/SymbolDefiners.h"
#include "passes/plan/Views.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace smelt;

namespace {

// A kernel takes 64 operands at most, of which an op brings up to three; and its code is emitted recursively.
constexpr size_t kMostOps = 20;

struct Group {
  SmallVector<Operation *> ops;
  graph::Extents shape;
  bool pointwise = false; // no loops of its own: may be computed anywhere in another group
};

class Grouping {
public:
  explicit Grouping(func::FuncOp function);
  /// The groups, each in an order where operands come first.
  SmallVector<Group> take(const kernel::Machine &machine);

private:
  void place(Operation *op);
  void join(Operation *op, int group);
  void absorb(int group, int other);
  bool canJoin(Operation *op, int group) const;
  bool isPreferred(int group, int other) const;
  bool widensRoot(Operation *op) const;
  bool dependsOn(Value value, int group) const;
  bool feeds(int from, int to) const;
  bool canFollow(int from, int to) const;

  void fuseAttention(const kernel::Machine &machine);
  int onlyReader(int group, Operation *last) const;
  bool isReached(Operation *target, int group) const;
  bool needsSizesOf(Operation *op, int group) const;

  SmallVector<Group> groups_;
  DenseMap<Operation *, int> groupOf_;
  plan::SymbolDefiners definers_;
  DenseMap<Operation *, SmallVector<Operation *>> sizesUsers_; // of an op that defines symbols
};

} // namespace

static bool isPointwise(Operation *op) { return isa<graph::ScalarInterface, graph::IndexedInterface>(op); }

/// A constant that costs nothing inside a kernel: one number.
static bool isInlineConstant(Value value) {
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  if (!constant)
    return false;
  ElementsAttr elements = constant.getValue();
  return elements.getNumElements() == 1 || (isa<DenseElementsAttr>(elements) && elements.isSplat());
}

/// Whether it is known of all operands of an op whether they have one element or all along the innermost dim: roots
/// have code for vectors alone.
static bool readsVectors(Operation *op, ArrayRef<graph::Extent> shape) {
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    graph::Extents extents = graph::extentsOf(operand);
    return extents.empty() || extents.back().isNumber() || extents.back() == shape.back();
  });
}

/// Whether all results of a root must lie in memory, used or not.
static bool readsResults(Operation *op) {
  auto loops = dyn_cast<graph::LoopInterface>(op);
  return isa<graph::CustomOp>(op) || (loops && loops.readsResults());
}

/// Whether an op reads its operands where they lie, not element by element.
static bool readsMemory(Operation *op) {
  return isa<graph::CustomOp, graph::ConvOp, kernel::ContractOp, kernel::WinogradOp>(op);
}

/// Whether elements are computed one by one: ops that choose what they read have lanes along the innermost dim only,
/// while elementwise work alone has them along all dims at once.
static bool isOneByOne(ArrayRef<Operation *> ops, ArrayRef<graph::Extent> shape) {
  constexpr int64_t kManyElements = 4096;
  std::optional<int64_t> elements = graph::productOf(shape).asNumber();
  return elements && *elements >= kManyElements && shape.back() == graph::Extent(1) &&
         llvm::any_of(ops, [](Operation *op) { return isa<graph::ResizeOp>(op); });
}

static bool isGrouped(Operation *op) {
  return !isa<graph::ConstantOp, graph::BindSizesOp, graph::DefineSizesOp, graph::CheckSizesOp, graph::IfOp,
              graph::WhileOp>(op) &&
         !plan::isView(op);
}

Grouping::Grouping(func::FuncOp function) : definers_(function.getBody().front()) {
  for (Operation &op : function.getBody().front().without_terminator()) {
    for (Operation *definer : definers_.neededBy(&op))
      sizesUsers_[definer].push_back(&op);
    if (isGrouped(&op))
      place(&op);
  }
}

/// Whether an op makes larger elements of what is stored as it is: of narrow floats and quantised numbers always, of
/// other integers of 8 bits where more than elementwise work reads them.
static bool widensStored(Operation *op) {
  auto cast = dyn_cast<graph::CastOp>(op);
  if (!cast)
    return isa<graph::DequantizeOp>(op);
  Type from = graph::typeOf(cast.getInput()).getElementType(), to = cast.getTo();
  if (from.getIntOrFloatBitWidth() >= to.getIntOrFloatBitWidth())
    return false;
  if (isa<FloatType>(from))
    return isa<FloatType>(to);
  return from.isInteger(8) &&
         !llvm::all_of(cast.getInput().getUsers(), [](Operation *user) { return isa<graph::ScalarInterface>(user); });
}

/// Whether an op makes larger elements of stored ones, for nothing but elementwise work: whoever reads them does that.
static bool isWidening(Operation *op) {
  return widensStored(op) && llvm::all_of(op->getUsers(), [&](Operation *user) {
           return isa<graph::ScalarInterface>(user) &&
                  graph::extentsOf(user->getResult(0)) == graph::extentsOf(op->getResult(0));
         });
}

bool Grouping::widensRoot(Operation *op) const {
  Operation *producer = op->getOperand(0).getDefiningOp();
  return producer && groupOf_.count(producer) && !groups_[groupOf_.lookup(producer)].pointwise && isWidening(op);
}

/// The later of two groups, of which -1 is none; before all that begin with bytes that somebody stored, which any other
/// can read as well.
bool Grouping::isPreferred(int group, int other) const {
  if (other < 0)
    return true;
  auto readsBytes = [&](int number) {
    Operation *first = groups_[number].ops.front();
    return isWidening(first) && isa<IntegerType>(graph::typeOf(first->getOperand(0)).getElementType());
  };
  return std::pair(!readsBytes(group), group) > std::pair(!readsBytes(other), other);
}

void Grouping::place(Operation *op) {
  // Only work on the same elements as the group's follows it: a broadcast result would recompute the group.
  int best = -1;
  if (isa<graph::ScalarInterface>(op) && !widensRoot(op))
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && groupOf_.count(producer))
        if (int group = groupOf_.lookup(producer); isPreferred(group, best) && canJoin(op, group))
          best = group;
  if (best >= 0)
    return join(op, best);
  groupOf_[op] = groups_.size();
  groups_.push_back({{op}, graph::extentsOf(op->getResult(0)), isPointwise(op)});
}

bool Grouping::canJoin(Operation *op, int group) const {
  if (groups_[group].ops.size() >= kMostOps)
    return false;
  // A root with several results (top_k) hands them over one by one: nothing that follows may wait for two of them.
  if (groups_[group].ops.front()->getNumResults() > 1 || readsResults(groups_[group].ops.front()))
    return false;
  if (graph::extentsOf(op->getResult(0)) != groups_[group].shape || needsSizesOf(op, group))
    return false;
  if (!groups_[group].pointwise && !readsVectors(op, groups_[group].shape))
    return false;
  if (plan::isCostly(op) && isOneByOne(groups_[group].ops, groups_[group].shape))
    return false;
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    auto found = producer ? groupOf_.find(producer) : groupOf_.end();
    if (found != groupOf_.end() && found->second == group) {
      if (graph::extentsOf(operand) != groups_[group].shape)
        return false;
      continue;
    }
    if (dependsOn(operand, group))
      return false;
  }
  return true;
}

/// Looks forward from the group, whose cone of users is small where a backward cone would be all of the model before
/// it.
bool Grouping::dependsOn(Value value, int group) const {
  Operation *producer = value.getDefiningOp();
  return producer && isReached(producer, group);
}

/// Whether the op needs sizes that are found from what the group computes.
bool Grouping::needsSizesOf(Operation *op, int group) const {
  return llvm::any_of(definers_.neededBy(op), [&](Operation *definer) { return isReached(definer, group); });
}

bool Grouping::isReached(Operation *producer, int group) const {
  auto groupOf = [&](Operation *op) {
    auto found = groupOf_.find(op);
    return found == groupOf_.end() ? -1 : found->second;
  };
  int target = groupOf(producer);
  if (target == group)
    return true;
  SetVector<Operation *> pending(groups_[group].ops.begin(), groups_[group].ops.end());
  for (size_t next = 0; next < pending.size(); ++next) {
    SmallVector<Operation *> users(pending[next]->getUsers());
    if (auto sizes = sizesUsers_.find(pending[next]); sizes != sizesUsers_.end())
      llvm::append_range(users, sizes->second);
    for (Operation *user : users) {
      int reached = groupOf(user);
      if (user == producer || (reached >= 0 && reached == target))
        return true;
      // A group runs as a whole: all its results wait for this operand. What has no group yet comes later.
      if (reached >= 0)
        pending.insert(groups_[reached].ops.begin(), groups_[reached].ops.end());
      else if (!isGrouped(user))
        pending.insert(user);
    }
  }
  return false;
}

bool Grouping::feeds(int from, int to) const {
  for (Operation *member : groups_[to].ops)
    for (Value operand : member->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      auto found = producer ? groupOf_.find(producer) : groupOf_.end();
      bool inside = found != groupOf_.end() && (found->second == to || found->second == from);
      if (!inside && dependsOn(operand, from))
        return true;
    }
  return llvm::any_of(groups_[to].ops, [&](Operation *member) { return needsSizesOf(member, from); });
}

/// A root's kernel stores what depends on the root: of what is absorbed into it, nothing else may want the value, nor
/// may the root itself want it in memory.
bool Grouping::canFollow(int from, int to) const {
  for (Operation *member : groups_[from].ops) {
    if (isa<graph::ScalarInterface>(member) && !readsVectors(member, groups_[to].shape))
      return false;
    for (Operation *user : member->getUsers()) {
      auto found = groupOf_.find(user);
      if (found == groupOf_.end() || (found->second != from && found->second != to) || readsMemory(user))
        return false;
    }
  }
  return true;
}

void Grouping::join(Operation *op, int group) {
  groupOf_[op] = group;
  groups_[group].ops.push_back(op);
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    auto found = producer ? groupOf_.find(producer) : groupOf_.end();
    if (found == groupOf_.end() || found->second == group)
      continue;
    int other = found->second;
    bool fits = groups_[other].ops.size() + groups_[group].ops.size() <= kMostOps;
    if (fits && groups_[other].pointwise && groups_[other].shape == groups_[group].shape &&
        (groups_[group].pointwise || canFollow(other, group)) && !feeds(other, group))
      absorb(group, other);
  }
}

void Grouping::absorb(int group, int other) {
  for (Operation *member : groups_[other].ops)
    groupOf_[member] = group;
  llvm::append_range(groups_[group].ops, groups_[other].ops);
  groups_[other].ops.clear();
}

/// The group that alone reads what `last` makes, which is all that its own group hands on; else -1.
int Grouping::onlyReader(int group, Operation *last) const {
  int reader = -1;
  for (Operation *op : groups_[group].ops)
    for (Operation *user : op->getUsers()) {
      auto found = groupOf_.find(user);
      int other = found == groupOf_.end() ? -1 : found->second;
      if (other == group)
        continue;
      if (op != last || other < 0 || (reader >= 0 && other != reader))
        return -1;
      reader = other;
    }
  return reader;
}

/// A product whose rows and panels a kernel of attention can take.
static bool isRowsTimesPanels(kernel::ContractOp op) {
  auto isFloat = [](Value value) {
    Type type = graph::typeOf(value).getElementType();
    return type.isF32() || type.isBF16() || type.isF16();
  };
  int64_t rank = graph::typeOf(op.getResult()).getRank(), packed = graph::typeOf(op.getPacked()).getRank();
  return op.getWindow() == ArrayRef<int64_t>{1} && op.getGroups() == 1 && op.getTogether() == 1 && rank >= 2 &&
         (packed == 3 || packed == rank + 1) && graph::typeOf(op.getInput()).getRank() == rank &&
         isFloat(op.getInput()) && isFloat(op.getPacked()) && graph::typeOf(op.getResult()).getElementType().isF32();
}

/// What a group of a softmax hands on, which may be rounded: softmax(x) or round(softmax(x)).
static Operation *weightsOf(graph::SoftmaxOp softmax, ArrayRef<Operation *> group) {
  if (group.size() == 1)
    return softmax;
  auto cast = dyn_cast<graph::CastOp>(group.back());
  bool isRounding = cast && group.size() == 2 && cast.getInput() == softmax.getResult() &&
                    (cast.getTo().isBF16() || cast.getTo().isF16());
  return isRounding ? cast : nullptr;
}

/// A product whose tiles and panels a group of a device's threads can share.
static bool isOfDevice(kernel::ContractOp op, const kernel::Machine &machine) {
  constexpr int64_t kBlock = 32; // rows or columns of panels, which such a group has at a time
  RankedTensorType input = graph::typeOf(op.getInput()), packed = graph::typeOf(op.getPacked());
  auto isPlain = [](RankedTensorType type) {
    Type element = type.getElementType();
    return element.isF32() || element.isF16() || element.isBF16();
  };
  const int64_t width = packed.getShape().back();
  return isPlain(input) && isPlain(packed) && isPlain(graph::typeOf(op.getResult())) && width > 0 &&
         width % machine.lanes() == 0 && kBlock % width == 0;
}

/// Keys of a few whole vectors.
static bool hasDeviceKeys(kernel::ContractOp scores, const kernel::Machine &machine) {
  const int64_t depth = graph::typeOf(scores.getInput()).getShape().back();
  return depth > 0 && depth % machine.lanes() == 0 && depth <= machine.attentionChannels;
}

// softmax(f(q · keys)) · values, of which nobody else wants a part: one kernel.
void Grouping::fuseAttention(const kernel::Machine &machine) {
  for (int number = 0; number < static_cast<int>(groups_.size()); ++number) {
    Group &group = groups_[number];
    auto softmax = group.ops.empty() ? nullptr : dyn_cast<graph::SoftmaxOp>(group.ops.front());
    Operation *weights = softmax ? weightsOf(softmax, group.ops) : nullptr;
    Operation *producer = weights ? softmax.getInput().getDefiningOp() : nullptr;
    if (!producer || !groupOf_.count(producer) || softmax.getLog() || !softmax.getType().getElementType().isF32() ||
        softmax.getAxis() + 1 != static_cast<uint64_t>(graph::typeOf(softmax.getResult()).getRank()))
      continue;
    int before = groupOf_.lookup(producer), after = onlyReader(number, weights);
    if (after < 0 || onlyReader(before, producer) != number)
      continue;
    auto scores = dyn_cast<kernel::ContractOp>(groups_[before].ops.front()),
         result = dyn_cast<kernel::ContractOp>(groups_[after].ops.front());
    if (!scores || !result || result.getInput() != weights->getResult(0) || !isRowsTimesPanels(scores) ||
        !isRowsTimesPanels(result) ||
        groups_[before].ops.size() + groups_[after].ops.size() + group.ops.size() > kMostOps)
      continue;
    RankedTensorType values = graph::typeOf(result.getResult());
    if (values.isDynamicDim(values.getRank() - 1) || values.getShape().back() > machine.attentionChannels)
      continue;
    if (machine.isDevice &&
        !(isOfDevice(scores, machine) && isOfDevice(result, machine) && hasDeviceKeys(scores, machine)))
      continue;
    absorb(after, before);
    absorb(after, number);
  }
}

SmallVector<Group> Grouping::take(const kernel::Machine &machine) {
  fuseAttention(machine);
  SmallVector<Group> result;
  for (Group &group : groups_) {
    if (group.ops.empty())
      continue;
    llvm::sort(group.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    result.push_back(group);
  }
  return result;
}

/// Replaces the group's ops by one dispatch.
static void formDispatch(const Group &group, IRRewriter &rewriter) {
  llvm::SmallSetVector<Operation *, 8> members(group.ops.begin(), group.ops.end());
  llvm::SmallSetVector<Value, 8> inputs, results;
  for (Operation *op : group.ops) {
    for (Value operand : op->getOperands())
      if ((!isInlineConstant(operand) || readsMemory(op)) && !members.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (readsResults(op) || llvm::any_of(result.getUsers(), [&](Operation *user) { return !members.contains(user); }))
        results.insert(result);
  }
  SmallVector<Location> locations = llvm::map_to_vector(group.ops, [](Operation *op) { return op->getLoc(); });
  Location loc = rewriter.getFusedLoc(locations);
  rewriter.setInsertionPoint(group.ops.back());
  SmallVector<Type> types = llvm::map_to_vector(results, [](Value value) { return value.getType(); });
  auto dispatch = kernel::DispatchOp::create(rewriter, loc, types, inputs.getArrayRef());
  Block *body = rewriter.createBlock(&dispatch.getBody());
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
  for (Operation *op : group.ops) {
    for (Value operand : op->getOperands())
      if (isInlineConstant(operand) && !readsMemory(op) && !mapping.contains(operand))
        mapping.map(operand, rewriter.clone(*operand.getDefiningOp())->getResult(0));
    rewriter.clone(*op, mapping);
  }
  SmallVector<Value> yielded = llvm::map_to_vector(results, [&](Value value) { return mapping.lookup(value); });
  kernel::YieldOp::create(rewriter, loc, yielded);
  for (auto [index, value] : llvm::enumerate(results)) {
    Value from = value, to = dispatch.getResult(index);
    from.replaceUsesWithIf(to, [&](OpOperand &use) { return !members.contains(use.getOwner()); });
  }
  for (Operation *op : llvm::reverse(group.ops))
    rewriter.eraseOp(op);
}

namespace {
struct FormDispatches : plan::MachinePass<FormDispatches> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormDispatches)
  explicit FormDispatches(const kernel::Machine &machine) : MachinePass(machine) {}
  StringRef getArgument() const override { return "form-dispatches"; }
  StringRef getDescription() const override {
    return "gather roots and the elementwise work that follows into kernels";
  }
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (const Group &group : Grouping(getOperation()).take(machine()))
      formDispatch(group, rewriter);
    // A dispatch stands where its last op stood; what it feeds may stand before.
    plan::sortBySymbols(getOperation().getBody().front());
    eraseDead();
  }

private:
  void eraseDead() {
    SmallVector<Operation *> ops =
        llvm::map_to_vector(getOperation().getBody().front().without_terminator(), [](Operation &op) { return &op; });
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace

std::unique_ptr<Pass> plan::createFormDispatchesPass(const kernel::Machine &machine) {
  return std::make_unique<FormDispatches>(machine);
}

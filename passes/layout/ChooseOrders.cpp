// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flexible ops that are connected, through transposes or not, form a area; what borders on it (convolutions, matrix
// products, inputs, results) has fixed orders. Each order that the border suggests is carried through the area, from op
// to op, as far as ops accept it; the suggestion that leaves the fewest bytes to transpose wins. Ops that it did not
// reach form areas of their own, now bordering on decided ones. Transposes of the model are no ops here but relations
// between the orders of the two sides, so that those which undo each other, or a convolution's, cost nothing.

#include "passes/layout/ChooseOrders.h"
#include "dialects/Kernel/Machine.h"
#include "passes/graph/Match.h"
#include "passes/layout/Behaviour.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::layout;

namespace {

constexpr size_t kMostCandidates = 8; // suggestions tried for a area: time stays linear in its ops
constexpr int kMostRounds = 4;        // of areas left over by the round before; after that they keep their order

/// What a value is, seen through transposes: its dim i is the root's dim permutation[i].
struct Source {
  Value root;
  Order permutation;
};
/// A use of a root, maybe through transposes.
struct Use {
  OpOperand *operand;
  Order permutation;
};
struct Area {
  SmallVector<Operation *> ops;     // in order of execution
  llvm::SetVector<Value> producers; // results of these, and what they read from outside
  bool hasTransposes = false;
};
struct Suggestion {
  Operation *op;
  Order order;
  bool isFromFixed; // a border that will not change its order: else it only says what the model says
};

class Chooser {
public:
  explicit Chooser(Block &block);
  Decision run();

private:
  Source sourceOf(Value value) const;
  bool isUndecided(Operation *op) const { return flexible_.count(op) && !decided_.count(op); }
  Order orderOf(Value root, const Decision &labels) const;
  Order needOf(const Use &use, Value root, const Decision &labels) const;
  Area collect(Operation *first, llvm::DenseSet<Operation *> &seen) const;
  SmallVector<Suggestion> suggestionsFor(const Area &area) const;
  Decision carry(const Suggestion &suggestion) const;
  void carryTo(Operation *op, std::optional<Order> order, Decision &labels, SmallVectorImpl<Operation *> &queue) const;
  uint64_t costOf(const Area &area, const Decision &labels) const;
  void decide(const Area &area);
  void followInput(Operation *pointwise);

  Block &block_;
  DenseMap<Value, Source> sources_; // of results of transposes
  DenseMap<Value, SmallVector<Use>> uses_;
  llvm::DenseSet<Operation *> flexible_;
  Decision decided_;
};

} // namespace

Chooser::Chooser(Block &block) : block_(block) {
  for (Operation &op : block) {
    if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
      Source source = sourceOf(transpose.getInput());
      sources_[transpose.getResult()] = {source.root, beforeTranspose(transpose.getPermutation(), source.permutation)};
      continue;
    }
    if (isFlexible(&op) && !isFlatten(&op))
      flexible_.insert(&op);
    op.walk([&](Operation *inner) {
      for (OpOperand &operand : inner->getOpOperands()) {
        if (!isa<RankedTensorType>(operand.get().getType()))
          continue;
        Source source = sourceOf(operand.get());
        uses_[source.root].push_back({&operand, source.permutation});
      }
    });
  }
}

Source Chooser::sourceOf(Value value) const {
  auto found = sources_.find(value);
  return found != sources_.end() ? found->second : Source{value, identityOrder(graph::typeOf(value).getRank())};
}

Order Chooser::orderOf(Value root, const Decision &labels) const {
  auto result = dyn_cast<OpResult>(root);
  if (!result)
    return identityOrder(graph::typeOf(root).getRank());
  for (const Decision *decision : {&labels, &decided_})
    if (auto found = decision->find(result.getOwner()); found != decision->end())
      return found->second;
  return nativeResultOrder(result);
}

/// The order in which a use needs its root to be stored.
Order Chooser::needOf(const Use &use, Value root, const Decision &labels) const {
  Operation *op = use.operand->getOwner();
  if (flexible_.count(op)) {
    std::optional<Order> order = operandOrder(*use.operand, orderOf(op->getResult(0), labels));
    return beforeTranspose(*order, use.permutation);
  }
  Order given = orderOf(root, labels), seen = throughTranspose(given, use.permutation);
  if (acceptsFlattened(*use.operand, seen) || acceptsPointwise(*use.operand, seen))
    return given;
  return beforeTranspose(nativeOperandOrder(*use.operand), use.permutation);
}

Area Chooser::collect(Operation *first, llvm::DenseSet<Operation *> &seen) const {
  Area area;
  SmallVector<Operation *> pending{first};
  seen.insert(first);
  auto visit = [&](Operation *op) {
    if (op && isUndecided(op) && seen.insert(op).second)
      pending.push_back(op);
  };
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    area.ops.push_back(op);
    for (Value operand : op->getOperands()) {
      Source source = sourceOf(operand);
      area.hasTransposes |= !isIdentity(source.permutation);
      visit(source.root.getDefiningOp());
    }
    if (auto found = uses_.find(op->getResult(0)); found != uses_.end())
      for (const Use &use : found->second) {
        area.hasTransposes |= !isIdentity(use.permutation);
        visit(use.operand->getOwner());
      }
  }
  llvm::sort(area.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : area.ops) {
    for (Value operand : op->getOperands())
      if (Value root = sourceOf(operand).root; !graph::isConstant(root))
        area.producers.insert(root);
    area.producers.insert(op->getResult(0));
  }
  return area;
}

/// What the border says, fixed channels-last neighbours first.
SmallVector<Suggestion> Chooser::suggestionsFor(const Area &area) const {
  SmallVector<Suggestion> suggestions;
  auto suggest = [&](Operation *op, std::optional<Order> order, OrderRef native) {
    bool isFromFixed = !isIdentity(native);
    if (order && (isFromFixed || area.hasTransposes))
      suggestions.push_back({op, *order, isFromFixed});
  };
  for (Operation *op : area.ops) {
    for (OpOperand &operand : op->getOpOperands()) {
      Source source = sourceOf(operand.get());
      if (graph::isConstant(source.root) || (source.root.getDefiningOp() && isUndecided(source.root.getDefiningOp())))
        continue;
      Order given = orderOf(source.root, Decision());
      suggest(op, resultOrder(operand, throughTranspose(given, source.permutation)), given);
    }
    auto found = uses_.find(op->getResult(0));
    for (const Use &use : found != uses_.end() ? ArrayRef<Use>(found->second) : ArrayRef<Use>()) {
      Operation *user = use.operand->getOwner();
      if (isUndecided(user) || isFlatten(user))
        continue;
      Order need = needOf(use, op->getResult(0), Decision());
      suggest(op, need, flexible_.count(user) ? OrderRef(need) : OrderRef(nativeOperandOrder(*use.operand)));
    }
  }
  llvm::stable_sort(suggestions,
                    [](const Suggestion &a, const Suggestion &b) { return a.isFromFixed > b.isFromFixed; });
  return suggestions;
}

void Chooser::carryTo(Operation *op, std::optional<Order> order, Decision &labels,
                      SmallVectorImpl<Operation *> &queue) const {
  if (!op || !order || !isUndecided(op) || labels.count(op) || !accepts(op, *order))
    return;
  labels[op] = *order;
  queue.push_back(op);
}

Decision Chooser::carry(const Suggestion &suggestion) const {
  Decision labels;
  SmallVector<Operation *> queue;
  carryTo(suggestion.op, suggestion.order, labels, queue);
  for (size_t next = 0; next < queue.size(); ++next) {
    Operation *op = queue[next];
    Order order = labels.lookup(op);
    for (OpOperand &operand : op->getOpOperands()) {
      Source source = sourceOf(operand.get());
      carryTo(source.root.getDefiningOp(), beforeTranspose(*operandOrder(operand, order), source.permutation), labels,
              queue);
    }
    auto found = uses_.find(op->getResult(0));
    for (const Use &use : found != uses_.end() ? ArrayRef<Use>(found->second) : ArrayRef<Use>())
      if (isUndecided(use.operand->getOwner()))
        carryTo(use.operand->getOwner(), resultOrder(*use.operand, throughTranspose(order, use.permutation)), labels,
                queue);
  }
  return labels;
}

/// As far as is known before the model runs.
static uint64_t typicalBytes(RankedTensorType type) {
  uint64_t bytes = graph::elementBytes(type.getElementType());
  for (const graph::Extent &extent : graph::extentsOf(type))
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, kernel::typicalLength(extent));
  return bytes;
}

/// The bytes that transposes move: each value once for each order that is needed of it and not there.
uint64_t Chooser::costOf(const Area &area, const Decision &labels) const {
  uint64_t cost = 0;
  for (Value producer : area.producers) {
    RankedTensorType type = graph::typeOf(producer);
    graph::Extents shape = graph::extentsOf(type);
    SmallVector<Order> have{orderOf(producer, labels)};
    auto found = uses_.find(producer);
    for (const Use &use : found != uses_.end() ? ArrayRef<Use>(found->second) : ArrayRef<Use>()) {
      Order need = needOf(use, producer, labels);
      if (llvm::any_of(have, [&](OrderRef order) { return areSameBytes(shape, order, need); }))
        continue;
      have.push_back(need);
      cost = llvm::SaturatingAdd(cost, typicalBytes(type));
    }
  }
  return cost;
}

void Chooser::decide(const Area &area) {
  SmallVector<Decision> candidates;
  for (const Suggestion &suggestion : suggestionsFor(area)) {
    bool isNew = llvm::none_of(candidates, [&](const Decision &candidate) {
      auto found = candidate.find(suggestion.op);
      return found != candidate.end() && found->second == suggestion.order;
    });
    if (!isNew)
      continue;
    if (Decision labels = carry(suggestion); !labels.empty())
      candidates.push_back(std::move(labels));
    if (candidates.size() == kMostCandidates)
      break;
  }
  Decision native;
  for (Operation *op : area.ops)
    native[op] = nativeResultOrder(op->getResult(0));
  candidates.push_back(std::move(native));

  // Of equal ones the first: what borders on a convolution can join its kernel.
  const Decision *best = nullptr;
  uint64_t lowest = 0;
  for (const Decision &candidate : candidates)
    if (uint64_t cost = costOf(area, candidate); !best || cost < lowest) {
      best = &candidate;
      lowest = cost;
    }
  for (Operation *op : area.ops)
    if (auto found = best->find(op); found != best->end())
      decided_[op] = found->second;
}

/// What it reads is decided: it comes first.
void Chooser::followInput(Operation *pointwise) {
  Source source = sourceOf(pointwise->getOperand(0));
  Order given = throughTranspose(orderOf(source.root, Decision()), source.permutation);
  if (acceptsPointwise(pointwise->getOpOperand(0), given))
    decided_[pointwise] = given;
}

Decision Chooser::run() {
  for (int round = 0; round < kMostRounds; ++round) {
    llvm::DenseSet<Operation *> seen;
    for (Operation &op : block_) {
      if (isUndecided(&op) && !seen.count(&op))
        decide(collect(&op, seen));
      else if (round == 0 && isPointwise(&op))
        followInput(&op);
    }
  }
  return std::move(decided_);
}

Decision layout::chooseOrders(Block &block) { return Chooser(block).run(); }

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Loops.h"
#include "frontends/common/Branches.h"
#include "frontends/common/Parts.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

constexpr int kMostAttempts = 8; // before all of the state has variables for extents

LoopBuilder::LoopBuilder(GraphBuilder &builder, ArrayRef<Value> initial, std::optional<Extent> rounds, Extent condition)
    : b_(builder), initial_(initial), rounds_(std::move(rounds)), condition_(std::move(condition)) {
  for (Value value : initial)
    shapes_.push_back(extentsOf(value));
  round_ = variable(0);
}

Extent LoopBuilder::variable(const Extent &initial) {
  names_.push_back(b_.newSymbol(GraphBuilder::Sign::NotNegative));
  variables_[names_.back()] = names_.size() - 1;
  initialSizes_.push_back(initial);
  nextSizes_.push_back(0);
  return Extent::symbol(b_.builder().getContext(), names_.back());
}

/// Makes variables of the extents that a round changes. False where there are none that were not variables.
bool LoopBuilder::widen(ArrayRef<Value> state) {
  bool isWider = false, isLast = ++attempts_ == kMostAttempts;
  for (auto [number, value] : llvm::enumerate(state)) {
    Extents next = extentsOf(value);
    if (next.size() != shapes_[number].size() || elementOf(value) != elementOf(initial_[number]))
      unsupported("its state number " + Twine(number) + " is " + inWords(initial_[number].getType()) +
                  " at first, and then " + inWords(value.getType()));
    for (auto [extent, changed] : llvm::zip_equal(shapes_[number], next)) {
      if (isVariable(extent) || (extent == changed && !isLast))
        continue;
      extent = variable(extent);
      isWider = true;
    }
  }
  return isWider;
}

/// What the variables of the state are after a round. They get their values together.
void LoopBuilder::setNext(ArrayRef<Value> state) {
  nextSizes_.front() = round_ + 1;
  for (auto [shape, value] : llvm::zip_equal(shapes_, state))
    for (auto [extent, changed] : llvm::zip_equal(shape, extentsOf(value)))
      if (isVariable(extent))
        nextSizes_[variables_[extent.asSymbol()]] = changed;
}

/// Of what all rounds add: extents that only the body knows become variables, which may not change from the second
/// round on.
Type LoopBuilder::typeOfAll(Value added, const llvm::StringSet<> &inside) {
  Extents shape = {round_};
  for (const Extent &extent : extentsOf(added)) {
    bool mayVary = false;
    extent.walkSymbols([&](StringRef symbol) { mayVary |= inside.contains(symbol) || variables_.count(symbol); });
    if (!mayVary) {
      shape.push_back(extent);
      continue;
    }
    shape.push_back(variable(0));
    Extent isEqual = Extent::max(Extent::isSame(round_, 0), Extent::isSame(shape.back(), extent));
    nextSizes_.back() = Extent::select(isEqual, extent, -1);
  }
  return checkedType(shape, elementOf(added));
}

/// Whether there is a next round, as an extent. A condition of the body's becomes a variable.
Extent LoopBuilder::goesOn(Value condition) {
  Extent goesOn = rounds_ ? Extent::min(1, Extent::max(*rounds_ - round_, 0)) : Extent(1);
  if (!condition)
    return goesOn * condition_;
  Extent whether = variable(condition_);
  nextSizes_.back() = conditionFrom(b_, condition);
  return goesOn * whether;
}

SmallVector<Value> LoopBuilder::build(Body body) {
  for (;;) {
    PartBuilder part(b_);
    SmallVector<Value> state;
    for (auto [value, shape] : llvm::zip_equal(initial_, shapes_))
      state.push_back(part.argument(checkedType(shape, elementOf(value))));
    Round made = body(round_, state);
    if (widen(made.state)) {
      part.rollBack();
      continue;
    }
    setNext(made.state);
    SmallVector<Type> types;
    for (auto [value, shape] : llvm::zip_equal(initial_, shapes_))
      types.push_back(checkedType(shape, elementOf(value)));
    llvm::StringSet<> inside = part.symbols();
    for (Value value : made.added)
      types.push_back(typeOfAll(value, inside));
    Extent goes = goesOn(made.goesOn);
    Extents uses, most(names_.size(), Extent::tooLarge());
    if (rounds_ && rounds_->isAtLeast(0))
      most.front() = *rounds_;
    SmallVector<Value> outputs(made.state), captures, inputs(initial_);
    llvm::append_range(outputs, made.added);
    func::FuncOp function = part.outline(outputs, captures, uses);
    llvm::append_range(inputs, captures);
    SmallVector<StringRef> names(names_.begin(), names_.end());
    SmallVector<Value> results =
        b_.makeMany<graph::WhileOp>(types, inputs, static_cast<int64_t>(initial_.size()), goes, function.getSymName(),
                                    b_.builder().getStrArrayAttr(names), initialSizes_, nextSizes_, most, uses);
    if (rounds_ && rounds_->isAtLeast(0) && !made.goesOn && condition_ == Extent(1))
      for (Value &result : MutableArrayRef<Value>(results).drop_front(initial_.size()))
        result = b_.withDim(result, 0, *rounds_);
    return results;
  }
}

} // namespace smelt::frontend

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Placement.h"
#include "mlir/IR/IRMapping.h"
#include <numeric>

using namespace mlir;

namespace smelt::plan {

graph::Extent bytesOf(RankedTensorType type) {
  return graph::productOf(graph::extentsOf(type)) * graph::elementBytes(type.getElementType());
}
static graph::Extent bytesOf(Value value) { return bytesOf(graph::typeOf(value)); }

int Placement::addBuffer(Base base, int index, const graph::Extent &bytes) {
  buffers_.push_back({base, index, bytes});
  return buffers_.size() - 1;
}

View Placement::dense(Value value, int buffer) { return {buffer, 0, graph::rowMajorStrides(graph::extentsOf(value))}; }

/// Of a value that kernels read several rows of side by side, as the left-hand side of a product or as the image of a
/// convolution: how many rows apart these lie, for each kernel.
static SmallVector<int64_t> stepsOfReaders(Value value) {
  SmallVector<int64_t> steps;
  for (OpOperand &use : value.getUses()) {
    auto dispatch = dyn_cast<kernel::DispatchOp>(use.getOwner());
    if (!dispatch)
      continue;
    Value inside = dispatch.getBody().front().getArgument(use.getOperandNumber());
    for (OpOperand &inner : inside.getUses())
      if (auto contract = dyn_cast<kernel::ContractOp>(inner.getOwner()); contract && inner.getOperandNumber() == 0)
        steps.push_back(contract.getStrides().back());
  }
  return steps;
}

/// Elements between the rows of a value, where those read together would all meet in the same few lines of the first
/// cache: then they lie one line further apart.
static std::optional<graph::Extent> spreadRow(Value value) {
  constexpr int64_t kLineBytes = 64, kSetsBytes = 64 * kLineBytes; // of x86-64; twice or four times that on others
  RankedTensorType type = graph::typeOf(value);
  if (type.getRank() < 2 || type.isDynamicDim(type.getRank() - 1))
    return std::nullopt;
  int64_t row = type.getShape().back(), bytes = graph::elementBytes(type.getElementType());
  auto meets = [&](int64_t step) { return row > 0 && (row * bytes) % (kSetsBytes / std::gcd(step, kSetsBytes)) == 0; };
  bool isSpread = llvm::any_of(stepsOfReaders(value), meets) &&
                  llvm::all_of(value.getUsers(), [](Operation *user) { return isa<kernel::DispatchOp>(user); });
  return isSpread ? std::optional(graph::Extent(row + kLineBytes / bytes)) : std::nullopt;
}

View Placement::newArenaView(Value value) { return dense(value, addBuffer(Base::Arena, 0, bytesOf(value))); }

/// The same for what kernels alone touch, one by one: they take any strides.
View Placement::newSpreadView(Value value) {
  std::optional<graph::Extent> row = spreadRow(value);
  if (!row)
    return newArenaView(value);
  graph::Extents extents = graph::extentsOf(value);
  extents.back() = *row;
  graph::Extent bytes = graph::productOf(extents) * graph::elementBytes(graph::typeOf(value).getElementType());
  return {addBuffer(Base::Arena, 0, bytes), 0, graph::rowMajorStrides(extents)};
}

/// Whether strides express the op's result, given where its operand will lie; else a kernel copies.
bool Placement::isForwarded(Operation *op) {
  std::optional<View> source = expected(op->getOperand(0));
  return source && plan::forwardView(op, *source);
}

/// Whether the value's elements may be written to any place asked for: a kernel makes them, maybe seen through views.
bool Placement::canOwn(Value value) {
  if (views_.count(value))
    return false;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<graph::TransposeOp, graph::ReshapeOp, graph::BitCastOp>(op))
    return canOwn(op->getOperand(0)) || !isForwarded(op);
  return isa<kernel::DispatchOp, graph::ConcatOp, graph::PadOp>(op);
}

/// Whether the place has been found when the op runs.
bool Placement::isKnownAt(Operation *op, const View &view) {
  graph::Extents needed = view.strides;
  needed.push_back(view.offset);
  needed.push_back(buffers_[view.buffer].bytes);
  return definers_.areKnownAt(op, needed);
}

static bool isDense(Value value, const View &view) {
  return view.strides == graph::rowMajorStrides(graph::extentsOf(value));
}

/// Whether a dispatch is a call of a C function, which takes and makes what lies dense.
static bool isCustom(Operation *op) {
  auto dispatch = dyn_cast<kernel::DispatchOp>(op);
  return dispatch && isa<graph::CustomOp>(dispatch.getBody().front().front());
}

bool Placement::demand(Value value, const std::optional<View> &view) {
  if (!view || !canOwn(value) || !isKnownAt(value.getDefiningOp(), *view))
    return false;
  if (isCustom(value.getDefiningOp()) && !isDense(value, *view))
    return false;
  // A chain of views must carry the demand to the kernel, or to where it is copied anyway.
  Operation *op = value.getDefiningOp();
  if (isa<graph::TransposeOp, graph::ReshapeOp, graph::BitCastOp>(op) &&
      !demand(op->getOperand(0), plan::backwardView(op, 0, *view)) && isForwarded(op))
    return false;
  views_[value] = *view;
  return true;
}

/// Whether a value has been placed just there: a state's input, behind which its output goes on.
bool Placement::liesAt(Value value, const View &view) {
  auto own = views_.find(value);
  auto same = onePlace_.find(view.buffer);
  return own != views_.end() && same != onePlace_.end() && own->second.buffer == same->second &&
         own->second.offset == view.offset && own->second.strides == view.strides;
}

void Placement::demandOperand(Operation *op, unsigned operand, const std::optional<View> &view) {
  if (view && liesAt(op->getOperand(operand), *view))
    return;
  if (demand(op->getOperand(operand), view))
    return;
  if (view)
    copies_[{op, operand}] = *view;
}

/// The place a value would get if nothing demanded one: what views of it will have to work with.
std::optional<View> Placement::expected(Value value) {
  if (auto found = views_.find(value); found != views_.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  if (op && isa<graph::ReshapeOp, graph::TransposeOp, graph::BitCastOp, graph::SliceOp, graph::BroadcastOp>(op)) {
    std::optional<View> source = expected(op->getOperand(0));
    return source ? plan::forwardView(op, *source) : std::nullopt;
  }
  return dense(value, -1);
}

void Placement::lookBack(Operation *op) {
  if (!plan::isView(op) || op->getResult(0).use_empty())
    return;
  Value result = op->getResult(0);
  bool gathers = isa<graph::ConcatOp, graph::PadOp>(op);
  bool decided = views_.count(result);
  if (!decided && !gathers && isForwarded(op))
    return; // a view when its turn comes
  if (!decided)
    views_[result] = gathers ? newSpreadView(result) : newArenaView(result);
  if (isa<graph::PadOp>(op))
    return demandOperand(op, 0, plan::backwardView(op, 0, views_.lookup(result)));
  if (auto concat = dyn_cast<graph::ConcatOp>(op)) {
    for (auto [operand, view] : llvm::enumerate(plan::concatViews(concat, views_.lookup(result))))
      demandOperand(op, operand, view);
    return;
  }
  // Demanded chains are decided as a whole; only a chain's end, or a result that no strides express, comes here.
  Value source = op->getOperand(0);
  std::optional<View> back = plan::backwardView(op, 0, views_[result]);
  bool covered = back && views_.count(source) && views_[source].buffer == back->buffer &&
                 views_[source].offset == back->offset && views_[source].strides == back->strides;
  if (!covered && !demand(source, back))
    copies_[{op, 0}] = back.value_or(views_[result]);
}

View Placement::placeOf(Value value) {
  if (auto found = views_.find(value); found != views_.end())
    return found->second;
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  ElementsAttr elements = constant.getValue();
  auto [entry, isNew] = weightBuffers_.try_emplace(elements, buffers_.size());
  if (isNew) {
    addBuffer(Base::Weights, weights_.size(), bytesOf(value));
    weights_.push_back(elements);
  }
  return views_[value] = dense(value, entry->second);
}

void Placement::addStep(Operation *op, ArrayRef<View> results) {
  Step step{op, {}};
  for (Value operand : op->getOperands())
    step.views.push_back(isCustom(op) ? densePlaceOf(op->getLoc(), operand) : placeOf(operand));
  llvm::append_range(step.views, results);
  auto isEmpty = [](Value result) { return bytesOf(result) == graph::Extent(0); };
  if (op->getNumResults() == 0 || !llvm::all_of(op->getResults(), isEmpty))
    steps_.push_back(std::move(step));
}

/// A kernel whose result is `value`, or a view of it through `view`, at another place.
void Placement::addCopy(Location loc, Value value, const View &to) {
  auto dispatch = kernel::DispatchOp::create(builder_, loc, TypeRange(value.getType()), ValueRange(value));
  OpBuilder::InsertionGuard guard(builder_);
  Block *body = builder_.createBlock(&dispatch.getBody());
  kernel::YieldOp::create(builder_, loc, ValueRange(body->addArgument(value.getType(), loc)));
  addStep(dispatch, to);
}

/// A kernel that computes the result of an op on one operand, which no strides express, element by element.
void Placement::addElementwise(Operation *op) {
  auto dispatch =
      kernel::DispatchOp::create(builder_, op->getLoc(), op->getResultTypes(), ValueRange(op->getOperand(0)));
  OpBuilder::InsertionGuard guard(builder_);
  Block *body = builder_.createBlock(&dispatch.getBody());
  IRMapping mapping;
  mapping.map(op->getOperand(0), body->addArgument(op->getOperand(0).getType(), op->getLoc()));
  Operation *moved = builder_.clone(*op, mapping);
  kernel::YieldOp::create(builder_, op->getLoc(), moved->getResults());
  addStep(dispatch, views_.lookup(op->getResult(0)));
}

/// One kernel that writes the borders of a pad: a slab before and one after, for each dim.
void Placement::addFill(graph::PadOp pad, const View &to) {
  RankedTensorType type = graph::typeOf(pad.getResult());
  std::optional<graph::HostTensor> value = graph::constantOf(pad.getValue());
  SmallVector<Type> types;
  SmallVector<View> views;
  graph::Extents shape = graph::extentsOf(type);
  View inner = to;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    graph::Extent low = pad.getLow()[dim], high = pad.getHigh()[dim];
    graph::Extent extent = graph::extentsOf(type)[dim];
    for (auto [start, count] : {std::pair{graph::Extent(0), low}, std::pair{extent - high, high}}) {
      if (count == graph::Extent(0))
        continue;
      shape[dim] = count;
      types.push_back(graph::tensorOf(shape, type.getElementType()));
      View slab = inner;
      slab.offset += start * to.strides[dim];
      views.push_back(slab);
    }
    // Later dims' slabs leave out what this dim's have filled.
    shape[dim] = extent - low - high;
    inner.offset += to.strides[dim] * low;
  }
  auto dispatch = kernel::DispatchOp::create(builder_, pad.getLoc(), types, ValueRange());
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&dispatch.getBody());
  SmallVector<Value> slabs;
  Value number = graph::makeConstant(builder_, pad.getLoc(), *value);
  for (Type slab : types)
    slabs.push_back(graph::BroadcastOp::create(builder_, pad.getLoc(), slab, number));
  kernel::YieldOp::create(builder_, pad.getLoc(), slabs);
  addStep(dispatch, views);
}

/// Where a value lies dense, be it as a copy.
View Placement::densePlaceOf(Location loc, Value value) {
  View place = placeOf(value);
  if (isDense(value, place))
    return place;
  View copy = newArenaView(value);
  addCopy(loc, value, copy);
  return copy;
}

/// The functions of control flow take and make what lies dense.
void Placement::addParts(Operation &op) {
  SmallVector<View> views;
  for (Value operand : op.getOperands())
    views.push_back(densePlaceOf(op.getLoc(), operand));
  for (Value result : op.getResults()) {
    views_[result] = newArenaView(result);
    views.push_back(views_[result]);
  }
  steps_.push_back({&op, std::move(views)});
}

LogicalResult Placement::lookForward(Operation &op) {
  if (isa<graph::ConstantOp, graph::CheckSizesOp>(op)) // SizeChecks.cpp has the checks
    return success();
  builder_.setInsertionPoint(&op);
  if (auto dispatch = dyn_cast<kernel::DispatchOp>(op)) {
    SmallVector<View> results;
    for (Value result : dispatch.getResults()) {
      if (!views_.count(result))
        views_[result] = isCustom(dispatch) ? newArenaView(result) : newSpreadView(result);
      results.push_back(views_[result]);
    }
    addStep(dispatch, results);
    return success();
  }
  if (isa<graph::BindSizesOp, graph::DefineSizesOp>(op)) {
    addStep(&op, {});
    return success();
  }
  if (isa<graph::IfOp, graph::WhileOp>(op)) {
    addParts(op);
    return success();
  }
  if (op.hasTrait<OpTrait::IsTerminator>()) {
    for (OpOperand &operand : op.getOpOperands())
      if (auto copy = copies_.find({&op, operand.getOperandNumber()}); copy != copies_.end())
        addCopy(op.getLoc(), operand.get(), copy->second);
    return success();
  }
  if (!plan::isView(&op))
    return op.emitError("no kernel was formed for this operation");
  Value result = op.getResult(0);
  if (result.use_empty())
    return success();
  if (auto pad = dyn_cast<graph::PadOp>(op))
    addFill(pad, views_.lookup(result));
  bool gathers = isa<graph::ConcatOp, graph::PadOp>(op);
  for (OpOperand &operand : op.getOpOperands()) {
    auto copy = copies_.find({&op, operand.getOperandNumber()});
    if (copy == copies_.end())
      continue;
    // The source goes to where the result wants it, where strides express that; else the op is computed element by
    // element.
    if (gathers || plan::backwardView(&op, operand.getOperandNumber(), views_.lookup(result))) {
      addCopy(op.getLoc(), operand.get(), copy->second);
      continue;
    }
    addElementwise(&op);
  }
  if (views_.count(result))
    return success();
  // An op before this one may have asked for the operand to lie where no strides express the result.
  std::optional<View> view = plan::forwardView(&op, placeOf(op.getOperand(0)));
  views_[result] = view ? *view : newArenaView(result);
  if (!view)
    addElementwise(&op);
  return success();
}

void Placement::placeInputs(Block &body) {
  for (auto [index, argument] : llvm::enumerate(body.getArguments())) {
    views_[argument] = dense(argument, addBuffer(Base::Input, index, bytesOf(argument)));
    for (const State &state : states_)
      if (state.isOne && state.input == static_cast<int>(index))
        views_[argument].strides = state.strides;
  }
}

/// Outputs go to where the caller wants them, or the next run; those others whose size only the run tells are held.
void Placement::placeOutputs(Operation *terminator) {
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    auto *state = llvm::find_if(states_, [&](const State &state) { return state.output == static_cast<int>(index); });
    bool isState = state != states_.end();
    bool isHeld = isMain_ && !isState && bytesOf(operand.get()).isFoundAtRunTime();
    Base base = isHeld ? Base::Arena : Base::Output;
    View output = dense(operand.get(), addBuffer(base, isHeld ? 0 : index, bytesOf(operand.get())));
    buffers_.back().isHeld = isHeld;
    if (isState && state->isOne) {
      output.strides = state->strides;
      onePlace_[output.buffer] = views_[function_.getArgument(state->input)].buffer;
    }
    held_.push_back(isHeld ? std::optional(output) : std::nullopt);
    if (isState && state->whole) {
      const View whole = dense(state->whole, output.buffer);
      output.offset = state->skipped;
      if (demand(state->whole, whole))
        continue;
    }
    if (!demand(operand.get(), output))
      copies_[{terminator, index}] = output;
  }
}

LogicalResult Placement::run() {
  Block &body = function_.getBody().front();
  placeInputs(body);
  placeOutputs(body.getTerminator());
  for (Operation &op : llvm::reverse(body.without_terminator()))
    lookBack(&op);
  SmallVector<Operation *> order = llvm::map_to_vector(body, [](Operation &op) { return &op; });
  for (Operation *op : order)
    if (failed(lookForward(*op)))
      return failure();
  return success();
}

} // namespace smelt::plan

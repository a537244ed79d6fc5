// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// place-buffers: gives every tensor a place and every dispatch its buffers. Reshapes, transposes, slices,
// concatenations and paddings become views wherever strides express them: looking back from a concat, a pad or an
// output, its operands' producers write straight into it; looking forward, what a view reads is its operand's buffer.
// The rest becomes copy kernels. Then dispatches are outlined as kernel.func, and the steps, with offsets into one
// arena packed by live ranges, as kernel.plan.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Arena.h"
#include "passes/plan/Passes.h"
#include "passes/plan/SizeChecks.h"
#include "passes/plan/Views.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace smelt;
using plan::View;

namespace {

constexpr int64_t kAlignment = 64; // SMELT_ALIGNMENT

// The values of smelt_base.
enum class Base : int32_t { Arena = 0, Weights = 1, Input = 2, Output = 3 };

struct Buffer {
  Base base = Base::Arena;
  int index = 0;
  graph::Extent bytes = 0;
  graph::Extent offset = 0; // from the base
  int first = -1;           // steps that touch it
  int last = -1;
};

/// A kernel to run: its operands' views are those of the dispatch's inputs, then results.
struct Step {
  kernel::DispatchOp dispatch;
  SmallVector<View> views;
};

class Placement {
public:
  explicit Placement(func::FuncOp function) : function_(function), builder_(function.getContext()) {}

  LogicalResult run();
  SmallVector<Step> &steps() { return steps_; }
  SmallVector<Buffer> &buffers() { return buffers_; }
  ArrayRef<ElementsAttr> weights() const { return weights_; }

private:
  int addBuffer(Base base, int index, const graph::Extent &bytes);
  View dense(Value value, int buffer);
  View newArenaView(Value value);
  bool isForwarded(Operation *op);
  bool canOwn(Value value);
  bool demand(Value value, const std::optional<View> &view);
  void demandOperand(Operation *op, unsigned operand);
  std::optional<View> expected(Value value);
  void lookBack(Operation *op);
  LogicalResult lookForward(Operation &op);
  View placeOf(Value value);
  void addCopy(Location loc, Value value, const View &to);
  void addFill(graph::PadOp pad, const View &to);
  void addStep(kernel::DispatchOp dispatch, ArrayRef<View> results);

  func::FuncOp function_;
  OpBuilder builder_;
  DenseMap<Value, View> views_;
  SmallVector<Buffer> buffers_;
  SmallVector<Step> steps_;
  SmallVector<ElementsAttr> weights_;
  DenseMap<Attribute, int> weightBuffers_;
  DenseMap<std::pair<Operation *, unsigned>, View>
      copies_; // operands that must be copied to a place when their op is reached
};

} // namespace

static graph::Extent bytesOf(Value value) {
  RankedTensorType type = graph::typeOf(value);
  return graph::productOf(graph::extentsOf(type)) * graph::elementBytes(type.getElementType());
}

int Placement::addBuffer(Base base, int index, const graph::Extent &bytes) {
  buffers_.push_back({base, index, bytes});
  return buffers_.size() - 1;
}

View Placement::dense(Value value, int buffer) { return {buffer, 0, graph::rowMajorStrides(graph::extentsOf(value))}; }

View Placement::newArenaView(Value value) { return dense(value, addBuffer(Base::Arena, 0, bytesOf(value))); }

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

bool Placement::demand(Value value, const std::optional<View> &view) {
  if (!view || !canOwn(value))
    return false;
  // A chain of views must carry the demand to the kernel, or to where it is copied anyway.
  Operation *op = value.getDefiningOp();
  if (isa<graph::TransposeOp, graph::ReshapeOp, graph::BitCastOp>(op) &&
      !demand(op->getOperand(0), plan::backwardView(op, 0, *view)) && isForwarded(op))
    return false;
  views_[value] = *view;
  return true;
}

void Placement::demandOperand(Operation *op, unsigned operand) {
  std::optional<View> view = plan::backwardView(op, operand, views_.lookup(op->getResult(0)));
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
    views_[result] = newArenaView(result);
  if (gathers) {
    unsigned operands = isa<graph::PadOp>(op) ? 1 : op->getNumOperands();
    for (unsigned operand = 0; operand < operands; ++operand)
      demandOperand(op, operand);
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

void Placement::addStep(kernel::DispatchOp dispatch, ArrayRef<View> results) {
  Step step{dispatch, {}};
  for (Value input : dispatch.getInputs())
    step.views.push_back(placeOf(input));
  llvm::append_range(step.views, results);
  bool empty = llvm::all_of(dispatch.getResults(), [](Value result) { return bytesOf(result) == graph::Extent(0); });
  if (!empty)
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

/// One kernel that writes the borders of a pad: a slab before and one after, for each dim.
void Placement::addFill(graph::PadOp pad, const View &to) {
  RankedTensorType type = graph::typeOf(pad.getResult());
  std::optional<graph::HostTensor> value = graph::constantOf(pad.getValue());
  SmallVector<Type> types;
  SmallVector<View> views;
  graph::Extents shape = graph::extentsOf(type);
  View inner = to;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t low = pad.getLow()[dim], high = pad.getHigh()[dim];
    graph::Extent extent = graph::extentsOf(type)[dim];
    for (auto [start, count] : {std::pair{graph::Extent(0), low}, std::pair{extent - high, high}}) {
      if (count == 0)
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

LogicalResult Placement::lookForward(Operation &op) {
  if (isa<graph::ConstantOp>(op))
    return success();
  builder_.setInsertionPoint(&op);
  if (auto dispatch = dyn_cast<kernel::DispatchOp>(op)) {
    SmallVector<View> results;
    for (Value result : dispatch.getResults()) {
      auto found = views_.find(result);
      results.push_back(found != views_.end() ? found->second : views_[result] = newArenaView(result));
    }
    addStep(dispatch, results);
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
    auto dispatch =
        kernel::DispatchOp::create(builder_, op.getLoc(), TypeRange(result.getType()), ValueRange(operand.get()));
    OpBuilder::InsertionGuard guard(builder_);
    Block *body = builder_.createBlock(&dispatch.getBody());
    IRMapping mapping;
    mapping.map(operand.get(), body->addArgument(operand.get().getType(), op.getLoc()));
    Operation *moved = builder_.clone(op, mapping);
    kernel::YieldOp::create(builder_, op.getLoc(), moved->getResults());
    addStep(dispatch, views_.lookup(result));
  }
  if (views_.count(result))
    return success();
  std::optional<View> view = plan::forwardView(&op, placeOf(op.getOperand(0)));
  if (!view)
    return op.emitError("the place of this view was not decided");
  views_[result] = *view;
  return success();
}

LogicalResult Placement::run() {
  Block &body = function_.getBody().front();
  for (auto [index, argument] : llvm::enumerate(body.getArguments()))
    views_[argument] = dense(argument, addBuffer(Base::Input, index, bytesOf(argument)));
  Operation *terminator = body.getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    View output = dense(operand.get(), addBuffer(Base::Output, index, bytesOf(operand.get())));
    if (!demand(operand.get(), output))
      copies_[{terminator, index}] = output;
  }
  for (Operation &op : llvm::reverse(body.without_terminator()))
    lookBack(&op);
  SmallVector<Operation *> order = llvm::map_to_vector(body, [](Operation &op) { return &op; });
  for (Operation *op : order)
    if (failed(lookForward(*op)))
      return failure();
  return success();
}

namespace {

/// Turns a placement into kernel.func and kernel.plan ops.
class Outliner {
public:
  Outliner(func::FuncOp function, Placement &placement) : function_(function), placement_(placement) {}
  void run();

private:
  plan::ArenaSize assignOffsets();
  plan::ArenaSize assignNumbers(ArrayRef<Buffer *> owners);
  void assignWeights();
  void setDefinitions(kernel::PlanOp plan);
  kernel::FuncOp outline(Step &step, int number);
  void call(OpBuilder &builder, const Step &step, StringRef callee);

  func::FuncOp function_;
  Placement &placement_;
  SmallVector<int64_t> weightOffsets_;
  int64_t weightsBytes_ = 0;
  std::vector<plan::Definition> definitions_; // of a plan with symbolic sizes
};

} // namespace

/// Symbols that stand for nothing but how many images or sequences there are: they are only ever an input's first dim.
static llvm::StringSet<> batchSymbols(func::FuncOp function) {
  llvm::StringSet<> first, others;
  for (Type type : function.getArgumentTypes())
    for (auto [dim, extent] : llvm::enumerate(graph::extentsOf(cast<RankedTensorType>(type)))) {
      llvm::StringSet<> &symbols = dim == 0 ? first : others;
      extent.walkSymbols([&](StringRef symbol) { symbols.insert(symbol); });
    }
  for (const auto &symbol : others)
    first.erase(symbol.getKey());
  return first;
}

plan::ArenaSize Outliner::assignOffsets() {
  SmallVector<Buffer> &buffers = placement_.buffers();
  for (auto [number, step] : llvm::enumerate(placement_.steps()))
    for (const View &view : step.views) {
      Buffer &buffer = buffers[view.buffer];
      buffer.first = buffer.first < 0 ? number : buffer.first;
      buffer.last = number;
    }
  SmallVector<Buffer *> owners;
  bool isStatic = true;
  for (Buffer &buffer : buffers) {
    isStatic &= buffer.bytes.isNumber();
    if (buffer.base == Base::Arena && buffer.first >= 0)
      owners.push_back(&buffer);
  }
  if (isStatic)
    return assignNumbers(owners);
  SmallVector<plan::SymbolicRange> ranges;
  for (Buffer *owner : owners)
    ranges.push_back({owner->bytes, owner->first, owner->last, 0});
  plan::addSizeChecks(function_, definitions_);
  plan::packSymbolicArena(ranges, kAlignment, function_.getContext(), batchSymbols(function_), definitions_);
  for (auto [range, owner] : llvm::zip_equal(ranges, owners))
    owner->offset = range.offset;
  return {};
}

plan::ArenaSize Outliner::assignNumbers(ArrayRef<Buffer *> owners) {
  SmallVector<plan::LiveRange> ranges;
  for (Buffer *owner : owners)
    ranges.push_back({owner->bytes.number(), owner->first, owner->last});
  plan::ArenaSize size = plan::packArena(ranges, kAlignment);
  for (auto [range, owner] : llvm::zip_equal(ranges, owners))
    owner->offset = range.offset;
  return size;
}

void Outliner::assignWeights() {
  for (Buffer &buffer : placement_.buffers()) {
    if (buffer.base != Base::Weights)
      continue;
    buffer.offset = weightsBytes_;
    buffer.index = 0;
    weightOffsets_.push_back(weightsBytes_);
    weightsBytes_ += llvm::alignTo(buffer.bytes.number(), kAlignment);
  }
}

kernel::FuncOp Outliner::outline(Step &step, int number) {
  OpBuilder builder(function_);
  kernel::DispatchOp dispatch = step.dispatch;
  auto kernel = kernel::FuncOp::create(builder, dispatch.getLoc(), ("kernel_" + Twine(number)).str(), ArrayAttr());
  Block *body = builder.createBlock(&kernel.getBody());
  auto argument = [&](Value value, const View &view) {
    RankedTensorType type = graph::typeOf(value);
    MemRefType buffer = kernel::bufferType(graph::extentsOf(type), view.strides, type.getElementType());
    return body->addArgument(buffer, value.getLoc());
  };
  IRMapping mapping;
  Block &source = dispatch.getBody().front();
  unsigned inputs = dispatch.getInputs().size();
  for (auto [index, input] : llvm::enumerate(dispatch.getInputs())) {
    Value buffer = argument(input, step.views[index]);
    mapping.map(source.getArgument(index), kernel::LoadOp::create(builder, dispatch.getLoc(), input.getType(), buffer));
  }
  for (Operation &op : source.without_terminator())
    builder.clone(op, mapping);
  for (auto [index, value] : llvm::enumerate(source.getTerminator()->getOperands())) {
    Value buffer = argument(value, step.views[inputs + index]);
    kernel::StoreOp::create(builder, dispatch.getLoc(), mapping.lookup(value), buffer);
  }
  return kernel;
}

void Outliner::call(OpBuilder &builder, const Step &step, StringRef callee) {
  SmallVector<int32_t> bases, indices;
  graph::Extents offsets;
  SmallVector<Value> values(step.dispatch->getOperands());
  llvm::append_range(values, step.dispatch->getResults());
  for (auto [value, view] : llvm::zip_equal(values, step.views)) {
    const Buffer &buffer = placement_.buffers()[view.buffer];
    bases.push_back(static_cast<int32_t>(buffer.base));
    indices.push_back(buffer.index);
    offsets.push_back(buffer.offset + view.offset * graph::elementBytes(graph::typeOf(value).getElementType()));
  }
  kernel::CallOp::create(builder, step.dispatch->getLoc(), callee, ArrayRef<int32_t>(bases), ArrayRef<int32_t>(indices),
                         ArrayRef<graph::Extent>(offsets), graph::ExtentsAttr());
}

static SmallVector<StringRef> namesOf(ArrayAttr attributes, unsigned count) {
  SmallVector<StringRef> names;
  for (unsigned index = 0; index < count; ++index) {
    auto dictionary = attributes ? dyn_cast<DictionaryAttr>(attributes[index]) : DictionaryAttr();
    auto name = dictionary ? dictionary.getAs<StringAttr>("graph.name") : StringAttr();
    names.push_back(name ? name.getValue() : "");
  }
  return names;
}

/// What the inputs or outputs of the model are, of which pack-elements has changed the types.
static SmallVector<Type> declaredTypes(ArrayRef<Type> types, ArrayAttr attributes) {
  SmallVector<Type> declared(types);
  for (auto [index, type] : llvm::enumerate(declared)) {
    auto dictionary = attributes ? dyn_cast<DictionaryAttr>(attributes[index]) : DictionaryAttr();
    if (auto given = dictionary ? dictionary.getAs<TypeAttr>(plan::kDeclaredType) : TypeAttr())
      type = given.getValue();
  }
  return declared;
}

void Outliner::setDefinitions(kernel::PlanOp plan) {
  if (definitions_.empty())
    return;
  OpBuilder builder(plan);
  SmallVector<StringRef> symbols;
  graph::Extents values;
  for (const plan::Definition &definition : definitions_) {
    symbols.push_back(definition.symbol);
    values.push_back(definition.value);
  }
  plan.setSymbolsAttr(builder.getStrArrayAttr(symbols));
  plan.setValuesAttr(graph::ExtentsAttr::get(builder.getContext(), values));
}

void Outliner::run() {
  plan::ArenaSize arena = assignOffsets();
  assignWeights();
  SmallVector<kernel::FuncOp> kernels;
  for (auto [number, step] : llvm::enumerate(placement_.steps()))
    kernels.push_back(outline(step, number));

  OpBuilder builder(function_);
  FunctionType type = function_.getFunctionType();
  auto name = function_->getParentOp()->getAttrOfType<StringAttr>("graph.name");
  SmallVector<Attribute> weights(placement_.weights().begin(), placement_.weights().end());
  auto plan =
      kernel::PlanOp::create(builder, function_.getLoc(), name ? name.getValue() : "model", arena.bytes, weightsBytes_,
                             builder.getArrayAttr(weights), weightOffsets_,
                             builder.getStrArrayAttr(namesOf(function_.getArgAttrsAttr(), type.getNumInputs())),
                             builder.getTypeArrayAttr(declaredTypes(type.getInputs(), function_.getArgAttrsAttr())),
                             builder.getStrArrayAttr(namesOf(function_.getResAttrsAttr(), type.getNumResults())),
                             builder.getTypeArrayAttr(declaredTypes(type.getResults(), function_.getResAttrsAttr())),
                             arena.lowerBound, ArrayAttr(), graph::ExtentsAttr());
  setDefinitions(plan);
  builder.createBlock(&plan.getBody());
  for (auto [step, kernel] : llvm::zip_equal(placement_.steps(), kernels))
    call(builder, step, kernel.getSymName());
  function_.erase();
}

namespace {
struct PlaceBuffers : PassWrapper<PlaceBuffers, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlaceBuffers)
  StringRef getArgument() const override { return "place-buffers"; }
  StringRef getDescription() const override { return "give tensors their places and make the plan of calls"; }

  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation()->getRegion(0).getOps<func::FuncOp>())) {
      Placement placement(function);
      if (failed(placement.run()))
        return signalPassFailure();
      Outliner(function, placement).run();
    }
  }
};
} // namespace

std::unique_ptr<Pass> plan::createPlaceBuffersPass() { return std::make_unique<PlaceBuffers>(); }

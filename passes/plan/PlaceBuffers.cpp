// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// place-buffers: gives every tensor a place and every dispatch its buffers. Reshapes, transposes, slices,
// concatenations and paddings become views wherever strides express them: looking back from a concat, a pad or an
// output, its operands' producers write straight into it; looking forward, what a view reads is its operand's buffer.
// The rest becomes copy kernels, and so do views of what an op before them has asked for at another place. Then
// dispatches are outlined as kernel.func, and the steps, with offsets into one arena packed by live ranges, as
// kernel.plan.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Frame.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"
#include "passes/plan/SizeChecks.h"
#include "passes/plan/Views.h"

using namespace mlir;
using namespace smelt;
using plan::Base;
using plan::Buffer;
using plan::Frame;
using plan::Parts;
using plan::Placement;
using plan::Step;
using plan::View;

namespace {

/// Where an operand lies, as kernel.call has it.
struct Place {
  Base base;
  int index;
  graph::Extent offset;
};

/// Where what a frame names lies in the plan.
struct Surroundings {
  graph::Extent arena = 0; // where its arena begins
  SmallVector<Place> inputs, outputs;
};

/// Turns the frames of a model into kernel.func and kernel.plan ops.
class Outliner {
public:
  Outliner(func::FuncOp function, plan::FrameBuilder &frames)
      : function_(function), frames_(frames), builder_(function) {}
  void run(Frame &main);

private:
  kernel::PlanOp createPlan(Frame &main);
  void setDefinitions();
  void setHeld(Frame &main);
  void placeStates(ArrayRef<plan::State> states);
  Place placeOf(Frame &frame, const View &view, Type element);
  kernel::FuncOp outline(const Step &step);
  void emit(Frame &frame, Surroundings surroundings);
  void grow(Frame &frame, int step);
  void emit(Frame &frame, int number, const Step &step);
  void call(Frame &frame, const Step &step);
  void bind(Frame &frame, graph::BindSizesOp op, const View &view);
  void branch(Frame &frame, graph::IfOp op, const Step &step, Parts &parts);
  void repeat(Frame &frame, graph::WhileOp op, const Step &step, Parts &parts);

  func::FuncOp function_;
  plan::FrameBuilder &frames_;
  OpBuilder builder_;
  kernel::PlanOp plan_;
  Surroundings around_; // of the frame that is being emitted
  int kernels_ = 0;
  llvm::SmallDenseSet<int> fixedBlocks_; // of states, which the arena has
};

} // namespace

kernel::FuncOp Outliner::outline(const Step &step) {
  OpBuilder builder(plan_);
  auto dispatch = cast<kernel::DispatchOp>(step.op);
  auto kernel = kernel::FuncOp::create(builder, dispatch.getLoc(), ("kernel_" + Twine(kernels_++)).str(), ArrayAttr(),
                                       step.scratch ? builder.getI64IntegerAttr(step.scratch) : IntegerAttr());
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

Place Outliner::placeOf(Frame &frame, const View &view, Type element) {
  const Buffer &buffer = frame.placement->buffers()[view.buffer];
  graph::Extent offset = buffer.offset + view.offset * graph::elementBytes(element);
  if (buffer.base == Base::Arena)
    return {Base::Arena, 0, around_.arena + offset};
  if (buffer.base != Base::Input && buffer.base != Base::Output)
    return {buffer.base, buffer.index, offset};
  Place place = (buffer.base == Base::Input ? around_.inputs : around_.outputs)[buffer.index];
  return {place.base, place.index, place.offset + offset};
}

/// The blocks that a step is the first to touch. Those of control flow grow inside of it.
void Outliner::grow(Frame &frame, int step) {
  bool isControl = frame.parts.contains(step);
  for (const Buffer &buffer : frame.placement->buffers()) {
    if (buffer.first != step || isControl)
      continue;
    Place place{buffer.base, buffer.index, 0};
    if (buffer.base == Base::Output)
      place = around_.outputs[buffer.index];
    if (place.base == Base::Block && !fixedBlocks_.contains(place.index))
      kernel::GrowOp::create(builder_, function_.getLoc(), static_cast<int64_t>(place.index),
                             place.offset + buffer.bytes);
  }
}

void Outliner::call(Frame &frame, const Step &step) {
  std::string callee = outline(step).getSymName().str();
  SmallVector<int32_t> bases, indices;
  graph::Extents offsets;
  SmallVector<Value> values(step.op->getOperands());
  llvm::append_range(values, step.op->getResults());
  for (auto [value, view] : llvm::zip_first(values, step.views)) {
    Place place = placeOf(frame, view, graph::typeOf(value).getElementType());
    bases.push_back(static_cast<int32_t>(place.base));
    indices.push_back(place.index);
    offsets.push_back(place.offset);
  }
  auto call =
      kernel::CallOp::create(builder_, step.op->getLoc(), callee, ArrayRef<int32_t>(bases), ArrayRef<int32_t>(indices),
                             ArrayRef<graph::Extent>(offsets), graph::ExtentsAttr(), graph::ExtentsAttr());
  if (step.scratch)
    call.setScratchAttr(
        graph::ExtentsAttr::get(builder_.getContext(), placeOf(frame, step.views.back(), builder_.getI8Type()).offset));
}

void Outliner::bind(Frame &frame, graph::BindSizesOp op, const View &view) {
  int64_t count = graph::typeOf(op.getValues()).getDimSize(0);
  graph::Extents offsets;
  Place place = placeOf(frame, view, builder_.getI64Type());
  for (int64_t element = 0; element < count; ++element)
    offsets.push_back(place.offset + view.strides.front() * element * static_cast<int64_t>(sizeof(int64_t)));
  kernel::BindSizesOp::create(builder_, op.getLoc(), op.getSymbols(),
                              SmallVector<int32_t>(count, static_cast<int32_t>(place.base)),
                              SmallVector<int32_t>(count, place.index), offsets);
}

/// Where the operands and results of a step of control flow lie.
static SmallVector<Type> elementsOf(Operation *op) {
  SmallVector<Type> elements;
  for (Type type : op->getOperandTypes())
    elements.push_back(getElementTypeOrSelf(type));
  for (Type type : op->getResultTypes())
    elements.push_back(getElementTypeOrSelf(type));
  return elements;
}

void Outliner::branch(Frame &frame, graph::IfOp op, const Step &step, Parts &parts) {
  Surroundings inside;
  Type byte = builder_.getIntegerType(8);
  inside.arena = placeOf(frame, step.views[parts.memory], byte).offset;
  for (auto [number, element] : llvm::enumerate(elementsOf(op)))
    (number < op.getInputs().size() ? inside.inputs : inside.outputs)
        .push_back(placeOf(frame, step.views[number], element));
  if (!op.getSymbols().empty())
    kernel::VariablesOp::create(builder_, op.getLoc(), op.getSymbols());
  auto choice = kernel::IfOp::create(builder_, op.getLoc(), op.getCondition());
  auto fill = [&](Region &region, Frame &part, ArrayRef<graph::Extent> sizes) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.createBlock(&region);
    emit(part, inside);
    if (!op.getSymbols().empty())
      kernel::DefineSizesOp::create(builder_, op.getLoc(), op.getSymbols(), sizes);
  };
  fill(choice.getFirst(), *parts.first, op.getFirstSizes());
  fill(choice.getSecond(), *parts.second, op.getSecondSizes());
}

void Outliner::repeat(Frame &frame, graph::WhileOp op, const Step &step, Parts &parts) {
  size_t carried = op.getCarried(), inputs = op.getInputs().size();
  SmallVector<Type> elements = elementsOf(op);
  SmallVector<Place> given, state, next, added;
  for (size_t number = 0; number < inputs; ++number)
    given.push_back(placeOf(frame, step.views[number], elements[number]));
  for (size_t number = 0; number < op.getNumResults(); ++number) {
    Place place = placeOf(frame, step.views[inputs + number], elements[inputs + number]);
    if (number < carried) {
      state.push_back(place);
      next.push_back(placeOf(frame, step.views[parts.next + number], elements[inputs + number]));
      continue;
    }
    // Round after round behind what is there.
    auto made = cast<RankedTensorType>(parts.first->function.getResultTypes()[number]);
    graph::Extent round = graph::Extent::symbol(op.getContext(), cast<StringAttr>(op.getSymbols()[0]).getValue());
    place.offset += round * plan::bytesOf(made);
    added.push_back(place);
  }
  graph::Extent arena = placeOf(frame, step.views[parts.memory], builder_.getIntegerType(8)).offset;
  emit(*parts.initialise, {arena, SmallVector<Place>(ArrayRef(given).take_front(carried)), state});
  kernel::VariablesOp::create(builder_, op.getLoc(), op.getSymbols());
  kernel::DefineSizesOp::create(builder_, op.getLoc(), op.getSymbols(), op.getInitial());
  auto loop = kernel::LoopOp::create(builder_, op.getLoc(), op.getCondition());
  OpBuilder::InsertionGuard guard(builder_);
  builder_.createBlock(&loop.getBody());
  Surroundings inside{arena, state, next};
  llvm::append_range(inside.inputs, ArrayRef(given).drop_front(carried));
  llvm::append_range(inside.outputs, added);
  emit(*parts.first, inside);
  emit(*parts.advance, {arena, next, state});
  kernel::DefineSizesOp::create(builder_, op.getLoc(), op.getSymbols(), op.getNext());
}

void Outliner::emit(Frame &frame, int number, const Step &step) {
  if (auto binding = dyn_cast<graph::BindSizesOp>(step.op))
    return bind(frame, binding, step.views.front());
  if (auto definition = dyn_cast<graph::DefineSizesOp>(step.op)) {
    kernel::DefineSizesOp::create(builder_, definition.getLoc(), definition.getSymbols(), definition.getExtents());
    return;
  }
  if (auto branches = dyn_cast<graph::IfOp>(step.op))
    return branch(frame, branches, step, frame.parts[number]);
  if (auto loop = dyn_cast<graph::WhileOp>(step.op))
    return repeat(frame, loop, step, frame.parts[number]);
  call(frame, step);
}

/// The steps of a frame, at the insertion point.
void Outliner::emit(Frame &frame, Surroundings surroundings) {
  std::swap(around_, surroundings);
  for (plan::SizeCheck &check : plan::sizeChecks(frame.function))
    kernel::CheckOp::create(builder_, check.where, graph::ExtentsAttr::get(builder_.getContext(), check.extents),
                            check.asked ? check.asked.getMessageAttr() : StringAttr(),
                            check.asked ? check.asked.getValuesAttr() : graph::ExtentsAttr());
  for (auto [number, step] : llvm::enumerate(frame.placement->steps())) {
    grow(frame, static_cast<int>(number));
    emit(frame, static_cast<int>(number), step);
  }
  std::swap(around_, surroundings);
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

void Outliner::setDefinitions() {
  if (frames_.definitions().empty())
    return;
  SmallVector<StringRef> symbols;
  graph::Extents values;
  for (const plan::Definition &definition : frames_.definitions()) {
    symbols.push_back(definition.symbol);
    values.push_back(definition.value);
  }
  plan_.setSymbolsAttr(builder_.getStrArrayAttr(symbols));
  plan_.setValuesAttr(graph::ExtentsAttr::get(builder_.getContext(), values));
}

void Outliner::setHeld(Frame &main) {
  SmallVector<int32_t> bases, indices;
  graph::Extents offsets;
  ArrayRef<std::optional<View>> held = main.placement->held();
  for (auto [view, type] : llvm::zip_equal(held, function_.getResultTypes())) {
    Place place = view ? placeOf(main, *view, getElementTypeOrSelf(type)) : Place{Base(-1), 0, 0};
    bases.push_back(static_cast<int32_t>(place.base));
    indices.push_back(place.index);
    offsets.push_back(place.offset);
  }
  if (llvm::none_of(held, [](const std::optional<View> &view) { return view.has_value(); }))
    return;
  plan_.setHeldBases(bases);
  plan_.setHeldIndices(indices);
  plan_.setHeldOffsetsAttr(graph::ExtentsAttr::get(builder_.getContext(), offsets));
}

kernel::PlanOp Outliner::createPlan(Frame &main) {
  FunctionType type = function_.getFunctionType();
  ArrayAttr arguments = function_.getArgAttrsAttr(), results = function_.getResAttrsAttr();
  auto name = function_->getParentOp()->getAttrOfType<StringAttr>("graph.name");
  SmallVector<Attribute> weights;
  SmallVector<int64_t> weightOffsets;
  for (auto [weight, offset] : frames_.weights()) {
    weights.push_back(weight);
    weightOffsets.push_back(offset);
  }
  return kernel::PlanOp::create(
      builder_, function_.getLoc(), builder_.getStringAttr(name ? name.getValue() : "model"),
      builder_.getI64IntegerAttr(main.bytes.asNumber().value_or(0)), builder_.getI64IntegerAttr(frames_.weightsBytes()),
      builder_.getArrayAttr(weights), builder_.getDenseI64ArrayAttr(weightOffsets),
      builder_.getStrArrayAttr(namesOf(arguments, type.getNumInputs())),
      builder_.getTypeArrayAttr(declaredTypes(type.getInputs(), arguments)),
      builder_.getStrArrayAttr(namesOf(results, type.getNumResults())),
      builder_.getTypeArrayAttr(declaredTypes(type.getResults(), results)), builder_.getI64IntegerAttr(main.liveBytes),
      ArrayAttr(), graph::ExtentsAttr(), builder_.getI64IntegerAttr(frames_.blocks()), DenseI32ArrayAttr(),
      DenseI32ArrayAttr(), graph::ExtentsAttr(), ArrayAttr(), builder_.getI64IntegerAttr(0));
}

/// Gives states their blocks behind those of the frames, and the calls their inputs and outputs: those that are states
/// lie in blocks, the others are counted alone.
void Outliner::placeStates(ArrayRef<plan::State> states) {
  around_.inputs.assign(function_.getNumArguments(), {Base::Input, 0, 0});
  around_.outputs.assign(function_.getNumResults(), {Base::Output, 0, 0});
  int blocks = frames_.blocks();
  int64_t bytes = 0;
  SmallVector<Attribute> rows;
  for (const plan::State &state : states) {
    SmallVector<int64_t> own{blocks, state.isOne ? blocks : blocks + 1}, places(2, -1);
    blocks += state.isOne ? 1 : 2;
    // A block begins where the state does; what it is a window of begins before.
    int64_t before = 0, all = state.bytes.value_or(0);
    if (state.whole) {
      before = state.skipped * graph::elementBytes(getElementTypeOrSelf(state.whole));
      all = plan::bytesOf(graph::typeOf(state.whole)).number();
    }
    for (size_t number = 0; state.bytes && number < 2; ++number) {
      places[number] = number == 1 && state.isOne ? places[0] : bytes + before;
      bytes += number == 1 && state.isOne ? 0 : llvm::alignTo(all, plan::kAlignment);
      fixedBlocks_.insert(static_cast<int>(own[number]));
    }
    around_.inputs[state.input] = {Base::Block, static_cast<int>(own[0]), 0};
    around_.outputs[state.output] = {Base::Block, static_cast<int>(own[1]), graph::Extent(-before)};
    NamedAttrList row;
    row.set("input", builder_.getI64IntegerAttr(state.input));
    row.set("output", builder_.getI64IntegerAttr(state.output));
    row.set("blocks", builder_.getDenseI64ArrayAttr(own));
    row.set("places", builder_.getDenseI64ArrayAttr(places));
    row.set("bytes", builder_.getI64IntegerAttr(state.bytes.value_or(0)));
    if (SmallVector<int64_t> strides = state.gaps(); !strides.empty())
      row.set("strides", builder_.getDenseI64ArrayAttr(strides));
    rows.push_back(row.getDictionary(builder_.getContext()));
  }
  for (SmallVector<Place> *places : {&around_.inputs, &around_.outputs}) {
    int count = 0;
    for (Place &place : *places)
      if (place.base != Base::Block)
        place.index = count++;
  }
  if (rows.empty())
    return;
  plan_.setStatesAttr(builder_.getArrayAttr(rows));
  plan_.setStateBytes(bytes);
  plan_.setBlocks(blocks);
}

void Outliner::run(Frame &main) {
  plan_ = createPlan(main);
  setDefinitions();
  placeStates(main.placement->states());
  setHeld(main);
  builder_.createBlock(&plan_.getBody());
  emit(main, around_);
}

namespace {
struct PlaceBuffers : plan::MachinePass<PlaceBuffers, void> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlaceBuffers)
  explicit PlaceBuffers(const kernel::Machine &machine) : MachinePass(machine) { byLane_ = machine.byLane; }
  PlaceBuffers(const PlaceBuffers &other) : MachinePass(other) {}
  StringRef getArgument() const override { return "place-buffers"; }
  StringRef getDescription() const override { return "give tensors their places and make the plan of calls"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<graph::GraphDialect, kernel::KernelDialect>(); // a copy needs both, whatever the file had
  }

  void runOnOperation() override {
    Region &region = getOperation()->getRegion(0);
    for (auto function : llvm::make_early_inc_range(region.getOps<func::FuncOp>())) {
      if (function.isPrivate())
        continue; // placed where it is called
      plan::FrameBuilder frames(getOperation(), seen());
      std::unique_ptr<Frame> main = frames.build(function, true);
      if (!main)
        return signalPassFailure();
      Outliner(function, frames).run(*main);
    }
    for (auto function : llvm::make_early_inc_range(region.getOps<func::FuncOp>()))
      function.erase();
  }

private:
  /// As the target sees itself: blocks of attention have as many rows as its tiles.
  kernel::Machine seen() const {
    kernel::Machine machine = this->machine();
    machine.byLane = byLane_;
    return machine;
  }

  // Other passes choose the width of panels without it.
  Option<bool> byLane_{*this, "by-lane", llvm::cl::desc("multiplies vectors by lanes of registers"),
                       llvm::cl::init(false)};
};
} // namespace

std::unique_ptr<Pass> plan::createPlaceBuffersPass(const kernel::Machine &machine) {
  return std::make_unique<PlaceBuffers>(machine);
}

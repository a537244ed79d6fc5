// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/FromPlan.h"
#include "codegen/artifact/Bounds.h"
#include "codegen/artifact/SizeProgram.h"
#include "codegen/artifact/WorkOfSteps.h"
#include "dialects/Graph/Location.h"
#include "dialects/Kernel/Dtype.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Kernel/Work.h"
#include "mlir/IR/SymbolTable.h"
#include "smelt/smelt.h"

using namespace mlir;

namespace smelt::artifact {

namespace {
/// Makes the parts of a model that sizes occur in.
class Conversion {
public:
  Conversion(kernel::PlanOp plan, const SymbolTable &kernels, PlannedModel &planned)
      : plan_(plan), kernels_(kernels), planned_(planned) {}

  llvm::Error run();

private:
  /// An extent that a step needs, and the source of that; null, or the check of which it is the condition.
  struct Wanted {
    graph::Extent extent;
    Location where;
    kernel::CheckOp check;
  };

  llvm::Error addSizes();
  llvm::Error addTensors(ArrayAttr names, ArrayAttr types, std::vector<Tensor> &tensors);
  llvm::Error setExtents(ArrayRef<graph::Extent> extents, Type element, Tensor &tensor);
  llvm::Error setHeld();
  std::optional<uint32_t> stateOf(StringRef kind, size_t number);
  void addStates();
  llvm::Error set(const graph::Extent &extent, int64_t &number, bool &isSize);

  graph::Extent tilesOf(kernel::CallOp call) const;
  graph::Extents measuresOf(kernel::CallOp call) const;
  void noteWork(kernel::CallOp call) { work_.add(steps().size(), call, kernels_.lookup(call.getCallee())); }
  std::vector<Wanted> wantedBy(Operation &op) const;
  std::vector<Wanted> outputSizes();

  llvm::Error addSteps(Block &block, ArrayRef<Wanted> others);
  llvm::Error addStep(Operation &op, std::vector<Wanted> &wanted);
  llvm::Error addCall(kernel::CallOp call);
  llvm::Error addBinding(kernel::BindSizesOp op, std::vector<Wanted> &wanted);
  llvm::Error addDefinition(kernel::DefineSizesOp op, std::vector<Wanted> &wanted);
  llvm::Error addGrowth(kernel::GrowOp op);
  llvm::Error addIf(kernel::IfOp op, std::vector<Wanted> &wanted);
  llvm::Error addLoop(kernel::LoopOp op, std::vector<Wanted> &wanted);
  llvm::Error addAssignment(kernel::DefineSizesOp op, uint32_t first);
  llvm::Expected<uint32_t> computed(const graph::Extent &extent);
  llvm::Expected<size_t> jumpUnless(const graph::Extent &condition);
  size_t jump(uint32_t to, uint32_t size);
  void land(size_t jump) {
    steps()[jump].first = steps().size();
    label_ = steps().size();
  }
  llvm::Expected<Operand> operandOf(int32_t base, int32_t index, const graph::Extent &offset);
  void addUse(uint32_t first, Location where, std::string says = "");
  bool isKnown(const Wanted &wanted) const;
  llvm::Expected<std::string> sayOf(kernel::CheckOp check);
  llvm::Error computeKnown(std::vector<Wanted> &wanted);
  llvm::Error findSizes(std::vector<Operand> operands, uint32_t first, std::vector<Wanted> &wanted);
  std::vector<Step> &steps() { return planned_.model.steps; }

  kernel::PlanOp plan_;
  const SymbolTable &kernels_;
  PlannedModel &planned_;
  SizeProgram sizes_;
  WorkOfSteps work_;
  size_t label_ = 0; // of steps, the last that a jump leads to
};
} // namespace

static RankedTensorType tensorType(Attribute attribute) {
  return cast<RankedTensorType>(cast<TypeAttr>(attribute).getValue());
}

static ArrayRef<Attribute> statesOf(kernel::PlanOp plan) {
  std::optional<ArrayAttr> states = plan.getStates();
  return states ? states->getValue() : ArrayRef<Attribute>();
}

static int64_t numberIn(DictionaryAttr state, StringRef name) { return cast<IntegerAttr>(state.get(name)).getInt(); }

/// Which state an input or output is.
std::optional<uint32_t> Conversion::stateOf(StringRef kind, size_t number) {
  for (auto [state, attribute] : llvm::enumerate(statesOf(plan_)))
    if (numberIn(cast<DictionaryAttr>(attribute), kind) == static_cast<int64_t>(number))
      return state;
  return std::nullopt;
}

/// Takes those out that are states.
static void separate(std::vector<Tensor> &tensors, llvm::function_ref<Tensor *(size_t number)> stateOf) {
  std::vector<Tensor> others;
  for (auto [number, tensor] : llvm::enumerate(tensors)) {
    Tensor *state = stateOf(number);
    (state ? *state : others.emplace_back()) = std::move(tensor);
  }
  tensors = std::move(others);
}

void Conversion::addStates() {
  Model &model = planned_.model;
  model.stateBytes = plan_.getStateBytes();
  for (Attribute attribute : statesOf(plan_)) {
    auto given = cast<DictionaryAttr>(attribute);
    State &state = model.states.emplace_back();
    if (auto strides = given.getAs<DenseI64ArrayAttr>("strides"))
      state.strides = strides.asArrayRef();
    llvm::copy(given.getAs<DenseI64ArrayAttr>("blocks").asArrayRef(), state.blocks);
    llvm::copy(given.getAs<DenseI64ArrayAttr>("places").asArrayRef(), state.places);
    state.bytes = numberIn(given, "bytes");
  }
  separate(model.inputs, [&](size_t number) {
    std::optional<uint32_t> state = stateOf("input", number);
    return state ? &model.states[*state].input : nullptr;
  });
  separate(model.outputs, [&](size_t number) {
    std::optional<uint32_t> state = stateOf("output", number);
    return state ? &model.states[*state].output : nullptr;
  });
}

/// What follows from the inputs' shapes.
llvm::Error Conversion::addSizes() {
  std::vector<graph::Extents> inputs;
  uint32_t count = 0; // of inputs that are no states
  for (auto [number, type] : llvm::enumerate(plan_.getInputTypes())) {
    inputs.push_back(graph::extentsOf(tensorType(type)));
    if (!stateOf("input", number))
      sizes_.addInput(count++, inputs.back());
  }
  for (size_t number = 0; number < inputs.size(); ++number)
    if (std::optional<uint32_t> state = stateOf("input", number))
      sizes_.addState(*state, inputs[number]);
  llvm::Expected<std::vector<Symbol>> named =
      symbolsOf(inputs, plan_->getParentOp()->getAttrOfType<DictionaryAttr>("graph.bounds"), sizes_);
  if (!named)
    return named.takeError();
  planned_.model.symbols = std::move(*named);
  if (llvm::Error error = sizes_.checkInputs())
    return error;
  if (std::optional<ArrayAttr> symbols = plan_.getSymbols()) {
    for (auto [symbol, value] : llvm::zip_equal(*symbols, *plan_.getValues()))
      if (llvm::Error error = sizes_.define(cast<StringAttr>(symbol).getValue(), value))
        return error;
    llvm::Expected<uint32_t> arena = sizes_.sizeOf(plan_.getValues()->back());
    if (!arena)
      return arena.takeError();
    planned_.model.arenaSize = *arena;
  }
  return llvm::Error::success();
}

llvm::Error Conversion::setExtents(ArrayRef<graph::Extent> extents, Type element, Tensor &tensor) {
  for (const graph::Extent &extent : extents)
    tensor.shape.push_back(extent.asNumber().value_or(-1));
  graph::Extent count = graph::productOf(extents), bytes = count * graph::elementBytes(element);
  if (graph::asNumbers(extents)) {
    tensor.bytes = graph::isPackable(element) ? graph::packedBytes(count.number(), element) : bytes.number();
    return llvm::Error::success();
  }
  for (const graph::Extent &extent : extents) {
    llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
    if (!size)
      return size.takeError();
    tensor.extentSizes.push_back(*size);
    tensor.extents.push_back(extent.str());
  }
  return sizes_.sizeOf(bytes).takeError(); // so that the runtime finds what overflows
}

llvm::Error Conversion::addTensors(ArrayAttr names, ArrayAttr types, std::vector<Tensor> &tensors) {
  for (auto [name, attribute] : llvm::zip_equal(names, types)) {
    RankedTensorType type = tensorType(attribute);
    std::optional<uint32_t> dtype = kernel::dtypeOf(type.getElementType());
    StringRef text = cast<StringAttr>(name).getValue();
    if (!dtype)
      return defect("tensor '" + text + "' has an element type that the runtime lacks");
    Tensor tensor;
    tensor.name = text.str();
    tensor.dtype = *dtype;
    if (llvm::Error error = setExtents(graph::extentsOf(type), type.getElementType(), tensor))
      return error;
    tensors.push_back(std::move(tensor));
  }
  return llvm::Error::success();
}

static llvm::Error addWeights(kernel::PlanOp plan, PlannedModel &planned) {
  for (auto [attribute, offset] : llvm::zip_equal(plan.getWeights(), plan.getWeightOffsets())) {
    std::optional<graph::HostTensor> tensor = graph::HostTensor::of(cast<ElementsAttr>(attribute));
    if (!tensor)
      return defect("a weight has no bytes");
    planned.weights.push_back(*tensor);
    planned.model.weights.push_back({static_cast<uint64_t>(offset), tensor->bytes()});
  }
  return llvm::Error::success();
}

/// An extent as a number, or as which size it is.
llvm::Error Conversion::set(const graph::Extent &extent, int64_t &number, bool &isSize) {
  isSize = !extent.isNumber();
  if (!isSize) {
    number = extent.number();
    return llvm::Error::success();
  }
  llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
  if (!size)
    return size.takeError();
  number = *size;
  return llvm::Error::success();
}

llvm::Expected<Operand> Conversion::operandOf(int32_t base, int32_t index, const graph::Extent &offset) {
  Operand operand;
  operand.base = static_cast<Base>(base);
  operand.index = static_cast<uint32_t>(index);
  if (llvm::Error error = set(offset, operand.offset, operand.offsetIsSize))
    return std::move(error);
  return operand;
}

/// Into how many tiles a kernel's work is cut: 1 where it doesn't say.
graph::Extent Conversion::tilesOf(kernel::CallOp call) const {
  Operation *kernel = kernels_.lookup(call.getCallee());
  auto tiles = kernel ? kernel->getAttrOfType<graph::ExtentsAttr>("kernel.tiles") : graph::ExtentsAttr();
  return tiles ? kernel::inCaller(tiles.extents().front(), call) : 1;
}

/// What the runtime must know of a call to run it on a device.
graph::Extents Conversion::measuresOf(kernel::CallOp call) const {
  Operation *kernel = kernels_.lookup(call.getCallee());
  auto measures = kernel ? kernel->getAttrOfType<graph::ExtentsAttr>(kDeviceMeasures) : graph::ExtentsAttr();
  graph::Extents found;
  if (measures)
    for (const graph::Extent &extent : measures.extents())
      found.push_back(kernel::inCaller(extent, call));
  return found;
}

/// The extents that must have been computed when a step runs.
std::vector<Conversion::Wanted> Conversion::wantedBy(Operation &op) const {
  std::vector<Wanted> wanted;
  if (auto check = dyn_cast<kernel::CheckOp>(op)) {
    for (const graph::Extent &extent : check.getExtents())
      wanted.push_back({extent, op.getLoc(), check});
    return wanted;
  }
  for (NamedAttribute attribute : op.getAttrs())
    if (auto extents = dyn_cast<graph::ExtentsAttr>(attribute.getValue()))
      for (const graph::Extent &extent : extents.extents())
        wanted.push_back({extent, op.getLoc(), {}});
  if (auto call = dyn_cast<kernel::CallOp>(op)) {
    wanted.push_back({tilesOf(call), op.getLoc(), {}});
    for (const graph::Extent &extent : measuresOf(call))
      wanted.push_back({extent, op.getLoc(), {}});
  }
  return wanted;
}

/// Notes what the sizes from number `first` on are for, and what is wrong where there is none.
void Conversion::addUse(uint32_t first, Location where, std::string says) {
  std::vector<SizeUse> &uses = planned_.model.sizeUses;
  std::string name = graph::sourceNames(where);
  if (first == sizes_.count() || name.empty())
    return;
  if (!uses.empty() && uses.back().last == first && uses.back().name == name && uses.back().says == says)
    uses.back().last = sizes_.count();
  else
    uses.push_back({std::move(name), first, sizes_.count(), std::move(says)});
}

/// What a check says where it does not hold, as smelt_size_use has it: with the numbers of its values' sizes.
llvm::Expected<std::string> Conversion::sayOf(kernel::CheckOp check) {
  if (!check || !check.getMessage())
    return "";
  std::string says;
  for (char letter : graph::describeLocation(check.getLoc()) + ": ")
    says.append(letter == '{' || letter == '}' ? 2 : 1, letter);
  StringRef rest = *check.getMessage();
  ArrayRef<graph::Extent> values = *check.getValues();
  while (!rest.empty()) {
    if (!values.empty() && rest.consume_front("{}")) {
      llvm::Expected<uint32_t> size = sizes_.sizeOf(values.front());
      if (!size)
        return size.takeError();
      says += "{" + std::to_string(*size) + "}";
      values = values.drop_front();
      continue;
    }
    const size_t letters = rest.starts_with("{{") || rest.starts_with("}}") ? 2 : 1;
    says += rest.take_front(letters);
    rest = rest.drop_front(letters);
  }
  return says;
}

/// Whether all symbols of an extent that is wanted, and of what is said of it, have values by now.
bool Conversion::isKnown(const Wanted &wanted) const {
  auto isKnown = [&](const graph::Extent &extent) { return sizes_.isKnown(extent); };
  kernel::CheckOp check = wanted.check;
  return isKnown(wanted.extent) && (!check || !check.getValues() || llvm::all_of(*check.getValues(), isKnown));
}

llvm::Error Conversion::addCall(kernel::CallOp call) {
  Step step;
  step.kernel = call.getCallee().str();
  step.name = graph::sourceNames(call.getLoc());
  for (auto [base, index, offset] : llvm::zip_equal(call.getBases(), call.getIndices(), call.getOffsets())) {
    llvm::Expected<Operand> operand = operandOf(base, index, offset);
    if (!operand)
      return operand.takeError();
    step.operands.push_back(*operand);
  }
  ArrayRef<graph::Extent> given;
  if (call.getSizes())
    given = *call.getSizes();
  for (const graph::Extent &extent : given) {
    llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
    if (!size)
      return size.takeError();
    step.operands.push_back({Base::Sizes, 0, static_cast<int64_t>(*size) * static_cast<int64_t>(sizeof(int64_t))});
  }
  for (const graph::Extent &extent : measuresOf(call)) {
    llvm::Expected<Operand> operand = operandOf(static_cast<int32_t>(Base::Sizes), 0, extent);
    if (!operand)
      return operand.takeError();
    step.operands.push_back(*operand);
  }
  if (call.getScratch()) {
    llvm::Expected<Operand> scratch = operandOf(static_cast<int32_t>(Base::Scratch), 0, call.getScratch()->front());
    if (!scratch)
      return scratch.takeError();
    step.operands.push_back(*scratch);
  }
  if (llvm::Error error = set(tilesOf(call), step.tiles, step.tilesIsSize))
    return error;
  Operation *kernel = kernels_.lookup(call.getCallee());
  if (auto number = kernel ? kernel->getAttrOfType<IntegerAttr>(kDeviceKernel) : IntegerAttr()) {
    step.kind = StepKind::Device;
    step.first = static_cast<uint32_t>(number.getInt());
    step.isShared = !kernel->hasAttr(kDeviceAlone);
  }
  noteWork(call);
  step.isAlone = work_.isBrief(steps().size());
  steps().push_back(std::move(step));
  return llvm::Error::success();
}

/// Adds rows for what is wanted and known by now, and forgets it.
llvm::Error Conversion::computeKnown(std::vector<Wanted> &wanted) {
  std::vector<Wanted> later;
  for (const Wanted &one : wanted) {
    const bool neverHolds = one.check && one.extent.isTooLarge();
    if (one.extent.isNumber() && !neverHolds)
      continue;
    if (!isKnown(one)) {
      later.push_back(one);
      continue;
    }
    uint32_t first = sizes_.count();
    llvm::Expected<std::string> says = sayOf(one.check);
    if (!says)
      return says.takeError();
    if (neverHolds)
      sizes_.addWithoutValue();
    else if (llvm::Error error = sizes_.sizeOf(one.extent).takeError())
      return error;
    addUse(first, one.where, std::move(*says));
  }
  wanted = std::move(later);
  return llvm::Error::success();
}

/// A step that reads sizes from number `first` on, and computes what can be known with them.
llvm::Error Conversion::findSizes(std::vector<Operand> operands, uint32_t first, std::vector<Wanted> &wanted) {
  if (llvm::Error error = computeKnown(wanted))
    return error;
  if (first == sizes_.count())
    return llvm::Error::success();
  bool follows = operands.empty() && steps().size() > label_ && steps().back().kind == StepKind::Sizes &&
                 steps().back().last == first;
  if (follows) {
    steps().back().last = sizes_.count();
    return llvm::Error::success();
  }
  Step step;
  step.kind = StepKind::Sizes;
  step.name = "sizes";
  step.operands = std::move(operands);
  step.first = first;
  step.last = sizes_.count();
  steps().push_back(std::move(step));
  return llvm::Error::success();
}

llvm::Error Conversion::addBinding(kernel::BindSizesOp op, std::vector<Wanted> &wanted) {
  std::vector<Operand> operands;
  for (auto [base, index, offset] : llvm::zip_equal(op.getBases(), op.getIndices(), op.getOffsets())) {
    llvm::Expected<Operand> operand = operandOf(base, index, offset);
    if (!operand)
      return operand.takeError();
    operands.push_back(*operand);
  }
  uint32_t first = sizes_.defineValues(op.getSymbols());
  addUse(first, op.getLoc());
  return findSizes(std::move(operands), first, wanted);
}

/// Which size an extent is, of a number as well: a step computes what has not been.
llvm::Expected<uint32_t> Conversion::computed(const graph::Extent &extent) {
  uint32_t begin = sizes_.count();
  llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
  if (!size)
    return size;
  std::vector<Wanted> none;
  if (llvm::Error error = findSizes({}, begin, none))
    return std::move(error);
  return size;
}

/// Gives variables, whose sizes begin at number `first`, their values.
llvm::Error Conversion::addAssignment(kernel::DefineSizesOp op, uint32_t first) {
  Step step;
  step.kind = StepKind::Sizes;
  step.name = "sizes";
  for (const graph::Extent &extent : op.getExtents()) {
    llvm::Expected<uint32_t> size = computed(extent);
    if (!size)
      return size.takeError();
    step.operands.push_back({Base::Sizes, 0, static_cast<int64_t>(*size) * static_cast<int64_t>(sizeof(int64_t))});
  }
  step.first = first;
  step.last = first + static_cast<uint32_t>(op.getExtents().size());
  steps().push_back(std::move(step));
  return llvm::Error::success();
}

llvm::Error Conversion::addDefinition(kernel::DefineSizesOp op, std::vector<Wanted> &wanted) {
  if (op.getSymbols().empty())
    return llvm::Error::success();
  if (std::optional<uint32_t> variable = sizes_.variable(cast<StringAttr>(op.getSymbols()[0]).getValue()))
    return addAssignment(op, *variable);
  uint32_t first = sizes_.count();
  for (auto [symbol, extent] : llvm::zip_equal(op.getSymbols(), op.getExtents()))
    if (llvm::Error error = sizes_.define(cast<StringAttr>(symbol).getValue(), extent))
      return error;
  addUse(first, op.getLoc());
  return findSizes({}, first, wanted);
}

llvm::Error Conversion::addGrowth(kernel::GrowOp op) {
  llvm::Expected<uint32_t> bytes = computed(op.getBytes().front());
  if (!bytes)
    return bytes.takeError();
  Step step;
  step.kind = StepKind::Grow;
  step.name = "memory";
  step.first = static_cast<uint32_t>(op.getBlock());
  step.last = *bytes;
  steps().push_back(std::move(step));
  return llvm::Error::success();
}

size_t Conversion::jump(uint32_t to, uint32_t size) {
  Step step;
  step.kind = StepKind::Jump;
  step.name = "jump";
  step.first = to;
  step.last = size;
  steps().push_back(std::move(step));
  return steps().size() - 1;
}

/// A jump, to where is not known yet, that is taken where the condition is 0.
llvm::Expected<size_t> Conversion::jumpUnless(const graph::Extent &condition) {
  llvm::Expected<uint32_t> size = computed(condition);
  if (!size)
    return size.takeError();
  return jump(0, *size);
}

llvm::Error Conversion::addIf(kernel::IfOp op, std::vector<Wanted> &wanted) {
  llvm::Expected<size_t> toSecond = jumpUnless(op.getCondition().front());
  if (!toSecond)
    return toSecond.takeError();
  if (llvm::Error error = addSteps(op.getFirst().front(), {}))
    return error;
  size_t toEnd = jump(0, Step::kAlways);
  land(*toSecond);
  if (llvm::Error error = addSteps(op.getSecond().front(), {}))
    return error;
  land(toEnd);
  return findSizes({}, sizes_.count(), wanted);
}

llvm::Error Conversion::addLoop(kernel::LoopOp op, std::vector<Wanted> &wanted) {
  uint32_t begin = sizes_.count(), head = steps().size();
  label_ = head;
  std::vector<Wanted> condition{{op.getCondition().front(), op.getLoc(), {}}};
  if (llvm::Error error = findSizes({}, begin, condition))
    return error;
  llvm::Expected<size_t> toEnd = jumpUnless(op.getCondition().front());
  if (!toEnd)
    return toEnd.takeError();
  if (llvm::Error error = addSteps(op.getBody().front(), {}))
    return error;
  jump(head, Step::kAlways);
  land(*toEnd);
  sizes_.hideFrom(begin);
  return findSizes({}, sizes_.count(), wanted);
}

llvm::Error Conversion::addStep(Operation &op, std::vector<Wanted> &wanted) {
  if (auto variables = dyn_cast<kernel::VariablesOp>(op)) {
    sizes_.defineVariables(variables.getSymbols());
    return llvm::Error::success();
  }
  if (auto branches = dyn_cast<kernel::IfOp>(op))
    return addIf(branches, wanted);
  if (auto loop = dyn_cast<kernel::LoopOp>(op))
    return addLoop(loop, wanted);
  if (auto call = dyn_cast<kernel::CallOp>(op))
    return addCall(call);
  if (auto binding = dyn_cast<kernel::BindSizesOp>(op))
    return addBinding(binding, wanted);
  if (auto definition = dyn_cast<kernel::DefineSizesOp>(op))
    return addDefinition(definition, wanted);
  if (auto growth = dyn_cast<kernel::GrowOp>(op))
    return addGrowth(growth);
  return llvm::Error::success();
}

/// The steps of one region. Its sizes, and the others, are computed where it begins, and where more becomes known.
llvm::Error Conversion::addSteps(Block &block, ArrayRef<Wanted> others) {
  std::vector<Wanted> wanted;
  for (Operation &op : block)
    llvm::append_range(wanted, wantedBy(op));
  llvm::append_range(wanted, others);
  bool isPlan = &block == &plan_.getBody().front();
  uint32_t begin = sizes_.count();
  if (isPlan) {
    if (llvm::Error error = computeKnown(wanted))
      return error;
    planned_.model.shapeSizes = sizes_.count();
  } else if (llvm::Error error = findSizes({}, sizes_.count(), wanted)) {
    return error;
  }
  for (Operation &op : block)
    if (llvm::Error error = addStep(op, wanted))
      return error;
  if (!isPlan)
    sizes_.hideFrom(begin);
  return llvm::Error::success();
}

/// What smelt_tensor_extent and smelt_tensor_bytes ask of.
std::vector<Conversion::Wanted> Conversion::outputSizes() {
  std::vector<Wanted> wanted;
  auto want = [&](ArrayRef<graph::Extent> extents) {
    for (const graph::Extent &extent : extents)
      wanted.push_back({extent, plan_.getLoc(), {}});
  };
  for (Attribute attribute : plan_.getOutputTypes()) {
    RankedTensorType type = tensorType(attribute);
    graph::Extents extents = graph::extentsOf(type);
    want(extents);
    want(graph::productOf(extents) * graph::elementBytes(type.getElementType()));
  }
  if (plan_.getHeldOffsets())
    want(*plan_.getHeldOffsets());
  return wanted;
}

llvm::Error Conversion::setHeld() {
  if (!plan_.getHeldBases())
    return llvm::Error::success();
  for (auto [number, base] : llvm::enumerate(*plan_.getHeldBases())) {
    if (base < 0)
      continue;
    llvm::Expected<Operand> operand =
        operandOf(base, (*plan_.getHeldIndices())[number], (*plan_.getHeldOffsets())[number]);
    if (!operand)
      return operand.takeError();
    planned_.model.outputs[number].held = *operand;
  }
  return llvm::Error::success();
}

llvm::Error Conversion::run() {
  Model &model = planned_.model;
  if (llvm::Error error = addSizes())
    return error;
  if (llvm::Error error = addTensors(plan_.getInputNames(), plan_.getInputTypes(), model.inputs))
    return error;
  if (llvm::Error error = addSteps(plan_.getBody().front(), outputSizes()))
    return error;
  if (llvm::Error error = addTensors(plan_.getOutputNames(), plan_.getOutputTypes(), model.outputs))
    return error;
  if (llvm::Error error = setHeld())
    return error;
  addStates();
  model.blockCount = static_cast<uint32_t>(plan_.getBlocks());
  if (auto forms = plan_->getParentOp()->getAttrOfType<StringAttr>("graph.forms"))
    model.forms = forms.str();
  model.sizes = sizes_.rows();
  if (model.sizes.size() > SMELT_MAX_SIZES)
    return unsupportedError("the model computes " + llvm::Twine(model.sizes.size()) +
                            " sizes of open dims, more than " + llvm::Twine(SMELT_MAX_SIZES) +
                            "; fix some dims with --shape");
  if (!plan_.getSymbols())
    model.arenaBytes += headBytes(model);
  model.work = work_.table(sizes_, model.steps.size());
  return llvm::Error::success();
}

llvm::Expected<PlannedModel> fromPlan(ModuleOp module) {
  auto plans = module.getOps<kernel::PlanOp>();
  if (plans.empty())
    return defect("there is no plan");
  kernel::PlanOp plan = *plans.begin();
  PlannedModel planned;
  planned.model.arenaBytes = plan.getArenaBytes();
  planned.model.weightsBytes = plan.getWeightsBytes();
  planned.liveBytes = plan.getLiveBytes();
  if (llvm::Error error = addWeights(plan, planned))
    return std::move(error);
  SymbolTable kernels(module);
  if (llvm::Error error = Conversion(plan, kernels, planned).run())
    return std::move(error);
  return planned;
}

} // namespace smelt::artifact

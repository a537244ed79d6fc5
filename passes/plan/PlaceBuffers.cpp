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
#include "passes/plan/Placement.h"
#include "passes/plan/SizeChecks.h"
#include "passes/plan/SymbolBounds.h"
#include "passes/plan/Views.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace smelt;
using plan::Base;
using plan::Buffer;
using plan::Placement;
using plan::Step;
using plan::View;

namespace {

constexpr int64_t kAlignment = 64; // SMELT_ALIGNMENT

/// Where an operand lies, as kernel.call has it.
struct Place {
  Base base;
  int index;
  graph::Extent offset;
};

/// Turns a placement into kernel.func and kernel.plan ops.
class Outliner {
public:
  Outliner(func::FuncOp function, Placement &placement)
      : function_(function), placement_(placement), builder_(function) {}
  void run();

private:
  void findLiveRanges();
  plan::ArenaSize assignOffsets();
  void assignBlock(Buffer &buffer);
  plan::ArenaSize assignNumbers(ArrayRef<Buffer *> owners);
  void assignWeights();
  kernel::PlanOp createPlan(const plan::ArenaSize &arena);
  void setDefinitions(kernel::PlanOp plan);
  void setHeld(kernel::PlanOp plan);
  Place placeOf(const View &view, Type element);
  kernel::FuncOp outline(Step &step, int number);
  void grow(int step);
  void emit(const Step &step, StringRef kernel);
  void call(const Step &step, StringRef callee);
  void bind(graph::BindSizesOp op, const View &view);

  func::FuncOp function_;
  Placement &placement_;
  OpBuilder builder_;
  SmallVector<int64_t> weightOffsets_;
  int64_t weightsBytes_ = 0;
  std::vector<int> blockEnds_;                // the last step that touches each block
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

void Outliner::findLiveRanges() {
  SmallVector<Buffer> &buffers = placement_.buffers();
  for (auto [number, step] : llvm::enumerate(placement_.steps()))
    for (const View &view : step.views) {
      Buffer &buffer = buffers[view.buffer];
      buffer.first = buffer.first < 0 ? number : buffer.first;
      buffer.last = buffer.isHeld ? static_cast<int>(placement_.steps().size()) : static_cast<int>(number);
    }
}

/// A block for a buffer that no bound is known for: one that nothing needs any more, or a new one.
void Outliner::assignBlock(Buffer &buffer) {
  auto isFree = [&](int end) { return end < buffer.first; };
  size_t block = llvm::find_if(blockEnds_, isFree) - blockEnds_.begin();
  if (block == blockEnds_.size())
    blockEnds_.push_back(0);
  blockEnds_[block] = buffer.last;
  buffer.base = Base::Block;
  buffer.index = static_cast<int>(block);
}

plan::ArenaSize Outliner::assignOffsets() {
  findLiveRanges();
  plan::SymbolBounds bounds(function_);
  bool isStatic = llvm::all_of(function_.getArgumentTypes(),
                               [](Type type) { return cast<RankedTensorType>(type).hasStaticShape(); });
  SmallVector<Buffer *> owners;
  for (Buffer &buffer : placement_.buffers()) {
    if (buffer.base != Base::Arena || buffer.first < 0)
      continue;
    std::optional<graph::Extent> bytes = bounds.most(buffer.bytes);
    if (!bytes) {
      assignBlock(buffer);
      continue;
    }
    buffer.bytes = *bytes;
    isStatic &= bytes->isNumber();
    owners.push_back(&buffer);
  }
  if (isStatic)
    return assignNumbers(owners);
  SmallVector<plan::SymbolicRange> ranges;
  for (Buffer *owner : owners)
    ranges.push_back({owner->bytes, owner->first, owner->last, 0});
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
  auto dispatch = cast<kernel::DispatchOp>(step.op);
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

Place Outliner::placeOf(const View &view, Type element) {
  const Buffer &buffer = placement_.buffers()[view.buffer];
  return {buffer.base, buffer.index, buffer.offset + view.offset * graph::elementBytes(element)};
}

/// The blocks that a step is the first to touch.
void Outliner::grow(int step) {
  for (const Buffer &buffer : placement_.buffers())
    if (buffer.base == Base::Block && buffer.first == step)
      kernel::GrowOp::create(builder_, function_.getLoc(), static_cast<int64_t>(buffer.index), buffer.bytes);
}

void Outliner::call(const Step &step, StringRef callee) {
  SmallVector<int32_t> bases, indices;
  graph::Extents offsets;
  SmallVector<Value> values(step.op->getOperands());
  llvm::append_range(values, step.op->getResults());
  for (auto [value, view] : llvm::zip_equal(values, step.views)) {
    Place place = placeOf(view, graph::typeOf(value).getElementType());
    bases.push_back(static_cast<int32_t>(place.base));
    indices.push_back(place.index);
    offsets.push_back(place.offset);
  }
  kernel::CallOp::create(builder_, step.op->getLoc(), callee, ArrayRef<int32_t>(bases), ArrayRef<int32_t>(indices),
                         ArrayRef<graph::Extent>(offsets), graph::ExtentsAttr());
}

void Outliner::bind(graph::BindSizesOp op, const View &view) {
  int64_t count = graph::typeOf(op.getValues()).getDimSize(0);
  graph::Extents offsets;
  Place place = placeOf(view, builder_.getI64Type());
  for (int64_t element = 0; element < count; ++element)
    offsets.push_back(place.offset + view.strides.front() * element * static_cast<int64_t>(sizeof(int64_t)));
  kernel::BindSizesOp::create(builder_, op.getLoc(), op.getSymbols(),
                              SmallVector<int32_t>(count, static_cast<int32_t>(place.base)),
                              SmallVector<int32_t>(count, place.index), offsets);
}

void Outliner::emit(const Step &step, StringRef kernel) {
  if (auto binding = dyn_cast<graph::BindSizesOp>(step.op))
    return bind(binding, step.views.front());
  if (auto definition = dyn_cast<graph::DefineSizesOp>(step.op)) {
    kernel::DefineSizesOp::create(builder_, definition.getLoc(), definition.getSymbols(), definition.getExtents());
    return;
  }
  call(step, kernel);
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
  SmallVector<StringRef> symbols;
  graph::Extents values;
  for (const plan::Definition &definition : definitions_) {
    symbols.push_back(definition.symbol);
    values.push_back(definition.value);
  }
  plan.setSymbolsAttr(builder_.getStrArrayAttr(symbols));
  plan.setValuesAttr(graph::ExtentsAttr::get(builder_.getContext(), values));
}

void Outliner::setHeld(kernel::PlanOp plan) {
  SmallVector<int32_t> bases, indices;
  graph::Extents offsets;
  for (auto [view, type] : llvm::zip_equal(placement_.held(), function_.getResultTypes())) {
    Place place = view ? placeOf(*view, cast<RankedTensorType>(type).getElementType()) : Place{Base(-1), 0, 0};
    bases.push_back(static_cast<int32_t>(place.base));
    indices.push_back(place.index);
    offsets.push_back(place.offset);
  }
  if (llvm::none_of(placement_.held(), [](const std::optional<View> &view) { return view.has_value(); }))
    return;
  plan.setHeldBases(bases);
  plan.setHeldIndices(indices);
  plan.setHeldOffsetsAttr(graph::ExtentsAttr::get(builder_.getContext(), offsets));
}

kernel::PlanOp Outliner::createPlan(const plan::ArenaSize &arena) {
  FunctionType type = function_.getFunctionType();
  ArrayAttr arguments = function_.getArgAttrsAttr(), results = function_.getResAttrsAttr();
  auto name = function_->getParentOp()->getAttrOfType<StringAttr>("graph.name");
  SmallVector<Attribute> weights(placement_.weights().begin(), placement_.weights().end());
  return kernel::PlanOp::create(builder_, function_.getLoc(), builder_.getStringAttr(name ? name.getValue() : "model"),
                                builder_.getI64IntegerAttr(arena.bytes), builder_.getI64IntegerAttr(weightsBytes_),
                                builder_.getArrayAttr(weights), builder_.getDenseI64ArrayAttr(weightOffsets_),
                                builder_.getStrArrayAttr(namesOf(arguments, type.getNumInputs())),
                                builder_.getTypeArrayAttr(declaredTypes(type.getInputs(), arguments)),
                                builder_.getStrArrayAttr(namesOf(results, type.getNumResults())),
                                builder_.getTypeArrayAttr(declaredTypes(type.getResults(), results)),
                                builder_.getI64IntegerAttr(arena.lowerBound), ArrayAttr(), graph::ExtentsAttr(),
                                builder_.getI64IntegerAttr(static_cast<int64_t>(blockEnds_.size())),
                                DenseI32ArrayAttr(), DenseI32ArrayAttr(), graph::ExtentsAttr());
}

void Outliner::run() {
  plan::ArenaSize arena = assignOffsets();
  assignWeights();
  SmallVector<std::string> kernels;
  for (auto [number, step] : llvm::enumerate(placement_.steps()))
    kernels.push_back(isa<kernel::DispatchOp>(step.op) ? outline(step, number).getSymName().str() : "");
  builder_.setInsertionPoint(function_);
  kernel::PlanOp plan = createPlan(arena);
  setDefinitions(plan);
  setHeld(plan);
  builder_.createBlock(&plan.getBody());
  if (graph::Extents checks = plan::sizeChecks(function_); !checks.empty())
    kernel::CheckOp::create(builder_, function_.getLoc(), checks);
  for (auto [number, step] : llvm::enumerate(placement_.steps())) {
    grow(static_cast<int>(number));
    emit(step, kernels[number]);
  }
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

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Frame.h"
#include "dialects/Kernel/Scratch.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/plan/StandingFills.h"

using namespace mlir;

namespace smelt::plan {

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

void FrameBuilder::findLiveRanges(Placement &placement) {
  for (Buffer &buffer : placement.buffers())
    buffer.first = buffer.last = -1;
  for (auto [number, step] : llvm::enumerate(placement.steps()))
    for (const View &view : step.views) {
      Buffer &buffer = placement.buffers()[view.buffer];
      buffer.first = buffer.first < 0 ? number : buffer.first;
      buffer.last = buffer.isHeld ? static_cast<int>(placement.steps().size()) : static_cast<int>(number);
    }
}

/// A function that yields what it takes: its kernels copy.
std::unique_ptr<Frame> FrameBuilder::copying(TypeRange types, Location loc) {
  OpBuilder b(module_->getContext());
  b.setInsertionPointToStart(&module_->getRegion(0).front());
  auto function = func::FuncOp::create(b, loc, "copying", b.getFunctionType(types, types));
  b.setInsertionPointToEnd(function.addEntryBlock());
  func::ReturnOp::create(b, loc, function.getArguments());
  return build(function, false);
}

bool FrameBuilder::addParts(Frame &frame, int number, Step &step) {
  auto named = [&](FlatSymbolRefAttr name) {
    return build(cast<func::FuncOp>(SymbolTable::lookupSymbolIn(module_, name)), false);
  };
  Parts parts;
  SmallVector<Frame *> all;
  SmallVector<View> next;
  if (auto branches = dyn_cast<graph::IfOp>(step.op)) {
    parts.first = named(branches.getFirstAttr());
    parts.second = named(branches.getSecondAttr());
    all = {parts.first.get(), parts.second.get()};
  } else {
    auto loop = cast<graph::WhileOp>(step.op);
    size_t carried = loop.getCarried();
    parts.first = named(loop.getBodyAttr());
    if (!parts.first)
      return false;
    TypeRange made = parts.first->function.getResultTypes().take_front(carried);
    parts.initialise = copying(TypeRange(loop.getInputs().take_front(carried).getTypes()), loop.getLoc());
    parts.advance = copying(made, loop.getLoc());
    all = {parts.first.get(), parts.initialise.get(), parts.advance.get()};
    for (Type type : made) {
      auto tensor = cast<RankedTensorType>(type);
      int buffer = frame.placement->addBuffer(Base::Arena, 0, bytesOf(tensor));
      next.push_back({buffer, 0, graph::rowMajorStrides(graph::extentsOf(tensor))});
    }
  }
  graph::Extent memory = 0;
  for (Frame *part : all) {
    if (!part)
      return false;
    memory = graph::Extent::max(memory, part->bytes);
  }
  parts.memory = step.views.size();
  step.views.push_back({frame.placement->addBuffer(Base::Arena, 0, memory), 0, {}});
  parts.next = step.views.size();
  llvm::append_range(step.views, next);
  frame.parts[number] = std::move(parts);
  return true;
}

/// Kernels that work on large blocks have them in the arena, while they run.
void FrameBuilder::addScratch(Placement &placement) {
  for (Step &step : placement.steps()) {
    auto dispatch = dyn_cast<kernel::DispatchOp>(step.op);
    step.scratch = dispatch ? kernel::scratchBytes(dispatch.getBody().front(), machine_) : 0;
    if (step.scratch)
      step.views.push_back({placement.addBuffer(Base::Arena, 0, step.scratch), 0, {}});
  }
}

/// Elements [first, last) that a view reaches; nothing where that is open.
static std::optional<std::pair<int64_t, int64_t>> reach(const View &view, Value value) {
  std::optional<int64_t> first = view.offset.asNumber();
  if (!first || !graph::typeOf(value).hasStaticShape())
    return std::nullopt;
  int64_t last = *first + 1;
  for (auto [stride, extent] : llvm::zip_equal(view.strides, graph::typeOf(value).getShape())) {
    if (!stride.isNumber() || stride.number() < 0 || extent == 0)
      return std::nullopt;
    last += stride.number() * (extent - 1);
  }
  return std::pair(*first, last);
}

/// A step that does nothing but copy, and what it copies from: a buffer that nobody needs any more, to another place in
/// one that nobody has written to yet. Then both may be one.
static std::optional<std::pair<int, int>> movedBuffer(const Step &step, int number, ArrayRef<Buffer> buffers) {
  auto dispatch = dyn_cast<kernel::DispatchOp>(step.op);
  if (!dispatch || step.views.size() != 2 || !isa<kernel::YieldOp>(dispatch.getBody().front().front()))
    return std::nullopt;
  const View &from = step.views[0], &to = step.views[1];
  const Buffer &source = buffers[from.buffer], &target = buffers[to.buffer];
  if (source.base != Base::Arena || target.base != Base::Arena || source.isHeld || target.isHeld ||
      from.buffer == to.buffer || source.last != number || target.first != number)
    return std::nullopt;
  auto read = reach(from, dispatch.getInputs()[0]), written = reach(to, dispatch.getResult(0));
  if (!read || !written || (read->first < written->second && written->first < read->second))
    return std::nullopt;
  return std::pair(from.buffer, to.buffer);
}

/// For each buffer the first of those that lie where it does.
static SmallVector<int> placesOf(Placement &placement) {
  SmallVector<int> places = llvm::to_vector(llvm::seq<int>(0, static_cast<int>(placement.buffers().size())));
  for (auto [number, step] : llvm::enumerate(placement.steps()))
    if (auto moved = movedBuffer(step, static_cast<int>(number), placement.buffers()))
      places[moved->second] = places[moved->first];
  return places;
}

/// Whether all sizes are numbers, so that buffers have places, and no step is control flow.
static bool isStraight(Frame &frame) {
  auto hasNumbers = [](Type type) { return cast<RankedTensorType>(type).hasStaticShape(); };
  return frame.parts.empty() && llvm::all_of(frame.function.getArgumentTypes(), hasNumbers) &&
         llvm::all_of(frame.placement->buffers(), [](const Buffer &buffer) { return buffer.bytes.isNumber(); });
}

std::unique_ptr<Frame> FrameBuilder::build(func::FuncOp function, bool isMain) {
  if (isMain)
    batchSymbols_ = batchSymbols(function);
  auto frame = std::make_unique<Frame>();
  frame->function = function;
  frame->placement = std::make_unique<Placement>(function, isMain);
  if (failed(frame->placement->run()))
    return nullptr;
  for (auto [number, step] : llvm::enumerate(frame->placement->steps()))
    if (isa<graph::IfOp, graph::WhileOp>(step.op) && !addParts(*frame, static_cast<int>(number), step))
      return nullptr;
  addScratch(*frame->placement);
  findLiveRanges(*frame->placement);
  if (isStraight(*frame) && dropStandingFills(*frame->placement, placesOf(*frame->placement)))
    findLiveRanges(*frame->placement);
  assignOffsets(*frame, isMain);
  assignWeights(*frame->placement);
  return frame;
}

/// A block for a buffer that no bound is known for: one that nothing needs any more, or a new one.
static void assignBlock(Buffer &buffer, int first, std::vector<int> &ends) {
  size_t block = llvm::find_if(ends, [&](int end) { return end < buffer.first; }) - ends.begin();
  if (block == ends.size())
    ends.push_back(0);
  ends[block] = buffer.last;
  buffer.base = Base::Block;
  buffer.index = first + static_cast<int>(block);
}

void FrameBuilder::assignOffsets(Frame &frame, bool isMain) {
  auto hasNumbers = [](Type type) { return cast<RankedTensorType>(type).hasStaticShape(); };
  bool isStatic = !isMain || llvm::all_of(frame.function.getArgumentTypes(), hasNumbers);
  SmallVector<Buffer *> owners;
  std::vector<int> blockEnds; // the last step that touches each block
  for (Buffer &buffer : frame.placement->buffers()) {
    if (buffer.base != Base::Arena || buffer.first < 0)
      continue;
    std::optional<graph::Extent> bytes = bounds_.most(buffer.bytes);
    if (!bytes) {
      assignBlock(buffer, blocks_, blockEnds);
      continue;
    }
    buffer.bytes = *bytes;
    isStatic &= bytes->isNumber();
    owners.push_back(&buffer);
  }
  blocks_ += static_cast<int>(blockEnds.size());
  if (isStatic) {
    SmallVector<int> places = placesOf(*frame.placement);
    auto placeOf = [&](const Buffer *buffer) { return places[buffer - frame.placement->buffers().data()]; };
    llvm::MapVector<int, LiveRange> ranges; // by place
    for (const Buffer *owner : owners) {
      auto [entry, isNew] =
          ranges.try_emplace(placeOf(owner), LiveRange{owner->bytes.number(), owner->first, owner->last});
      LiveRange &range = entry->second;
      range = {std::max(range.bytes, owner->bytes.number()), std::min(range.first, owner->first),
               std::max(range.last, owner->last)};
    }
    SmallVector<LiveRange> packed = llvm::map_to_vector(ranges, [](const auto &entry) { return entry.second; });
    ArenaSize size = packArena(packed, kAlignment);
    for (auto [entry, range] : llvm::zip_equal(ranges, packed))
      entry.second.offset = range.offset;
    for (Buffer *owner : owners)
      owner->offset = ranges[placeOf(owner)].offset;
    frame.bytes = size.bytes;
    frame.liveBytes = size.lowerBound;
    return;
  }
  SmallVector<SymbolicRange> ranges;
  for (Buffer *owner : owners)
    ranges.push_back({owner->bytes, owner->first, owner->last, 0});
  std::string prefix = isMain ? "" : frame.function.getSymName().str() + ".";
  packSymbolicArena(ranges, kAlignment, module_->getContext(), batchSymbols_, prefix, definitions_);
  for (auto [range, owner] : llvm::zip_equal(ranges, owners))
    owner->offset = range.offset;
  frame.bytes = graph::Extent::symbol(module_->getContext(), definitions_.back().symbol);
}

/// The bytes of a large constant, which others of another shape may have as well; null for a small one.
static const void *blobOf(ElementsAttr elements) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(elements);
  return resource ? resource.getRawHandle().getResource() : nullptr;
}

void FrameBuilder::assignWeights(Placement &placement) {
  for (Buffer &buffer : placement.buffers()) {
    if (buffer.base != Base::Weights)
      continue;
    ElementsAttr elements = placement.weights()[buffer.index];
    if (const void *blob = blobOf(elements))
      elements = blobs_.try_emplace(blob, elements).first->second;
    auto [place, isNew] = weights_.try_emplace(elements, weightsBytes_);
    if (isNew)
      weightsBytes_ += llvm::alignTo(buffer.bytes.number(), kAlignment);
    buffer.offset = place->second;
    buffer.index = 0;
  }
}

} // namespace smelt::plan

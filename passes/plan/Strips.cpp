// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Strips.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "passes/plan/Views.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::plan {

bool Strips::addOp(Operation *op) {
  if (op->getNumResults() == 0 || !(isView(op) || isa<kernel::DispatchOp>(op)))
    return false;
  StripOp entry;
  entry.op = op;
  entry.isView = isView(op);
  entry.dim = -1;
  for (Value operand : op->getOperands()) {
    auto found = operand.getDefiningOp() ? numbers_.find(operand.getDefiningOp()) : numbers_.end();
    entry.producers.push_back(found == numbers_.end() ? -1 : found->second);
  }
  numbers_[op] = ops_.size();
  ops_.push_back(std::move(entry));
  return true;
}

/// Which dims are rows, from readers to what they read.
bool Strips::findRows() {
  for (StripOp &entry : llvm::reverse(ops_)) {
    if (entry.dim < 0)
      entry.dim = rowDimOf(entry.op).value_or(-1);
    std::optional<SmallVector<RowUse>> uses = entry.dim < 0 ? std::nullopt : rowUses(entry.op, entry.dim);
    if (!uses)
      return false;
    entry.uses = *uses;
    entry.extent = graph::typeOf(entry.op->getResult(0)).getDimSize(entry.dim);
    for (auto [use, number] : llvm::zip_equal(entry.uses, entry.producers)) {
      entry.tile = std::max(entry.tile, use.tile);
      if (number < 0)
        continue;
      StripOp &producer = ops_[number];
      if (use.isWhole() || (producer.dim >= 0 && producer.dim != use.dim))
        return false;
      producer.dim = use.dim;
    }
  }
  return true;
}

/// Views that somebody else reads stay, and read all of what they are views of.
void Strips::markReaders() {
  for (StripOp &entry : llvm::reverse(ops_)) {
    for (Operation *user : entry.op->getUsers()) {
      auto found = numbers_.find(user);
      if (found == numbers_.end()) {
        entry.isReadOutside = true;
        continue;
      }
      const StripOp &reader = ops_[found->second];
      bool stays = reader.isView && reader.isReadOutside;
      entry.isReadOutside |= stays;
      entry.isReadHere |= !stays || reader.isReadHere;
    }
  }
}

std::optional<Strips> Strips::of(ArrayRef<Operation *> ops) {
  Strips strips;
  for (Operation *op : ops)
    if (!strips.addOp(op))
      return std::nullopt;
  if (!strips.findRows())
    return std::nullopt;
  strips.markReaders();
  return strips;
}

/// Notes what an op reads of others for rows of its own.
bool Strips::readOperands(const StripOp &entry, int64_t strip, Rows rows) {
  for (auto [number, use] : llvm::enumerate(entry.uses)) {
    if (use.isWhole())
      continue;
    Value operand = entry.op->getOperand(number);
    Rows read = use.read(rows, graph::typeOf(operand).getDimSize(use.dim));
    if (read.count() <= 0)
      return false; // nothing but padding
    if (entry.producers[number] < 0)
      continue;
    SmallVector<Rows, 2> &all = ops_[entry.producers[number]].strips[strip].read;
    if (!llvm::is_contained(all, read))
      all.push_back(read);
  }
  return true;
}

/// Which rows a dispatch computes: as far as somebody reads.
void Strips::computeStrip(StripOp &entry, int64_t strip) {
  int64_t begun = strip == 0 ? 0 : entry.strips[strip - 1].computed.last, end = begun;
  if (entry.isReadHere)
    for (const Rows &read : entry.strips[strip].read)
      end = std::max(end, read.last);
  else
    end = (strip + 1) * llvm::divideCeil(entry.extent, count_);
  if (entry.isReadOutside && strip + 1 == count_)
    end = entry.extent;
  end = static_cast<int64_t>(llvm::alignTo(end, entry.tile));
  entry.strips[strip].computed = {begun, std::min(end, entry.extent)};
}

bool Strips::cutStrip(int64_t strip) {
  for (StripOp &entry : llvm::reverse(ops_)) {
    if (entry.isView) {
      if (!entry.isReadHere)
        continue;
      for (const Rows &rows : entry.strips[strip].read)
        if (!readOperands(entry, strip, rows))
          return false;
      continue;
    }
    computeStrip(entry, strip);
    if (entry.strips[strip].computed.count() > 0 && !readOperands(entry, strip, entry.strips[strip].computed))
      return false;
  }
  return true;
}

bool Strips::cut(int64_t count) {
  count_ = count;
  for (StripOp &entry : ops_)
    entry.strips.assign(count, {});
  for (int64_t strip = 0; strip < count; ++strip)
    if (!cutStrip(strip))
      return false;
  return true;
}

Value Strips::sliceOf(Value value, int64_t dim, Rows rows) {
  RankedTensorType type = graph::typeOf(value);
  if (rows == Rows{0, type.getDimSize(dim)})
    return value;
  SmallVector<int64_t> starts(type.getRank(), 0), steps(type.getRank(), 1), shape(type.getShape());
  starts[dim] = rows.first;
  shape[dim] = rows.count();
  return graph::SliceOp::create(*builder_, value.getLoc(), RankedTensorType::get(shape, type.getElementType()), value,
                                starts, steps);
}

Value Strips::joined(ArrayRef<Value> values, int64_t dim) {
  if (values.size() == 1)
    return values.front();
  return graph::ConcatOp::create(*builder_, values.front().getLoc(), values, dim);
}

static Value copyOf(OpBuilder &builder, Value value) {
  auto dispatch = kernel::DispatchOp::create(builder, value.getLoc(), TypeRange(value.getType()), ValueRange(value));
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&dispatch.getBody());
  kernel::YieldOp::create(builder, value.getLoc(), ValueRange(body->addArgument(value.getType(), value.getLoc())));
  return dispatch.getResult(0);
}

static Rows overlap(Rows a, Rows b) { return {std::max(a.first, b.first), std::min(a.last, b.last)}; }

/// Copies of what is read in this strip of those before it, together with rows of others. Before the op computes its
/// own rows of this strip, so that the strip before may be overwritten by these.
void Strips::keepRows(int number, int64_t strip) {
  const StripOp &entry = ops_[number];
  for (const Rows &read : entry.strips[strip].read)
    for (unsigned result = 0; result < entry.op->getNumResults(); ++result) {
      SmallVector<Value> pieces;
      int strips = 0;
      for (int64_t other = 0; other <= strip; ++other)
        strips += overlap(entry.strips[other].computed, read).count() > 0;
      for (int64_t other = 0; other < strip && strips > 1; ++other) {
        Rows computed = entry.strips[other].computed, rows = overlap(computed, read);
        if (rows.count() <= 0)
          continue;
        Rows inside{rows.first - computed.first, rows.last - computed.first};
        pieces.push_back(copyOf(*builder_, sliceOf(parts_[number][other]->getResult(result), entry.dim, inside)));
      }
      kept_[{{number, result}, {read.first, read.last}}] = std::move(pieces);
    }
}

Value Strips::rowsOfStrips(int number, unsigned result, Rows rows, int64_t strip) {
  const StripOp &entry = ops_[number];
  SmallVector<Value> pieces = kept_.lookup({{number, result}, {rows.first, rows.last}});
  int64_t from = pieces.empty() ? 0 : strip;
  for (int64_t other = from; other <= strip; ++other) {
    Rows computed = entry.strips[other].computed, read = overlap(computed, rows);
    if (read.count() > 0)
      pieces.push_back(sliceOf(parts_[number][other]->getResult(result), entry.dim,
                               {read.first - computed.first, read.last - computed.first}));
  }
  return joined(pieces, entry.dim);
}

Value Strips::rowsOf(Value value, int64_t dim, Rows rows, int64_t strip) {
  auto found = value.getDefiningOp() ? numbers_.find(value.getDefiningOp()) : numbers_.end();
  if (found == numbers_.end())
    return sliceOf(value, dim, rows);
  unsigned result = cast<OpResult>(value).getResultNumber();
  if (!ops_[found->second].isView)
    return rowsOfStrips(found->second, result, rows, strip);
  Operation *&view = views_[{found->second, {rows.first, rows.last}}];
  if (Operation *made = view)
    return made->getResult(result);
  Operation *made = partOf(found->second, rows, strip);
  views_[{found->second, {rows.first, rows.last}}] = made;
  return made->getResult(result);
}

/// The op for some of its rows.
Operation *Strips::partOf(int number, Rows rows, int64_t strip) {
  const StripOp &entry = ops_[number];
  SmallVector<Value> operands;
  for (auto [operand, use] : llvm::zip_equal(entry.op->getOperands(), entry.uses))
    operands.push_back(
        use.isWhole() ? operand
                      : rowsOf(operand, use.dim, use.read(rows, graph::typeOf(operand).getDimSize(use.dim)), strip));
  return cloneRows(*builder_, entry.op, entry.dim, rows, operands);
}

void Strips::emitStrip(int64_t strip) {
  views_.clear();
  kept_.clear();
  for (auto [number, entry] : llvm::enumerate(ops_)) {
    if (entry.isView)
      continue;
    keepRows(static_cast<int>(number), strip);
    Rows rows = entry.strips[strip].computed;
    parts_[number].push_back(rows.count() > 0 ? partOf(static_cast<int>(number), rows, strip) : nullptr);
  }
}

/// What others read is the strips one after another.
void Strips::replaceWholes() {
  auto stays = [&](Operation *op) {
    auto found = numbers_.find(op);
    return found == numbers_.end() || (ops_[found->second].isView && ops_[found->second].isReadOutside);
  };
  for (auto [number, entry] : llvm::enumerate(ops_)) {
    if (!entry.isReadOutside)
      continue;
    if (entry.isView) {
      entry.op->moveBefore(builder_->getInsertionBlock(), builder_->getInsertionPoint());
      continue;
    }
    for (OpResult result : entry.op->getResults()) {
      SmallVector<Value> pieces;
      for (Operation *part : parts_[number])
        if (part)
          pieces.push_back(part->getResult(result.getResultNumber()));
      Value whole = joined(pieces, entry.dim);
      result.replaceUsesWithIf(whole, [&](OpOperand &use) { return stays(use.getOwner()); });
    }
  }
}

void Strips::emit() {
  builder_.emplace(ops_.back().op->getContext());
  builder_->setInsertionPointAfter(ops_.back().op);
  parts_.assign(ops_.size(), {});
  for (int64_t strip = 0; strip < count_; ++strip)
    emitStrip(strip);
  replaceWholes();
  for (StripOp &entry : llvm::reverse(ops_))
    if (entry.op->use_empty() && !(entry.isView && entry.isReadOutside))
      entry.op->erase();
}

} // namespace smelt::plan

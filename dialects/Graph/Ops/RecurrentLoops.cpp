// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code of LSTM, GRU and RNN. A tile is all steps of one example in one direction: its state stays in scratch memory,
// and each step reads the recurrent weights once, in the order they lie in. Lanes run across the elements of the state,
// with all gates of an element beside each other, so that a step's sums never leave the registers.

#include "dialects/Graph/Ops/Lanes.h"
#include "dialects/Graph/Ops/RecurrentCell.h"

using namespace mlir;

namespace smelt::graph {

using namespace recurrent;

namespace {

/// Neighbouring elements of the state: `vectors` times `lanes` from `first` on, `lane` elements into a panel.
struct Block {
  Value panel, first;
  int64_t lane;
  unsigned lanes, vectors;
};

class RecurrentEmitter {
public:
  RecurrentEmitter(RecurrentOp op, TileAccess &access)
      : op_(op), cell_(op), access_(access), b_(access.builder()),
        steps_(access.count(extentsOf(op.getProjected())[0])), size_(typeOf(op.getProjected()).getShape().back()),
        width_(typeOf(op.getRecurrence()).getShape().back()), compute_(computeType(elementOf(op.getProjected()))),
        direction_(access.tile()[0]), batch_(access.tile()[1]) {
    auto fit = static_cast<unsigned>(llvm::bit_floor(static_cast<uint64_t>(std::min(width_, size_))));
    lanes_ = std::min(access.vectorLanes(compute_), fit);
  }

  LogicalResult emit();

private:
  using BlockBody = function_ref<void(const Block &)>;

  bool isResetFirst() { return op_.getKind() == CellKind::Gru && !op_.getLinearBeforeReset(); }
  void copyIn(Value operand, Scratch to);
  void copyOut(Scratch from, unsigned result);
  void forBlocks(BlockBody body);
  Value timeOf(Value step, Value length);
  Value lengthOfSequence();
  void emitStep(Value time);
  void emitGruStep(Value time);
  void storeNext(const Block &block, unsigned vector, Value time, Expr next);
  Expr nextOf(const Block &block, unsigned vector, Value time, ArrayRef<Expr> sums);
  Expr lstm(const Block &block, unsigned vector, ArrayRef<Expr> gates);

  Value placeOf(const Block &block, unsigned vector) const {
    return vectorAt(access_, block.first, vector, block.lanes);
  }
  Expr read(Value operand, ArrayRef<LaneIndex> at, unsigned lanes);
  Expr readState(Value operand, ArrayRef<Value> outer, const Block &block, unsigned vector);
  Expr projected(const Block &block, unsigned vector, Value time, int64_t gate);
  SmallVector<Expr> products(const Block &block, Scratch state, int64_t firstGate, int64_t gates);
  void addProducts(const Block &block, Scratch state, Value k, int64_t firstGate, MutableArrayRef<Value> sums);
  void store(unsigned result, Value value, ArrayRef<LaneIndex> at) {
    done_ &= succeeded(access_.store(result, value, at));
  }

  RecurrentOp op_;
  Cell cell_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Count steps_;
  int64_t size_, width_;
  Type compute_;
  Value direction_, batch_;
  unsigned lanes_ = 1;
  Scratch hidden_, next_, state_; // next_ is r · h in a gru whose reset comes first, and update_ its z
  Scratch update_;
  bool done_ = true;
};

} // namespace

Expr RecurrentEmitter::read(Value operand, ArrayRef<LaneIndex> at, unsigned lanes) {
  Value value = access_.fetch(operand, at, lanes);
  done_ &= static_cast<bool>(value);
  return value ? Expr(b_, value) : repeat(b_, numberOf(compute_, 0), lanes);
}

Expr RecurrentEmitter::readState(Value operand, ArrayRef<Value> outer, const Block &block, unsigned vector) {
  Coordinates at;
  for (Value index : outer)
    at.push_back({index, 0});
  at.push_back(along(placeOf(block, vector), block.lanes));
  return read(operand, at, block.lanes);
}

Expr RecurrentEmitter::projected(const Block &block, unsigned vector, Value time, int64_t gate) {
  return readState(op_.getProjected(), {time, batch_, direction_, access_.indexConstant(gate)}, block, vector);
}

void RecurrentEmitter::copyIn(Value operand, Scratch to) {
  (void)access_.forLanes(size_, lanes_, [&](Value base, unsigned lanes) {
    Expr value = read(operand, {{direction_, 0}, {batch_, 0}, along(base, lanes)}, lanes);
    to.store(access_, base, value.value());
    return success();
  });
}

void RecurrentEmitter::copyOut(Scratch from, unsigned result) {
  (void)access_.forLanes(size_, lanes_, [&](Value base, unsigned lanes) {
    store(result, from.load(access_, base, lanes).value(), {{direction_, 0}, {batch_, 0}, along(base, lanes)});
    return success();
  });
}

/// Whole panels, then the last one's elements in vectors of a power of two.
void RecurrentEmitter::forBlocks(BlockBody body) {
  int64_t whole = size_ / width_, rest = size_ % width_;
  if (whole > 0)
    forEach(b_, access_.indexConstant(0), access_.indexConstant(whole), [&](Value panel) {
      Value first = arith::MulIOp::create(b_, panel, access_.indexConstant(width_));
      body({panel, first, 0, lanes_, static_cast<unsigned>(width_ / lanes_)});
    });
  int64_t lane = 0;
  for (unsigned lanes = lanes_; rest > lane; lanes /= 2)
    if (auto vectors = static_cast<unsigned>((rest - lane) / lanes)) {
      body({access_.indexConstant(whole), access_.indexConstant(whole * width_ + lane), lane, lanes, vectors});
      lane += static_cast<int64_t>(vectors) * lanes;
    }
}

/// Adds row k of each gate's weights, times element k of the state, to the gates' sums.
void RecurrentEmitter::addProducts(const Block &block, Scratch state, Value k, int64_t firstGate,
                                   MutableArrayRef<Value> sums) {
  Expr factor = state.load(access_, k, 1);
  for (auto [number, sum] : llvm::enumerate(sums)) {
    int64_t gate = firstGate + static_cast<int64_t>(number / block.vectors), vector = number % block.vectors;
    Value lane = access_.indexConstant(block.lane + vector * block.lanes);
    Expr weights =
        read(op_.getRecurrence(),
             {{direction_, 0}, {block.panel, 0}, {k, 0}, {access_.indexConstant(gate), 0}, along(lane, block.lanes)},
             block.lanes);
    sum = fma(repeat(factor, weights), weights, Expr(b_, sum)).value();
  }
}

/// The products of the state with the weights of some gates: gate by gate, `vectors` each. Several rows are added to
/// sums of their own, so that no addition waits for the one before it.
SmallVector<Expr> RecurrentEmitter::products(const Block &block, Scratch state, int64_t firstGate, int64_t gates) {
  constexpr size_t kLeastSums = 6;
  size_t count = gates * block.vectors;
  int64_t rows = 1;
  while (count * rows < kLeastSums)
    rows *= 2;
  Value zero = repeat(b_, numberOf(compute_, 0), block.lanes).value();
  SmallVector<Value> sums(count * rows, zero);
  if (size_ >= rows)
    sums = access_.loop(size_ / rows, sums, [&](Value index, ValueRange carried) {
      SmallVector<Value> next(carried);
      Value first = arith::MulIOp::create(b_, index, access_.indexConstant(rows));
      for (int64_t row = 0; row < rows; ++row)
        addProducts(block, state, offset(access_, first, row), firstGate,
                    MutableArrayRef<Value>(next).slice(row * count, count));
      return next;
    });
  for (int64_t row = 0; row < size_ % rows; ++row)
    addProducts(block, state, access_.indexConstant(size_ / rows * rows + row), firstGate,
                MutableArrayRef<Value>(sums).slice(row * count, count));
  SmallVector<Expr> result;
  for (size_t number = 0; number < count; ++number) {
    Expr sum(b_, sums[number]);
    for (int64_t row = 1; row < rows; ++row)
      sum = sum + Expr(b_, sums[row * count + number]);
    result.push_back(sum);
  }
  return result;
}

Expr RecurrentEmitter::lstm(const Block &block, unsigned vector, ArrayRef<Expr> gates) {
  SmallVector<Expr, 3> peepholes;
  if (op_.getPeepholes())
    for (int64_t gate = 0; gate < 3; ++gate)
      peepholes.push_back(readState(op_.getPeepholes(), {direction_, access_.indexConstant(gate)}, block, vector));
  Value place = placeOf(block, vector);
  auto [hidden, cell] = cell_.lstm<Expr>(gates, state_.load(access_, place, block.lanes), peepholes);
  state_.store(access_, place, cell.value());
  return hidden;
}

/// The hidden state after a step in which no gate waits for another: all but a gru whose reset comes first.
Expr RecurrentEmitter::nextOf(const Block &block, unsigned vector, Value time, ArrayRef<Expr> sums) {
  SmallVector<Expr, 4> gates;
  bool isGru = op_.getKind() == CellKind::Gru;
  for (auto [gate, sum] : llvm::enumerate(sums))
    gates.push_back(isGru && gate == 2 ? sum : sum + projected(block, vector, time, static_cast<int64_t>(gate)));
  if (op_.getKind() == CellKind::Lstm)
    return lstm(block, vector, gates);
  if (!isGru)
    return cell_.apply(0, gates[0]);
  if (op_.getCandidateBias())
    gates[2] = gates[2] + readState(op_.getCandidateBias(), {direction_}, block, vector);
  Expr candidate = cell_.apply(1, projected(block, vector, time, 2) + cell_.apply(0, gates[1]) * gates[2]);
  return cell_.gru(cell_.apply(0, gates[0]), candidate, hidden_.load(access_, placeOf(block, vector), block.lanes));
}

void RecurrentEmitter::storeNext(const Block &block, unsigned vector, Value time, Expr next) {
  store(0, next.value(), {{direction_, 0}, {batch_, 0}, {time, 0}, along(placeOf(block, vector), block.lanes)});
}

void RecurrentEmitter::emitStep(Value time) {
  int64_t gates = recurrent::shapeOf(op_.getKind()).gates;
  forBlocks([&](const Block &block) {
    SmallVector<Expr> sums = products(block, hidden_, 0, gates);
    for (unsigned vector = 0; vector < block.vectors; ++vector) {
      SmallVector<Expr, 4> own;
      for (int64_t gate = 0; gate < gates; ++gate)
        own.push_back(sums[gate * block.vectors + vector]);
      Expr next = nextOf(block, vector, time, own);
      next_.store(access_, placeOf(block, vector), next.value());
      storeNext(block, vector, time, next);
    }
  });
  // The blocks of this step have all read the old state.
  (void)access_.forLanes(size_, lanes_, [&](Value base, unsigned lanes) {
    hidden_.store(access_, base, next_.load(access_, base, lanes).value());
    return success();
  });
}

/// z and r · h of all elements, then the candidates, which read r · h.
void RecurrentEmitter::emitGruStep(Value time) {
  forBlocks([&](const Block &block) {
    SmallVector<Expr> sums = products(block, hidden_, 0, 2);
    for (unsigned vector = 0; vector < block.vectors; ++vector) {
      Value place = placeOf(block, vector);
      Expr update = cell_.apply(0, sums[vector] + projected(block, vector, time, 0));
      Expr reset = cell_.apply(0, sums[block.vectors + vector] + projected(block, vector, time, 1));
      update_.store(access_, place, update.value());
      next_.store(access_, place, (reset * hidden_.load(access_, place, block.lanes)).value());
    }
  });
  forBlocks([&](const Block &block) {
    SmallVector<Expr> sums = products(block, next_, 2, 1);
    for (unsigned vector = 0; vector < block.vectors; ++vector) {
      Value place = placeOf(block, vector);
      Expr candidate = cell_.apply(1, sums[vector] + projected(block, vector, time, 2));
      Expr next =
          cell_.gru(update_.load(access_, place, block.lanes), candidate, hidden_.load(access_, place, block.lanes));
      hidden_.store(access_, place, next.value());
      storeNext(block, vector, time, next);
    }
  });
}

Value RecurrentEmitter::lengthOfSequence() {
  Value steps = steps_.in(b_);
  if (!op_.getLengths())
    return steps;
  Value read = access_.fetch(op_.getLengths(), LaneIndex{batch_, 0}, 1);
  done_ &= static_cast<bool>(read);
  if (!read)
    return steps;
  Value length = arith::IndexCastOp::create(b_, b_.getIndexType(), read);
  return arith::MaxSIOp::create(b_, arith::MinSIOp::create(b_, length, steps), access_.indexConstant(0));
}

Value RecurrentEmitter::timeOf(Value step, Value length) {
  if (op_.getDirection() == RecurrentDirection::Forward)
    return step;
  Value last = arith::SubIOp::create(b_, length, access_.indexConstant(1));
  Value mirrored = arith::SubIOp::create(b_, last, step);
  if (op_.getDirection() == RecurrentDirection::Reverse)
    return mirrored;
  Value isForward = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, direction_, access_.indexConstant(0));
  return arith::SelectOp::create(b_, isForward, step, mirrored);
}

LogicalResult RecurrentEmitter::emit() {
  hidden_ = scratchFor(access_, size_, compute_);
  next_ = scratchFor(access_, size_, compute_);
  if (!hidden_.buffer || !next_.buffer)
    return failure();
  copyIn(op_.getHidden(), hidden_);
  if (isResetFirst())
    update_ = scratchFor(access_, size_, compute_);
  if (op_.getCell()) {
    state_ = scratchFor(access_, size_, compute_);
    copyIn(op_.getCell(), state_);
  }
  Value length = lengthOfSequence();
  forEach(b_, access_.indexConstant(0), length, [&](Value step) {
    Value time = timeOf(step, length);
    isResetFirst() ? emitGruStep(time) : emitStep(time);
  });
  if (op_.getLengths())
    forEach(b_, length, steps_, [&](Value time) {
      (void)access_.forLanes(size_, lanes_, [&](Value base, unsigned lanes) {
        Value zero = repeat(b_, numberOf(compute_, 0), lanes).value();
        store(0, zero, {{direction_, 0}, {batch_, 0}, {time, 0}, along(base, lanes)});
        return success();
      });
    });
  copyOut(hidden_, 1);
  if (op_.getCell())
    copyOut(state_, 2);
  return success(done_);
}

unsigned RecurrentOp::tiledDims() { return 2; }

LogicalResult RecurrentOp::emitTile(TileAccess &access) { return RecurrentEmitter(*this, access).emit(); }

} // namespace smelt::graph

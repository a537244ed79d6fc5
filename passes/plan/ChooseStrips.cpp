// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/ChooseStrips.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Kernel/Scratch.h"
#include "dialects/Kernel/Work.h"
#include "passes/plan/Strips.h"
#include "passes/plan/Views.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::plan {

// What things cost, in cycles. From what was measured on Xeons of the Emerald Rapids family.
constexpr double kCallCycles = 400;        // a kernel's call, its prologue and its first misses
constexpr double kOfPeak = 0.6;            // what kernels reach of the processor's multiply-adds
constexpr double kNearBytesPerCycle = 16;  // copied, or read once more, in the second cache
constexpr double kCyclesOneByOne = 2;      // an element that lies alone
constexpr double kFarBytesPerCycle = 8;    // beyond it; half of that is hidden behind what is computed
constexpr double kBriefCycles = 6000;      // what takes less is not spread over threads
constexpr double kShareCycles = 4000;      // what takes more, and is, costs that: threads are told, and wait
constexpr double kOthersBytesPerCycle = 5; // read where another core has written them
constexpr double kWinogradLoss = 0.1;      // of a direct convolution's time: strips read the larger filters again

constexpr int kMostOps = 32;           // that are split together
constexpr int kMostEstimates = 100000; // of a model with more to choose from, what comes later stays whole
constexpr double kMostLoss = 0.03;     // of the time of all, for a smaller arena: beside the fastest choice,
constexpr double kMostSlower = 0.02;   // and beside none: less than the model of costs can tell
constexpr double kLeastGain = 0.97;    // of the arena, from one target to the next
constexpr int64_t kSmallArena = 65536; // is small enough

namespace {

/// What a choice needs and costs.
struct Candidate {
  int first = 0;
  int64_t strips = 1;
  int64_t bytes = 0;      // of the arena, while these ops run
  double cycles = 0;      // more than without strips
  double cyclesOfTwo = 0; // the same where two threads compute
  double copyCycles = 0;
};

/// What is known of an op.
struct OpCost {
  double cycles = 0;
  int64_t constantBytes = 0;
  int64_t scratchBytes = 0;
  kernel::ContractOp contract;
  int64_t panelBytes = 0;
  bool isWinograd = false;
};

class Chooser {
public:
  Chooser(ArrayRef<Operation *> ops, ArrayRef<HeldBuffer> buffers, const kernel::Machine &machine, bool isForMemory);
  std::vector<StripPlan> run();

private:
  OpCost costOf(Operation *op) const;
  void findCandidates(int last);
  void findCandidates(int first, int last, Strips &strips);
  Candidate estimate(int first, int last, const Strips &strips) const;
  int64_t bytesThrough(int first, int last) const;
  double cyclesSaved(int first, int last) const;
  double slowdown(const StripOp &entry, const OpCost &cost, Rows rows) const;
  double excessOf(kernel::ContractOp op, int64_t rows) const;
  void addCompute(Candidate &candidate, const StripOp &entry, const OpCost &cost, ArrayRef<bool> isElsewhere) const;
  std::optional<StripPlan> solve(int64_t target) const;

  ArrayRef<Operation *> ops_;
  ArrayRef<HeldBuffer> buffers_;
  kernel::Machine machine_;
  bool isForMemory_; // whatever two threads take
  SmallVector<OpCost> costs_;
  SmallVector<int64_t> live_;                      // at each op
  std::vector<SmallVector<Candidate>> candidates_; // by last op
  int estimates_ = 0;
  mutable llvm::DenseMap<std::pair<Operation *, int64_t>, double> excess_; // found so far, by product and rows
};

/// The bytes that strips need at each of their steps, and what is copied and called for them.
class StripMemory {
public:
  explicit StripMemory(const Strips &strips)
      : strips_(strips), ops_(strips.ops()), steps_(ops_.size() * strips.count() + 1) {
    findReaders();
    for (size_t number = 0; number < ops_.size(); ++number)
      for (int64_t strip = 0; strip < strips.count(); ++strip)
        ops_[number].isView ? addView(number, strip) : addDispatch(number, strip);
  }

  int64_t most() const {
    int64_t bytes = 0, most = 0;
    for (int64_t change : steps_) {
      bytes += change;
      most = std::max(most, bytes);
    }
    return most;
  }
  int64_t calls = 0; // that fill and copy
  int64_t copiedBytes = 0;

private:
  void findReaders();
  std::optional<int> writerOf(const StripOp &pad) const;
  void addDispatch(size_t number, int64_t strip);
  void addView(size_t number, int64_t strip);
  void hold(int64_t bytes, size_t from, size_t to) {
    steps_[from] += bytes;
    steps_[std::max(from, to) + 1] -= bytes;
  }
  size_t stepOf(size_t number, int64_t strip) const { return strip * ops_.size() + number; }

  const Strips &strips_;
  ArrayRef<StripOp> ops_;
  SmallVector<int64_t> steps_;    // how many bytes more
  SmallVector<int> lastReaders_;  // dispatches
  SmallVector<int64_t> rowBytes_; // of the buffer that an op's rows lie in
  SmallVector<bool> isPadded_;    // this buffer is a pad's
  SmallVector<bool> isCopied_;    // what a pad reads, into it
};

} // namespace

double cyclesOfCopy(int64_t elements, unsigned elementBytes, bool isOneByOne) {
  return double(elements) * (isOneByOne ? kCyclesOneByOne : elementBytes / kNearBytesPerCycle);
}

static int64_t bytesOf(Value value) {
  RankedTensorType type = graph::typeOf(value);
  return type.getNumElements() * graph::elementBytes(type.getElementType());
}

/// The number of the dispatch whose rows a pad reads, through views through which that can write into the pad's inside;
/// nothing where it is outside, or where they are copied there.
std::optional<int> StripMemory::writerOf(const StripOp &pad) const {
  View all{0, 0, graph::rowMajorStrides(graph::extentsOf(pad.op->getResult(0)))};
  std::optional<View> inside = backwardView(pad.op, 0, all);
  int number = pad.producers[0];
  for (; number >= 0 && ops_[number].isView; number = ops_[number].producers[0]) {
    bool isSame = isa<graph::ReshapeOp, graph::TransposeOp, graph::BitCastOp>(ops_[number].op);
    inside = inside && isSame ? backwardView(ops_[number].op, 0, *inside) : std::nullopt;
  }
  return number >= 0 && inside ? std::optional(number) : std::nullopt;
}

void StripMemory::findReaders() {
  size_t count = ops_.size();
  lastReaders_.assign(count, 0);
  rowBytes_.assign(count, 0);
  isPadded_.assign(count, false);
  isCopied_.assign(count, false);
  for (size_t number = count; number-- > 0;) {
    const StripOp &entry = ops_[number];
    int last = entry.isView ? lastReaders_[number] : static_cast<int>(number);
    int64_t bytes = 0;
    for (Value result : entry.op->getResults())
      bytes += bytesOf(result) / entry.extent;
    rowBytes_[number] = std::max(rowBytes_[number], bytes);
    for (int producer : entry.producers)
      if (producer >= 0)
        lastReaders_[producer] = std::max(lastReaders_[producer], last);
    if (!isa<graph::PadOp>(entry.op))
      continue;
    std::optional<int> writer = writerOf(entry);
    isCopied_[number] = !writer;
    if (!writer)
      continue;
    rowBytes_[*writer] = std::max(rowBytes_[*writer], rowBytes_[number]);
    isPadded_[*writer] = true;
  }
}

void StripMemory::addDispatch(size_t number, int64_t strip) {
  const StripOp &entry = ops_[number];
  const StripRows &rows = entry.strips[strip];
  int64_t low = rows.computed.first, high = rows.computed.last;
  for (const Rows &read : rows.read) {
    low = std::min(low, read.first);
    int64_t kept = std::max<int64_t>(0, std::min(rows.computed.first, read.last) - read.first);
    calls += kept > 0;
    copiedBytes += kept * rowBytes_[number];
  }
  bool isWindow = low < rows.computed.first || isPadded_[number];
  if (entry.isReadOutside && !isWindow)
    return;
  if (entry.isReadOutside)
    copiedBytes += rows.computed.count() * rowBytes_[number];
  size_t last = stepOf(lastReaders_[number], strip);
  if (strip + 1 < strips_.count() &&
      llvm::any_of(entry.strips[strip + 1].read, [&](const Rows &read) { return read.first < high; }))
    last = std::max(last, stepOf(number, strip + 1) - 1); // the next strip's lies in the same place
  hold((high - low) * rowBytes_[number], stepOf(number, strip), last);
}

void StripMemory::addView(size_t number, int64_t strip) {
  if (!isa<graph::PadOp>(ops_[number].op))
    return;
  // Borders of rows stand in the place of all windows but the first, which has others, and the one after it.
  const bool isFilled = strip < 2 || strip + 1 == strips_.count();
  for (const Rows &read : ops_[number].strips[strip].read) {
    calls += isFilled || isCopied_[number];
    if (!isCopied_[number])
      continue;
    ++calls;
    int64_t bytes = read.count() * rowBytes_[number];
    copiedBytes += bytes;
    hold(bytes, stepOf(number, strip), stepOf(lastReaders_[number], strip));
  }
}

Chooser::Chooser(ArrayRef<Operation *> ops, ArrayRef<HeldBuffer> buffers, const kernel::Machine &machine,
                 bool isForMemory)
    : ops_(ops), buffers_(buffers), machine_(machine), isForMemory_(isForMemory), live_(ops.size(), 0),
      candidates_(ops.size()) {
  for (Operation *op : ops)
    costs_.push_back(costOf(op));
  for (const HeldBuffer &buffer : buffers)
    for (int at = buffer.first; at <= buffer.last && at < static_cast<int>(ops.size()); ++at)
      live_[at] += buffer.bytes;
}

OpCost Chooser::costOf(Operation *op) const {
  OpCost cost;
  auto dispatch = dyn_cast<kernel::DispatchOp>(op);
  if (!dispatch)
    return cost;
  double perCycle = 2.0 * double(machine_.lanes()) * machine_.multiplyAdds * kOfPeak;
  for (Operation &inner : dispatch.getBody().front()) {
    double operations = double(kernel::operationsOf(&inner).asNumber().value_or(0));
    auto contract = dyn_cast<kernel::ContractOp>(inner);
    cost.contract = contract ? contract : cost.contract;
    cost.panelBytes += contract ? bytesOf(contract.getPacked()) : 0;
    cost.isWinograd |= isa<kernel::WinogradOp>(inner);
    cost.cycles += operations / perCycle / (contract ? double(kernel::togetherOf(contract)) : 1);
  }
  for (Value input : dispatch.getInputs())
    if (input.getDefiningOp<graph::ConstantOp>())
      cost.constantBytes += bytesOf(input);
  cost.scratchBytes = kernel::scratchBytes(dispatch.getBody().front(), machine_);
  return cost;
}

int64_t Chooser::bytesThrough(int first, int last) const {
  int64_t bytes = 0;
  for (const HeldBuffer &buffer : buffers_)
    if (buffer.first <= last && buffer.last >= first && (buffer.first < first || buffer.last > last))
      bytes += buffer.bytes;
  return bytes;
}

/// Buffers that leave the second cache before they are read, and do not where there are strips.
double Chooser::cyclesSaved(int first, int last) const {
  int64_t bytes = 0;
  for (const HeldBuffer &buffer : buffers_)
    if (buffer.first >= first && buffer.last <= last && buffer.bytes > machine_.secondCacheBytes / 2)
      bytes += buffer.bytes;
  return double(bytes) / kFarBytesPerCycle;
}

/// How many times as many points the tiles of some rows have as the rows do.
double Chooser::excessOf(kernel::ContractOp op, int64_t rows) const {
  double &excess = excess_[{op, rows}];
  if (excess > 0)
    return excess;
  RankedTensorType type = graph::typeOf(op.getResult()), packed = graph::typeOf(op.getPacked());
  int64_t columns = type.getDimSize(type.getRank() - 2), channels = type.getShape().back() / op.getGroups();
  auto isOne = [](int64_t taps) { return taps == 1; };
  bool isFlat = llvm::all_of(op.getWindow(), isOne) && llvm::all_of(op.getStrides(), isOne);
  if (isFlat) {
    columns *= rows;
    rows = 1;
  }
  kernel::RegisterTile tile = kernel::chooseTile(
      machine_, rows, columns, channels, graph::elementBytes(graph::computeType(type.getElementType())),
      kernel::togetherOf(op), packed.getShape().back() / static_cast<int64_t>(op.getTogether()));
  excess = double(llvm::alignTo(rows, tile.rows) * llvm::alignTo(columns, tile.columns)) / double(rows * columns);
  return excess;
}

/// The time that rows of a strip take, as a multiple of what they take among all.
double Chooser::slowdown(const StripOp &entry, const OpCost &cost, Rows rows) const {
  if (rows == Rows{0, entry.extent})
    return 1;
  if (cost.isWinograd)
    return 1 + kWinogradLoss;
  kernel::ContractOp contract = cost.contract; // a handle, whose methods are not const
  if (!contract)
    return 1;
  double part = excessOf(contract, rows.count()), whole = excessOf(contract, entry.extent);
  return std::max(1.0, part / whole);
}

/// Of each operand, whether it was computed before these strips, by threads that had other rows, which still have it in
/// their second caches.
static SmallVector<bool> findElsewhere(const Strips &strips, const StripOp &entry, int64_t cacheBytes) {
  SmallVector<bool> isElsewhere;
  for (auto [operand, number] : llvm::zip_equal(entry.op->getOperands(), entry.producers)) {
    Value value = operand;
    int producer = number;
    while (Operation *op = value.getDefiningOp()) {
      if (!isView(op))
        break;
      value = op->getOperand(0);
      producer = producer < 0 ? producer : strips.ops()[producer].producers[0];
    }
    isElsewhere.push_back(producer < 0 && !isa<BlockArgument>(value) && bytesOf(operand) < cacheBytes / 2);
  }
  return isElsewhere;
}

/// Bytes that one of two threads reads where the other one has written them. Both have half of the rows: what windows
/// reach of the other half, half of what lies elsewhere, and of a product half of all where they have channels instead.
static double foreignBytes(const StripOp &entry, const OpCost &cost, Rows rows, ArrayRef<bool> isElsewhere) {
  double bytes = 0, all = 0;
  for (auto [operand, use, elsewhere] : llvm::zip_equal(entry.op->getOperands(), entry.uses, isElsewhere)) {
    if (use.isWhole())
      continue;
    int64_t extent = graph::typeOf(operand).getDimSize(use.dim);
    double rowBytes = double(bytesOf(operand)) / double(extent), read = double(use.read(rows, extent).count());
    all += read * rowBytes;
    bytes += rowBytes * (elsewhere ? read / 2 : double(std::max<int64_t>(0, use.window - use.stride)));
  }
  for (Value result : entry.op->getResults())
    all += double(bytesOf(result)) * double(rows.count()) / double(entry.extent);
  return 2 * double(cost.panelBytes) > all ? all / 2 : bytes;
}

/// The time of two threads; `uneven` is the larger half's part of all, times two.
static double timeOfTwo(double cycles, double uneven = 1, double foreign = 0) {
  return cycles < kBriefCycles ? cycles : cycles * uneven / 2 + kShareCycles + foreign / kOthersBytesPerCycle;
}

/// Tiles of what is no product are rows.
static double unevenOf(const OpCost &cost, Rows rows) {
  return cost.contract || cost.isWinograd ? 1 : 2 * double(llvm::divideCeil(rows.count(), 2)) / double(rows.count());
}

void Chooser::addCompute(Candidate &candidate, const StripOp &entry, const OpCost &cost,
                         ArrayRef<bool> isElsewhere) const {
  const Rows all{0, entry.extent};
  const SmallVector<bool> here(isElsewhere.size(), false);
  candidate.cycles -= cost.cycles + kCallCycles;
  candidate.cyclesOfTwo -=
      timeOfTwo(cost.cycles + kCallCycles, unevenOf(cost, all), foreignBytes(entry, cost, all, here));
  Rows before;
  double factor = 1;
  for (const StripRows &strip : entry.strips) {
    Rows rows = strip.computed;
    if (rows.count() <= 0)
      continue;
    if (rows.count() != before.count())
      factor = slowdown(entry, cost, rows);
    before = rows;
    double cycles = cost.cycles * factor * double(rows.count()) / double(entry.extent) + kCallCycles;
    candidate.cycles += cycles;
    candidate.cyclesOfTwo += timeOfTwo(cycles, unevenOf(cost, rows), foreignBytes(entry, cost, rows, isElsewhere));
  }
  // Who reads all of it as a whole finds but half of it where it was left, if it is still there.
  for (Value result : entry.op->getResults())
    if (entry.isReadOutside && bytesOf(result) < machine_.secondCacheBytes / 2)
      candidate.cyclesOfTwo += double(bytesOf(result)) / 2 / kOthersBytesPerCycle;
}

Candidate Chooser::estimate(int first, int last, const Strips &strips) const {
  StripMemory memory(strips);
  Candidate candidate{first, strips.count(), memory.most() + bytesThrough(first, last)};
  int64_t scratch = 0, constants = 0, calls = memory.calls;
  double again = 0;
  for (auto [number, entry] : llvm::enumerate(strips.ops())) {
    const OpCost &cost = costs_[first + number];
    scratch = std::max(scratch, cost.scratchBytes);
    constants += cost.constantBytes;
    again += double(cost.constantBytes) * double(strips.count() - 1);
    calls -= isa<graph::PadOp>(entry.op);
    if (!entry.isView)
      addCompute(candidate, entry, cost, findElsewhere(strips, entry, machine_.secondCacheBytes));
  }
  candidate.bytes += scratch;
  bool isNear = memory.most() + constants <= machine_.secondCacheBytes;
  candidate.copyCycles = double(memory.copiedBytes) / kNearBytesPerCycle;
  double moved = candidate.copyCycles + again / (isNear ? 2 * kNearBytesPerCycle : kFarBytesPerCycle),
         saved = cyclesSaved(first, last);
  candidate.cycles += double(calls) * kCallCycles + moved - saved;
  candidate.cyclesOfTwo += double(calls) * kCallCycles + moved - saved / 2;
  return candidate;
}

void Chooser::findCandidates(int first, int last, Strips &strips) {
  int64_t rows = 0, before = 0;
  for (int at = first; at <= last; ++at)
    before = std::max(before, live_[at]);
  for (const StripOp &entry : strips.ops())
    if (!entry.isReadHere)
      rows = std::max(rows, entry.extent);
  int64_t height = 0;
  for (int64_t count : {2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64}) {
    if (count > rows || llvm::divideCeil(rows, count) == static_cast<uint64_t>(height) || !strips.cut(count))
      continue;
    height = static_cast<int64_t>(llvm::divideCeil(rows, count));
    ++estimates_;
    Candidate candidate = estimate(first, last, strips);
    if (candidate.bytes > before && candidate.cycles >= 0)
      continue;
    if (llvm::any_of(candidates_[last], [&](const Candidate &other) {
          return other.first == first && other.bytes <= candidate.bytes && other.cycles <= candidate.cycles &&
                 other.cyclesOfTwo <= candidate.cyclesOfTwo;
        }))
      continue;
    candidates_[last].push_back(candidate);
  }
}

void Chooser::findCandidates(int last) {
  if (!isa<kernel::DispatchOp>(ops_[last]))
    return;
  for (int first = last - 1; first >= 0 && last - first < kMostOps && estimates_ < kMostEstimates; --first) {
    std::optional<Strips> strips = Strips::of(ops_.slice(first, last + 1 - first));
    if (!strips)
      return;
    findCandidates(first, last, *strips);
  }
}

/// The choices that take the least time where no step needs more than `target` bytes; nothing where there are none.
std::optional<StripPlan> Chooser::solve(int64_t target) const {
  struct Best {
    double cycles = 0;
    const Candidate *candidate = nullptr;
    bool isPossible = false;
  };
  std::vector<Best> best(ops_.size() + 1);
  best[0].isPossible = true;
  for (size_t last = 0; last < ops_.size(); ++last) {
    Best &here = best[last + 1];
    if (best[last].isPossible && live_[last] <= target)
      here = {best[last].cycles, nullptr, true};
    for (const Candidate &candidate : candidates_[last]) {
      const Best &before = best[candidate.first];
      double cycles = before.cycles + (isForMemory_ ? candidate.cycles : candidate.cyclesOfTwo);
      if (before.isPossible && candidate.bytes <= target && (!here.isPossible || cycles < here.cycles))
        here = {cycles, &candidate, true};
    }
  }
  if (!best.back().isPossible)
    return std::nullopt;
  StripPlan solution;
  for (int last = static_cast<int>(ops_.size()) - 1; last >= 0;) {
    const Candidate *candidate = best[last + 1].candidate;
    solution.bytes = std::max(solution.bytes, candidate ? candidate->bytes : live_[last]);
    if (candidate) {
      solution.choices.push_back({candidate->first, last, candidate->strips});
      solution.cycles += candidate->cycles;
      solution.cyclesOfTwo += candidate->cyclesOfTwo;
      solution.copyCycles += candidate->copyCycles;
    }
    last = candidate ? candidate->first - 1 : last - 1;
  }
  return solution;
}

std::vector<StripPlan> Chooser::run() {
  for (int last = 0; last < static_cast<int>(ops_.size()); ++last)
    findCandidates(last);
  double all = 0, allOfTwo = 0;
  for (const OpCost &cost : costs_) {
    all += cost.cycles;
    allOfTwo += timeOfTwo(cost.cycles);
  }
  std::vector<StripPlan> plans;
  std::optional<StripPlan> plan = solve(std::numeric_limits<int64_t>::max());
  double most = std::min(plan->cycles + kMostLoss * all, kMostSlower * all);
  double mostOfTwo = isForMemory_ ? std::numeric_limits<double>::max() : kMostSlower * allOfTwo;
  while (plan && plan->cycles <= most && plan->cyclesOfTwo <= mostOfTwo) {
    plan->mostCycles = kMostSlower * all;
    plans.push_back(*plan);
    if (plan->bytes < kSmallArena)
      break;
    plan = solve(static_cast<int64_t>(double(plan->bytes) * kLeastGain));
  }
  return plans;
}

std::vector<StripPlan> chooseStrips(ArrayRef<Operation *> ops, ArrayRef<HeldBuffer> buffers,
                                    const kernel::Machine &machine, bool isForMemory) {
  return Chooser(ops, buffers, machine, isForMemory).run();
}

SmallVector<StripChoice> splitAll(ArrayRef<Operation *> ops, int64_t strips) {
  SmallVector<StripChoice> choices;
  int count = static_cast<int>(ops.size());
  for (int first = 0; first < count; ++first) {
    StripChoice best;
    for (int last = first; last < count && last - first < kMostOps; ++last) {
      std::optional<Strips> part = Strips::of(ops.slice(first, last + 1 - first));
      if (part && isa<kernel::DispatchOp>(ops[last]) && part->cut(strips))
        best = {first, last, strips};
    }
    if (best.strips == 1)
      continue;
    choices.push_back(best);
    first = best.last;
  }
  return choices;
}

} // namespace smelt::plan

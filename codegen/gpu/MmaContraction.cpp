// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products and convolutions by tensor cores: of f16, bf16 or tf32 with sums in f32, of integers of 8 bits with sums in
// i32. A group of 128 threads has a tile of points by channels, and each of its four warps a part of that, in steps of
// mma.sync.m16n8k16 (k32 of integers, k8 of tf32):
//   shared memory:  slices of the input, [point][k], and of the panels, [k][channel], in a ring: while one is
//                   multiplied, the next are on their way (cp.async). Of integers, four neighbours along k of a channel
//                   are one word, [k / 4][channel], which registers make of what panels have. A number of
//                   tf32 is a word, as f32 until it is multiplied
//   registers:      fragments of both (ldmatrix), and the sums
// At the end sums go through shared memory, so that neighbouring threads have neighbouring vectors of channels for what
// is fused to the product. Layouts of fragments: PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type",
// "Matrix Fragments for mma.m16n8k32".

#include "codegen/gpu/GroupMemory.h"
#include "codegen/gpu/GroupTile.h"
#include "codegen/gpu/Mma.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

namespace {

constexpr int64_t kSliceBytes = kernel::kGroupSliceBytes; // along K: two steps of mma
constexpr int64_t kStepBytes = kMmaBytes;
constexpr int64_t kWarp = 32;
constexpr int64_t kRow = kMmaRows, kColumn = kMmaColumns;
constexpr int64_t kWordBytes = 4;
constexpr int64_t kCopyBytes = 16;                         // the most that a thread copies at once
constexpr int64_t kInputStride = kSliceBytes + kCopyBytes; // bytes, so that rows begin in other banks

/// Points and channels of a group's tile, and of a warp's part of it. Bytes are those of a slice: of 16 rows of words,
/// or twice as many of halves.
struct Tile {
  int64_t points, channels, warpPoints, warpChannels;
  int64_t across() const { return channels / warpChannels; } // warps
  int64_t sumStride() const { return channels + kLanes; }
  int64_t inputBytes() const { return points * kInputStride; }
  int64_t halfStride() const { return channels + kCopyBytes / 2; } // halves
  int64_t wordStride() const { return channels + 8; }              // words: four rows of them lie in all banks
  int64_t panelBytes(bool isOfWords) const { return kSliceBytes * (isOfWords ? wordStride() : halfStride()); }
};

constexpr Tile kTiles[] = {{128, 64, 64, 32}, {128, 32, 32, 32}, {64, 64, 32, 32}, {64, 32, 32, 16}, {32, 32, 16, 16}};
// Of floats, which others multiply as well.
constexpr int64_t kFewestPoints = kernel::kFewestTilePoints, kFewestChannels = 8;

/// How vectors of an operand come into shared memory.
struct Route {
  int64_t lanes = kLanes; // of a vector
  bool isAsync = false;   // without registers
  bool isPlain = false;   // as they lie in memory; else what is fused is computed, in f32, and rounded
};

class MmaContraction : GroupTile {
public:
  MmaContraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile);
  bool isSupported();
  FailureOr<graph::Extent> emit(Value invocation);

private:
  Route routeOf(Value tensor, int64_t neighbours);
  void makeMemory();
  LogicalResult accumulate(SmallVector<Value> &sums);
  LogicalResult fetch(Value slice, Fetches &fetches);
  LogicalResult fetchInput(Value slice, Fetches &fetches);
  LogicalResult fetchPanels(Value slice, Fetches &fetches);
  LogicalResult fetchWords(Value slice, Fetches &fetches);
  Value readPanel(ArrayRef<LaneIndex> index, Value isThere);
  Value readStored(Value tensor, ArrayRef<LaneIndex> index, Value isThere);
  void keep(const Fetches &fetches);
  void wait(int64_t mostPending);
  void multiply(Value slice, SmallVector<Value> &sums);
  Value loadWord(Value place);
  bool isOfBytes() const { return elementBytes_ == 1; }
  bool isOfWords() const { return elementBytes_ != 2; } // in the panels' slices
  int64_t panelStride() const { return isOfWords() ? tile_.wordStride() : tile_.halfStride(); }
  LogicalResult store(ArrayRef<Value> sums);
  void shareSums(ArrayRef<Value> sums);

  Type element_, storage_; // of the input; that of the panels has as many bits
  Type sum_;
  int64_t elementBytes_, slice_;
  Tile tile_;
  Route input_, panelRoute_;
  int64_t slices_, stages_;
  Value inputs_, panelValues_;      // slices in shared memory, to write
  Value inputHalves_, panelHalves_; // the same as f16, whatever they are
  Value panelWords_;                // the same as words
  Value sums_;                      // in the same place, later
  Value lane_, warp_;
};

} // namespace

MmaContraction::MmaContraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile)
    : GroupTile(body, root, function, profile), element_(graph::typeOf(root.getInput()).getElementType()),
      storage_(codegen::storageType(element_)),
      sum_(isa<FloatType>(element_) ? Type(b_.getF32Type()) : b_.getI32Type()),
      elementBytes_(graph::elementBytes(element_)), slice_(kSliceBytes / elementBytes_), tile_(chooseTile(kTiles)),
      slices_(static_cast<int64_t>(llvm::divideCeil(k_, slice_))), stages_(profile.hasAsyncCopies ? 3 : 2) {
  type_ = VectorType::get({kLanes}, sum_);
}

bool MmaContraction::isSupported() {
  Type panels = graph::typeOf(root_.getPacked()).getElementType(),
       sum = graph::typeOf(root_.getResult()).getElementType();
  if (!profile_.hasTensorCores || !isShaped() || tile_.channels % width_ != 0)
    return false;
  auto isByte = [](Type type) { return type.isSignlessInteger(8) || type.isUnsignedInteger(8); };
  if (isByte(element_)) // which nobody else multiplies in groups
    return isByte(panels) && sum.isSignlessInteger(32);
  const bool isMultiplied =
      areHalvesOfCores(element_, profile_.architecture) || (element_.isF32() && profile_.multipliesTf32);
  return isMultiplied && panels == element_ && isPlain() && typicalPoints_ >= kFewestPoints &&
         typicalChannels() >= kFewestChannels && k_ >= kStepBytes / elementBytes_;
}

/// `neighbours` lie side by side in memory where the tensor does.
Route MmaContraction::routeOf(Value tensor, int64_t neighbours) {
  Route route;
  for (int64_t lanes = kCopyBytes / elementBytes_; lanes >= kLanes; lanes /= 2) {
    if (neighbours % lanes || !isAligned(tensor, lanes))
      continue;
    route.isPlain = true;
    route.isAsync = profile_.hasAsyncCopies;
    route.lanes = route.isAsync ? lanes : kLanes;
    break;
  }
  return route;
}

/// One array, which holds slices first and sums at the end.
void MmaContraction::makeMemory() {
  const int64_t inputs = stages_ * tile_.inputBytes(), panels = stages_ * tile_.panelBytes(isOfWords()),
                sums = tile_.points * tile_.sumStride() * kWordBytes;
  Value memory = makeSharedBytes("memory", std::max(inputs + panels, sums));
  auto view = [&](int64_t offset, int64_t bytes, Type type) {
    return viewGroupArray(b_, memory, body_.constant(offset), bytes * 8 / type.getIntOrFloatBitWidth(), type);
  };
  inputs_ = view(0, inputs, storage_);
  inputHalves_ = view(0, inputs, b_.getF16Type());
  panelValues_ = view(inputs, panels, storage_);
  if (isOfWords())
    panelWords_ = view(inputs, panels, b_.getI32Type());
  else
    panelHalves_ = view(inputs, panels, b_.getF16Type());
  sums_ = view(0, sums, sum_);
}

FailureOr<graph::Extent> MmaContraction::emit(Value invocation) {
  input_ = routeOf(root_.getInput(), depth_);
  panelRoute_ = routeOf(root_.getPacked(), width_);
  panelRoute_.isAsync &= !isOfBytes(); // which change their places on the way
  splitNumber(invocation, tile_.points, tile_.channels);
  lane_ = part(thread_, kWarp);
  warp_ = over(thread_, kWarp);
  makeMemory();
  const int64_t fragments = tile_.warpPoints / kRow * tile_.warpChannels / kColumn;
  SmallVector<Value> sums(fragments * 4, arith::ConstantOp::create(b_, b_.getZeroAttr(sum_)));
  if (failed(accumulate(sums)) || failed(store(sums)))
    return failure();
  return groupsOf(tile_.points, tile_.channels) * graph::Extent(kGroupThreads);
}

/// Slices are fetched as many ahead as there is room for, beside the one that is multiplied.
LogicalResult MmaContraction::accumulate(SmallVector<Value> &sums) {
  const int64_t ahead = std::min(stages_ - 1, slices_);
  for (int64_t slice = 0; slice < ahead; ++slice) {
    Fetches first;
    if (failed(fetch(body_.constant(slice), first)))
      return failure();
    keep(first);
  }
  auto fetchAndMultiply = [&](Value slice, SmallVector<Value> &carried) {
    wait(ahead - 1);
    Fetches next;
    if (failed(fetch(body_.add(slice, body_.constant(ahead)), next)))
      return failure();
    multiply(slice, carried);
    keep(next);
    return success();
  };
  if (slices_ > ahead && failed(loopWith(body_, 0, slices_ - ahead, 1, sums, fetchAndMultiply)))
    return failure();
  wait(0);
  return loopWith(body_, slices_ - ahead, slices_, 1, sums, [&](Value slice, SmallVector<Value> &carried) {
    multiply(slice, carried);
    return success();
  });
}

//===-- Fetching ------------------------------------------------------------------------------------------------===//

/// This thread's share of slice number `slice`.
LogicalResult MmaContraction::fetch(Value slice, Fetches &fetches) {
  if (failed(fetchInput(slice, fetches)) ||
      failed(isOfBytes() ? fetchWords(slice, fetches) : fetchPanels(slice, fetches)))
    return failure();
  if (input_.isAsync || panelRoute_.isAsync)
    NVVM::CpAsyncCommitGroupOp::create(b_);
  return success();
}

/// Neighbouring threads have neighbouring vectors along k.
LogicalResult MmaContraction::fetchInput(Value slice, Fetches &fetches) {
  const int64_t along = slice_ / input_.lanes, rows = kGroupThreads / along;
  Value inSlice = body_.scale(part(thread_, along), input_.lanes), row = over(thread_, along);
  Value k = body_.add(body_.scale(slice, slice_), inSlice);
  Value stage = body_.scale(part(slice, stages_), tile_.inputBytes() / elementBytes_);
  const bool mayEnd = k_ % slice_ != 0;
  for (int64_t from = 0; from < tile_.points; from += rows) {
    Value inTile = body_.add(row, body_.constant(from)), point = body_.add(firstPoint_, inTile);
    if (mayBeCut(points_, tile_.points))
      point = atMost(point, points_ - 1); // which is not stored twice
    Value place = body_.add(stage, body_.add(body_.scale(inTile, kInputStride / elementBytes_), inSlice)), value;
    if (input_.isPlain) { // so vectors lie within a tap
      SmallVector<LaneIndex> index = inputIndex(point, mayEnd ? atMost(k, k_ - input_.lanes) : k);
      Value isThere = mayEnd ? isBelow(k, k_) : Value();
      if (input_.isAsync) {
        copyAsync(root_.getInput(), index, isThere, input_.lanes, inputs_, place);
        continue;
      }
      value = readStored(root_.getInput(), index, isThere);
    } else if (value = readInput(point, k, mayEnd); value) {
      value = body_.toStorage(value, element_);
    }
    if (!value)
      return failure();
    fetches.push_back({inputs_, place, value});
  }
  return success();
}

/// Neighbouring threads have neighbouring vectors of a panel, which is one piece of memory.
LogicalResult MmaContraction::fetchPanels(Value slice, Fetches &fetches) {
  const int64_t lanes = panelRoute_.lanes;
  const bool mayEnd = k_ % slice_ != 0;
  Value first = body_.scale(slice, slice_);
  Value stage = body_.scale(part(slice, stages_), tile_.panelBytes(isOfWords()) / elementBytes_);
  const int64_t all = slice_ * tile_.channels / lanes;
  for (int64_t from = 0; from < all; from += kGroupThreads) {
    const PanelPart at = panelPart(from, slice_, lanes);
    Value k = body_.add(first, at.row), panel = panelOf(at);
    SmallVector<LaneIndex> index = panelIndex(panel, k, at.column, mayEnd);
    Value isThere = mayEnd ? isBelow(k, k_) : Value(), channel = channelOf(at);
    Value place = body_.add(stage, body_.add(body_.scale(at.row, panelStride()), channel));
    if (panelRoute_.isAsync) {
      copyAsync(root_.getPacked(), index, isThere, lanes, panelValues_, place);
      continue;
    }
    Value value = readPanel(index, isThere);
    if (!value)
      return failure();
    fetches.push_back({panelValues_, place, value});
  }
  return success();
}

/// Four neighbours of a panel's row, as stored.
Value MmaContraction::readPanel(ArrayRef<LaneIndex> index, Value isThere) {
  if (panelRoute_.isPlain)
    return readStored(root_.getPacked(), index, isThere);
  body_.startPoint();
  Value value = body_.read(root_.getPacked(), index, kLanes);
  return value ? body_.toStorage(isThere ? orZero(isThere, value) : value, element_) : nullptr;
}

/// Four words, of four bytes each, with rows for columns.
static SmallVector<Value> transposed(ArrayRef<Value> words, ImplicitLocOpBuilder &b) {
  auto permuted = [&](Value low, Value high, int32_t choice) -> Value {
    Value which = arith::ConstantOp::create(b, b.getI32IntegerAttr(choice));
    return NVVM::PermuteOp::create(b, b.getI32Type(), low, high, which, NVVM::PermuteMode::DEFAULT);
  };
  SmallVector<Value> columns;
  for (int32_t choice : {0x5140, 0x7362}) { // bytes 0 and 1 of both, 2 and 3
    Value first = permuted(words[0], words[1], choice), second = permuted(words[2], words[3], choice);
    columns.push_back(permuted(first, second, 0x5410));
    columns.push_back(permuted(first, second, 0x7632));
  }
  return columns;
}

/// A thread has four neighbours along k of four channels, and makes a word of each channel.
LogicalResult MmaContraction::fetchWords(Value slice, Fetches &fetches) {
  const int64_t rows = slice_ / kWordBytes;
  const bool mayEnd = k_ % slice_ != 0;
  Value first = body_.scale(slice, slice_);
  Value stage = body_.scale(part(slice, stages_), tile_.panelBytes(true) / kWordBytes);
  for (int64_t from = 0; from < rows * tile_.channels / kLanes; from += kGroupThreads) {
    const PanelPart at = panelPart(from, rows, kLanes);
    Value panel = panelOf(at);
    SmallVector<Value> words;
    for (int64_t next = 0; next < kWordBytes; ++next) {
      Value k = body_.add(first, body_.add(body_.scale(at.row, kWordBytes), body_.constant(next)));
      Value value = readPanel(panelIndex(panel, k, at.column, mayEnd), mayEnd ? isBelow(k, k_) : Value());
      if (!value)
        return failure();
      words.push_back(LLVM::BitcastOp::create(b_, b_.getI32Type(), value));
    }
    Value channel = channelOf(at);
    Value place = body_.add(stage, body_.add(body_.scale(at.row, tile_.wordStride()), channel));
    Value vector =
        vector::FromElementsOp::create(b_, VectorType::get({kLanes}, b_.getI32Type()), transposed(words, b_));
    fetches.push_back({panelWords_, place, vector});
  }
  return success();
}

/// Four elements as they are in memory, or zeros.
Value MmaContraction::readStored(Value tensor, ArrayRef<LaneIndex> index, Value isThere) {
  Value from = placeOf(tensor, index), memory = body_.bufferOf(tensor.getDefiningOp<kernel::LoadOp>().getBuffer());
  Value value = vector::LoadOp::create(b_, VectorType::get({kLanes}, storage_), memory, from);
  return isThere ? orZero(isThere, value) : value;
}

void MmaContraction::keep(const Fetches &fetches) {
  for (const Fetched &fetched : fetches)
    storeShared(fetched.value, fetched.buffer, fetched.place);
}

/// All but the last `mostPending` slices are in shared memory for all threads.
void MmaContraction::wait(int64_t mostPending) {
  if (input_.isAsync || panelRoute_.isAsync)
    NVVM::CpAsyncWaitGroupOp::create(b_, static_cast<uint32_t>(mostPending));
  NVVM::Barrier0Op::create(b_);
}

//===-- Multiplying ---------------------------------------------------------------------------------------------===//

/// sums[row][column] += the warp's rows of 16 points · columns of 8 channels, four numbers of each in a thread.
void MmaContraction::multiply(Value slice, SmallVector<Value> &sums) {
  constexpr int64_t kHalfRow = kInputStride / 2, kStep = kStepBytes / 2; // in halves, whatever elements are
  const int64_t rows = tile_.warpPoints / kRow, columns = tile_.warpChannels / kColumn;
  const int64_t perRow = panelStride();
  Value stage = part(slice, stages_), inRow = part(lane_, kStep);
  Value half = body_.scale(over(lane_, kStep), kColumn); // of a step, the first or the second eight
  Value point = body_.add(body_.scale(over(warp_, tile_.across()), tile_.warpPoints), inRow);
  Value left = body_.add(body_.add(body_.scale(stage, tile_.inputBytes() / 2), body_.scale(point, kHalfRow)), half);
  Value channel = body_.scale(part(warp_, tile_.across()), tile_.warpChannels);
  Value right = isOfWords() ? body_.add(body_.scale(part(lane_, 4), perRow), over(lane_, 4))
                            : body_.add(body_.scale(inRow, perRow), half);
  right = body_.add(
      body_.add(body_.scale(stage, tile_.panelBytes(isOfWords()) / (isOfWords() ? kWordBytes : 2)), right), channel);
  const MmaTypes types{element_, graph::typeOf(root_.getPacked()).getElementType(), sum_, profile_.architecture};
  for (int64_t step = 0; step < kSliceBytes / kStepBytes; ++step) {
    SmallVector<Value> points, channels; // fragments: four of each row, two of each column
    for (int64_t row = 0; row < rows; ++row)
      loadMatrices(b_, inputHalves_, body_.add(left, body_.constant(row * kRow * kHalfRow + step * kStep)), false,
                   points);
    if (isOfWords()) {
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t half = 0; half < 2; ++half)
          channels.push_back(
              loadWord(body_.add(right, body_.constant((step * 2 + half) * 4 * perRow + column * kColumn))));
    } else {
      for (int64_t column = 0; column < columns; column += 2)
        loadMatrices(b_, panelHalves_, body_.add(right, body_.constant(step * kStep * perRow + column * kColumn)), true,
                     channels);
    }
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        multiplyByCores(b_, types, ArrayRef(points).slice(row * 4, 4), ArrayRef(channels).slice(column * 2, 2),
                        MutableArrayRef(sums).slice((row * columns + column) * 4, 4));
  }
}

Value MmaContraction::loadWord(Value place) { return memref::LoadOp::create(b_, panelWords_, place); }

//===-- Storing -------------------------------------------------------------------------------------------------===//

/// Sums in shared memory: [point][channel].
void MmaContraction::shareSums(ArrayRef<Value> sums) {
  const int64_t stride = tile_.sumStride();
  Value point = body_.add(body_.scale(over(warp_, tile_.across()), tile_.warpPoints), over(lane_, 4));
  Value channel =
      body_.add(body_.scale(part(warp_, tile_.across()), tile_.warpChannels), body_.scale(part(lane_, 4), 2));
  Value place = body_.add(body_.scale(point, stride), channel);
  NVVM::Barrier0Op::create(b_); // slices are there no more
  storeFragments(body_, sums, tile_.warpChannels / kColumn, sums_, place, stride);
  NVVM::Barrier0Op::create(b_);
}

/// A thread has the same vector of channels of several points.
LogicalResult MmaContraction::store(ArrayRef<Value> sums) {
  shareSums(sums);
  const int64_t across = tile_.channels / kLanes, rows = kGroupThreads / across;
  Value inTile = body_.scale(part(thread_, across), kLanes), inGroup = body_.add(firstChannel_, inTile);
  auto storePoints = [&](int64_t channels) -> LogicalResult {
    auto loop = scf::ForOp::create(b_, over(thread_, across), body_.constant(tile_.points), body_.constant(rows));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Value row = loop.getInductionVar(), point = body_.add(firstPoint_, row);
    if (mayBeCut(points_, tile_.points))
      b_.setInsertionPointToStart(scf::IfOp::create(b_, isBelow(point, points_), /*withElseRegion=*/false).thenBlock());
    Value sum = loadShared(sums_, body_.add(body_.scale(row, tile_.sumStride()), inTile));
    return storePoint(point, inGroup, sum, channels);
  };
  return storeChannels(body_, inGroup, channels_, tile_.channels, storePoints);
}

FailureOr<graph::Extent> emitMmaContraction(Body &body, kernel::ContractOp root, func::FuncOp function,
                                            Value invocation, const Profile &profile) {
  MmaContraction contraction(body, root, function, profile);
  if (!contraction.isSupported())
    return failure();
  return contraction.emit(invocation);
}

} // namespace smelt::gpu

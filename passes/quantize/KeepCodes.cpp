// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// keep-codes: matrices that a model has in few bits stay in these, where a product or a gather reads them and importers
// left their dequantising as ops on constants (DequantizeLinear, MatMulNBits, …). All is computed in f32 as before.
//   matmul(x, view(codes · scales))   →   matmul(x, dequantize_blocks(codes, scales, zero points))
//   gather(view(codes · scales), i)   →   gather(dequantize_blocks(…), i)
// So of constants in f32 whose columns are multiples of a step, which is what importers make of a DequantizeLinear.
// Codes are whatever integers the first factor turns out to have, whose neighbours along the summed dim share a scale.
// Where the other operand of a product is dequantised as well, its integers are what should be multiplied.

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Linear.h"
#include "passes/quantize/Passes.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace smelt;
using graph::HostTensor;

namespace {

constexpr int64_t kLeastWeights = 1 << 12; // fewer save nothing that counts
constexpr int64_t kLeastBlock = 8;         // of fewer, scales would be most of it
constexpr int kMostOps = 64;               // of an expression of constants

/// The value of an expression of constants, within what its constants explain.
class Evaluator {
public:
  std::optional<HostTensor> operator()(Value value);

private:
  bool mayMake(RankedTensorType type) const;

  int ops_ = 0;
  uint64_t constants_ = 0; // elements of those seen
};

/// What a block of integers is written as.
struct Codes {
  unsigned bits;
  bool isUnsigned;
  bool hasZeroPoints;
};

/// A matrix of integers, each times a scale, whose blocks lie along `axis`.
class Matrix {
public:
  static std::optional<Matrix> of(Value value, int64_t axis);
  static std::optional<Matrix> ofConstant(Value value, int64_t axis);
  Value create(OpBuilder &builder, Location loc) const;

private:
  Matrix(HostTensor integers, HostTensor scales, int64_t axis);
  bool findBlocks();
  bool chooseCodes();
  int64_t zeroPointOf(int64_t block) const;

  HostTensor integers_, scales_;
  int64_t axis_, extent_, lines_;
  int64_t block_ = 0, blocks_ = 0;
  std::vector<int32_t> least_, most_; // of each block of each line, as their tensor has them
  Codes codes_{};

  int64_t at(int64_t line, int64_t position, int64_t extent) const {
    return axis_ == 0 ? position * lines_ + line : line * extent + position;
  }
};

} // namespace

bool Evaluator::mayMake(RankedTensorType type) const {
  constexpr uint64_t kMostGrowth = 64, kFree = 1 << 16; // of each constant's elements: bits, a scale for many
  std::optional<int64_t> count = type.hasStaticShape() ? graph::elementCount(type.getShape()) : std::nullopt;
  return count && static_cast<uint64_t>(*count) <= llvm::SaturatingMultiplyAdd(constants_, kMostGrowth, kFree);
}

std::optional<HostTensor> Evaluator::operator()(Value value) {
  if (std::optional<HostTensor> constant = graph::constantOf(value)) {
    constants_ = llvm::SaturatingAdd<uint64_t>(constants_, constant->size());
    return constant;
  }
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumResults() != 1 || ++ops_ > kMostOps ||
      !isa<graph::ScalarInterface, graph::EvaluateInterface>(op) || isa<graph::DequantizeBlocksOp>(op))
    return std::nullopt;
  SmallVector<HostTensor> operands;
  for (Value operand : op->getOperands()) {
    std::optional<HostTensor> tensor = (*this)(operand);
    if (!tensor)
      return std::nullopt;
    operands.push_back(std::move(*tensor));
  }
  if (op->getNumOperands() == 0 || !mayMake(graph::typeOf(value)))
    return std::nullopt;
  FailureOr<SmallVector<HostTensor>> results = graph::evaluateOp(op, operands);
  return failed(results) ? std::nullopt : std::optional(results->front());
}

/// Whether an op only chooses and moves elements of its one operand.
static bool isMove(Operation *op) { return isa<graph::TransposeOp, graph::ReshapeOp, graph::SliceOp>(op); }

/// f32 of a shape, from what broadcasts to it.
static std::optional<HostTensor> spread(const HostTensor &tensor, ArrayRef<int64_t> shape) {
  if (tensor.shape() == shape)
    return tensor;
  ArrayRef<int64_t> from = tensor.shape();
  SmallVector<int64_t> strides(shape.size() - from.size(), 0), index(shape.size(), 0);
  for (auto [extent, stride] : llvm::zip_equal(from, graph::rowMajorStrides(from)))
    strides.push_back(extent == 1 ? 0 : stride);
  HostTensor result = HostTensor::zeros(RankedTensorType::get(shape, tensor.elementType()));
  MutableArrayRef<float> to = result.asMutable<float>();
  for (int64_t position = 0; position < result.size(); ++position, graph::advance(index, shape))
    to[position] = tensor.as<float>()[std::inner_product(index.begin(), index.end(), strides.begin(), int64_t(0))];
  return result;
}

static bool areSmallIntegers(const HostTensor &tensor) {
  constexpr float kMost = 255; // of 8 bits less a zero point of 8 bits
  return llvm::all_of(tensor.as<float>(),
                      [](float number) { return std::abs(number) <= kMost && std::nearbyint(number) == number; });
}

Matrix::Matrix(HostTensor integers, HostTensor scales, int64_t axis)
    : integers_(std::move(integers)), scales_(std::move(scales)), axis_(axis), extent_(integers_.shape()[axis]),
      lines_(integers_.size() / extent_) {}

std::optional<Matrix> Matrix::of(Value value, int64_t axis) {
  RankedTensorType type = graph::typeOf(value);
  if (!type.getElementType().isF32() || type.getRank() != 2 || !type.hasStaticShape() ||
      graph::elementCount(type.getShape()).value_or(0) < kLeastWeights)
    return std::nullopt;
  SmallVector<Operation *> moves; // the last one first
  while (value.getDefiningOp() && isMove(value.getDefiningOp()) && moves.size() < kMostOps) {
    moves.push_back(value.getDefiningOp());
    value = value.getDefiningOp()->getOperand(0);
  }
  auto product = value.getDefiningOp<graph::MulOp>();
  if (!product || !graph::typeOf(value).hasStaticShape())
    return std::nullopt;
  SmallVector<HostTensor> factors;
  for (Value factor : product->getOperands()) {
    Evaluator evaluate;
    std::optional<HostTensor> tensor = evaluate(factor);
    std::optional<HostTensor> whole =
        tensor && tensor->elementType().isF32() ? spread(*tensor, graph::typeOf(value).getShape()) : std::nullopt;
    if (!whole)
      return std::nullopt;
    for (Operation *move : llvm::reverse(moves)) {
      FailureOr<SmallVector<HostTensor>> moved = graph::evaluateOp(move, {*whole});
      if (failed(moved))
        return std::nullopt;
      whole = moved->front();
    }
    factors.push_back(*std::move(whole));
  }
  if (!areSmallIntegers(factors[0]))
    std::swap(factors[0], factors[1]);
  if (!areSmallIntegers(factors[0]))
    return std::nullopt;
  Matrix matrix(factors[0], factors[1], axis);
  if (!matrix.findBlocks() || !matrix.chooseCodes())
    return std::nullopt;
  return matrix;
}

/// Of numbers that were dequantised as the file was read.
std::optional<Matrix> Matrix::ofConstant(Value value, int64_t axis) {
  std::optional<HostTensor> numbers = graph::constantOf(value);
  if (!numbers || !numbers->elementType().isF32() || numbers->rank() != 2 || numbers->size() < kLeastWeights)
    return std::nullopt;
  std::optional<quantize::Multiples> multiples =
      quantize::multiplesOf(*numbers, quantize::Columns(numbers->shape(), axis, 1));
  if (!multiples)
    return std::nullopt;
  Matrix matrix(HostTensor::zeros(numbers->type()), HostTensor::zeros(numbers->type()), axis);
  for (int64_t line = 0; line < matrix.lines_; ++line)
    for (int64_t position = 0; position < matrix.extent_; ++position) {
      int64_t place = matrix.at(line, position, matrix.extent_);
      matrix.integers_.asMutable<float>()[place] = static_cast<float>(multiples->whole.as<int32_t>()[place]);
      matrix.scales_.asMutable<float>()[place] = multiples->steps[line];
    }
  if (!areSmallIntegers(matrix.integers_) || !matrix.findBlocks() || !matrix.chooseCodes())
    return std::nullopt;
  return matrix;
}

/// The largest blocks along the axis in which no scale changes.
bool Matrix::findBlocks() {
  ArrayRef<uint32_t> scales = scales_.as<uint32_t>(); // bits: NaN is equal to itself
  for (int64_t position = 1; position < extent_; ++position) {
    bool changes = false;
    for (int64_t line = 0; line < lines_ && !changes; ++line)
      changes = scales[at(line, position, extent_)] != scales[at(line, position - 1, extent_)];
    if (changes)
      block_ = std::gcd(block_, position);
  }
  if (block_ == 0)
    block_ = extent_;
  blocks_ = static_cast<int64_t>(llvm::divideCeil(extent_, block_));
  return block_ >= kLeastBlock;
}

/// The narrowest form that all integers have: without zero points, or with one for each block.
bool Matrix::chooseCodes() {
  least_.assign(lines_ * blocks_, std::numeric_limits<int32_t>::max());
  most_.assign(lines_ * blocks_, std::numeric_limits<int32_t>::min());
  int32_t least = 0, most = 0, span = 0;
  for (int64_t line = 0; line < lines_; ++line)
    for (int64_t position = 0; position < extent_; ++position) {
      auto number = static_cast<int32_t>(integers_.as<float>()[at(line, position, extent_)]);
      int64_t block = at(line, position / block_, blocks_);
      least_[block] = std::min(least_[block], number);
      most_[block] = std::max(most_[block], number);
    }
  for (auto [low, high] : llvm::zip_equal(least_, most_)) {
    least = std::min(least, low);
    most = std::max(most, high);
    span = std::max(span, high - low);
  }
  static constexpr struct {
    Codes codes;
    int32_t least, most, span;
  } kForms[] = {{{4, false, false}, -8, 7, 15},      {{4, true, false}, 0, 15, 15},
                {{4, true, true}, -112, 127, 15}, // zero points are i8
                {{8, false, false}, -128, 127, 255}, {{8, true, false}, 0, 255, 255},
                {{8, false, true}, -255, 255, 255}};
  for (const auto &form : kForms)
    if (least >= form.least && most <= form.most && span <= form.span) {
      codes_ = form.codes;
      return true;
    }
  return false;
}

/// What is added to a block's integers.
int64_t Matrix::zeroPointOf(int64_t block) const {
  if (!codes_.hasZeroPoints)
    return 0;
  return codes_.isUnsigned ? -least_[block] : std::clamp(-128 - least_[block], -128, 127 - most_[block]);
}

Value Matrix::create(OpBuilder &builder, Location loc) const {
  MLIRContext *context = builder.getContext();
  auto sign = codes_.isUnsigned ? IntegerType::Unsigned : IntegerType::Signless;
  SmallVector<int64_t> shape(integers_.shape()), ofBlocks(shape);
  ofBlocks[axis_] = blocks_;
  HostTensor codes = HostTensor::zeros(RankedTensorType::get(shape, IntegerType::get(context, codes_.bits, sign)));
  HostTensor scales = HostTensor::zeros(RankedTensorType::get(ofBlocks, builder.getF32Type()));
  HostTensor halves = HostTensor::zeros(RankedTensorType::get(ofBlocks, builder.getF16Type()));
  HostTensor zeroPoints = HostTensor::zeros(RankedTensorType::get(ofBlocks, IntegerType::get(context, 8)));
  bool areHalves = true;
  for (int64_t line = 0; line < lines_; ++line)
    for (int64_t position = 0; position < extent_; ++position) {
      int64_t from = at(line, position, extent_), block = at(line, position / block_, blocks_);
      auto number = static_cast<int64_t>(integers_.as<float>()[from]);
      codes.asMutable<int8_t>()[from] = static_cast<int8_t>(number + zeroPointOf(block));
      if (position % block_ != 0)
        continue;
      float scale = scales_.as<float>()[from];
      scales.asMutable<float>()[block] = scale;
      halves.set(block, graph::Scalar::ofFloat(scale));
      areHalves &= static_cast<float>(halves.get(block).asFloat()) == scale;
      zeroPoints.asMutable<int8_t>()[block] = static_cast<int8_t>(zeroPointOf(block));
    }
  Value added = codes_.hasZeroPoints ? graph::makeConstant(builder, loc, zeroPoints) : nullptr;
  return graph::DequantizeBlocksOp::create(builder, loc, graph::makeConstant(builder, loc, codes),
                                           graph::makeConstant(builder, loc, areHalves ? halves : scales), added, axis_,
                                           block_, /*fraction=*/1);
}

/// Whether a value was integers of 8 bits: x · scale of a cast.
static bool isDequantised(Value value) {
  for (int ops = 0; ops < kMostOps && value.getDefiningOp(); ++ops) {
    Operation *op = value.getDefiningOp();
    if (auto cast = dyn_cast<graph::CastOp>(op);
        cast && isa<IntegerType>(graph::typeOf(cast.getInput()).getElementType()))
      return true;
    if (!isa<graph::MulOp, graph::PoolOp, graph::IndexedInterface>(op) || op->getNumOperands() == 0)
      return isa<graph::DequantizeOp>(op);
    value = op->getOperand(0);
  }
  return false;
}

namespace {
struct KeepCodes : PassWrapper<KeepCodes, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KeepCodes)
  StringRef getArgument() const override { return "keep-codes"; }
  StringRef getDescription() const override { return "matrices of few bits stay so until kernels are chosen"; }

  void runOnOperation() override {
    SmallVector<OpOperand *> matrices;
    getOperation().walk([&](Operation *op) {
      if (auto matmul = dyn_cast<graph::MatMulOp>(op); matmul && !isDequantised(matmul.getLhs()))
        matrices.push_back(&matmul.getRhsMutable());
      else if (auto gather = dyn_cast<graph::GatherOp>(op); gather && gather.getAxis() == 0)
        matrices.push_back(&gather.getDataMutable());
    });
    DenseMap<std::pair<Value, int64_t>, Value> known;
    for (OpOperand *operand : matrices) {
      const int64_t axis = isa<graph::MatMulOp>(operand->getOwner()) ? 0 : 1;
      Value value = operand->get();
      if (!value.getDefiningOp())
        continue;
      auto [entry, isNew] = known.try_emplace({value, axis}, nullptr);
      if (isNew)
        if (std::optional<Matrix> matrix = isa<graph::ConstantOp>(value.getDefiningOp())
                                               ? Matrix::ofConstant(value, axis)
                                               : Matrix::of(value, axis)) {
          OpBuilder builder(&getContext());
          builder.setInsertionPointAfterValue(value);
          entry->second = matrix->create(builder, value.getLoc());
        }
      if (entry->second)
        operand->set(entry->second);
    }
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createKeepCodesPass() { return std::make_unique<KeepCodes>(); }

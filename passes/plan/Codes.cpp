// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Codes.h"
#include "dialects/Kernel/Kernel.h"
#include "passes/plan/Contractions.h"
#include <numeric>

using namespace mlir;

namespace smelt::plan {

namespace {

constexpr int64_t kPerWord = kernel::kCodesPerWord;
constexpr unsigned kCodeBits = 32 / kPerWord;

/// Rows of codes that blocks lie along, with what belongs to each block of a row.
struct Rows {
  Value codes, scales, zeroPoints; // [s…, words or bytes], [s…, blocks], the same or null
  int64_t block, fraction;
};

} // namespace

/// Whether codes are kept eight to a word: blocks begin with a word.
static bool areInWords(graph::DequantizeBlocksOp op) {
  RankedTensorType codes = graph::typeOf(op.getCodes());
  return codes.getElementTypeBitWidth() <= kCodeBits && op.getBlock() % kPerWord == 0;
}

/// The same bytes as i8 or ui8.
static graph::HostTensor asBytes(const graph::HostTensor &codes) {
  auto sign = graph::isUnsignedElement(codes.elementType()) ? IntegerType::Unsigned : IntegerType::Signless;
  Type byte = IntegerType::get(codes.type().getContext(), 8, sign);
  if (codes.elementType() == byte || !isa<IntegerType>(codes.elementType()))
    return codes;
  graph::HostTensor bytes = graph::HostTensor::zeros(RankedTensorType::get(codes.shape(), byte));
  llvm::copy(codes.bytes(), bytes.mutableBytes().begin());
  return bytes;
}

/// Codes [r, n] eight rows to a word, the last ones filled up with zeros, or bytes; `rows` says how many there shall be
/// at least.
static graph::HostTensor joined(const graph::HostTensor &codes, int64_t rows, bool inWords) {
  const int64_t columns = codes.shape()[1];
  MLIRContext *context = codes.type().getContext();
  auto sign = graph::isUnsignedElement(codes.elementType()) ? IntegerType::Unsigned : IntegerType::Signless;
  if (!inWords) {
    graph::HostTensor bytes =
        graph::HostTensor::zeros(RankedTensorType::get({rows, columns}, IntegerType::get(context, 8, sign)));
    llvm::copy(codes.bytes(), bytes.mutableBytes().begin());
    return bytes;
  }
  const auto words = static_cast<int64_t>(llvm::divideCeil(rows, kPerWord));
  graph::HostTensor result =
      graph::HostTensor::zeros(RankedTensorType::get({words, columns}, IntegerType::get(context, 32, sign)));
  MutableArrayRef<uint32_t> to = result.asMutable<uint32_t>();
  ArrayRef<uint8_t> from = codes.as<uint8_t>();
  for (int64_t row = 0, end = codes.shape()[0]; row < end; ++row)
    for (int64_t column = 0; column < columns; ++column)
      to[row / kPerWord * columns + column] |=
          uint32_t(from[row * columns + column] & llvm::maskTrailingOnes<uint32_t>(kCodeBits))
          << (row % kPerWord * kCodeBits);
  return result;
}

std::optional<PackedCodes> packCodes(OpBuilder &builder, graph::DequantizeBlocksOp matrix, int64_t width) {
  std::optional<graph::HostTensor> codes = graph::constantOf(matrix.getCodes());
  if (!codes || codes->rank() != 2 || matrix.getAxis() != 0 || codes->size() == 0)
    return std::nullopt;
  Location loc = matrix.getLoc();
  PackedCodes packed;
  packed.width = width;
  packed.block = static_cast<int64_t>(matrix.getBlock());
  packed.fraction = static_cast<int64_t>(matrix.getFraction());
  packed.codes = packPanels(
      builder, loc, graph::makeConstant(builder, loc, joined(*codes, codes->shape()[0], areInWords(matrix))), width);
  packed.scales.push_back(packPanels(builder, loc, matrix.getScales(), width));
  if (Value zeroPoints = matrix.getZeroPoints()) {
    std::optional<graph::HostTensor> constant = graph::constantOf(zeroPoints);
    if (!constant)
      return std::nullopt;
    packed.scales.push_back(packPanels(builder, loc, graph::makeConstant(builder, loc, asBytes(*constant)), width));
  }
  return packed;
}

static Value cast(OpBuilder &builder, Location loc, Value value, Type type) {
  return graph::typeOf(value).getElementType() == type ? value
                                                       : graph::CastOp::create(builder, loc, value, type).getResult();
}

/// A constant of integers of a type.
static Value integers(OpBuilder &builder, Location loc, Type element, ArrayRef<int64_t> numbers) {
  graph::HostTensor tensor =
      graph::HostTensor::zeros(RankedTensorType::get({static_cast<int64_t>(numbers.size())}, element));
  for (auto [position, number] : llvm::enumerate(numbers))
    tensor.set(static_cast<int64_t>(position), graph::Scalar::ofSigned(number));
  return graph::makeConstant(builder, loc, tensor);
}

/// [s…, 1] words → [s…, 8] codes
static Value codesOf(OpBuilder &builder, Location loc, Value words) {
  Type type = graph::typeOf(words).getElementType();
  auto steps = [&](int64_t first, int64_t step) {
    SmallVector<int64_t> numbers;
    for (int64_t place = 0; place < kPerWord; ++place)
      numbers.push_back(first + place * step);
    return integers(builder, loc, type, numbers);
  };
  constexpr int64_t kTop = 32 - kCodeBits;
  if (graph::isUnsignedElement(type)) {
    Value moved = graph::ShiftRightOp::create(builder, loc, words, steps(0, kCodeBits));
    return graph::AndOp::create(builder, loc, moved, integers(builder, loc, type, {(1 << kCodeBits) - 1}));
  }
  Value moved = graph::ShiftLeftOp::create(builder, loc, words, steps(kTop, -int64_t(kCodeBits)));
  return graph::ShiftRightOp::create(builder, loc, moved, integers(builder, loc, type, {kTop}));
}

/// Rows of whole blocks → [s…, blocks · block] numbers
static Value numbersOf(OpBuilder &builder, Location loc, const Rows &rows) {
  Type f32 = builder.getF32Type();
  graph::Extents blocks = graph::extentsOf(rows.scales), split(blocks), flat(blocks);
  const bool inWords = graph::typeOf(rows.codes).getElementTypeBitWidth() == 32;
  flat.back() *= rows.block;
  if (inWords)
    split.append({rows.block / kPerWord, 1});
  else
    split.push_back(rows.block);
  blocks.append(split.size() - blocks.size(), 1);
  Value codes = graph::reshapeTo(builder, loc, rows.codes, split);
  Value numbers = cast(builder, loc, inWords ? codesOf(builder, loc, codes) : codes, f32);
  if (rows.zeroPoints) {
    Value zero = cast(builder, loc, graph::reshapeTo(builder, loc, rows.zeroPoints, blocks), f32);
    if (rows.fraction != 1)
      zero = graph::MulOp::create(
          builder, loc, zero,
          graph::makeScalar(builder, loc, f32, graph::Scalar::ofFloat(1.0 / static_cast<double>(rows.fraction))));
    numbers = graph::SubOp::create(builder, loc, numbers, zero);
  }
  Value scales = cast(builder, loc, graph::reshapeTo(builder, loc, rows.scales, blocks), f32);
  return graph::reshapeTo(builder, loc, graph::MulOp::create(builder, loc, numbers, scales), flat);
}

/// [s…, m] → the first elements, [s…, n]
static Value takeFirst(OpBuilder &builder, Location loc, Value value, int64_t count) {
  graph::Extents shape = graph::extentsOf(value);
  if (shape.back() == graph::Extent(count))
    return value;
  SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1);
  shape.back() = count;
  return graph::SliceOp::create(builder, loc, graph::tensorOf(shape, graph::typeOf(value).getElementType()), value,
                                starts, steps);
}

/// [r, n] → [n, r]
static graph::HostTensor turned(const graph::HostTensor &tensor) {
  const int64_t rows = tensor.shape()[0], columns = tensor.shape()[1];
  graph::HostTensor result = graph::HostTensor::zeros(RankedTensorType::get({columns, rows}, tensor.elementType()));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      result.copyElement(column * rows + row, tensor, row * columns + column);
  return result;
}

Value gatherRows(OpBuilder &builder, graph::GatherOp op, graph::DequantizeBlocksOp table) {
  std::optional<graph::HostTensor> codes = graph::constantOf(table.getCodes()), zeroPoints;
  if (table.getZeroPoints())
    zeroPoints = graph::constantOf(table.getZeroPoints());
  if (!codes || codes->rank() != 2 || table.getAxis() != 1 || codes->size() == 0 ||
      (table.getZeroPoints() && !zeroPoints))
    return nullptr;
  Location loc = op.getLoc();
  const int64_t depth = codes->shape()[1], blocks = graph::typeOf(table.getScales()).getShape().back();
  const auto block = static_cast<int64_t>(table.getBlock());
  const int64_t whole = blocks == 1 && !areInWords(table) ? depth : block; // a block may be longer than the rows
  graph::HostTensor lines = turned(joined(turned(*codes), blocks * whole, areInWords(table)));
  auto gathered = [&](Value from) -> Value {
    return graph::GatherOp::create(builder, loc, from, op.getIndices(), /*axis=*/0);
  };
  Rows rows{gathered(graph::makeConstant(builder, loc, lines)), gathered(table.getScales()), nullptr, whole,
            static_cast<int64_t>(table.getFraction())};
  if (zeroPoints)
    rows.zeroPoints = gathered(graph::makeConstant(builder, loc, asBytes(*zeroPoints)));
  return takeFirst(builder, loc, numbersOf(builder, loc, rows), depth);
}

/// For each index [s…] the place of its column in flat panels [panels, `rows`, width], row by row: [s…, rows].
static Value placesOf(OpBuilder &builder, Location loc, Value columns, int64_t width, int64_t rows) {
  Type i64 = builder.getI64Type();
  auto number = [&](int64_t value) {
    return graph::makeScalar(builder, loc, i64, graph::Scalar::ofSigned(value)); //
  };
  Value panel = graph::DivOp::create(builder, loc, columns, number(width));
  Value first = graph::MulOp::create(builder, loc, panel, number((rows - 1) * width));
  first = graph::AddOp::create(builder, loc, first, columns); // panel · rows · width + column - panel · width
  SmallVector<int64_t> steps(rows);
  for (int64_t row = 0; row < rows; ++row)
    steps[row] = row * width;
  graph::Extents shape = graph::extentsOf(first);
  shape.push_back(1);
  return graph::AddOp::create(builder, loc, graph::reshapeTo(builder, loc, first, shape),
                              integers(builder, loc, i64, steps));
}

Value gatherColumns(OpBuilder &builder, graph::GatherOp op, graph::DequantizeBlocksOp matrix,
                    const PackedCodes &packed) {
  RankedTensorType codes = graph::typeOf(matrix.getCodes());
  const int64_t depth = codes.getDimSize(0), count = codes.getDimSize(1);
  if (depth % packed.block != 0)
    return nullptr;
  Location loc = op.getLoc();
  Type i64 = builder.getI64Type();
  auto number = [&](int64_t value) { return graph::makeScalar(builder, loc, i64, graph::Scalar::ofSigned(value)); };
  // Negative indices count from the end.
  Value columns = cast(builder, loc, op.getIndices(), i64);
  Value isNegative = graph::LessOp::create(builder, loc, columns, number(0));
  Value fromEnd = graph::AddOp::create(builder, loc, columns, number(count));
  columns = graph::SelectOp::create(builder, loc, isNegative, fromEnd, columns);
  columns = graph::ClampOp::create(builder, loc, columns, number(0), number(count - 1));
  auto gathered = [&](Value panels) -> Value {
    RankedTensorType type = graph::typeOf(panels);
    Value flat = graph::reshapeTo(builder, loc, panels, {type.getNumElements()});
    Value places = placesOf(builder, loc, columns, packed.width, type.getDimSize(1));
    return graph::GatherOp::create(builder, loc, flat, places, /*axis=*/0);
  };
  Rows rows{gathered(packed.codes), gathered(packed.scales[0]),
            packed.scales.size() > 1 ? gathered(packed.scales[1]) : nullptr, packed.block, packed.fraction};
  return numbersOf(builder, loc, rows);
}

} // namespace smelt::plan

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/quantize/Linear.h"
#include "passes/graph/Match.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace smelt::quantize {

/// The operand of a cast of 8 bits to i32; null for all else.
static Value uncast(Value wide) {
  auto cast = wide.getDefiningOp<graph::CastOp>();
  return cast && cast.getTo().isSignlessInteger(32) && graph::elementTypeOf(cast.getInput()).isInteger(8)
             ? cast.getInput()
             : Value();
}

std::optional<Centred> centredOf(Value wide) {
  if (Value value = uncast(wide))
    return Centred{value, nullptr};
  auto difference = wide.getDefiningOp<graph::SubOp>();
  Value value = difference ? uncast(difference.getLhs()) : nullptr;
  if (!value || graph::extentsOf(value) != graph::extentsOf(wide))
    return std::nullopt;
  Value zeroPoint = difference.getRhs();
  std::optional<graph::Scalar> number = graph::splatOf(zeroPoint);
  return Centred{value, number && number->asSigned() == 0 ? Value() : zeroPoint};
}

/// The positive f32 that all elements of a constant are.
static std::optional<float> stepOf(Value constant) {
  std::optional<graph::Scalar> number =
      graph::elementTypeOf(constant).isF32() ? graph::splatOf(constant) : std::nullopt;
  if (!number || !(number->asFloat() > 0) || !std::isfinite(number->asFloat()))
    return std::nullopt;
  return static_cast<float>(number->asFloat());
}

std::optional<Dequantised> dequantisedOf(Value value) {
  auto product = value.getDefiningOp<graph::MulOp>();
  auto sides = product ? graph::eitherOf<graph::CastOp>(product) : graph::Either<graph::CastOp>();
  if (!sides || !sides.op.getTo().isF32() || graph::extentsOf(sides.op.getResult()) != graph::extentsOf(value))
    return std::nullopt;
  std::optional<float> step = stepOf(sides.other);
  std::optional<Centred> centred = centredOf(sides.op.getInput());
  if (!step || !centred)
    return std::nullopt;
  return Dequantised{sides.op.getInput(), *centred, *step};
}

std::optional<Quantised> quantisedOf(Value value) {
  auto cast = value.getDefiningOp<graph::CastOp>();
  auto type = cast ? dyn_cast<IntegerType>(cast.getTo()) : IntegerType();
  auto clamp = cast ? cast.getInput().getDefiningOp<graph::ClampOp>() : graph::ClampOp();
  if (!type || !clamp || type.getWidth() != 8 || !graph::elementTypeOf(clamp.getInput()).isF32())
    return std::nullopt;
  double least = type.isUnsigned() ? 0 : -128, most = type.isUnsigned() ? 255 : 127;
  if (!graph::isNumber(clamp.getLow(), least) || !graph::isNumber(clamp.getHigh(), most))
    return std::nullopt;
  auto round = clamp.getInput().getDefiningOp<graph::RoundOp>();
  double zeroPoint = 0;
  if (auto sum = clamp.getInput().getDefiningOp<graph::AddOp>()) {
    auto sides = graph::eitherOf<graph::RoundOp>(sum);
    std::optional<graph::Scalar> added = sides ? graph::splatOf(sides.other) : std::nullopt;
    if (!added || added->asFloat() != std::trunc(added->asFloat()))
      return std::nullopt;
    round = sides.op;
    zeroPoint = added->asFloat();
  }
  auto quotient = round ? round.getInput().getDefiningOp<graph::DivOp>() : graph::DivOp();
  std::optional<float> step = quotient ? stepOf(quotient.getRhs()) : std::nullopt;
  if (!step || !(zeroPoint >= least && zeroPoint <= most) ||
      graph::extentsOf(quotient.getLhs()) != graph::extentsOf(value))
    return std::nullopt;
  return Quantised{quotient.getLhs(), *step, static_cast<int64_t>(zeroPoint), least, most};
}

namespace {

/// The columns of a tensor of f32, and the whole numbers that they turn out to be.
class Finding {
public:
  Finding(const graph::HostTensor &numbers, const Columns &columns);

  std::optional<Multiples> find();

private:
  using Column = std::vector<int64_t>; // positions

  float largest(const Column &column) const;
  bool areMultiples(const Column &column, float step) const;
  std::optional<float> stepWith(const Column &column, float largest, int64_t times) const;
  std::optional<float> stepOf(const Column &column) const;
  std::optional<float> commonStep() const;
  bool store(const Column &column, float step, graph::HostTensor &whole) const;

  ArrayRef<float> numbers_;
  RankedTensorType type_;
  std::vector<Column> columns_;
};

} // namespace

constexpr int64_t kMostTimes = 255;
// Quantisers put the largest number here: of signed integers, and of unsigned ones.
constexpr int64_t kUsualTimes[] = {127, 128, kMostTimes};

Finding::Finding(const graph::HostTensor &numbers, const Columns &columns)
    : numbers_(numbers.as<float>()),
      type_(RankedTensorType::get(numbers.shape(), IntegerType::get(numbers.elementType().getContext(), 32))),
      columns_(columns.count()) {
  for (Column &column : columns_)
    column.reserve(columns.extent());
  columns.forEach([&](int64_t element, int64_t column) { columns_[column].push_back(element); });
}

float Finding::largest(const Column &column) const {
  float most = 0;
  for (int64_t position : column)
    most = std::max(most, std::abs(numbers_[position]));
  return most;
}

bool Finding::areMultiples(const Column &column, float step) const {
  return llvm::all_of(column, [&](int64_t position) {
    float times = std::nearbyint(numbers_[position] / step);
    return std::abs(times) <= static_cast<float>(kMostTimes) && times * step == numbers_[position];
  });
}

/// The step of a column whose largest number is so many of them: the quotient, or a neighbour of it, as both the
/// product and the quotient were rounded.
std::optional<float> Finding::stepWith(const Column &column, float largest, int64_t times) const {
  constexpr int kNeighbours = 2;
  float step = largest / static_cast<float>(times);
  for (int k = 0; k < kNeighbours; ++k)
    step = std::nextafter(step, 0.0F);
  for (int k = -kNeighbours; k <= kNeighbours; ++k, step = std::nextafter(step, largest))
    if (step >= std::numeric_limits<float>::min() && areMultiples(column, step))
      return step;
  return std::nullopt;
}

std::optional<float> Finding::stepOf(const Column &column) const {
  float most = largest(column);
  if (most == 0)
    return 1;
  if (!std::isfinite(most))
    return std::nullopt;
  for (int64_t times : kUsualTimes)
    if (std::optional<float> step = stepWith(column, most, times))
      return step;
  for (int64_t times = 1; times < kMostTimes; ++times)
    if (std::optional<float> step = stepWith(column, most, times))
      return step;
  return std::nullopt;
}

/// Where all columns have one step, that one: alone, a column of few numbers would seem to have a larger one.
std::optional<float> Finding::commonStep() const {
  float most = 0;
  for (const Column &column : columns_)
    most = std::max(most, largest(column));
  if (most == 0 || !std::isfinite(most))
    return std::nullopt;
  Column all;
  for (const Column &column : columns_)
    llvm::append_range(all, column);
  for (int64_t times : kUsualTimes)
    if (std::optional<float> step = stepWith(all, most, times))
      return step;
  return std::nullopt;
}

/// Whether the whole numbers lie within 255 of each other.
bool Finding::store(const Column &column, float step, graph::HostTensor &whole) const {
  MutableArrayRef<int32_t> to = whole.asMutable<int32_t>();
  int32_t least = 0, most = 0;
  for (int64_t position : column) {
    to[position] = static_cast<int32_t>(std::nearbyint(numbers_[position] / step));
    least = std::min(least, to[position]);
    most = std::max(most, to[position]);
  }
  return most - least <= kMostTimes;
}

std::optional<Multiples> Finding::find() {
  Multiples found{graph::HostTensor::zeros(type_), {}};
  std::optional<float> common = commonStep();
  for (const Column &column : columns_) {
    std::optional<float> step = common ? common : stepOf(column);
    if (!step || !store(column, *step, found.whole))
      return std::nullopt;
    found.steps.push_back(*step);
  }
  return found;
}

std::optional<Multiples> multiplesOf(const graph::HostTensor &numbers, const Columns &columns) {
  return numbers.elementType().isF32() ? Finding(numbers, columns).find() : std::nullopt;
}

} // namespace smelt::quantize

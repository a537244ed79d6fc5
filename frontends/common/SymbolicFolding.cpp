// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models compute shapes with their own operators. Where those are of symbolic dims, ops that move elements are
// evaluated on the elements' numbers in a list, and arithmetic on the extents themselves.

#include "frontends/common/SymbolicFolding.h"
#include "frontends/common/GraphBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;

namespace smelt::frontend {

constexpr int64_t kMostElements = 256; // a shape has few; a cos/sin table is no shape

static bool isSmall(RankedTensorType type) {
  return type.hasStaticShape() && graph::elementCount(type.getShape()).value_or(INT64_MAX) <= kMostElements;
}

bool isSmallInteger(Value value) {
  Type element = graph::typeOf(value).getElementType();
  return isSmall(graph::typeOf(value)) && isa<IntegerType>(element) && !element.isInteger(1);
}

std::optional<Extents> knownExtents(Value value) {
  if (!isSmallInteger(value))
    return std::nullopt;
  if (auto sizes = value.getDefiningOp<graph::SizesOp>())
    return Extents(sizes.getExtents());
  std::optional<graph::HostTensor> constant = graph::constantOf(value);
  return constant ? std::optional(graph::toExtents(constant->toIntegers())) : std::nullopt;
}

/// Whether the elements of an operand go to the result, rather than say where from.
static bool isMoved(Operation *op, unsigned operand) {
  return operand == 0 || isa<graph::ConcatOp>(op) || (isa<graph::PadOp>(op) && operand == 1);
}

static bool movesElements(Operation *op) {
  return isa<graph::ReshapeOp, graph::TransposeOp, graph::BroadcastOp, graph::ConcatOp, graph::SliceOp, graph::GatherOp,
             graph::GatherElementsOp, graph::GatherNdOp, graph::PadOp>(op);
}

/// The op on positions in a list of all the extents that its operands hold.
static std::optional<Extents> moved(Operation *op, KnownExtents known) {
  Extents list;
  SmallVector<graph::HostTensor> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    std::optional<Extents> extents = known(operand.get());
    if (!extents)
      return std::nullopt;
    graph::HostTensor tensor = graph::HostTensor::zeros(graph::typeOf(operand.get()));
    for (auto [position, extent] : llvm::enumerate(*extents)) {
      bool isData = isMoved(op, operand.getOperandNumber());
      if (!isData && !extent.isNumber())
        return std::nullopt;
      tensor.set(static_cast<int64_t>(position),
                 graph::Scalar::ofSigned(isData ? static_cast<int64_t>(list.size()) : extent.number()));
      if (isData)
        list.push_back(extent);
    }
    operands.push_back(tensor);
  }
  constexpr size_t kMostNumbered = 127; // what an i8 tells apart
  FailureOr<SmallVector<graph::HostTensor>> results = failure();
  if (list.size() <= kMostNumbered)
    results = graph::evaluateOp(op, operands);
  if (failed(results))
    return std::nullopt;
  Extents moved;
  for (int64_t position : results->front().toIntegers())
    moved.push_back(list[position]);
  return moved;
}

/// The quotient of extents that are not negative, which both truncation and rounding down give.
static std::optional<Extent> quotient(const Extent &a, const Extent &b) {
  if (!a.isAtLeast(0) || !b.isAtLeast(1))
    return std::nullopt;
  return a.floorDiv(b);
}

/// 1 or 0 where a <= b holds or not, whatever the symbols are.
static std::optional<Extent> isAtMost(const Extent &a, const Extent &b) {
  if (b.isAtLeast(a))
    return 1;
  return a.isAtLeast(b + 1) ? std::optional<Extent>(0) : std::nullopt;
}

static std::optional<Extent> isEqual(const Extent &a, const Extent &b) {
  if (a == b)
    return 1;
  return a.isAtLeast(b + 1) || b.isAtLeast(a + 1) ? std::optional<Extent>(0) : std::nullopt;
}

static std::optional<Extent> arithmetic(Operation *op, ArrayRef<Extent> operands) {
  using Result = std::optional<Extent>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](graph::AddOp) { return Result(operands[0] + operands[1]); })
      .Case([&](graph::SubOp) { return Result(operands[0] - operands[1]); })
      .Case([&](graph::MulOp) { return Result(operands[0] * operands[1]); })
      .Case([&](graph::DivOp) { return quotient(operands[0], operands[1]); })
      .Case([&](graph::ModOp) -> Result {
        Result whole = quotient(operands[0], operands[1]);
        return whole ? Result(operands[0] - *whole * operands[1]) : std::nullopt;
      })
      .Case([&](graph::MinOp) { return Result(Extent::min(operands[0], operands[1])); })
      .Case([&](graph::MaxOp) { return Result(Extent::max(operands[0], operands[1])); })
      .Case([&](graph::NegOp) { return Result(0 - operands[0]); })
      .Case([&](graph::CastOp) { return Result(operands[0]); })
      .Case([&](graph::EqualOp) { return isEqual(operands[0], operands[1]); })
      .Case([&](graph::LessOp) { return isAtMost(operands[0] + 1, operands[1]); })
      .Case([&](graph::LessEqualOp) { return isAtMost(operands[0], operands[1]); })
      .Case([&](graph::GreaterOp) { return isAtMost(operands[1] + 1, operands[0]); })
      .Case([&](graph::GreaterEqualOp) { return isAtMost(operands[1], operands[0]); })
      .Case([&](graph::SelectOp) -> Result {
        return operands[0].isNumber() ? Result(operands[0].number() ? operands[1] : operands[2]) : std::nullopt;
      })
      .Default(Result());
}

/// What an operand of an elementwise op holds, broadcast to the result.
static std::optional<Extents> broadcastOperand(Value operand, ArrayRef<int64_t> shape, KnownExtents known) {
  std::optional<Extents> extents = known(operand);
  if (std::optional<graph::HostTensor> constant = graph::constantOf(operand); !extents && constant)
    if (constant->elementType().isInteger(1) && constant->size() <= kMostElements)
      extents = graph::toExtents(constant->toIntegers());
  if (!extents)
    return std::nullopt;
  ArrayRef<int64_t> from = graph::typeOf(operand).getShape();
  SmallVector<int64_t> strides(shape.size() - from.size(), 0), index(shape.size(), 0);
  for (auto [extent, stride] : llvm::zip_equal(from, graph::rowMajorStrides(from)))
    strides.push_back(extent == 1 ? 0 : stride);
  Extents broadcast;
  do {
    int64_t position = 0;
    for (auto [i, stride] : llvm::zip_equal(index, strides))
      position += i * stride;
    broadcast.push_back((*extents)[position]);
  } while (graph::advance(index, shape));
  return broadcast;
}

static std::optional<Extents> elementwise(Operation *op, KnownExtents known) {
  ArrayRef<int64_t> shape = graph::typeOf(op->getResult(0)).getShape();
  SmallVector<Extents> operands;
  if (llvm::is_contained(shape, 0))
    return std::nullopt;
  for (Value operand : op->getOperands()) {
    std::optional<Extents> extents = broadcastOperand(operand, shape, known);
    if (!extents)
      return std::nullopt;
    operands.push_back(*extents);
  }
  Extents results;
  for (size_t position = 0; position < operands.front().size(); ++position) {
    Extents at;
    for (const Extents &operand : operands)
      at.push_back(operand[position]);
    std::optional<Extent> result = arithmetic(op, at);
    if (!result || result->isTooLarge())
      return std::nullopt;
    results.push_back(*result);
  }
  return results;
}

/// The product or sum of all.
static std::optional<Extents> reduced(graph::ReduceOp op, KnownExtents known) {
  std::optional<Extents> extents = known(op.getInput());
  bool multiplies = op.getKind() == graph::ReduceKind::Prod;
  if (!extents || graph::typeOf(op.getResult()).getNumElements() != 1 ||
      (!multiplies && op.getKind() != graph::ReduceKind::Sum))
    return std::nullopt;
  Extent total = multiplies ? 1 : 0;
  for (const Extent &extent : *extents)
    total = multiplies ? total * extent : total + extent;
  return total.isTooLarge() ? std::nullopt : std::optional(Extents{total});
}

/// Results are numbers, not symbols.
static bool isComparison(Operation *op) {
  return isa<graph::EqualOp, graph::LessOp, graph::LessEqualOp, graph::GreaterOp, graph::GreaterEqualOp>(op) &&
         isSmall(graph::typeOf(op->getResult(0))) && isSmallInteger(op->getOperand(0)) &&
         isSmallInteger(op->getOperand(1));
}

std::optional<Extents> symbolicResult(Operation *op, KnownExtents known) {
  if (op->getNumResults() != 1 || !(isSmallInteger(op->getResult(0)) || isComparison(op)))
    return std::nullopt;
  if (movesElements(op))
    return moved(op, known);
  if (auto reduce = dyn_cast<graph::ReduceOp>(op))
    return reduced(reduce, known);
  return isa<graph::ScalarInterface>(op) ? elementwise(op, known) : std::nullopt;
}

} // namespace smelt::frontend

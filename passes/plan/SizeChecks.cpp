// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/SizeChecks.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "passes/plan/Views.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::plan {

using graph::Extent;
using graph::Extents;
using graph::extentsOf;

namespace {
class Checks {
public:
  explicit Checks(std::vector<Definition> &definitions) : definitions_(definitions) {}
  void visit(Operation *op);

private:
  void broadcasts(const Extent &extent, const Extent &whole);
  void operandsBroadcast(Operation *op);
  void notNegative(const Extent &extent);
  void equal(const Extent &a, const Extent &b);
  void equalElements(ArrayRef<Extent> from, ArrayRef<Extent> to);
  void windowsFit(Value result);
  void somethingToRead(ArrayRef<Extent> dims, Value reader);
  void indicesFit(Value data, Value indices, uint64_t axis);

  std::vector<Definition> &definitions_;
  Extents known_;
};
} // namespace

void Checks::broadcasts(const Extent &extent, const Extent &whole) {
  if (extent == whole || extent == Extent(1) || (extent.isNumber() && whole.isNumber()))
    return;
  Extent agreeing = Extent::agreeing(extent, whole);
  if (llvm::is_contained(known_, agreeing))
    return;
  definitions_.push_back({"check" + std::to_string(known_.size()), agreeing});
  known_.push_back(agreeing);
}

/// max(extent, 0) broadcasts to it, which is so for 1 as well.
void Checks::notNegative(const Extent &extent) {
  if (!extent.isAtLeast(0))
    broadcasts(Extent::max(extent, 0), extent);
}

void Checks::equal(const Extent &a, const Extent &b) {
  if (a == b)
    return;
  notNegative(a - b);
  notNegative(b - a);
}

void Checks::equalElements(ArrayRef<Extent> from, ArrayRef<Extent> to) {
  if (std::optional<size_t> dim = differingDim(from, to))
    equal(from[*dim], to[*dim]);
  else
    equal(graph::productOf(from), graph::productOf(to));
}

void Checks::operandsBroadcast(Operation *op) {
  Extents result = extentsOf(op->getResult(0));
  for (Value operand : op->getOperands()) {
    Extents extents = extentsOf(operand);
    for (auto [extent, whole] : llvm::zip_equal(extents, ArrayRef<Extent>(result).take_back(extents.size())))
      broadcasts(extent, whole);
  }
}

/// A window must fit in its input, or there would be a result of none.
void Checks::windowsFit(Value result) {
  Extents extents = extentsOf(result);
  for (const Extent &extent : llvm::drop_begin(extents))
    notNegative(extent - 1);
}

/// An index is limited to those that there are: where something is read there must be one.
void Checks::somethingToRead(ArrayRef<Extent> dims, Value reader) {
  const Extent reads = graph::productOf(extentsOf(reader));
  for (const Extent &extent : dims)
    notNegative(Extent::max(extent, 1 - reads) - 1);
}

/// The dims of gather_elements and scatter_elements.
void Checks::indicesFit(Value data, Value indices, uint64_t axis) {
  Extents from = extentsOf(data), where = extentsOf(indices);
  for (size_t dim = 0; dim < from.size(); ++dim)
    if (dim == axis)
      somethingToRead(from[dim], indices);
    else
      notNegative(from[dim] - where[dim]);
}

void Checks::visit(Operation *op) {
  for (Value result : op->getResults())
    if (isa<RankedTensorType>(result.getType()))
      for (const Extent &extent : extentsOf(result))
        notNegative(extent);
  auto dims = [](Value value, size_t first, size_t count) {
    return SmallVector<Extent>(ArrayRef<Extent>(extentsOf(value)).slice(first, count));
  };
  auto depth = [](Value indices) { return static_cast<size_t>(graph::typeOf(indices).getShape().back()); };
  auto isOne = [](int64_t extent) { return extent == 1; };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](graph::ReshapeOp op) { equalElements(extentsOf(op.getInput()), extentsOf(op.getType())); })
      .Case<graph::ScalarInterface, graph::BroadcastOp>([&](auto op) { operandsBroadcast(op); })
      .Case<graph::ConvOp, graph::PoolOp, graph::ArgPoolOp, kernel::WinogradOp>(
          [&](auto op) { windowsFit(op.getResult()); })
      .Case([&](kernel::ContractOp op) {
        if (!llvm::all_of(op.getWindow(), isOne))
          windowsFit(op.getResult());
      })
      .Case([&](graph::GatherOp op) { somethingToRead(dims(op.getData(), op.getAxis(), 1), op.getResult()); })
      .Case([&](graph::GatherElementsOp op) { indicesFit(op.getData(), op.getIndices(), op.getAxis()); })
      .Case([&](graph::ScatterElementsOp op) { indicesFit(op.getData(), op.getIndices(), op.getAxis()); })
      .Case([&](graph::GatherNdOp op) {
        somethingToRead(dims(op.getData(), op.getBatchDims(), depth(op.getIndices())), op.getResult());
      })
      .Case([&](graph::ScatterNdOp op) {
        somethingToRead(dims(op.getData(), 0, depth(op.getIndices())), op.getUpdates());
      })
      .Case([&](graph::ArgReduceOp op) { somethingToRead(dims(op.getInput(), op.getAxis(), 1), op.getResult()); })
      .Case([&](graph::TopKOp op) {
        notNegative(extentsOf(op.getInput())[op.getAxis()] - extentsOf(op.getValues())[op.getAxis()]);
      })
      .Case([&](graph::ResizeOp op) { somethingToRead(extentsOf(op.getInput()), op.getResult()); })
      .Case([&](graph::GridSampleOp op) {
        somethingToRead(dims(op.getInput(), 2, graph::typeOf(op.getInput()).getRank() - 2), op.getResult());
      })
      .Case<graph::RoiAlignOp, graph::MaxRoiPoolOp>(
          [&](auto op) { somethingToRead(extentsOf(op.getInput()), op.getResult()); });
}

void addSizeChecks(Operation *root, std::vector<Definition> &definitions) {
  Checks checks(definitions);
  root->walk([&](Operation *op) { checks.visit(op); });
}

} // namespace smelt::plan

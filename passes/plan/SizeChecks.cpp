// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/SizeChecks.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "passes/plan/Views.h"
#include "llvm/ADT/TypeSwitch.h"
#include <set>

using namespace mlir;

namespace smelt::plan {

using graph::Extent;
using graph::Extents;
using graph::extentsOf;

namespace {
class Checks {
public:
  void visit(Operation *op);
  /// What has been found since the last time.
  Extents take() { return std::exchange(checks_, {}); }

private:
  void require(const Extent &check);
  void broadcasts(const Extent &extent, const Extent &whole);
  void operandsBroadcast(Operation *op);
  void notNegative(const Extent &extent);
  void equal(const Extent &a, const Extent &b);
  void equalElements(ArrayRef<Extent> from, ArrayRef<Extent> to);
  void windowsFit(Value result);
  void poolFits(Value result, ArrayRef<int64_t> strides, size_t firstSpatial);
  void somethingToRead(ArrayRef<Extent> dims, Value reader);
  void paddingFits(graph::PadOp pad);
  void indicesFit(Value data, Value indices, uint64_t axis);

  struct Less {
    bool operator()(const Extent &a, const Extent &b) const { return Extent::compare(a, b) < 0; }
  };

  Extents checks_; // in the order of the ops
  std::set<Extent, Less> known_;
};
} // namespace

void Checks::require(const Extent &check) {
  if (!check.isNumber() && known_.insert(check).second)
    checks_.push_back(check);
}

void Checks::broadcasts(const Extent &extent, const Extent &whole) {
  if (extent != whole && extent != Extent(1) && !(extent.isNumber() && whole.isNumber()))
    require(Extent::agreeing(extent, whole));
}

void Checks::notNegative(const Extent &extent) {
  if (!extent.isAtLeast(0))
    require(Extent::equal(extent, Extent::max(extent, 0)));
}

void Checks::equal(const Extent &a, const Extent &b) { require(Extent::equal(a, b)); }

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

/// A pool whose windows move by 1 may make nothing of an input that is one element shorter than a window.
void Checks::poolFits(Value result, ArrayRef<int64_t> strides, size_t firstSpatial) {
  const Extents extents = extentsOf(result);
  for (auto [dim, stride] : llvm::enumerate(strides))
    if (stride > 1)
      notNegative(extents[firstSpatial + dim] - 1);
}

/// An index is limited to those that there are: where something is read there must be one.
void Checks::somethingToRead(ArrayRef<Extent> dims, Value reader) {
  const Extent reads = graph::productOf(extentsOf(reader));
  for (const Extent &extent : dims)
    notNegative(Extent::max(extent, 1 - reads) - 1);
}

/// Cropping leaves no less than nothing, and where elements are repeated there must be one.
void Checks::paddingFits(graph::PadOp pad) {
  for (auto [low, high, extent, result] :
       llvm::zip_equal(pad.getLow(), pad.getHigh(), extentsOf(pad.getInput()), extentsOf(pad.getResult()))) {
    const Extent left = extent - Extent::max(Extent(0) - low, 0) - Extent::max(Extent(0) - high, 0);
    const bool repeats = pad.getMode() != graph::PadMode::Constant;
    notNegative(repeats ? left - Extent::min(result, 1) : left);
  }
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
      .Case([&](graph::DefineSizesOp op) {
        for (auto [symbol, extent] : llvm::zip_equal(op.getSymbols(), op.getExtents()))
          if (!graph::mayBeNegative(cast<StringAttr>(symbol).getValue()))
            notNegative(extent);
      })
      .Case([&](graph::CheckSizesOp op) {
        for (const Extent &extent : op.getExtents())
          if (extent.isTooLarge())
            checks_.push_back(extent); // fails wherever it is met
          else
            require(extent);
      })
      .Case([&](graph::CustomOp op) {
        for (Value result : op.getResults())
          for (const Extent &extent : extentsOf(result))
            require(extent); // a declared quotient may have no value
      })
      .Case([&](graph::ReshapeOp op) { equalElements(extentsOf(op.getInput()), extentsOf(op.getType())); })
      .Case<graph::ScalarInterface, graph::BroadcastOp>([&](auto op) { operandsBroadcast(op); })
      .Case<graph::ConvOp, kernel::WinogradOp>([&](auto op) { windowsFit(op.getResult()); })
      .Case([&](graph::PoolOp op) {
        poolFits(op.getResult(), op.getStrides(), op.getLayout() == graph::Layout::ChannelsFirst ? 2 : 1);
      })
      .Case([&](graph::ArgPoolOp op) { poolFits(op.getResult(), op.getStrides(), 2); })
      .Case([&](kernel::ContractOp op) {
        if (!llvm::all_of(op.getWindow(), isOne))
          windowsFit(op.getResult());
      })
      .Case([&](graph::PadOp op) { paddingFits(op); })
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

std::vector<SizeCheck> sizeChecks(func::FuncOp function) {
  Checks checks;
  std::vector<SizeCheck> found;
  function.walk([&](Operation *op) {
    checks.visit(op);
    if (Extents extents = checks.take(); !extents.empty())
      found.push_back({op->getLoc(), std::move(extents), dyn_cast<graph::CheckSizesOp>(op)});
  });
  return found;
}

} // namespace smelt::plan

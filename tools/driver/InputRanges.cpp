// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/InputRanges.h"
#include "codegen/artifact/RangeTable.h"
#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::driver {

/// The least of some extents, those that are numbers.
static int64_t leastOf(ArrayRef<graph::Extent> extents) {
  int64_t least = INT64_MAX;
  for (const graph::Extent &extent : extents)
    if (extent.isNumber())
      least = std::min(least, extent.number());
  return least;
}

/// How many places there are for an operand that is an op's indices; nothing where it is another.
static std::optional<int64_t> placesFor(OpOperand &use) {
  auto along = [](Value data, int64_t axis) { return leastOf(graph::extentsOf(data)[axis]); };
  auto coordinates = [](Value data, Value indices, int64_t first) -> int64_t {
    const graph::Extent count = graph::extentsOf(indices).back();
    const graph::Extents shape = graph::extentsOf(data);
    return count.isNumber() ? leastOf(ArrayRef(shape).slice(first, count.number())) : INT64_MAX;
  };
  if (use.getOperandNumber() != (isa<graph::OneHotOp>(use.getOwner()) ? 0 : 1))
    return std::nullopt;
  return TypeSwitch<Operation *, std::optional<int64_t>>(use.getOwner())
      .Case<graph::GatherOp, graph::GatherElementsOp, graph::ScatterElementsOp>(
          [&](auto op) { return along(op.getData(), op.getAxis()); })
      .Case([&](graph::OneHotOp op) { return along(op.getResult(), op.getAxis()); })
      .Case([&](graph::GatherNdOp op) { return coordinates(op.getData(), op.getIndices(), op.getBatchDims()); })
      .Case([&](graph::ScatterNdOp op) { return coordinates(op.getData(), op.getIndices(), 0); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Whether the results of an op are elements of this operand, among others.
static bool movesElements(OpOperand &use) {
  Operation *op = use.getOwner();
  if (isa<graph::SelectOp>(op))
    return use.getOperandNumber() > 0;
  if (isa<graph::ConcatOp>(op))
    return true;
  return use.getOperandNumber() == 0 &&
         isa<graph::CastOp, graph::ReshapeOp, graph::TransposeOp, graph::BroadcastOp, graph::SliceOp, graph::ClampOp>(
             op);
}

/// As many places as every tensor has that an argument's elements are indices of.
static int64_t placesOf(BlockArgument argument) {
  int64_t places = INT64_MAX;
  llvm::SmallSetVector<Value, 8> reached;
  reached.insert(argument);
  for (size_t next = 0; next < reached.size(); ++next)
    for (OpOperand &use : Value(reached[next]).getUses()) {
      places = std::min(places, placesFor(use).value_or(INT64_MAX));
      if (movesElements(use))
        reached.insert(use.getOwner()->getResult(0));
    }
  return places;
}

runner::ValueRanges inputRanges(ModuleOp module) {
  runner::ValueRanges ranges;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal())
    return ranges;
  for (BlockArgument argument : main.getArguments()) {
    const unsigned number = argument.getArgNumber();
    auto element = dyn_cast<IntegerType>(graph::typeOf(argument).getElementType());
    auto name = main.getArgAttrOfType<StringAttr>(number, "graph.name");
    if (!element || element.getWidth() < 8 || !name)
      continue;
    runner::ValueRange range{0, INT64_MAX};
    const int64_t places = placesOf(argument);
    if (auto stated = main.getArgAttrOfType<DenseI64ArrayAttr>(number, "graph.range"))
      range = {stated[0], stated[1]};
    else if (places == INT64_MAX)
      continue;
    if (places != INT64_MAX)
      range = {std::max<int64_t>(range.least, 0), std::min(range.most, places - 1)};
    if (element.getWidth() < 64) // that the type has
      range.most = std::min(range.most, (int64_t(1) << (element.getWidth() - (element.isUnsigned() ? 0 : 1))) - 1);
    if (range.least <= range.most)
      ranges[name.str()] = range;
  }
  return ranges;
}

std::string rangeTable(const artifact::Model &model, const runner::ValueRanges &ranges) {
  std::string table;
  for (auto [number, input] : llvm::enumerate(model.inputs)) {
    const auto range = ranges.find(input.name);
    if (range == ranges.end())
      continue;
    const artifact::RangeRow row{range->second.least, range->second.most, static_cast<uint32_t>(number)};
    table.append(reinterpret_cast<const char *>(&row), sizeof row);
  }
  return table;
}

} // namespace smelt::driver

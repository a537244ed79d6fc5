// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Work.h"
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;

namespace smelt::kernel {

static Extents extentsOf(Value value) { return graph::extentsOf(value); }
static Extent elementsOf(Value value) { return graph::productOf(extentsOf(value)); }
/// Counted from behind: 0 is the last.
static Extent dimOf(Value value, size_t fromBehind) {
  Extents extents = extentsOf(value);
  return extents[extents.size() - 1 - fromBehind];
}

static Extent productOf(ArrayRef<int64_t> numbers) { return graph::productOf(graph::toExtents(numbers)); }

/// A filter's elements that meet each element of one `channels`.
static Extent perChannel(Value filter, const Extent &channels) { return elementsOf(filter).floorDiv(channels); }

/// Of products and the like, whose work does not follow from the number of elements; else nothing.
static std::optional<Extent> multiplyAdds(Operation *op) {
  using Result = std::optional<Extent>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([](ContractOp contract) -> Result {
        Extent channels = dimOf(contract.getInput(), 0).floorDiv(static_cast<int64_t>(contract.getGroups()));
        return elementsOf(contract.getResult()) * channels * productOf(contract.getWindow());
      })
      .Case([](WinogradOp conv) -> Result {
        return elementsOf(conv.getResult()) * dimOf(conv.getInput(), 0) * productOf(conv.getWindow());
      })
      .Case([](graph::MatMulOp matmul) -> Result { return elementsOf(matmul.getResult()) * dimOf(matmul.getLhs(), 0); })
      .Case([](graph::ConvOp conv) -> Result {
        bool first = conv.getLayout() == graph::Layout::ChannelsFirst;
        Value filter = conv.getFilter();
        return elementsOf(conv.getResult()) * perChannel(filter, first ? extentsOf(filter)[0] : dimOf(filter, 0));
      })
      .Case([](graph::ConvTransposeOp conv) -> Result {
        bool first = conv.getLayout() == graph::Layout::ChannelsFirst;
        Value filter = conv.getFilter();
        return elementsOf(conv.getInput()) * perChannel(filter, first ? extentsOf(filter)[0] : dimOf(filter, 1));
      })
      .Case([](graph::RecurrentOp cell) -> Result {
        return elementsOf(cell.getProjected()) * dimOf(cell.getProjected(), 0); // [t, b, d, g, h] · h
      })
      .Default(Result());
}

Extent operationsOf(Operation *op) {
  if (std::optional<Extent> products = multiplyAdds(op))
    return *products * 2;
  if (op->getNumResults() == 0 || isa<LoadOp>(op))
    return 0;
  if (auto pool = dyn_cast<graph::PoolOp>(op))
    return elementsOf(pool.getResult()) * productOf(pool.getWindow());
  if (isa<graph::LoopInterface>(op) && op->getNumOperands() > 0) // a reduction, or what makes as much as it reads
    return elementsOf(op->getOperand(0));
  return isa<graph::ScalarInterface>(op) ? elementsOf(op->getResult(0)) : Extent(0);
}

/// Elements along a stride of 0 are one.
static Extent bytesOf(MemRefType buffer) {
  Extent bytes = graph::elementBytes(buffer.getElementType());
  for (auto [extent, stride] : llvm::zip_equal(extentsOf(buffer), stridesOf(buffer)))
    if (stride != Extent(0))
      bytes *= extent;
  return bytes;
}

/// What ops gather from a loaded value; nothing where something reads it whole.
static std::optional<Extent> gatheredFrom(Value loaded) {
  Extent elements = 0;
  for (OpOperand &use : loaded.getUses()) {
    bool isGathered =
        isa<graph::GatherOp, graph::GatherElementsOp, graph::GatherNdOp>(use.getOwner()) && use.getOperandNumber() == 0;
    if (!isGathered)
      return std::nullopt;
    elements += elementsOf(use.getOwner()->getResult(0));
  }
  return elements;
}

static Extent bytesTouched(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Extent whole = bytesOf(type);
  if (!buffer.hasOneUse())
    return whole;
  auto load = dyn_cast<LoadOp>(*buffer.user_begin());
  std::optional<Extent> gathered = load ? gatheredFrom(load.getResult()) : std::nullopt;
  return gathered ? Extent::min(whole, *gathered * graph::elementBytes(type.getElementType())) : whole;
}

/// Operands of a contraction are both narrow only where the target multiplies such by dots, whether or not neighbours
/// lie side by side already. Pairs of integers are multiplied by one instruction and added by another, which is no more
/// than FMAs do.
int64_t togetherOf(ContractOp contract) {
  auto isNarrow = [](Value value) { return graph::typeOf(value).getElementType().isBF16(); };
  bool hasDots = isNarrow(contract.getInput()) && isNarrow(contract.getPacked());
  if (isa<IntegerType>(graph::typeOf(contract.getResult()).getElementType()))
    return contract.getTogether() == 4 ? 4 : 1;
  return std::max<int64_t>(contract.getTogether(), hasDots ? 2 : 1);
}

Work workOf(FuncOp kernel) {
  Work work;
  work.operations = 0;
  kernel.getBody().walk([&](Operation *op) {
    work.operations += operationsOf(op);
    work.isFewer |= isa<WinogradOp>(op);
    if (auto contract = dyn_cast<ContractOp>(op))
      work.together = std::max(work.together, togetherOf(contract));
  });
  for (BlockArgument argument : kernel.getBody().getArguments())
    if (isa<MemRefType>(argument.getType()))
      work.bytes.push_back(bytesTouched(argument));
  return work;
}

Extent inCaller(const Extent &extent, CallOp call) {
  ArrayRef<Extent> given;
  if (call.getSizes())
    given = *call.getSizes();
  return extent.substitute([&](StringRef name) {
    size_t number = 0;
    name.consume_front("$");
    bool isKnown = name.consume_front("p") && !name.getAsInteger(10, number) && number < given.size();
    return isKnown ? given[number] : Extent::tooLarge();
  });
}

} // namespace smelt::kernel

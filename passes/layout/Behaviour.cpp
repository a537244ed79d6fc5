// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/layout/Behaviour.h"
#include "passes/graph/Match.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

namespace smelt::layout {

static int64_t rankOf(Value value) { return typeOf(value).getRank(); }

bool isFlexible(Operation *op) {
  return isa<ScalarInterface, ReshapeOp, BroadcastOp, ConcatOp, SliceOp, PadOp, ReduceOp, ArgReduceOp, SoftmaxOp,
             LayerNormOp, CumulativeOp, ResizeOp, PoolOp>(op) &&
         op->getNumResults() == 1;
}

template <typename OpTy> static bool isChannelsFirst(OpTy op) { return op.getLayout() == Layout::ChannelsFirst; }

static bool wantsChannelsLast(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<ConvOp, ConvTransposeOp>([](auto conv) { return isChannelsFirst(conv); })
      .Default(false);
}

Order nativeResultOrder(OpResult result) {
  return wantsChannelsLast(result.getOwner()) ? channelsLast(rankOf(result)) : identityOrder(rankOf(result));
}

/// [oc, c / groups, k…] → [k…, c / groups, oc], or [c, oc / groups, k…] → [k…, c, oc / groups]
static Order filterOrder(Operation *op, int64_t rank) {
  Order order = identityOrder(rank);
  std::rotate(order.begin(), order.begin() + 2, order.end());
  if (isa<ConvOp>(op))
    std::swap(order[rank - 2], order[rank - 1]);
  return order;
}

Order nativeOperandOrder(OpOperand &operand) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  int64_t rank = type ? type.getRank() : 0;
  if (!wantsChannelsLast(operand.getOwner()))
    return identityOrder(rank);
  return operand.getOperandNumber() == 0 ? channelsLast(rank) : filterOrder(operand.getOwner(), rank);
}

/// Of an operand that broadcasts to a result of higher rank: the same order without the dims it lacks.
static Order broadcastOrder(int64_t rank, OrderRef order) {
  int64_t lead = static_cast<int64_t>(order.size()) - rank;
  Order result;
  for (int64_t dim : order)
    if (dim >= lead)
      result.push_back(dim - lead);
  return result;
}

/// Normalised dims must stay last.
static bool keepsLast(int64_t axis, OrderRef order) {
  return llvm::all_of(order.drop_front(axis), [&](int64_t dim) { return dim >= axis; });
}

std::optional<Order> operandOrder(OpOperand &operand, OrderRef order) {
  int64_t rank = rankOf(operand.get());
  return llvm::TypeSwitch<Operation *, std::optional<Order>>(operand.getOwner())
      .Case([&](ReshapeOp op) { return acrossReshape(extentsOf(op.getResult()), order, extentsOf(op.getInput())); })
      .Case<ScalarInterface, BroadcastOp>([&](auto) { return broadcastOrder(rank, order); })
      .Case([&](PadOp) { return operand.getOperandNumber() == 0 ? Order(order) : identityOrder(rank); })
      .Case([&](LayerNormOp op) {
        return keepsLast(static_cast<int64_t>(op.getAxis()), order) ? std::optional(Order(order)) : std::nullopt;
      })
      .Case([&](PoolOp op) {
        bool isKnown = isChannelsFirst(op) && (isIdentity(order) || order == OrderRef(channelsLast(rank)));
        return isKnown || isIdentity(order) ? std::optional(Order(order)) : std::nullopt;
      })
      .Default([&](Operation *) { return Order(order); });
}

std::optional<Order> resultOrder(OpOperand &operand, OrderRef order) {
  Operation *op = operand.getOwner();
  Value result = op->getResult(0);
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return acrossReshape(extentsOf(reshape.getInput()), order, extentsOf(result));
  if (isa<PadOp>(op) && operand.getOperandNumber() > 0)
    return std::nullopt;
  int64_t lead = rankOf(result) - rankOf(operand.get());
  Order whole = identityOrder(lead);
  for (int64_t dim : order)
    whole.push_back(dim + lead);
  return operandOrder(operand, whole) ? std::optional(whole) : std::nullopt;
}

bool accepts(Operation *op, OrderRef order) {
  return llvm::all_of(op->getOpOperands(),
                      [&](OpOperand &operand) { return operandOrder(operand, order).has_value(); });
}

bool isFlatten(Operation *op) {
  auto reshape = dyn_cast<ReshapeOp>(op);
  if (!reshape || rankOf(reshape) != 2 || rankOf(reshape.getInput()) < 3)
    return false;
  Extents joined = extentsOf(reshape.getInput());
  if (extentsOf(reshape.getResult())[0] != joined[0] || !asNumbers(ArrayRef<Extent>(joined).drop_front()))
    return false;
  return llvm::all_of(reshape->getUses(), [](OpOperand &use) {
    auto matmul = dyn_cast<MatMulOp>(use.getOwner());
    return matmul && use.getOperandNumber() == 0 && isKnown(matmul.getRhs()) && rankOf(matmul.getRhs()) == 2;
  });
}

bool acceptsFlattened(OpOperand &operand, OrderRef order) { return isFlatten(operand.getOwner()) && order[0] == 0; }

bool isPointwise(Operation *op) {
  auto conv = dyn_cast<ConvOp>(op);
  auto are = [](ArrayRef<int64_t> values, int64_t number) {
    return llvm::all_of(values, [&](int64_t value) { return value == number; });
  };
  return conv && isChannelsFirst(conv) && are(shapeOf(conv.getFilter()).drop_front(2), 1) &&
         are(conv.getStrides(), 1) && are(conv.getLow(), 0) && are(conv.getHigh(), 0);
}

bool acceptsPointwise(OpOperand &operand, OrderRef order) {
  return operand.getOperandNumber() == 0 && isPointwise(operand.getOwner()) && order.front() == 0 && order.back() == 1;
}

static void setAttributes(Operation *op, OrderRef order) {
  llvm::TypeSwitch<Operation *>(op)
      .Case<ConvOp, ConvTransposeOp, PoolOp>([&](auto op) { op.setLayout(Layout::ChannelsLast); })
      .Case<ConcatOp, ArgReduceOp, SoftmaxOp, CumulativeOp>(
          [&](auto op) { op.setAxis(positionOf(order, static_cast<int64_t>(op.getAxis()))); })
      .Case([&](SliceOp op) {
        op.setStarts(inOrder(op.getStarts(), order));
        op.setSteps(inOrder(op.getSteps(), order));
      })
      .Case([&](PadOp op) {
        op.setLow(inOrder(op.getLow(), order));
        op.setHigh(inOrder(op.getHigh(), order));
      })
      .Case([&](ResizeOp op) { op.setScales(inOrder(op.getScales(), order)); })
      .Case([&](ReduceOp op) {
        SmallVector<int64_t> axes;
        for (int64_t axis : op.getAxes())
          axes.push_back(positionOf(order, axis));
        llvm::sort(axes);
        op.setAxes(axes);
      });
}

void setOrder(Operation *op, OrderRef order) {
  if (isIdentity(order))
    return;
  setAttributes(op, order);
  Value result = op->getResult(0);
  result.setType(tensorOf(inOrder(extentsOf(result), order), elementTypeOf(result)));
}

} // namespace smelt::layout

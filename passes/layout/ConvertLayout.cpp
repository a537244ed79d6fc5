// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// convert-layout: convolutions become channels_last, and the ops between them follow where that leaves fewer bytes to
// transpose. Filters and other constants are transposed as well, which fold-constants computes.
//   conv(x, w)                             →   transpose⁻¹(conv(transpose(x), transpose(w)) {channels_last})
//   op(transpose⁻¹(x))                     →   transpose⁻¹(op(x))      for all ops of an area, or for none
//   matmul(reshape(transpose⁻¹(x)), w)     →   matmul(reshape(x), w with its rows in that order)

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/layout/Behaviour.h"
#include "passes/layout/ChooseOrders.h"
#include "passes/layout/Passes.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::layout;

namespace {

/// Builds the ops that change beside the old ones, whose types stay those of the model until all is done.
class Converter {
public:
  explicit Converter(Block &block) : block_(block), decision_(chooseOrders(block)), builder_(block.getParentOp()) {}
  void run();

private:
  struct Stored {
    Value value; // of the type it has in memory
    Order order;
  };

  Stored storedOf(Value value) const;
  Value stored(Value value, OrderRef order);
  Order exactOrder(Operation *op, OrderRef order) const;
  void convert(Operation *op);
  void convertTranspose(graph::TransposeOp op);
  void convertFlatten(graph::ReshapeOp op);
  void convertFixed(Operation *op);
  void convertFlexible(Operation *op, OrderRef order);
  Value alignedToBroadcast(OpOperand &operand, OrderRef order);
  Value withRowsOf(Value flattened, Value weights);
  void convertTo(Operation *op, ValueRange operands, OrderRef order);

  Block &block_;
  Decision decision_;
  OpBuilder builder_;
  DenseMap<Value, Stored> stored_;
  DenseMap<Value, SmallVector<std::pair<Order, Value>>> copies_; // of a value, in other orders
  DenseMap<Value, Value> flattened_;                             // what was joined, where its order is not the model's
  SmallVector<Operation *> replaced_;
};

} // namespace

Converter::Stored Converter::storedOf(Value value) const {
  auto found = stored_.find(value);
  return found != stored_.end() ? found->second : Stored{value, identityOrder(graph::typeOf(value).getRank())};
}

/// The value as it is stored in `order`: as it is, reshaped, or transposed, once for all its uses.
Value Converter::stored(Value value, OrderRef order) {
  Stored source = storedOf(value);
  if (OrderRef(source.order) == order)
    return source.value;
  SmallVector<std::pair<Order, Value>> &copies = copies_[source.value];
  Order permutation = between(source.order, order);
  for (auto &[known, copy] : copies)
    if (known == permutation)
      return copy;
  builder_.setInsertionPointAfterValue(source.value);
  Location loc = source.value.getLoc();
  graph::Extents shape = graph::extentsOf(source.value);
  Value copy = areSameBytes(shape, identityOrder(static_cast<int64_t>(shape.size())), permutation)
                   ? graph::reshapeTo(builder_, loc, source.value, inOrder(shape, permutation))
                   : graph::transposeTo(builder_, loc, source.value, permutation);
  copies.push_back({permutation, copy});
  return copy;
}

/// Of the orders that differ from `order` in the place of dims of 1, that of an operand, so that no reshape comes
/// between two ops that could be one kernel.
Order Converter::exactOrder(Operation *op, OrderRef order) const {
  graph::Extents shape = graph::extentsOf(op->getResult(0));
  for (Value operand : op->getOperands()) {
    Stored source = storedOf(operand);
    if (source.order.size() == shape.size() && !graph::isConstant(operand) && !isa<graph::ReshapeOp>(op) &&
        areSameBytes(shape, source.order, order) && accepts(op, source.order))
      return source.order;
  }
  return Order(order);
}

/// The op on these operands, which are stored as a result in `order` needs them.
void Converter::convertTo(Operation *op, ValueRange operands, OrderRef order) {
  if (isIdentity(order)) {
    op->setOperands(operands);
    return;
  }
  builder_.setInsertionPoint(op);
  Operation *changed = builder_.clone(*op);
  changed->setOperands(operands);
  setOrder(changed, order);
  stored_[op->getResult(0)] = {changed->getResult(0), Order(order)};
  replaced_.push_back(op);
}

void Converter::convertTranspose(graph::TransposeOp op) {
  Stored source = storedOf(op.getInput());
  stored_[op.getResult()] = {source.value, throughTranspose(source.order, op.getPermutation())};
  replaced_.push_back(op);
}

void Converter::convertFlatten(graph::ReshapeOp op) {
  Value joined = op.getInput();
  Stored source = storedOf(joined);
  bool isKept = acceptsFlattened(op->getOpOperand(0), source.order);
  if (isKept && !areSameBytes(graph::extentsOf(joined), source.order, identityOrder(graph::typeOf(joined).getRank())))
    flattened_[op.getResult()] = joined;
  Value input = isKept ? source.value : stored(joined, identityOrder(graph::typeOf(joined).getRank()));
  builder_.setInsertionPoint(op);
  Value result = graph::reshapeTo(builder_, op.getLoc(), input, graph::extentsOf(op.getResult()));
  stored_[op.getResult()] = {result, identityOrder(2)};
  replaced_.push_back(op);
}

/// The rows of a matrix, in the order in which what they are multiplied with is stored.
Value Converter::withRowsOf(Value flattened, Value weights) {
  Value joined = flattened_.lookup(flattened);
  Location loc = weights.getLoc();
  SmallVector<int64_t> split(graph::typeOf(joined).getShape().drop_front());
  auto dims = static_cast<int64_t>(split.size());
  split.push_back(graph::shapeOf(weights)[1]);
  Order order;
  const auto source = storedOf(joined); // outlives the reference to its order
  for (int64_t dim : OrderRef(source.order).drop_front())
    order.push_back(dim - 1);
  order.push_back(dims);
  builder_.setInsertionPointAfterValue(weights);
  Value rows = graph::transposeTo(builder_, loc, graph::reshapeTo(builder_, loc, weights, split), order);
  return graph::reshapeTo(builder_, loc, rows, graph::shapeOf(weights));
}

void Converter::convertFixed(Operation *op) {
  auto found = decision_.find(op); // a pointwise convolution that takes its input as it is
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    bool isDecided = found != decision_.end() && operand.getOperandNumber() == 0;
    operands.push_back(isa<RankedTensorType>(operand.get().getType())
                           ? stored(operand.get(), isDecided ? found->second : nativeOperandOrder(operand))
                           : operand.get());
  }
  if (isa<graph::MatMulOp>(op) && flattened_.count(op->getOperand(0)))
    operands[1] = withRowsOf(op->getOperand(0), operands[1]);
  Order order = op->getNumResults() == 1 ? nativeResultOrder(op->getResult(0)) : Order();
  if (found != decision_.end())
    order = found->second;
  convertTo(op, operands, order);
}

/// An operand of lower rank than the result, with dims of 1 between those it has. One number is right as it is.
Value Converter::alignedToBroadcast(OpOperand &operand, OrderRef order) {
  Value value = operand.get();
  RankedTensorType type = graph::typeOf(value);
  graph::Extents extents = graph::extentsOf(type);
  if (graph::productOf(extents) == graph::Extent(1))
    return stored(value, identityOrder(type.getRank()));
  Value result = stored(value, *operandOrder(operand, order));
  int64_t lead = static_cast<int64_t>(order.size()) - type.getRank();
  graph::Extents shape;
  for (int64_t dim : order)
    shape.push_back(dim < lead ? graph::Extent(1) : extents[dim - lead]);
  if (ArrayRef<graph::Extent>(shape).take_back(type.getRank()) == ArrayRef<graph::Extent>(graph::extentsOf(result)))
    return result;
  auto *first = llvm::find_if(shape, [](const graph::Extent &extent) { return extent != graph::Extent(1); });
  builder_.setInsertionPointAfterValue(result);
  return graph::reshapeTo(builder_, value.getLoc(), result, ArrayRef<graph::Extent>(first, shape.end()));
}

void Converter::convertFlexible(Operation *op, OrderRef order) {
  SmallVector<Value> operands;
  bool broadcasts = isa<graph::ScalarInterface, graph::BroadcastOp>(op);
  for (OpOperand &operand : op->getOpOperands())
    operands.push_back(broadcasts ? alignedToBroadcast(operand, order)
                                  : stored(operand.get(), *operandOrder(operand, order)));
  convertTo(op, operands, order);
}

void Converter::convert(Operation *op) {
  if (auto transpose = dyn_cast<graph::TransposeOp>(op))
    return convertTranspose(transpose);
  if (isFlatten(op))
    return convertFlatten(cast<graph::ReshapeOp>(op));
  if (!isFlexible(op))
    return convertFixed(op);
  auto found = decision_.find(op);
  convertFlexible(op, exactOrder(op, found != decision_.end() ? found->second : nativeResultOrder(op->getResult(0))));
}

void Converter::run() {
  SmallVector<Operation *> ops = llvm::map_to_vector(block_, [](Operation &op) { return &op; });
  for (Operation *op : ops) {
    if (isa<graph::ConstantOp>(op))
      continue;
    convert(op);
    // What is inside an op sees the model's order.
    for (Region &region : op->getRegions())
      region.walk([&](Operation *inner) {
        for (OpOperand &operand : inner->getOpOperands())
          if (stored_.count(operand.get()))
            operand.set(stored(operand.get(), identityOrder(graph::typeOf(operand.get()).getRank())));
      });
  }
  for (Operation *op : llvm::reverse(replaced_))
    op->erase();
}

namespace {
struct ConvertLayout : PassWrapper<ConvertLayout, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertLayout)
  StringRef getArgument() const override { return "convert-layout"; }
  StringRef getDescription() const override { return "put channels last, with few transposes"; }

  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) {
      if (!isa<ModuleOp>(block->getParentOp()))
        blocks.push_back(block);
    });
    for (Block *block : blocks)
      Converter(*block).run();
  }
};
} // namespace

std::unique_ptr<Pass> layout::createConvertLayoutPass() { return std::make_unique<ConvertLayout>(); }

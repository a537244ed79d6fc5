// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// suit-products: the left operand of a product of 8 bits gets the form that the target's instruction multiplies,
// without a change of any bit of the result.
//   matmul(a : i8, w)    →   matmul(a ^ 128 : ui8, w) - 128 · Σw     vpdpbusd
//   matmul(a : ui8, w)   →   matmul(a ^ 128 : i8, w) + 128 · Σw      sdot
//   matmul(a, w)         →   matmul(cast(a → i16), w)                vpmaddwd
// So of conv, w being constant. The new form is made by whoever computes a: it moves to before what only moves
// elements.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/graph/Match.h"
#include "passes/plan/MachinePass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Products.h"

using namespace mlir;
using namespace smelt;
using graph::HostTensor;

namespace {

/// Left operands in other forms, each made once.
class Suiting {
public:
  Suiting(const kernel::Machine &machine, IRRewriter &rewriter) : machine_(machine), rewriter_(rewriter) {}

  template <typename Op> void suit(Op op, Value left, Value right, int64_t firstSummed, int64_t summed);

private:
  Type formFor(Value left, Value right) const;
  Value inForm(Value value, Type form);
  Value moved(Operation *mover, Type form);

  kernel::Machine machine_;
  IRRewriter &rewriter_;
  DenseMap<std::pair<Value, Type>, Value> known_;
};

} // namespace

static Type elementOf(Value value) { return graph::typeOf(value).getElementType(); }

/// The type of elements that the left operand should have; null where it has it, or where there is none.
Type Suiting::formFor(Value left, Value right) const {
  Type from = elementOf(left), weight = elementOf(right);
  if (!from.isInteger(8) || machine_.dotOf(from, weight))
    return nullptr;
  Type other = rewriter_.getIntegerType(8, /*isSigned=*/false), words = rewriter_.getIntegerType(16);
  if (from.isUnsignedInteger())
    other = rewriter_.getIntegerType(8);
  if (graph::isConstant(right) && machine_.dotOf(other, weight))
    return other;
  return machine_.dotOf(words, weight) ? words : nullptr;
}

/// What an op that only moves elements makes of them in another form; null where it is none, or where somebody wants
/// what it makes now.
Value Suiting::moved(Operation *mover, Type form) {
  if (!mover || mover->getNumResults() != 1 || !mover->hasOneUse() ||
      !isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp, graph::ConcatOp, graph::PadOp>(
          mover))
    return nullptr;
  SmallVector<Value> operands;
  for (auto [number, operand] : llvm::enumerate(mover->getOperands())) {
    bool isMoved = number == 0 || isa<graph::ConcatOp, graph::PadOp>(mover); // all that a concat joins; a pad's value
    operands.push_back(isMoved ? inForm(operand, form) : operand);
  }
  rewriter_.setInsertionPointAfter(mover);
  Operation *copy = rewriter_.clone(*mover);
  copy->setOperands(operands);
  copy->getResult(0).setType(graph::typeOf(mover->getResult(0)).clone(form));
  return copy->getResult(0);
}

/// What 128 was added to (or -128, which is the same in 8 bits, and so is the exclusive or); null for all else.
static Value withoutBit(Value value) {
  Operation *op = value.getDefiningOp();
  if (!isa_and_present<graph::AddOp, graph::SubOp, graph::XorOp>(op))
    return nullptr;
  std::optional<graph::Scalar> number = graph::splatOf(op->getOperand(1));
  const bool isBit = number && (number->asSigned() & 0xFF) == 128;
  return isBit && op->getOperand(0).getType() == value.getType() ? op->getOperand(0) : Value();
}

Value Suiting::inForm(Value value, Type form) {
  auto found = known_.find({value, form});
  if (found != known_.end())
    return found->second;
  OpBuilder::InsertionGuard guard(rewriter_);
  Value result = moved(value.getDefiningOp(), form);
  if (!result) {
    rewriter_.setInsertionPointAfterValue(value);
    Location loc = value.getLoc();
    // x + 128 ^ 128 are the bits of x
    if (Value same = form.isInteger(8) ? withoutBit(value) : Value())
      return known_[{value, form}] = graph::BitCastOp::create(rewriter_, loc, graph::typeOf(same).clone(form), same);
    if (form.isInteger(8)) {
      Value bit = graph::makeScalar(rewriter_, loc, elementOf(value), graph::Scalar::ofUnsigned(128));
      value = graph::XorOp::create(rewriter_, loc, value, bit);
    }
    result = graph::CastOp::create(rewriter_, loc, value, form);
  }
  return known_[{value, form}] = result;
}

/// The image of a convolution with the zeros around it that the convolution pads it by, and now no longer does: in
/// another form of 8 bits they are another number.
static Value withPadding(graph::ConvOp conv, IRRewriter &rewriter) {
  auto isZero = [](int64_t count) { return count == 0; };
  if (llvm::all_of(conv.getLow(), isZero) && llvm::all_of(conv.getHigh(), isZero))
    return conv.getInput();
  Value image = conv.getInput();
  int64_t rank = graph::typeOf(image).getRank(), first = conv.getLayout() == graph::Layout::ChannelsLast ? 1 : 2;
  SmallVector<int64_t> low(rank, 0), high(rank, 0), none(conv.getLow().size(), 0);
  llvm::copy(conv.getLow(), low.begin() + first);
  llvm::copy(conv.getHigh(), high.begin() + first);
  rewriter.setInsertionPoint(conv);
  Value zero = graph::makeScalar(rewriter, conv.getLoc(), elementOf(image), graph::Scalar::ofSigned(0));
  rewriter.modifyOpInPlace(conv, [&] {
    conv.setLow(none);
    conv.setHigh(none);
  });
  return graph::PadOp::create(rewriter, conv.getLoc(), image, zero, low, high, graph::PadMode::Constant);
}

/// The product with its left operand in the form that suits. `summed` dims of the weights from `firstSummed` on are
/// those that the product sums over.
template <typename Op> void Suiting::suit(Op op, Value left, Value right, int64_t firstSummed, int64_t summed) {
  Type form = op.getWide() ? formFor(left, right) : nullptr;
  if (!form)
    return;
  if (auto conv = dyn_cast<graph::ConvOp>(op.getOperation()); conv && form.isInteger(8)) {
    left = withPadding(conv, rewriter_);
    rewriter_.modifyOpInPlace(op, [&] { op->setOperand(0, left); }); // its only use moves with it
  }
  Value suited = inForm(left, form);
  rewriter_.modifyOpInPlace(op, [&] { op->setOperand(0, suited); });
  if (!form.isInteger(8))
    return;
  std::optional<HostTensor> weights = graph::constantOf(right);
  HostTensor sums = quantize::sumsOf(*weights, quantize::Columns(weights->shape(), firstSummed, summed));
  SmallVector<int64_t> shape(sums.shape());
  if (isa<graph::ConvOp>(op)) // one for each channel
    shape.erase(firstSummed == 0 ? shape.begin() : shape.begin() + 1);
  // ui8 made of i8 is 128 more, and i8 made of ui8 is 128 less.
  const uint32_t factor = form.isUnsignedInteger() ? static_cast<uint32_t>(-128) : 128;
  for (uint32_t &sum : sums.asMutable<uint32_t>())
    sum *= factor;
  rewriter_.setInsertionPointAfter(op);
  Value missing = graph::makeConstant(rewriter_, op.getLoc(), sums.reshaped(shape));
  auto whole = graph::AddOp::create(rewriter_, op.getLoc(), op.getResult(), missing);
  rewriter_.replaceAllUsesExcept(op.getResult(), whole.getResult(), whole);
}

namespace {
struct SuitProducts : plan::MachinePass<SuitProducts> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SuitProducts)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "suit-products"; }
  StringRef getDescription() const override { return "left operands of 8 bits → what the target multiplies"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    Suiting suiting(machine(), rewriter);
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      if (auto matmul = dyn_cast<graph::MatMulOp>(op))
        suiting.suit(matmul, matmul.getLhs(), matmul.getRhs(), graph::typeOf(matmul.getRhs()).getRank() - 2, 1);
      // Kernels of depthwise ones widen what they read, so that of all instructions vpdpbusd alone asks for a sign.
      else if (auto conv = dyn_cast<graph::ConvOp>(op);
               conv && (!quantize::isDepthwise(conv) || machine().dots & kernel::DotVnni))
        suiting.suit(conv, conv.getInput(), conv.getFilter(), isLast(conv) ? 0 : 1,
                     graph::typeOf(conv.getFilter()).getRank() - 1);
    }
    for (Operation *op : llvm::reverse(ops)) // what moved the old forms
      if (isOpTriviallyDead(op))
        op->erase();
    getOperation().walk([](graph::PadOp pad) { // made here, and made again in another form
      if (isOpTriviallyDead(pad))
        pad.erase();
    });
  }

private:
  static bool isLast(graph::ConvOp conv) { return conv.getLayout() == graph::Layout::ChannelsLast; }
};
} // namespace

std::unique_ptr<Pass> quantize::createSuitProductsPass(const kernel::Machine &machine) {
  return std::make_unique<SuitProducts>(machine);
}

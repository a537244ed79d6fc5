// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Dots.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::cpu {

namespace {
struct DotInstruction {
  kernel::Dot dot;
  unsigned vectorBytes;
  const char *intrinsic;                                           // of LLVM
  enum class Operands { SumFirst, SumLeftLast, Product } operands; // (sum, a, b), (sum, b, a) or (a, b), to be added
};
} // namespace

using Operands = DotInstruction::Operands;
static constexpr DotInstruction kInstructions[] = {
    {kernel::DotAvx512Bf16, 64, "llvm.x86.avx512bf16.dpbf16ps.512", Operands::SumFirst},
    {kernel::DotNeonBf16, 16, "llvm.aarch64.neon.bfdot.v4f32.v8bf16", Operands::SumFirst},
    {kernel::DotVnni, 64, "llvm.x86.avx512.vpdpbusd.512", Operands::SumFirst},
    {kernel::DotVnni, 32, "llvm.x86.avx512.vpdpbusd.256", Operands::SumFirst},
    {kernel::DotVnni, 16, "llvm.x86.avx512.vpdpbusd.128", Operands::SumFirst},
    {kernel::DotWords, 64, "llvm.x86.avx512.pmaddw.d.512", Operands::Product},
    {kernel::DotWords, 32, "llvm.x86.avx2.pmadd.wd", Operands::Product},
    {kernel::DotWords, 16, "llvm.x86.sse2.pmadd.wd", Operands::Product},
    {kernel::DotNeonSigned, 16, "llvm.aarch64.neon.sdot.v4i32.v16i8",
     Operands::SumLeftLast}, // LLVM looks for a lane there
    {kernel::DotNeonMixed, 16, "llvm.aarch64.neon.usdot.v4i32.v16i8", Operands::SumFirst},
};

Dots::Dots(Body &body, const kernel::Machine &machine, Type left, Type right)
    : body_(body), b_(body.builder()), dot_(machine.dotOf(left, right)),
      element_(isa<FloatType>(left) ? left : storageType(left)), left_(storageType(left)), right_(storageType(right)),
      lanes_(machine.vectorBytes / sizeof(float)), together_(machine.together(left, right)) {}

/// A stored element, or a vector of them, as bits of a word: number `place` of its group.
Value Dots::element(Value stored, int64_t place, bool isUnsigned) {
  auto vector = dyn_cast<VectorType>(stored.getType());
  auto like = [&](Type element) { return vector ? Type(vector.clone(element)) : element; };
  const unsigned width = element_.getIntOrFloatBitWidth();
  if (!isUnsigned && getElementTypeOrSelf(stored.getType()).getIntOrFloatBitWidth() < width)
    stored = arith::ExtSIOp::create(b_, like(element_), stored);
  Type word = b_.getI32Type();
  Value wide = arith::ExtUIOp::create(b_, like(word), stored);
  if (place == 0)
    return wide;
  auto distance = b_.getIntegerAttr(word, place * width);
  TypedAttr shift = distance;
  if (vector)
    shift = DenseElementsAttr::get(vector.clone(word), distance.getValue());
  return arith::ShLIOp::create(b_, wide, arith::ConstantOp::create(b_, shift));
}

Value Dots::asGroups(Value words) {
  return vector::BitCastOp::create(b_, VectorType::get({lanes_ * together_}, element_), words);
}

Value Dots::repeated(Value buffer, Value at, const graph::Extent &stride, int64_t count) {
  Value word;
  if (count == together_ && stride == graph::Extent(1)) {
    Value group = vector::LoadOp::create(b_, VectorType::get({together_}, left_), buffer, at);
    Value words = vector::BitCastOp::create(b_, VectorType::get({1}, b_.getI32Type()), group);
    word = vector::ExtractOp::create(b_, words, 0);
  } else {
    for (int64_t place = 0; place < count; ++place) {
      Value from = body_.add(at, body_.value(stride * place));
      Value next = element(memref::LoadOp::create(b_, buffer, from), place);
      word = word ? arith::OrIOp::create(b_, word, next).getResult() : next;
    }
  }
  return asGroups(vector::BroadcastOp::create(b_, VectorType::get({lanes_}, b_.getI32Type()), word));
}

Value Dots::loadLeft(Value buffer, Value at) {
  Value stored = vector::LoadOp::create(b_, VectorType::get({lanes_ * together_}, left_), buffer, at);
  return vector::BitCastOp::create(b_, VectorType::get({lanes_}, b_.getI32Type()), stored);
}

Value Dots::repeatedLane(Value groups, int64_t lane) {
  Value word = vector::ExtractOp::create(b_, groups, lane);
  return asGroups(vector::BroadcastOp::create(b_, groups.getType(), word));
}

Value Dots::load(Value buffer, Value at) {
  auto groups = VectorType::get({lanes_ * together_}, element_);
  Value stored = vector::LoadOp::create(b_, groups.clone(right_), buffer, at);
  if (right_.getIntOrFloatBitWidth() < element_.getIntOrFloatBitWidth())
    return arith::ExtSIOp::create(b_, groups, stored);
  return right_ == element_ ? stored : vector::BitCastOp::create(b_, groups, stored).getResult();
}

SmallVector<Value> Dots::gather(Value buffer, Value at, int64_t stride, int64_t count, int64_t vectors) {
  SmallVector<Value> groups;
  while (static_cast<int64_t>(groups.size()) < vectors) {
    Value place = body_.add(at, body_.constant(static_cast<int64_t>(groups.size()) * lanes_));
    if (together_ == 2 && right_.getIntOrFloatBitWidth() == element_.getIntOrFloatBitWidth() &&
        static_cast<int64_t>(groups.size()) + 2 <= vectors)
      llvm::append_range(groups, gatherTwo(buffer, place, stride, count));
    else
      groups.push_back(column(buffer, place, stride, count, /*isUnsigned=*/false));
  }
  return groups;
}

/// Two vectors of pairs: whole registers of both rows, their elements taken in turns.
SmallVector<Value> Dots::gatherTwo(Value buffer, Value at, int64_t stride, int64_t count) {
  auto row = VectorType::get({2 * lanes_}, right_);
  Value first = vector::LoadOp::create(b_, row, buffer, at), second;
  if (count == 2)
    second = vector::LoadOp::create(b_, row, buffer, body_.add(at, body_.constant(stride)));
  else
    second = arith::ConstantOp::create(b_, b_.getZeroAttr(row));
  SmallVector<Value> pairs;
  for (int64_t from : {int64_t(0), lanes_}) {
    SmallVector<int64_t> order;
    for (int64_t lane = from; lane < from + lanes_; ++lane)
      order.append({lane, 2 * lanes_ + lane});
    Value words = vector::ShuffleOp::create(b_, first, second, order);
    pairs.push_back(vector::BitCastOp::create(b_, VectorType::get({2 * lanes_}, element_), words));
  }
  return pairs;
}

Value Dots::column(Value buffer, Value at, const graph::Extent &stride, int64_t count, bool isUnsigned) {
  Value words;
  for (int64_t place = 0; place < count; ++place) {
    Value row = vector::LoadOp::create(b_, VectorType::get({lanes_}, right_), buffer,
                                       body_.add(at, body_.value(stride * place)));
    Value next = element(row, place, isUnsigned);
    words = words ? arith::OrIOp::create(b_, words, next).getResult() : next;
  }
  return asGroups(words);
}

Value Dots::multiplyAdd(Value a, Value b, Value sum) {
  for (const DotInstruction &row : kInstructions) {
    if (dot_ != row.dot || lanes_ * sizeof(float) != row.vectorBytes)
      continue;
    SmallVector<Value> operands{sum, a, b};
    if (row.operands == Operands::SumLeftLast)
      std::swap(operands[1], operands[2]);
    if (row.operands == Operands::Product)
      operands.erase(operands.begin());
    Value result =
        LLVM::CallIntrinsicOp::create(b_, sum.getType(), b_.getStringAttr(row.intrinsic), operands).getResult(0);
    return row.operands == Operands::Product ? arith::AddIOp::create(b_, sum, result).getResult() : result;
  }
  return nullptr; // together() is 1
}

unsigned integerDotsOf(Operation *root, const kernel::Machine &machine) {
  unsigned dots = 0;
  root->walk([&](Operation *op) {
    if (!isa<kernel::ContractOp, graph::ConvOp>(op))
      return;
    Type left = graph::typeOf(op->getOperand(0)).getElementType(),
         right = graph::typeOf(op->getOperand(1)).getElementType();
    if (std::optional<kernel::Dot> dot = machine.dotOf(left, right))
      dots |= *dot;
  });
  root->walk([&](LLVM::CallIntrinsicOp op) {
    for (const DotInstruction &row : kInstructions)
      if (op.getIntrin() == row.intrinsic)
        dots |= row.dot;
  });
  return dots & kernel::kIntegerDots;
}

SmallVector<Value> Dots::overGroups(GroupRange groups, const graph::Count &rest, ValueRange sums, Step step) {
  auto loop = scf::ForOp::create(b_, groups.first, groups.end, body_.constant(1), sums);
  {
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b_, step(loop.getInductionVar(), together_, SmallVector<Value>(loop.getRegionIterArgs())));
  }
  SmallVector<Value> results(loop.getResults());
  for (int64_t count = 1; count < together_; ++count) {
    if (rest.number()) {
      if (*rest.number() == count)
        results = step(groups.end, count, results);
      continue;
    }
    Value isRest = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, rest.in(b_), body_.constant(count));
    auto choice = scf::IfOp::create(b_, TypeRange(ValueRange(results)), isRest, /*addThenBlock=*/true,
                                    /*addElseBlock=*/true);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToEnd(choice.thenBlock());
    scf::YieldOp::create(b_, step(groups.end, count, results));
    b_.setInsertionPointToEnd(choice.elseBlock());
    scf::YieldOp::create(b_, results);
    results.assign(choice.result_begin(), choice.result_end());
  }
  return results;
}

} // namespace smelt::cpu

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
  const char *intrinsic; // of LLVM: (sum, a, b)
};
} // namespace

static constexpr DotInstruction kInstructions[] = {
    {kernel::DotAvx512Bf16, "llvm.x86.avx512bf16.dpbf16ps.512"},
    {kernel::DotNeonBf16, "llvm.aarch64.neon.bfdot.v4f32.v8bf16"},
};

Dots::Dots(Body &body, const kernel::Machine &machine, Type element)
    : body_(body), b_(body.builder()), element_(element), storage_(storageType(element)),
      lanes_(machine.vectorBytes / sizeof(float)), together_(machine.together(element)), dots_(machine.dots) {}

/// A stored element, or a vector of them, as bits of a word: number `place` of its group.
Value Dots::element(Value stored, int64_t place) {
  Type word = b_.getI32Type();
  auto vector = dyn_cast<VectorType>(stored.getType());
  Value wide = arith::ExtUIOp::create(b_, vector ? Type(vector.clone(word)) : word, stored);
  if (place == 0)
    return wide;
  auto distance = b_.getIntegerAttr(word, place * storage_.getIntOrFloatBitWidth());
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
    Value group = vector::LoadOp::create(b_, VectorType::get({together_}, storage_), buffer, at);
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

Value Dots::load(Value buffer, Value at) {
  return vector::BitCastOp::create(
      b_, VectorType::get({lanes_ * together_}, element_),
      vector::LoadOp::create(b_, VectorType::get({lanes_ * together_}, storage_), buffer, at));
}

SmallVector<Value> Dots::gather(Value buffer, Value at, int64_t stride, int64_t count, int64_t vectors) {
  SmallVector<Value> groups;
  while (static_cast<int64_t>(groups.size()) < vectors) {
    Value place = body_.add(at, body_.constant(static_cast<int64_t>(groups.size()) * lanes_));
    if (together_ == 2 && static_cast<int64_t>(groups.size()) + 2 <= vectors)
      llvm::append_range(groups, gatherTwo(buffer, place, stride, count));
    else
      groups.push_back(gatherOne(buffer, place, stride, count));
  }
  return groups;
}

/// Two vectors of pairs: whole registers of both rows, their elements taken in turns.
SmallVector<Value> Dots::gatherTwo(Value buffer, Value at, int64_t stride, int64_t count) {
  auto row = VectorType::get({2 * lanes_}, storage_);
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

Value Dots::gatherOne(Value buffer, Value at, int64_t stride, int64_t count) {
  Value words;
  for (int64_t place = 0; place < count; ++place) {
    Value row = vector::LoadOp::create(b_, VectorType::get({lanes_}, storage_), buffer,
                                       body_.add(at, body_.constant(place * stride)));
    Value next = element(row, place);
    words = words ? arith::OrIOp::create(b_, words, next).getResult() : next;
  }
  return asGroups(words);
}

Value Dots::multiplyAdd(Value a, Value b, Value sum) {
  for (const DotInstruction &instruction : kInstructions)
    if (dots_ & instruction.dot)
      return LLVM::CallIntrinsicOp::create(b_, sum.getType(), b_.getStringAttr(instruction.intrinsic),
                                           ValueRange{sum, a, b})
          .getResult(0);
  return nullptr; // together() is 1
}

SmallVector<Value> Dots::overGroups(Value groups, const graph::Count &rest, ValueRange sums, Step step) {
  auto loop = scf::ForOp::create(b_, body_.constant(0), groups, body_.constant(1), sums);
  {
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b_, step(loop.getInductionVar(), together_, SmallVector<Value>(loop.getRegionIterArgs())));
  }
  SmallVector<Value> results(loop.getResults());
  for (int64_t count = 1; count < together_; ++count) {
    if (rest.number()) {
      if (*rest.number() == count)
        results = step(groups, count, results);
      continue;
    }
    Value isRest = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, rest.in(b_), body_.constant(count));
    auto choice = scf::IfOp::create(b_, TypeRange(ValueRange(results)), isRest, /*addThenBlock=*/true,
                                    /*addElseBlock=*/true);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToEnd(choice.thenBlock());
    scf::YieldOp::create(b_, step(groups, count, results));
    b_.setInsertionPointToEnd(choice.elseBlock());
    scf::YieldOp::create(b_, results);
    results.assign(choice.result_begin(), choice.result_end());
  }
  return results;
}

} // namespace smelt::cpu

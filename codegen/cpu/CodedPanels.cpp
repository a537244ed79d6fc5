// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/CodedPanels.h"
#include "codegen/cpu/Emitters.h"
#include "dialects/Graph/Ops/Cast.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace smelt::cpu {

constexpr unsigned kCodeBits = 32 / kernel::kCodesPerWord;

static Value bufferArgument(Value loaded) { return loaded.getDefiningOp<kernel::LoadOp>().getBuffer(); }

bool CodedPanels::isSupported(kernel::ContractOp root) {
  return llvm::all_of(root->getOperands(),
                      [](Value operand) { return operand.getDefiningOp<kernel::LoadOp>() != nullptr; });
}

CodedPanels::CodedPanels(Body &body, kernel::ContractOp root, const kernel::Machine &machine, Value input)
    : body_(body), b_(body.builder()), root_(root), layout_(kernel::codesLayout(root)), input_(input),
      inputBuffer_(body.bufferOf(bufferArgument(root.getInput()))),
      stride_(Body::stridesOf(bufferArgument(root.getInput())).back()), packed_(graph::typeOf(root.getPacked())),
      lanes_(machine.vectorBytes / static_cast<int64_t>(sizeof(float))), width_(packed_.getShape().back()),
      steps_(graph::typeOf(root.getInput()).getShape().back()), block_(static_cast<int64_t>(root.getBlock())),
      perStep_(packed_.getElementTypeBitWidth() == 32 ? kernel::kCodesPerWord : 1) {
  constexpr unsigned kLookupBytes = 64; // a register that holds a number for each code
  looksUp_ = machine.vectorBytes == kLookupBytes && perStep_ > 1;
  block_ = std::min(block_, steps_);
  SmallVector<Value> scratch = body.scratch();
  numbers_ = scratch[0];
  sums_ = scratch[1];
  if (layout_.mayBeMore) {
    current_ = body.stackBuffer(1, b_.getIndexType());
    memref::StoreOp::create(b_, arith::ConstantIndexOp::create(b_, -1), current_, body.constant(0));
  }
  if (layout_.mayBeMore && layout_.mayBeOneRow)
    hasOneRow_ = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, body.value(layout_.rows), body.constant(1));
  if (!layout_.mayBeOneRow || layout_.sums == 0)
    return;
  OpBuilder::InsertionGuard guard(b_);
  if (hasOneRow_)
    b_.setInsertionPointToStart(scf::IfOp::create(b_, hasOneRow_, /*withElseRegion=*/false).thenBlock());
  sumBlocks();
}

/// Calls `visit` for each block, the last one with as many rows as there are.
CodedPanels::Vectors CodedPanels::overBlocks(ValueRange carried, llvm::function_ref<Vectors(Rows, ValueRange)> visit) {
  const int64_t whole = steps_ / block_, rest = steps_ % block_;
  auto loop = scf::ForOp::create(b_, body_.constant(0), body_.constant(whole), body_.constant(1), carried);
  {
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Vectors next = visit({loop.getInductionVar(), block_}, Vectors(loop.getRegionIterArgs()));
    if (!carried.empty())
      scf::YieldOp::create(b_, next);
  }
  Vectors results(loop.getResults());
  return rest > 0 ? visit({body_.constant(whole), rest}, results) : results;
}

/// Calls `visit` for each step of codes of some rows: its number in the block, and how many codes it has.
CodedPanels::Vectors CodedPanels::overSteps(Rows rows, ValueRange carried,
                                            llvm::function_ref<Vectors(Value step, int64_t count, ValueRange)> visit) {
  const int64_t whole = rows.count / perStep_, rest = rows.count % perStep_;
  Vectors results(carried);
  if (whole > 0) {
    auto loop = scf::ForOp::create(b_, body_.constant(0), body_.constant(whole), body_.constant(1), carried);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Vectors next = visit(loop.getInductionVar(), perStep_, Vectors(loop.getRegionIterArgs()));
    if (!carried.empty())
      scf::YieldOp::create(b_, next);
    results.assign(loop.getResults().begin(), loop.getResults().end());
  }
  return rest > 0 ? visit(body_.constant(whole), rest, results) : results;
}

/// The row along K of a code.
Value CodedPanels::rowOf(Value block, Value step, int64_t place) {
  Value row = body_.add(body_.scale(block, block_), body_.scale(step, perStep_));
  return body_.add(row, body_.constant(place));
}

/// A panel's vectors of one step, as they are stored.
CodedPanels::Vectors CodedPanels::load(Value panel, Value step, int64_t vectors) {
  Value buffer = body_.bufferOf(bufferArgument(root_.getPacked()));
  auto stored = VectorType::get({lanes_}, storageType(packed_.getElementType()));
  Value first = body_.add(body_.scale(panel, packed_.getDimSize(1) * width_), body_.scale(step, width_));
  Vectors loaded;
  for (int64_t v = 0; v < vectors; ++v)
    loaded.push_back(vector::LoadOp::create(b_, stored, buffer, body_.add(first, body_.constant(v * lanes_))));
  return loaded;
}

/// The scales of a block, or its zero points, in f32.
CodedPanels::Vectors CodedPanels::loadOfBlock(unsigned which, Value panel, Value block, int64_t vectors) {
  Value tensor = root_.getScales()[which], buffer = body_.bufferOf(bufferArgument(tensor));
  RankedTensorType type = graph::typeOf(tensor);
  auto stored = VectorType::get({lanes_}, storageType(type.getElementType()));
  Value first = body_.add(body_.scale(panel, type.getDimSize(1) * width_), body_.scale(block, width_));
  Vectors numbers;
  for (int64_t v = 0; v < vectors; ++v) {
    Value loaded = vector::LoadOp::create(b_, stored, buffer, body_.add(first, body_.constant(v * lanes_)));
    Value computed = body_.toCompute(loaded, type.getElementType());
    numbers.push_back(
        graph::castTo({b_, computed, graph::isUnsignedElement(type.getElementType())}, b_.getF32Type()).value());
  }
  return numbers;
}

/// The codes of a step at one of its places, as numbers.
Value CodedPanels::number(Value loaded, int64_t place) {
  const bool isUnsigned = graph::isUnsignedElement(packed_.getElementType());
  Type f32 = b_.getF32Type(), word = b_.getI32Type();
  graph::Expr code(b_, loaded, isUnsigned);
  if (perStep_ == 1) {
    graph::Expr wide = isUnsigned ? code.to<arith::ExtUIOp>(word) : code.to<arith::ExtSIOp>(word);
    return wide.to<arith::SIToFPOp>(f32).value();
  }
  const auto shift = static_cast<unsigned>(place) * kCodeBits;
  constexpr unsigned kTop = 32 - kCodeBits;
  if (looksUp_) {
    SmallVector<float> table;
    for (int i = 0; i < 1 << kCodeBits; ++i)
      table.push_back(static_cast<float>(isUnsigned || i < 1 << (kCodeBits - 1) ? i : i - (1 << kCodeBits)));
    auto type = VectorType::get({lanes_}, f32);
    Value numbers = arith::ConstantOp::create(b_, DenseElementsAttr::get(type, ArrayRef<float>(table)));
    // The instruction looks at no more than the low bits.
    Value index = shift == 0 ? loaded : shiftRightUnsigned(code, shift).value();
    return LLVM::CallIntrinsicOp::create(b_, type, b_.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
                                         ValueRange{numbers, index})
        .getResult(0);
  }
  graph::Expr alone = code;
  if (!isUnsigned)
    alone = shiftRightSigned(shift == kTop ? code : shiftLeft(code, kTop - shift), kTop);
  else if (shift == kTop)
    alone = shiftRightUnsigned(code, kTop);
  else
    alone = (shift == 0 ? code : shiftRightUnsigned(code, shift)) & code.integer((1 << kCodeBits) - 1);
  return alone.to<arith::SIToFPOp>(f32).value();
}

/// Whether a code of a word need not be moved: what it is multiplied by is divided by as much as it is larger there, a
/// power of two, once for all vectors. The topmost one would be a sign.
bool CodedPanels::staysInPlace(int64_t place) const {
  return perStep_ > 1 && !looksUp_ && place > 0 && place + 1 < perStep_ &&
         graph::isUnsignedElement(packed_.getElementType());
}

/// The codes of a step at one of its places, as numbers, times what a unit is there.
Value CodedPanels::inPlace(Value loaded, int64_t place) {
  graph::Expr word(b_, loaded);
  const int64_t mask = ((int64_t(1) << kCodeBits) - 1) << (place * kCodeBits);
  return (word & word.integer(mask)).to<arith::SIToFPOp>(b_.getF32Type()).value();
}

/// The sum of a vector's lanes, halves added to one another.
Value CodedPanels::addLanes(Value vector) {
  for (int64_t half = lanes_ / 2; half > 0; half /= 2) {
    auto part = [&](int64_t from) {
      return vector::ExtractStridedSliceOp::create(b_, vector, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{half},
                                                   ArrayRef<int64_t>{1});
    };
    vector = arith::AddFOp::create(b_, part(0), part(half));
  }
  return vector::ExtractOp::create(b_, vector, 0);
}

/// The sum of the input over a block.
Value CodedPanels::sumOfBlock(Value block, int64_t count) {
  Value zero = arith::ConstantOp::create(b_, b_.getF32FloatAttr(0)), sum = zero;
  Value first = body_.scale(block, block_);
  const int64_t inVectors = stride_ == graph::Extent(1) ? count / lanes_ * lanes_ : 0;
  if (inVectors > 0) {
    auto type = VectorType::get({lanes_}, b_.getF32Type());
    Value lanes;
    for (int64_t at = 0; at < inVectors; at += lanes_) {
      Value place = body_.add(input_, body_.add(first, body_.constant(at)));
      Value next = vector::LoadOp::create(b_, type, inputBuffer_, place);
      lanes = lanes ? arith::AddFOp::create(b_, lanes, next).getResult() : next;
    }
    sum = addLanes(lanes);
  }
  if (inVectors == count)
    return sum;
  auto loop = scf::ForOp::create(b_, body_.constant(inVectors), body_.constant(count), body_.constant(1), sum);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(loop.getBody());
  Value place = body_.add(input_, body_.scale(body_.add(first, loop.getInductionVar()), stride_));
  Value next = memref::LoadOp::create(b_, inputBuffer_, place);
  scf::YieldOp::create(b_, ValueRange{arith::AddFOp::create(b_, loop.getRegionIterArgs()[0], next)});
  return loop.getResult(0);
}

/// What a zero point is multiplied by: Σ x · (code - zero / f) = Σ x · code + zero · (-Σ x / f)
void CodedPanels::sumBlocks() {
  Value factor = arith::ConstantOp::create(
      b_, b_.getF32FloatAttr(-1.0F / static_cast<float>(static_cast<int64_t>(root_.getFraction()))));
  overBlocks({}, [&](Rows rows, ValueRange) -> Vectors {
    Value sum = arith::MulFOp::create(b_, sumOfBlock(rows.block, rows.count), factor);
    memref::StoreOp::create(b_, sum, sums_, rows.block);
    return {};
  });
}

/// totals + scale · (zero · (-Σ x / f) + Σ x · code)
CodedPanels::Vectors CodedPanels::multiplyBlock(Value panel, Rows rows, ValueRange totals) {
  const auto vectors = static_cast<int64_t>(totals.size());
  auto type = VectorType::get({lanes_}, b_.getF32Type());
  auto repeated = [&](Value buffer, Value at) {
    return vector::BroadcastOp::create(b_, type, memref::LoadOp::create(b_, buffer, at));
  };
  Vectors sums(vectors, arith::ConstantOp::create(b_, b_.getZeroAttr(type)));
  if (layout_.sums > 0) {
    Value factor = repeated(sums_, rows.block);
    sums = loadOfBlock(1, panel, rows.block, vectors);
    for (Value &sum : sums)
      sum = arith::MulFOp::create(b_, sum, factor);
  }
  Value blockStep = body_.scale(rows.block, static_cast<int64_t>(llvm::divideCeil(block_, perStep_)));
  sums = overSteps(rows, sums, [&](Value step, int64_t count, ValueRange carried) {
    Vectors loaded = load(panel, body_.add(blockStep, step), vectors), next(carried);
    for (int64_t place = 0; place < count; ++place) {
      Value x = repeated(inputBuffer_, body_.add(input_, body_.scale(rowOf(rows.block, step, place), stride_)));
      if (staysInPlace(place)) {
        const auto unit = static_cast<float>(1u << (static_cast<unsigned>(place) * kCodeBits));
        x = arith::MulFOp::create(b_, x, arith::ConstantOp::create(b_, DenseElementsAttr::get(type, 1 / unit)));
      }
      for (auto [codes, sum] : llvm::zip_equal(loaded, next))
        sum = multiplyAdd(b_, x, staysInPlace(place) ? inPlace(codes, place) : number(codes, place), sum);
    }
    return next;
  });
  Vectors scales = loadOfBlock(0, panel, rows.block, vectors), result;
  for (auto [sum, scale, total] : llvm::zip_equal(sums, scales, totals))
    result.push_back(multiplyAdd(b_, sum, scale, total));
  return result;
}

CodedPanels::Vectors CodedPanels::multiplyRow(Value panel, int64_t vectors) {
  auto type = VectorType::get({lanes_}, b_.getF32Type());
  Vectors zeros(vectors, arith::ConstantOp::create(b_, b_.getZeroAttr(type)));
  return overBlocks(zeros, [&](Rows rows, ValueRange totals) { return multiplyBlock(panel, rows, totals); });
}

/// (code - zero / f) · scale
void CodedPanels::decodeBlock(Value panel, Rows rows, int64_t vectors) {
  Vectors scales = loadOfBlock(0, panel, rows.block, vectors), zeros;
  if (layout_.sums > 0)
    zeros = loadOfBlock(1, panel, rows.block, vectors);
  auto type = VectorType::get({lanes_}, b_.getF32Type());
  const float inverse = 1.0F / static_cast<float>(static_cast<int64_t>(root_.getFraction()));
  Value fraction = arith::ConstantOp::create(b_, DenseElementsAttr::get(type, inverse));
  for (Value &zero : zeros)
    zero = arith::MulFOp::create(b_, zero, fraction);
  Value blockStep = body_.scale(rows.block, static_cast<int64_t>(llvm::divideCeil(block_, perStep_)));
  overSteps(rows, {}, [&](Value step, int64_t count, ValueRange) -> Vectors {
    Vectors loaded = load(panel, body_.add(blockStep, step), vectors);
    for (int64_t place = 0; place < count; ++place) {
      Value row = body_.scale(rowOf(rows.block, step, place), width_);
      for (int64_t v = 0; v < vectors; ++v) {
        Value code = number(loaded[v], place);
        if (!zeros.empty())
          code = arith::SubFOp::create(b_, code, zeros[v]);
        vector::StoreOp::create(b_, arith::MulFOp::create(b_, code, scales[v]), numbers_,
                                body_.add(row, body_.constant(v * lanes_)));
      }
    }
    return {};
  });
}

void CodedPanels::decode(Value panel) {
  Value known = memref::LoadOp::create(b_, current_, body_.constant(0));
  Value isOther = arith::CmpIOp::create(b_, arith::CmpIPredicate::ne, known, panel);
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(scf::IfOp::create(b_, isOther, /*withElseRegion=*/false).thenBlock());
  memref::StoreOp::create(b_, panel, current_, body_.constant(0));
  overBlocks({}, [&](Rows rows, ValueRange) -> Vectors {
    decodeBlock(panel, rows, width_ / lanes_);
    return {};
  });
}

} // namespace smelt::cpu

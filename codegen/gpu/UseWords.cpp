// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// use-words: integers of 8, 16 and 64 bits, f16 and bf16 → words of 32, which every device computes with.
//   i8, i16     one word, whose other bits are zeros
//   i64         two words, the low one first; a buffer of them is one of twice as many words
//   f16, bf16   the same number in f32
// Buffers of narrow elements stay as they are: whoever reads them finds a part of a word, or what the device reads as
// such. What has no expansion here, such as quotients of 64 bits, makes the kernel the processor's.

#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Parts.h"
#include "codegen/gpu/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using arith::CmpIPredicate;

namespace smelt::gpu {

constexpr unsigned kWord = 32;

static unsigned bitsOf(Type type) {
  auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(type));
  return integer ? integer.getWidth() : 0;
}
static bool isHalf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16();
}
static bool isNarrow(Type type) { return isPart(getElementTypeOrSelf(type)); }
static bool isWide(Type type) { return bitsOf(type) == 2 * kWord; }

/// As many words as the type has elements.
static Type wordsLike(Type type) {
  Type word = wordOfPart(getElementTypeOrSelf(type));
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(word)) : word;
}

namespace {

class WordTypes : public TypeConverter {
public:
  explicit WordTypes(bool keepsWide) {
    addConversion([](Type type) { return type; });
    auto convert = [keepsWide](Type type, SmallVectorImpl<Type> &words) -> std::optional<LogicalResult> {
      if (!isNarrow(type) && (keepsWide || !isWide(type)))
        return std::nullopt;
      words.append(isWide(type) ? 2 : 1, wordsLike(type));
      return success();
    };
    addConversion([convert](IntegerType type, SmallVectorImpl<Type> &words) { return convert(type, words); });
    addConversion([convert](FloatType type, SmallVectorImpl<Type> &words) { return convert(type, words); });
    addConversion([convert](VectorType type, SmallVectorImpl<Type> &words) { return convert(type, words); });
    addConversion([keepsWide](MemRefType type) -> std::optional<Type> {
      if (keepsWide || !isWide(type.getElementType()))
        return std::nullopt;
      auto word = IntegerType::get(type.getContext(), kWord);
      return MemRefType::get({2 * type.getNumElements()}, word, AffineMap(), type.getMemorySpace());
    });
  }
};

/// Arithmetic on words.
struct Words {
  ImplicitLocOpBuilder &b;
  Type type; // of one

  Value number(int64_t value) const {
    TypedAttr one = b.getI32IntegerAttr(static_cast<int32_t>(value));
    if (auto vector = dyn_cast<VectorType>(type))
      one = DenseElementsAttr::get(vector, Attribute(one));
    return arith::ConstantOp::create(b, one);
  }
  template <typename Op> Value make(Value x, Value y) const { return Op::create(b, x, y); }
  Value compare(CmpIPredicate predicate, Value x, Value y) const { return arith::CmpIOp::create(b, predicate, x, y); }
  Value select(Value condition, Value x, Value y) const { return arith::SelectOp::create(b, condition, x, y); }
  Value sign(Value x) const { return make<arith::ShRSIOp>(x, number(kWord - 1)); }
  /// The low bits alone, and with the sign of the highest of them.
  Value low(Value x, unsigned bits) const {
    return bits == kWord ? x : make<arith::AndIOp>(x, number((int64_t(1) << bits) - 1));
  }
  Value extended(Value x, unsigned bits) const {
    Value shift = number(kWord - bits);
    return make<arith::ShRSIOp>(make<arith::ShLIOp>(x, shift), shift);
  }
};

template <typename Op> struct WordPattern : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  using Adaptor = typename Op::Adaptor;
  using OneToNOpAdaptor = typename OpConversionPattern<Op>::OneToNOpAdaptor;

protected:
  static void replace(Op op, ConversionPatternRewriter &rewriter, ValueRange words) {
    rewriter.replaceOpWithMultiple(op, ArrayRef<ValueRange>{words});
  }
};

struct ExpandConstant : WordPattern<arith::ConstantOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, OneToNOpAdaptor, ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    if (isHalf(op.getType()))
      return expandHalf(op, b, r);
    const bool wide = isWide(op.getType());
    auto part = [&](const APInt &value, unsigned word) {
      return wide ? value.extractBits(kWord, word * kWord) : value.zext(kWord);
    };
    SmallVector<Value> words;
    for (unsigned word = 0; word < (wide ? 2 : 1); ++word) {
      TypedAttr attribute;
      if (auto integer = dyn_cast<IntegerAttr>(op.getValue())) {
        attribute = IntegerAttr::get(b.getI32Type(), part(integer.getValue(), word));
      } else if (auto elements = dyn_cast<DenseIntElementsAttr>(op.getValue())) {
        SmallVector<APInt> values;
        for (const APInt &value : elements.getValues<APInt>())
          values.push_back(part(value, word));
        attribute = DenseElementsAttr::get(cast<ShapedType>(wordsLike(op.getType())), values);
      } else {
        return failure();
      }
      words.push_back(arith::ConstantOp::create(b, attribute));
    }
    replace(op, r, words);
    return success();
  }

private:
  static LogicalResult expandHalf(arith::ConstantOp op, ImplicitLocOpBuilder &b, ConversionPatternRewriter &r) {
    auto word = [&](const APFloat &value) {
      APFloat wide = value;
      bool isInexact = false;
      wide.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &isInexact);
      return wide;
    };
    TypedAttr attribute;
    if (auto number = dyn_cast<FloatAttr>(op.getValue()))
      attribute = FloatAttr::get(b.getF32Type(), word(number.getValue()));
    else if (auto elements = dyn_cast<DenseFPElementsAttr>(op.getValue()))
      attribute = DenseElementsAttr::get(cast<ShapedType>(wordsLike(op.getType())),
                                         llvm::map_to_vector(elements.getValues<APFloat>(), word));
    else
      return failure();
    replace(op, r, arith::ConstantOp::create(b, attribute).getResult());
    return success();
  }
};

/// Ops that move elements, whatever these are: the same for each word.
template <typename Op> struct ExpandMove : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    SmallVector<Value> words;
    for (size_t word = 0; word < (isWide(op->getResult(0).getType()) ? 2u : 1u); ++word) {
      SmallVector<Value> operands;
      for (ValueRange operand : adaptor.getOperands())
        operands.push_back(operand[operand.size() > 1 ? word : 0]);
      OperationState state(op.getLoc(), op->getName());
      state.addOperands(operands);
      state.addTypes(wordsLike(op->getResult(0).getType()));
      state.propertiesAttr = op->getPropertiesAsAttribute();
      words.push_back(r.create(state)->getResult(0));
    }
    this->replace(op, r, words);
    return success();
  }
};

/// Of words that end where the number does, and of two of them.
template <typename Op, bool masks> struct ExpandBits : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    const Words w{b, wordsLike(op.getType())};
    ValueRange x = adaptor.getOperands()[0], y = adaptor.getOperands()[1];
    if (x.size() > 1 && masks)
      return failure();
    SmallVector<Value> words;
    for (auto [left, right] : llvm::zip_equal(x, y)) {
      Value word = w.make<Op>(left, right);
      words.push_back(masks ? w.low(word, bitsOf(op.getType())) : word);
    }
    this->replace(op, r, words);
    return success();
  }
};

/// Quotients, and shifts to the right with the sign, of narrow numbers.
template <typename Op> struct ExpandSigned : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ValueRange x = adaptor.getOperands()[0], y = adaptor.getOperands()[1];
    if (x.size() > 1)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), r);
    const Words w{b, wordsLike(op.getType())};
    const unsigned bits = bitsOf(op.getType());
    const bool isShift = std::is_same_v<Op, arith::ShRSIOp>;
    Value word = w.make<Op>(w.extended(x[0], bits), isShift ? y[0] : w.extended(y[0], bits));
    this->replace(op, r, w.low(word, bits));
    return success();
  }
};

/// Of two words: what one loses the other gets, and from 32 bits on all of it. No word is shifted by as many as it has.
template <typename Op> struct ExpandShift : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ValueRange x = adaptor.getOperands()[0];
    if (x.size() != 2)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), r);
    const Words w{b, wordsLike(op.getType())};
    Value amount = adaptor.getOperands()[1][0];
    Value by = w.make<arith::AndIOp>(amount, w.number(kWord - 1)), one = w.number(1);
    Value rest = w.make<arith::SubIOp>(w.number(kWord - 1), by);
    Value isLong = w.compare(CmpIPredicate::uge, amount, w.number(kWord));
    if (std::is_same_v<Op, arith::ShLIOp>) {
      Value low = w.make<arith::ShLIOp>(x[0], by);
      Value lost = w.make<arith::ShRUIOp>(w.make<arith::ShRUIOp>(x[0], one), rest);
      Value high = w.make<arith::OrIOp>(w.make<arith::ShLIOp>(x[1], by), lost);
      this->replace(op, r, {w.select(isLong, w.number(0), low), w.select(isLong, low, high)});
      return success();
    }
    Value high = w.make<Op>(x[1], by);
    Value lost = w.make<arith::ShLIOp>(w.make<arith::ShLIOp>(x[1], one), rest);
    Value low = w.make<arith::OrIOp>(w.make<arith::ShRUIOp>(x[0], by), lost);
    Value end = std::is_same_v<Op, arith::ShRSIOp> ? w.sign(x[1]) : w.number(0);
    this->replace(op, r, {w.select(isLong, high, low), w.select(isLong, end, high)});
    return success();
  }
};

/// Numbers of two words, the low one first.
struct Pair {
  Value low, high;
};

static Pair sum(const Words &w, Pair x, Pair y) {
  Value low = w.make<arith::AddIOp>(x.low, y.low), high = w.make<arith::AddIOp>(x.high, y.high);
  Value carry = w.select(w.compare(CmpIPredicate::ult, low, x.low), w.number(1), w.number(0));
  return {low, w.make<arith::AddIOp>(high, carry)};
}

static Pair difference(const Words &w, Pair x, Pair y) {
  Value low = w.make<arith::SubIOp>(x.low, y.low), high = w.make<arith::SubIOp>(x.high, y.high);
  Value borrow = w.select(w.compare(CmpIPredicate::ult, x.low, y.low), w.number(1), w.number(0));
  return {low, w.make<arith::SubIOp>(high, borrow)};
}

static Pair product(const Words &w, Pair x, Pair y) {
  auto low = arith::MulUIExtendedOp::create(w.b, x.low, y.low);
  Value crossed = w.make<arith::AddIOp>(w.make<arith::MulIOp>(x.low, y.high), w.make<arith::MulIOp>(x.high, y.low));
  return {low.getLow(), w.make<arith::AddIOp>(low.getHigh(), crossed)};
}

/// -x where all bits of `mask` are set, and x where none are: (x ^ mask) - mask.
static Pair negatedWhere(const Words &w, Value mask, Pair x) {
  Value low = w.make<arith::SubIOp>(w.make<arith::XOrIOp>(x.low, mask), mask);
  Value carry =
      w.select(w.compare(CmpIPredicate::eq, low, w.number(0)), w.make<arith::AndIOp>(mask, w.number(1)), w.number(0));
  return {low, w.make<arith::AddIOp>(w.make<arith::XOrIOp>(x.high, mask), carry)};
}

template <typename Op, Pair (*compute)(const Words &, Pair, Pair)> struct ExpandPair : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ValueRange x = adaptor.getLhs(), y = adaptor.getRhs();
    if (x.size() != 2)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), r);
    Pair result = compute({b, wordsLike(op.getType())}, {x[0], x[1]}, {y[0], y[1]});
    this->replace(op, r, {result.low, result.high});
    return success();
  }
};

static bool isSigned(CmpIPredicate predicate) {
  return predicate == CmpIPredicate::slt || predicate == CmpIPredicate::sle || predicate == CmpIPredicate::sgt ||
         predicate == CmpIPredicate::sge;
}

/// The same order without equality, and the same for words that have no sign.
static CmpIPredicate strict(CmpIPredicate predicate) {
  switch (predicate) {
  case CmpIPredicate::sle:
    return CmpIPredicate::slt;
  case CmpIPredicate::sge:
    return CmpIPredicate::sgt;
  case CmpIPredicate::ule:
    return CmpIPredicate::ult;
  case CmpIPredicate::uge:
    return CmpIPredicate::ugt;
  default:
    return predicate;
  }
}
static CmpIPredicate withoutSign(CmpIPredicate predicate) {
  switch (predicate) {
  case CmpIPredicate::slt:
    return CmpIPredicate::ult;
  case CmpIPredicate::sle:
    return CmpIPredicate::ule;
  case CmpIPredicate::sgt:
    return CmpIPredicate::ugt;
  case CmpIPredicate::sge:
    return CmpIPredicate::uge;
  default:
    return predicate;
  }
}

/// x < y of one or two words.
static Value compareWords(const Words &w, CmpIPredicate predicate, ValueRange x, ValueRange y, unsigned bits) {
  if (x.size() == 1 && isSigned(predicate))
    return w.compare(predicate, w.extended(x[0], bits), w.extended(y[0], bits));
  if (x.size() == 1)
    return w.compare(predicate, x[0], y[0]);
  Value same = w.compare(CmpIPredicate::eq, x[1], y[1]);
  if (predicate == CmpIPredicate::eq)
    return w.make<arith::AndIOp>(same, w.compare(predicate, x[0], y[0]));
  if (predicate == CmpIPredicate::ne)
    return w.make<arith::OrIOp>(w.compare(predicate, x[1], y[1]), w.compare(predicate, x[0], y[0]));
  Value low = w.make<arith::AndIOp>(same, w.compare(withoutSign(predicate), x[0], y[0]));
  return w.make<arith::OrIOp>(w.compare(strict(predicate), x[1], y[1]), low);
}

struct ExpandCompare : WordPattern<arith::CmpIOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(arith::CmpIOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    Type type = op.getLhs().getType();
    const Words w{b, wordsLike(type)};
    r.replaceOp(op, compareWords(w, op.getPredicate(), adaptor.getLhs(), adaptor.getRhs(), bitsOf(type)));
    return success();
  }
};

template <typename Op, CmpIPredicate predicate> struct ExpandChoice : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    const Words w{b, wordsLike(op.getType())};
    ValueRange x = adaptor.getOperands()[0], y = adaptor.getOperands()[1];
    Value isFirst = compareWords(w, predicate, x, y, bitsOf(op.getType()));
    SmallVector<Value> words;
    for (auto [left, right] : llvm::zip_equal(x, y))
      words.push_back(w.select(isFirst, left, right));
    this->replace(op, r, words);
    return success();
  }
};

/// Between integers of any size.
template <typename Op> struct ExpandCast : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    constexpr bool extendsSign = std::is_same_v<Op, arith::ExtSIOp> || std::is_same_v<Op, arith::IndexCastOp>;
    ImplicitLocOpBuilder b(op.getLoc(), r);
    ValueRange in = adaptor.getOperands()[0];
    Type from = op.getIn().getType(), to = op.getType();
    const Words w{b, wordsLike(to)};
    Value word = in[0];
    if (isa<IndexType>(getElementTypeOrSelf(from)))
      word = arith::IndexCastOp::create(b, w.type, word);
    else if (bitsOf(from) == 1)
      word = extendsSign ? arith::ExtSIOp::create(b, w.type, word).getResult()
                         : arith::ExtUIOp::create(b, w.type, word).getResult();
    else if (extendsSign && isNarrow(from))
      word = w.extended(word, bitsOf(from));
    if (isa<IndexType>(getElementTypeOrSelf(to))) {
      r.replaceOpWithNewOp<arith::IndexCastOp>(op, to, word); // indices have a word
      return success();
    }
    if (bitsOf(to) == 1) {
      r.replaceOpWithNewOp<arith::TruncIOp>(op, to, word);
      return success();
    }
    if (isWide(to)) {
      this->replace(op, r, {word, extendsSign ? w.sign(word) : w.number(0)});
      return success();
    }
    constexpr bool isPlain = std::is_same_v<Op, arith::ExtUIOp>; // the other bits are zeros already
    this->replace(op, r, isPlain ? word : w.low(word, bitsOf(to)));
    return success();
  }
};

//===-- Floats --------------------------------------------------------------------------------------------------===//

/// Rounded once: of large numbers the 32 highest bits, the last of which is set where lower ones are.
static Value toFloat(ImplicitLocOpBuilder &b, const Words &w, Type to, Value low, Value high) {
  Value zeros = math::CountLeadingZerosOp::create(b, high), all = w.number(kWord);
  Value shift = w.make<arith::SubIOp>(all, zeros); // 0 where the low word is all
  Value isShort = w.compare(CmpIPredicate::eq, shift, w.number(0)),
        isLong = w.compare(CmpIPredicate::eq, zeros, w.number(0));
  Value by = w.select(isShort, w.number(1), shift), left = w.select(isLong, w.number(0), zeros);
  Value under = w.select(isLong, w.number(0), w.make<arith::ShRUIOp>(low, w.select(isLong, w.number(0), by)));
  Value top = w.make<arith::OrIOp>(w.make<arith::ShLIOp>(high, w.select(isShort, w.number(0), left)), under);
  Value lost = w.select(isLong, low, w.make<arith::ShLIOp>(low, w.select(isLong, w.number(0), left)));
  Value sticky = w.select(w.compare(CmpIPredicate::ne, lost, w.number(0)), w.number(1), w.number(0));
  top = w.select(isShort, low, w.make<arith::OrIOp>(top, sticky));
  constexpr int64_t kBias = 127, kMantissa = 23;
  Value power = w.make<arith::ShLIOp>(w.make<arith::AddIOp>(shift, w.number(kBias)), w.number(kMantissa));
  Value scale = arith::BitcastOp::create(b, to, power);
  return arith::MulFOp::create(b, arith::UIToFPOp::create(b, to, top), scale);
}

template <typename Op> struct ExpandToFloat : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    constexpr bool isSigned = std::is_same_v<Op, arith::SIToFPOp>;
    ImplicitLocOpBuilder b(op.getLoc(), r);
    ValueRange in = adaptor.getOperands()[0];
    Type from = op.getIn().getType(), to = op.getType();
    const Words w{b, wordsLike(from)};
    if (!getElementTypeOrSelf(to).isF32())
      return failure();
    if (in.size() == 1) {
      Value word = isSigned ? w.extended(in[0], bitsOf(from)) : in[0];
      r.replaceOpWithNewOp<Op>(op, to, word);
      return success();
    }
    if (!isSigned) {
      r.replaceOp(op, toFloat(b, w, to, in[0], in[1]));
      return success();
    }
    Pair absolute = negatedWhere(w, w.sign(in[1]), {in[0], in[1]});
    Value size = toFloat(b, w, to, absolute.low, absolute.high);
    Value isNegative = w.compare(CmpIPredicate::slt, in[1], w.number(0));
    r.replaceOp(op, w.select(isNegative, arith::NegFOp::create(b, size), size));
    return success();
  }
};

/// Towards zero; what is beyond the integers is any number, as it is for the op.
template <typename Op> struct ExpandFromFloat : WordPattern<Op> {
  using WordPattern<Op>::WordPattern;
  LogicalResult matchAndRewrite(Op op, typename WordPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    Value x = adaptor.getOperands()[0][0];
    Type to = op.getType(), real = x.getType();
    const Words w{b, wordsLike(to)};
    if (!getElementTypeOrSelf(real).isF32())
      return failure();
    if (!isWide(to)) {
      this->replace(op, r, w.low(arith::FPToSIOp::create(b, w.type, x), bitsOf(to)));
      return success();
    }
    auto number = [&](double value) -> Value {
      TypedAttr one = b.getF32FloatAttr(static_cast<float>(value));
      if (auto vector = dyn_cast<VectorType>(real))
        one = DenseElementsAttr::get(vector, Attribute(one));
      return arith::ConstantOp::create(b, one);
    };
    constexpr double kTwo32 = 4294967296.0;
    Value size = math::AbsFOp::create(b, x);
    Value high = math::FloorOp::create(b, arith::MulFOp::create(b, size, number(1 / kTwo32)));
    Value low = math::FmaOp::create(b, high, number(-kTwo32), size); // exact
    Pair words{arith::FPToUIOp::create(b, w.type, low), arith::FPToUIOp::create(b, w.type, high)};
    Value isNegative = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, number(0));
    Pair result = negatedWhere(w, w.select(isNegative, w.number(-1), w.number(0)), words);
    this->replace(op, r, {result.low, result.high});
    return success();
  }
};

/// A narrow number as the word that it is read into.
static Value asWord(ImplicitLocOpBuilder &b, Value narrow) {
  auto cast = UnrealizedConversionCastOp::create(b, wordsLike(narrow.getType()), narrow);
  cast->setAttr(kWords, b.getUnitAttr());
  return cast.getResult(0);
}
static Value asNarrow(ImplicitLocOpBuilder &b, Value word, Type type) {
  auto cast = UnrealizedConversionCastOp::create(b, type, word);
  cast->setAttr(kWords, b.getUnitAttr());
  return cast.getResult(0);
}

/// The bit of a float that is its sign.
constexpr int64_t kSign = int64_t(1) << 31;

/// What is left of f32 where the last `lost` of its bits are rounded away, to nearest, ties to even; NaN stays NaN.
/// `bits` are those without the sign.
static Value roundedBits(const Words &w, Value bits, int64_t lost) {
  const int64_t half = (int64_t(1) << (lost - 1)) - 1;
  Value last = w.make<arith::AndIOp>(w.make<arith::ShRUIOp>(bits, w.number(lost)), w.number(1));
  Value up = w.make<arith::AddIOp>(bits, w.make<arith::AddIOp>(last, w.number(half)));
  return w.make<arith::AndIOp>(up, w.number(-(int64_t(1) << lost)));
}

/// f32 → f32 that f16 or bf16 has as well.
struct ExpandRounding : WordPattern<arith::TruncFOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    Type real = op.getIn().getType();
    if (!getElementTypeOrSelf(real).isF32() || !isHalf(op.getType()))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), r);
    Type integers = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(real))
      integers = vector.clone(integers);
    const Words w{b, integers};
    constexpr int64_t kInfinity = 0x7f800000, kNan = 0x7fc00000;
    Value bits = arith::BitcastOp::create(b, integers, adaptor.getIn()[0]);
    Value size = w.make<arith::AndIOp>(bits, w.number(kSign - 1));
    Value isNan = w.compare(CmpIPredicate::ugt, size, w.number(kInfinity));
    Value rounded = getElementTypeOrSelf(op.getType()).isBF16() ? roundedBits(w, size, 16) : toHalf(b, w, real, size);
    rounded =
        w.make<arith::OrIOp>(w.select(isNan, w.number(kNan), rounded), w.make<arith::AndIOp>(bits, w.number(-kSign)));
    replace(op, r, arith::BitcastOp::create(b, real, rounded).getResult());
    return success();
  }

private:
  /// Numbers below 2^-14 are multiples of 2^-24, as those from 0.5 to 1 are in f32.
  static Value toHalf(ImplicitLocOpBuilder &b, const Words &w, Type real, Value size) {
    constexpr int64_t kLost = 13, kInfinity = 0x7f800000, kLargest = 0x477fe000, kLeastNormal = 0x38800000,
                      kOneHalf = 0x3f000000;
    Value normal = roundedBits(w, size, kLost);
    normal = w.select(w.compare(CmpIPredicate::ugt, normal, w.number(kLargest)), w.number(kInfinity), normal);
    Value half = arith::BitcastOp::create(b, real, w.number(kOneHalf));
    Value up = arith::AddFOp::create(b, arith::BitcastOp::create(b, real, size), half);
    Value small = arith::BitcastOp::create(b, w.type, arith::SubFOp::create(b, up, half));
    return w.select(w.compare(CmpIPredicate::ult, size, w.number(kLeastNormal)), small, normal);
  }
};

struct ExpandWidening : WordPattern<arith::ExtFOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    if (!isHalf(op.getIn().getType()) || !getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    r.replaceOp(op, adaptor.getIn()[0]);
    return success();
  }
};

/// Four bytes → the word that they are, for whoever takes it from the vector of one; all at once where read as such.
struct ExpandPacking : WordPattern<vector::BitCastOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(vector::BitCastOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    VectorType from = op.getSourceVectorType(), to = op.getResultVectorType();
    auto isExtract = [](Operation *user) { return isa<vector::ExtractOp>(user); };
    if (bitsOf(from) != 8 || from.getNumElements() != 4 || bitsOf(to) != kWord ||
        !llvm::all_of(op->getUsers(), isExtract))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), r);
    const Words w{b, b.getI32Type()};
    Value all;
    auto load = op.getSource().getDefiningOp<vector::LoadOp>();
    if (load && op->hasAttr(kPacked)) {
      auto word = memref::LoadOp::create(b, load.getBase(), r.getRemappedValue(load.getIndices().front()));
      word->setAttr(kWords, b.getUnitAttr());
      word->setAttr(kPacked, b.getUnitAttr());
      all = asWord(b, word);
    } else {
      for (int64_t lane = 0; lane < 4; ++lane) {
        Value byte = vector::ExtractOp::create(b, adaptor.getSource()[0], lane);
        Value moved = lane ? w.make<arith::ShLIOp>(byte, w.number(8 * lane)) : byte;
        all = all ? w.make<arith::OrIOp>(all, moved) : moved;
      }
    }
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      r.replaceOp(user, all);
    r.eraseOp(op);
    return success();
  }
};

//===-- Memory --------------------------------------------------------------------------------------------------===//

/// Which word of a buffer of numbers of two is the first of number `index`.
static Value firstWord(ImplicitLocOpBuilder &b, Value index) {
  return arith::MulIOp::create(b, index, arith::ConstantIndexOp::create(b, 2), arith::IntegerOverflowFlags::nsw);
}
static Value after(ImplicitLocOpBuilder &b, Value index, int64_t number) {
  return arith::AddIOp::create(b, index, arith::ConstantIndexOp::create(b, number), arith::IntegerOverflowFlags::nsw);
}

struct ExpandGroupArray : WordPattern<memref::GetGlobalOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(memref::GetGlobalOp op, OneToNOpAdaptor, ConversionPatternRewriter &r) const override {
    auto type = getTypeConverter()->convertType<MemRefType>(op.getType());
    auto array = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(op, op.getNameAttr());
    r.modifyOpInPlace(array, [&] { array.setType(type); });
    r.replaceOpWithNewOp<memref::GetGlobalOp>(op, type, op.getName());
    return success();
  }
};

struct ExpandLoad : WordPattern<memref::LoadOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(memref::LoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    Value buffer = adaptor.getMemref()[0], index = adaptor.getIndices()[0][0];
    if (isNarrow(op.getType())) {
      auto load = memref::LoadOp::create(b, buffer, index);
      load->setAttr(kWords, b.getUnitAttr());
      replace(op, r, asWord(b, load));
      return success();
    }
    Value first = firstWord(b, index);
    replace(op, r,
            {memref::LoadOp::create(b, buffer, first).getResult(),
             memref::LoadOp::create(b, buffer, after(b, first, 1)).getResult()});
    return success();
  }
};

struct ExpandStore : WordPattern<memref::StoreOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(memref::StoreOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    Value buffer = adaptor.getMemref()[0], index = adaptor.getIndices()[0][0];
    ValueRange words = adaptor.getValue();
    if (isNarrow(op.getValue().getType())) {
      auto store = memref::StoreOp::create(b, asNarrow(b, words[0], op.getValue().getType()), buffer, index);
      store->setAttr(kWords, b.getUnitAttr());
    } else {
      Value first = firstWord(b, index);
      memref::StoreOp::create(b, words[0], buffer, first);
      memref::StoreOp::create(b, words[1], buffer, after(b, first, 1));
    }
    r.eraseOp(op);
    return success();
  }
};

struct ExpandVectorLoad : WordPattern<vector::LoadOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(vector::LoadOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    VectorType type = op.getVectorType();
    Value buffer = adaptor.getBase()[0], index = adaptor.getIndices()[0][0];
    if (isNarrow(type)) {
      auto load = vector::LoadOp::create(b, type, buffer, index);
      load->setAttr(kWords, b.getUnitAttr());
      replace(op, r, asWord(b, load));
      return success();
    }
    Value first = firstWord(b, index);
    auto words = cast<VectorType>(wordsLike(type));
    const int64_t count = type.getNumElements();
    Value parts[] = {vector::LoadOp::create(b, words, buffer, first),
                     vector::LoadOp::create(b, words, buffer, after(b, first, count))};
    SmallVector<Value> low, high;
    for (int64_t lane = 0; lane < 2 * count; ++lane)
      (lane % 2 ? high : low).push_back(vector::ExtractOp::create(b, parts[lane / count], lane % count));
    replace(op, r,
            {vector::FromElementsOp::create(b, words, low).getResult(),
             vector::FromElementsOp::create(b, words, high).getResult()});
    return success();
  }
};

struct ExpandVectorStore : WordPattern<vector::StoreOp> {
  using WordPattern::WordPattern;
  LogicalResult matchAndRewrite(vector::StoreOp op, OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &r) const override {
    ImplicitLocOpBuilder b(op.getLoc(), r);
    VectorType type = op.getVectorType();
    Value buffer = adaptor.getBase()[0], index = adaptor.getIndices()[0][0];
    ValueRange value = adaptor.getValueToStore();
    if (isNarrow(type)) {
      auto store = vector::StoreOp::create(b, asNarrow(b, value[0], type), buffer, index);
      store->setAttr(kWords, b.getUnitAttr());
    } else {
      Value first = firstWord(b, index);
      const int64_t count = type.getNumElements();
      for (int64_t part = 0; part < 2; ++part) {
        SmallVector<Value> words;
        for (int64_t word = part * count; word < (part + 1) * count; ++word)
          words.push_back(vector::ExtractOp::create(b, value[word % 2], word / 2));
        Value all = vector::FromElementsOp::create(b, cast<VectorType>(wordsLike(type)), words);
        vector::StoreOp::create(b, all, buffer, after(b, first, part * count));
      }
    }
    r.eraseOp(op);
    return success();
  }
};

//===-- The pass ------------------------------------------------------------------------------------------------===//

struct UseWords : PassWrapper<UseWords, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(UseWords)
  explicit UseWords(const Profile &profile) : profile(profile) {}
  StringRef getArgument() const override { return "use-words"; }
  StringRef getDescription() const override { return "numbers of 8, 16 and 64 bits → words of 32"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect, memref::MemRefDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    if (needsF64())
      return signalPassFailure();
    WordTypes types(profile.hasInt64);
    RewritePatternSet patterns(&getContext());
    ConversionTarget target(getContext());
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns, target);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns, types);
    patterns.add<ExpandGroupArray, ExpandConstant, ExpandPair<arith::AddIOp, sum>,
                 ExpandPair<arith::SubIOp, difference>, ExpandPair<arith::MulIOp, product>, ExpandCompare, ExpandLoad,
                 ExpandStore, ExpandVectorLoad, ExpandVectorStore>(types, &getContext());
    patterns.add<ExpandMove<vector::BroadcastOp>, ExpandMove<vector::ExtractOp>, ExpandMove<vector::InsertOp>,
                 ExpandMove<vector::FromElementsOp>, ExpandMove<vector::ExtractStridedSliceOp>,
                 ExpandMove<arith::SelectOp>, ExpandMove<ub::PoisonOp>>(types, &getContext());
    patterns.add<ExpandBits<arith::AndIOp, false>, ExpandBits<arith::OrIOp, false>, ExpandBits<arith::XOrIOp, false>,
                 ExpandBits<arith::AddIOp, true>, ExpandBits<arith::SubIOp, true>, ExpandBits<arith::MulIOp, true>,
                 ExpandBits<arith::DivUIOp, true>, ExpandBits<arith::RemUIOp, true>, ExpandBits<arith::ShLIOp, true>,
                 ExpandBits<arith::ShRUIOp, true>, ExpandSigned<arith::ShRSIOp>, ExpandSigned<arith::DivSIOp>,
                 ExpandSigned<arith::RemSIOp>>(types, &getContext());
    patterns.add<ExpandShift<arith::ShLIOp>, ExpandShift<arith::ShRUIOp>, ExpandShift<arith::ShRSIOp>>(types,
                                                                                                       &getContext());
    patterns.add<ExpandChoice<arith::MinSIOp, CmpIPredicate::slt>, ExpandChoice<arith::MaxSIOp, CmpIPredicate::sgt>,
                 ExpandChoice<arith::MinUIOp, CmpIPredicate::ult>, ExpandChoice<arith::MaxUIOp, CmpIPredicate::ugt>>(
        types, &getContext());
    patterns.add<ExpandCast<arith::ExtSIOp>, ExpandCast<arith::ExtUIOp>, ExpandCast<arith::TruncIOp>,
                 ExpandCast<arith::IndexCastOp>, ExpandToFloat<arith::SIToFPOp>, ExpandToFloat<arith::UIToFPOp>,
                 ExpandFromFloat<arith::FPToSIOp>, ExpandFromFloat<arith::FPToUIOp>, ExpandPacking, ExpandRounding,
                 ExpandWidening>(types, &getContext());
    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      if (auto function = dyn_cast<func::FuncOp>(op))
        return types.isSignatureLegal(function.getFunctionType());
      return op->hasAttr(kWords) || types.isLegal(op);
    });
    if (succeeded(expand(target, std::move(patterns)))) {
      getOperation()->walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
        if (isOpTriviallyDead(op)) // as loads that only words were made of
          op->erase();
      });
      return;
    }
    getOperation()->emitError("computes with integers in a way that has no expansion in words of 32 bits");
    signalPassFailure();
  }

private:
  /// Refused here, with the words of check-capabilities, as the conversion would fail and not say why.
  bool needsF64() {
    return getOperation()
        ->walk([](Operation *op) {
          for (Type type : op->getResultTypes())
            if (Type element = getElementTypeOrSelf(type); element.isF64()) {
              op->emitError("needs elements of ") << element << ", which the profile lacks";
              return WalkResult::interrupt();
            }
          return WalkResult::advance();
        })
        .wasInterrupted();
  }

  /// What the conversion says of single ops is for nobody.
  LogicalResult expand(ConversionTarget &target, RewritePatternSet patterns) {
    ScopedDiagnosticHandler quiet(&getContext(), [](Diagnostic &) { return success(); });
    return applyFullConversion(getOperation(), target, std::move(patterns));
  }

  Profile profile;
};

} // namespace

std::unique_ptr<Pass> createUseWordsPass(const Profile &profile) { return std::make_unique<UseWords>(profile); }

} // namespace smelt::gpu

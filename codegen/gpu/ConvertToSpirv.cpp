// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// convert-to-spirv: the work of one invocation → a shader. Arithmetic, control flow and vectors are MLIR's own
// conversions; buffers are ours: each is bound in one or several ways (Bindings.h), and begins where a push constant
// says. Buffers that the kernel writes are storage buffers; of the others, f32 may be read as texels.

#include "codegen/gpu/Accesses.h"
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/GroupMemory.h"
#include "codegen/gpu/Parts.h"
#include "codegen/gpu/Passes.h"
#include "mlir/Conversion/ArithToSPIRV/ArithToSPIRV.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRV.h"
#include "mlir/Conversion/SCFToSPIRV/SCFToSPIRV.h"
#include "mlir/Conversion/UBToSPIRV/UBToSPIRV.h"
#include "mlir/Conversion/VectorToSPIRV/VectorToSPIRV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Transforms/SPIRVConversion.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;

namespace smelt::gpu {

namespace {

constexpr StringLiteral kOperand = "gpu.operand"; // of the op that stands for a buffer
constexpr StringLiteral kPushConstants = "offsets", kGlobalId = "invocation", kGroupCounts = "groups";

/// One way in which an operand is bound.
struct Binding {
  unsigned operand;
  View view;
  Type element; // of the buffer
  Value base;   // what its push constant says, in the function
};

/// The shader's bindings, made as they are asked for.
class Shader {
public:
  Shader(spirv::ModuleOp module, spirv::FuncOp function, const Profile &profile, ArrayRef<bool> isWritten)
      : module_(module), function_(function), profile_(profile), hasSizes_(module->hasAttr(kMeasures)),
        isWritten_(isWritten) {}

  /// How an operand is read: as texels where that is the profile's way.
  View viewOf(unsigned operand, Type element, bool isVector) const {
    bool isTexels = profile_.reads == Reads::Texels && element.isF32() && !isWritten_[operand];
    if (isVector)
      return isTexels ? View::VectorTexels : View::Vectors;
    return isTexels ? View::Texels : View::Elements;
  }
  Value load(OpBuilder &b, Location loc, unsigned operand, Type element, Value index, bool isVector);
  /// Numbers of 8 and 16 bits, each as a word of its own. Where the device lacks them in memory they are parts of
  /// words: four that are aligned are one, or two; what is stored by itself leaves the rest of its word to others, who
  /// may write it at the same time.
  Value loadPart(OpBuilder &b, Location loc, unsigned operand, Type element, Value index);
  Value loadParts(OpBuilder &b, Location loc, unsigned operand, Type element, Value index);
  void storePart(OpBuilder &b, Location loc, unsigned operand, Type element, Value value, Value index);
  void storeParts(OpBuilder &b, Location loc, unsigned operand, Type element, Value value, Value index);
  void store(OpBuilder &b, Location loc, unsigned operand, Value value, Value index);
  /// The word that four bytes are.
  Value loadPacked(OpBuilder &b, Location loc, unsigned operand, Type element, Value index);
  ArrayRef<Binding> bindings() const { return bindings_; }
  /// Declares the push constants, when all bindings are known.
  void finish();

private:
  size_t find(unsigned operand, View view, Type element);
  Value place(OpBuilder &b, Location loc, size_t binding, Value index);
  Value pointer(OpBuilder &b, Location loc, size_t binding, Value index);
  Value pointerAt(OpBuilder &b, Location loc, size_t binding, Value place);
  /// Parts of words are bound as words.
  Type variableOf(View view, Type element) const;
  bool isStored(Type element) const {
    return element.getIntOrFloatBitWidth() == 8 ? profile_.storesBytes : profile_.storesHalves;
  }
  std::string nameOf(size_t binding) const { return "binding" + std::to_string(binding); }

  spirv::ModuleOp module_;
  spirv::FuncOp function_;
  const Profile &profile_;
  const bool hasSizes_;
  SmallVector<bool> isWritten_;
  SmallVector<Binding> bindings_;
};

} // namespace

static Value integer(OpBuilder &b, Location loc, int64_t value) {
  return spirv::ConstantOp::create(b, loc, b.getI32Type(), b.getI32IntegerAttr(static_cast<int32_t>(value)));
}

static bool isTexel(View view) { return view == View::Texels || view == View::VectorTexels; }
static bool isVector(View view) { return view == View::Vectors || view == View::VectorTexels; }

/// Offsets, then the sizes of a kernel that has some.
static spirv::PointerType pushConstantsType(MLIRContext *context, bool hasSizes) {
  auto word = IntegerType::get(context, 32);
  auto offsets = spirv::ArrayType::get(word, kMostBindings + (hasSizes ? kMostSizes : 0), /*stride=*/4);
  return spirv::PointerType::get(spirv::StructType::get({offsets}, {0}), spirv::StorageClass::PushConstant);
}

static Value loadPushConstant(OpBuilder &b, Location loc, int64_t number, bool hasSizes) {
  auto all = spirv::AddressOfOp::create(b, loc, pushConstantsType(b.getContext(), hasSizes), kPushConstants);
  Value at = spirv::AccessChainOp::create(b, loc, all, ValueRange{integer(b, loc, 0), integer(b, loc, number)});
  return spirv::LoadOp::create(b, loc, at);
}

/// The variable of a binding: an image, or a struct of an array whose length the run tells.
static Type variableType(View view, Type element) {
  if (isTexel(view)) {
    auto image = spirv::ImageType::get(element, spirv::Dim::Buffer, spirv::ImageDepthInfo::NoDepth,
                                       spirv::ImageArrayedInfo::NonArrayed, spirv::ImageSamplingInfo::SingleSampled,
                                       spirv::ImageSamplerUseInfo::NeedSampler, spirv::ImageFormat::Unknown);
    return spirv::PointerType::get(image, spirv::StorageClass::UniformConstant);
  }
  const unsigned bytes = element.getIntOrFloatBitWidth() / 8;
  Type inner = isVector(view) ? Type(VectorType::get({kLanes}, element)) : element;
  auto array = spirv::RuntimeArrayType::get(inner, isVector(view) ? bytes * kLanes : bytes);
  return spirv::PointerType::get(spirv::StructType::get({array}, {0}), spirv::StorageClass::StorageBuffer);
}

Type Shader::variableOf(View view, Type element) const {
  const bool isInWords = isPart(element) && !isStored(element);
  return variableType(view, isInWords ? Type(IntegerType::get(element.getContext(), 32)) : element);
}

/// Which binding an operand has for this view; a new one begins at the function's start with its push constant.
size_t Shader::find(unsigned operand, View view, Type element) {
  for (auto [number, known] : llvm::enumerate(bindings_))
    if (known.operand == operand && known.view == view && known.element == element)
      return number;
  const size_t number = bindings_.size();
  OpBuilder outer(function_);
  spirv::GlobalVariableOp::create(outer, function_.getLoc(), variableOf(view, element), nameOf(number),
                                  /*descriptorSet=*/0, static_cast<unsigned>(number));
  OpBuilder b(&function_.getBody().front(), function_.getBody().front().begin());
  Location loc = function_.getLoc();
  Value base;
  if (number < kMostBindings) {
    base = loadPushConstant(b, loc, static_cast<int64_t>(number), hasSizes_);
  } else { // too many: whoever asks finds out by their number
    base = integer(b, loc, 0);
  }
  bindings_.push_back({operand, view, element, base});
  return number;
}

/// The number of an element, or of four of them, in what is bound.
Value Shader::place(OpBuilder &b, Location loc, size_t binding, Value index) {
  if (isVector(bindings_[binding].view))
    index = spirv::ShiftRightLogicalOp::create(b, loc, index.getType(), index, integer(b, loc, 2));
  return spirv::IAddOp::create(b, loc, bindings_[binding].base, index);
}

Value Shader::pointer(OpBuilder &b, Location loc, size_t binding, Value index) {
  return pointerAt(b, loc, binding, place(b, loc, binding, index));
}

Value Shader::load(OpBuilder &b, Location loc, unsigned operand, Type element, Value index, bool isVector) {
  View view = viewOf(operand, element, isVector);
  size_t binding = find(operand, view, element);
  if (!isTexel(view))
    return spirv::LoadOp::create(b, loc, pointer(b, loc, binding, index));
  auto variable = spirv::AddressOfOp::create(b, loc, variableOf(view, element), nameOf(binding));
  Value image = spirv::LoadOp::create(b, loc, variable);
  Value texel = spirv::ImageFetchOp::create(b, loc, VectorType::get({kLanes}, element), image,
                                            place(b, loc, binding, index), spirv::ImageOperandsAttr(), ValueRange());
  return isVector ? texel : spirv::CompositeExtractOp::create(b, loc, texel, ArrayRef<int32_t>{0}).getResult();
}

void Shader::store(OpBuilder &b, Location loc, unsigned operand, Value value, Value index) {
  auto vector = dyn_cast<VectorType>(value.getType());
  size_t binding = find(operand, vector ? View::Vectors : View::Elements, getElementTypeOrSelf(value.getType()));
  spirv::StoreOp::create(b, loc, pointer(b, loc, binding, index), value);
}

/// Number `place` of what is bound: an element, or a word of parts.
Value Shader::pointerAt(OpBuilder &b, Location loc, size_t binding, Value place) {
  const Binding &bound = bindings_[binding];
  auto variable = spirv::AddressOfOp::create(b, loc, variableOf(bound.view, bound.element), nameOf(binding));
  return spirv::AccessChainOp::create(b, loc, variable, ValueRange{integer(b, loc, 0), place});
}

namespace {
/// Where a part lies: its word's number, and how far from the lowest bit.
struct PartPlace {
  Value word, shift;
};
} // namespace

static PartPlace placeOfPart(OpBuilder &b, Location loc, Value place, unsigned bits) {
  const unsigned inWord = 32 / bits; // parts
  Value word = spirv::ShiftRightLogicalOp::create(b, loc, place.getType(), place, integer(b, loc, inWord == 4 ? 2 : 1));
  Value part = spirv::BitwiseAndOp::create(b, loc, place, integer(b, loc, inWord - 1));
  return {word, spirv::IMulOp::create(b, loc, part, integer(b, loc, bits))};
}

static Value maskOf(OpBuilder &b, Location loc, unsigned bits) { return integer(b, loc, (int64_t(1) << bits) - 1); }

Value Shader::loadPacked(OpBuilder &b, Location loc, unsigned operand, Type element, Value index) {
  auto wordAt = [&](Value byte) -> Value {
    return spirv::ShiftRightLogicalOp::create(b, loc, byte.getType(), byte, integer(b, loc, 2));
  };
  if (isStored(element))
    return load(b, loc, operand, b.getI32Type(), wordAt(index), /*isVector=*/false);
  size_t binding = find(operand, View::Elements, element);
  return spirv::LoadOp::create(b, loc, pointerAt(b, loc, binding, wordAt(place(b, loc, binding, index))));
}

Value Shader::loadPart(OpBuilder &b, Location loc, unsigned operand, Type element, Value index) {
  if (isStored(element))
    return fromStored(b, loc, load(b, loc, operand, storedPart(element), index, /*isVector=*/false), element);
  const unsigned bits = element.getIntOrFloatBitWidth();
  size_t binding = find(operand, View::Elements, element);
  PartPlace at = placeOfPart(b, loc, place(b, loc, binding, index), bits);
  Value word = spirv::LoadOp::create(b, loc, pointerAt(b, loc, binding, at.word));
  Value part = spirv::ShiftRightLogicalOp::create(b, loc, word.getType(), word, at.shift);
  return fromBits(b, loc, spirv::BitwiseAndOp::create(b, loc, part, maskOf(b, loc, bits)), element);
}

Value Shader::loadParts(OpBuilder &b, Location loc, unsigned operand, Type element, Value index) {
  if (isStored(element))
    return fromStored(b, loc, load(b, loc, operand, storedPart(element), index, /*isVector=*/true), element);
  const unsigned bits = element.getIntOrFloatBitWidth(), inWord = 32 / bits;
  size_t binding = find(operand, View::Elements, element);
  PartPlace at = placeOfPart(b, loc, place(b, loc, binding, index), bits);
  SmallVector<Value> parts;
  for (unsigned number = 0; number < kLanes / inWord; ++number) {
    Value place = number ? spirv::IAddOp::create(b, loc, at.word, integer(b, loc, number)).getResult() : at.word;
    Value word = spirv::LoadOp::create(b, loc, pointerAt(b, loc, binding, place));
    if (element.isF16()) {
      parts.push_back(spirv::GLUnpackHalf2x16Op::create(b, loc, VectorType::get({2}, b.getF32Type()), word));
      continue;
    }
    for (unsigned part = 0; part < inWord; ++part) {
      Value shifted =
          spirv::ShiftRightLogicalOp::create(b, loc, word.getType(), word, integer(b, loc, part * bits)).getResult();
      Value one = spirv::BitwiseAndOp::create(b, loc, shifted, maskOf(b, loc, bits));
      parts.push_back(fromBits(b, loc, one, element));
    }
  }
  return spirv::CompositeConstructOp::create(b, loc, VectorType::get({kLanes}, wordOfPart(element)), parts);
}

void Shader::storePart(OpBuilder &b, Location loc, unsigned operand, Type element, Value value, Value index) {
  if (isStored(element))
    return store(b, loc, operand, toStored(b, loc, value, element), index);
  const unsigned bits = element.getIntOrFloatBitWidth();
  size_t binding = find(operand, View::Elements, element);
  PartPlace at = placeOfPart(b, loc, place(b, loc, binding, index), bits);
  Value word = pointerAt(b, loc, binding, at.word), mask = maskOf(b, loc, bits);
  Value hole = spirv::NotOp::create(
      b, loc, mask.getType(), spirv::ShiftLeftLogicalOp::create(b, loc, mask.getType(), mask, at.shift).getResult());
  value = toBits(b, loc, value, element);
  Value part = spirv::ShiftLeftLogicalOp::create(
      b, loc, mask.getType(), spirv::BitwiseAndOp::create(b, loc, value, mask).getResult(), at.shift);
  spirv::AtomicAndOp::create(b, loc, mask.getType(), word, spirv::Scope::Device, spirv::MemorySemantics::None, hole);
  spirv::AtomicOrOp::create(b, loc, mask.getType(), word, spirv::Scope::Device, spirv::MemorySemantics::None, part);
}

void Shader::storeParts(OpBuilder &b, Location loc, unsigned operand, Type element, Value value, Value index) {
  if (isStored(element))
    return store(b, loc, operand, toStored(b, loc, value, element), index);
  const unsigned bits = element.getIntOrFloatBitWidth(), inWord = 32 / bits;
  size_t binding = find(operand, View::Elements, element);
  PartPlace at = placeOfPart(b, loc, place(b, loc, binding, index), bits);
  for (unsigned number = 0; number < kLanes / inWord; ++number) {
    Value word;
    for (unsigned part = 0; part < inWord; ++part) {
      Value lane = spirv::CompositeExtractOp::create(b, loc, value,
                                                     ArrayRef<int32_t>{static_cast<int32_t>(number * inWord + part)});
      lane = spirv::BitwiseAndOp::create(b, loc, toBits(b, loc, lane, element), maskOf(b, loc, bits));
      lane = spirv::ShiftLeftLogicalOp::create(b, loc, lane.getType(), lane, integer(b, loc, part * bits));
      word = word ? spirv::BitwiseOrOp::create(b, loc, word, lane).getResult() : lane;
    }
    Value place = number ? spirv::IAddOp::create(b, loc, at.word, integer(b, loc, number)).getResult() : at.word;
    spirv::StoreOp::create(b, loc, pointerAt(b, loc, binding, place), word);
  }
}

//===-- Patterns ------------------------------------------------------------------------------------------------===//

/// The number of the operand that a buffer is; nothing for a local array.
static std::optional<unsigned> operandOf(Value buffer) {
  Operation *op = buffer.getDefiningOp();
  auto number = op ? op->getAttrOfType<IntegerAttr>(kOperand) : IntegerAttr();
  return number ? std::optional<unsigned>(number.getInt()) : std::nullopt;
}

namespace {

template <typename Op> struct BufferPattern : OpConversionPattern<Op> {
  BufferPattern(const TypeConverter &types, MLIRContext *context, Shader &shader)
      : OpConversionPattern<Op>(types, context, /*benefit=*/2), shader(shader) {} // before MLIR's own

protected:
  /// A single element of an operand or of a local array.
  Value loadOne(OpBuilder &b, Location loc, Value buffer, Value converted, Value index) const {
    Type element = cast<MemRefType>(buffer.getType()).getElementType();
    if (std::optional<unsigned> operand = operandOf(buffer))
      return isPart(element) ? shader.loadPart(b, loc, *operand, element, index)
                             : shader.load(b, loc, *operand, element, index, /*isVector=*/false);
    return spirv::LoadOp::create(b, loc, spirv::AccessChainOp::create(b, loc, converted, ValueRange{index}));
  }
  void storeOne(OpBuilder &b, Location loc, Value buffer, Value converted, Value value, Value index) const {
    Type element = cast<MemRefType>(buffer.getType()).getElementType();
    if (std::optional<unsigned> operand = operandOf(buffer))
      return isPart(element) ? shader.storePart(b, loc, *operand, element, value, index)
                             : shader.store(b, loc, *operand, value, index);
    spirv::StoreOp::create(b, loc, spirv::AccessChainOp::create(b, loc, converted, ValueRange{index}), value);
  }
  static Value after(OpBuilder &b, Location loc, Value index, int64_t lane) {
    return lane == 0 ? index : spirv::IAddOp::create(b, loc, index, integer(b, loc, lane)).getResult();
  }

  Shader &shader;
};

struct ConvertLoad : BufferPattern<memref::LoadOp> {
  using BufferPattern::BufferPattern;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    if (adaptor.getIndices().size() != 1)
      return failure();
    Value index = adaptor.getIndices().front();
    if (std::optional<unsigned> operand = operandOf(op.getMemRef()); operand && op->hasAttr(kPacked))
      b.replaceOp(op, shader.loadPacked(b, op.getLoc(), *operand, op.getType(), index));
    else
      b.replaceOp(op, loadOne(b, op.getLoc(), op.getMemRef(), adaptor.getMemref(), index));
    return success();
  }
};

struct ConvertStore : BufferPattern<memref::StoreOp> {
  using BufferPattern::BufferPattern;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    if (adaptor.getIndices().size() != 1)
      return failure();
    storeOne(b, op.getLoc(), op.getMemRef(), adaptor.getMemref(), adaptor.getValue(), adaptor.getIndices().front());
    b.eraseOp(op);
    return success();
  }
};

struct ConvertVectorLoad : BufferPattern<vector::LoadOp> {
  using BufferPattern::BufferPattern;
  LogicalResult matchAndRewrite(vector::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    if (adaptor.getIndices().size() != 1)
      return failure();
    Location loc = op.getLoc();
    VectorType type = op.getVectorType();
    Value index = adaptor.getIndices().front();
    Type element = type.getElementType();
    if (std::optional<unsigned> operand = operandOf(op.getBase()); operand && op->hasAttr(kAligned)) {
      b.replaceOp(op, isPart(element) ? shader.loadParts(b, loc, *operand, element, index)
                                      : shader.load(b, loc, *operand, element, index, /*isVector=*/true));
      return success();
    }
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < type.getNumElements(); ++lane)
      elements.push_back(loadOne(b, loc, op.getBase(), adaptor.getBase(), after(b, loc, index, lane)));
    b.replaceOpWithNewOp<spirv::CompositeConstructOp>(op, getTypeConverter()->convertType(type), elements);
    return success();
  }
};

struct ConvertVectorStore : BufferPattern<vector::StoreOp> {
  using BufferPattern::BufferPattern;
  LogicalResult matchAndRewrite(vector::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    if (adaptor.getIndices().size() != 1)
      return failure();
    Location loc = op.getLoc();
    Value index = adaptor.getIndices().front(), value = adaptor.getValueToStore();
    Type part = op.getVectorType().getElementType();
    if (std::optional<unsigned> operand = operandOf(op.getBase()); operand && op->hasAttr(kAligned)) {
      isPart(part) ? shader.storeParts(b, loc, *operand, part, value, index)
                   : shader.store(b, loc, *operand, value, index);
    } else {
      for (int64_t lane = 0; lane < op.getVectorType().getNumElements(); ++lane) {
        Value element = spirv::CompositeExtractOp::create(b, loc, value, ArrayRef<int32_t>{static_cast<int32_t>(lane)});
        storeOne(b, loc, op.getBase(), adaptor.getBase(), element, after(b, loc, index, lane));
      }
    }
    b.eraseOp(op);
    return success();
  }
};

/// Between a part of a word and the word that it was read into, or is written from.
struct ConvertPart : OpConversionPattern<UnrealizedConversionCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    if (!op->hasAttr(kWords))
      return failure();
    b.replaceOp(op, adaptor.getInputs());
    return success();
  }
};

/// A local array.
struct ConvertAlloca : OpConversionPattern<memref::AllocaOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::AllocaOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    if (!type)
      return failure();
    b.replaceOpWithNewOp<spirv::VariableOp>(op, type, spirv::StorageClass::Function, /*initializer=*/nullptr);
    return success();
  }
};

/// An array of the workgroup: a variable of the shader's.
struct ConvertGetGlobal : OpConversionPattern<memref::GetGlobalOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(memref::GetGlobalOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    auto module = op->getParentOfType<spirv::ModuleOp>();
    if (!type || !module)
      return failure();
    if (!module.lookupSymbol(op.getName())) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      spirv::GlobalVariableOp::create(b, op.getLoc(), TypeAttr::get(type), b.getStringAttr(op.getName()),
                                      /*initializer=*/FlatSymbolRefAttr());
    }
    b.replaceOpWithNewOp<spirv::AddressOfOp>(op, type, op.getName());
    return success();
  }
};

/// One condition for all lanes, which SPIR-V has from version 1.4 on.
struct ConvertUniformSelect : OpConversionPattern<arith::SelectOp> {
  ConvertUniformSelect(const TypeConverter &types, MLIRContext *context)
      : OpConversionPattern(types, context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(arith::SelectOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (!type || isa<VectorType>(op.getCondition().getType()))
      return failure();
    SmallVector<Value> lanes(type.getNumElements(), adaptor.getCondition());
    Value condition = spirv::CompositeConstructOp::create(b, op.getLoc(), type.clone(b.getI1Type()), lanes);
    b.replaceOpWithNewOp<spirv::SelectOp>(op, condition, adaptor.getTrueValue(), adaptor.getFalseValue());
    return success();
  }
};

/// copysign(a, b)   →   |a| with the sign of b, by a comparison
/// MLIR's pattern joins the bits, which Mesa 22.3 was found to compute as bits(a) | bits(b) where they are scalars.
struct ConvertCopySign : OpConversionPattern<math::CopySignOp> {
  ConvertCopySign(const TypeConverter &types, MLIRContext *context)
      : OpConversionPattern(types, context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(math::CopySignOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Location loc = op.getLoc();
    Type type = op.getType(), bits = b.getI32Type();
    TypedAttr zero = b.getI32IntegerAttr(0);
    if (auto vector = dyn_cast<VectorType>(type)) {
      bits = vector.clone(bits);
      zero = DenseElementsAttr::get(cast<VectorType>(bits), Attribute(zero));
    }
    Value sign = spirv::BitcastOp::create(b, loc, bits, adaptor.getRhs());
    Value isNegative = spirv::SLessThanOp::create(b, loc, sign, spirv::ConstantOp::create(b, loc, bits, zero));
    Value positive = spirv::GLFAbsOp::create(b, loc, adaptor.getLhs());
    Value negative = spirv::FNegateOp::create(b, loc, positive);
    b.replaceOpWithNewOp<spirv::SelectOp>(op, isNegative, negative, positive);
    return success();
  }
};

/// 32 → 64 bits with the sign, by shifts: Mesa 22.3 was found to extend some with zeros.
template <typename Op> struct ConvertSignExtension : OpConversionPattern<Op> {
  ConvertSignExtension(const TypeConverter &types, MLIRContext *context)
      : OpConversionPattern<Op>(types, context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor adaptor, ConversionPatternRewriter &b) const override {
    constexpr int64_t kWord = 32;
    Type from = adaptor.getIn().getType(), to = this->getTypeConverter()->convertType(op.getType());
    if (!to || !getElementTypeOrSelf(from).isInteger(kWord) || !getElementTypeOrSelf(to).isInteger(2 * kWord))
      return failure();
    Location loc = op.getLoc();
    Attribute shift = b.getI64IntegerAttr(kWord);
    if (auto vector = dyn_cast<VectorType>(to))
      shift = DenseElementsAttr::get(vector, shift);
    Value amount = spirv::ConstantOp::create(b, loc, to, shift);
    Value wide = spirv::UConvertOp::create(b, loc, to, adaptor.getIn());
    Value high = spirv::ShiftLeftLogicalOp::create(b, loc, to, wide, amount);
    b.replaceOpWithNewOp<spirv::ShiftRightArithmeticOp>(op, to, high, amount);
    return success();
  }
};

/// Whether a condition holds in any lane, or in all.
struct ConvertAnyLane : OpConversionPattern<vector::ReductionOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(vector::ReductionOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    const bool isOr = op.getKind() == vector::CombiningKind::OR;
    if (!op.getType().isInteger(1) || op.getAcc() || (!isOr && op.getKind() != vector::CombiningKind::AND))
      return failure();
    Location loc = op.getLoc();
    Value all;
    for (int32_t lane = 0; lane < op.getSourceVectorType().getNumElements(); ++lane) {
      Value one = spirv::CompositeExtractOp::create(b, loc, adaptor.getVector(), ArrayRef<int32_t>{lane});
      all = !all   ? one
            : isOr ? spirv::LogicalOrOp::create(b, loc, all, one).getResult()
                   : spirv::LogicalAndOp::create(b, loc, all, one).getResult();
    }
    b.replaceOp(op, all);
    return success();
  }
};

/// trunc(x)   →   ceil(x) where x < 0, else floor(x)
struct ConvertTrunc : OpConversionPattern<math::TruncOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(math::TruncOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value x = adaptor.getOperand(), zero = spirv::ConstantOp::getZero(op.getType(), loc, b);
    Value isBelow = spirv::FOrdLessThanOp::create(b, loc, x, zero);
    Value up = spirv::GLCeilOp::create(b, loc, x), down = spirv::GLFloorOp::create(b, loc, x);
    b.replaceOpWithNewOp<spirv::SelectOp>(op, isBelow, up, down);
    return success();
  }
};

/// a rem b   →   a - a / b * b: MLIR's takes the sign of |a|, which the least integer has itself.
struct ConvertRemainder : OpConversionPattern<arith::RemSIOp> {
  ConvertRemainder(const TypeConverter &types, MLIRContext *context)
      : OpConversionPattern(types, context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(arith::RemSIOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value x = adaptor.getLhs(), y = adaptor.getRhs();
    Value quotient = spirv::SDivOp::create(b, loc, x, y);
    b.replaceOpWithNewOp<spirv::ISubOp>(op, x, spirv::IMulOp::create(b, loc, quotient, y));
    return success();
  }
};

struct ConvertReturn : OpConversionPattern<func::ReturnOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(func::ReturnOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<spirv::ReturnOp>(op);
    return success();
  }
};

} // namespace

//===-- The pass ------------------------------------------------------------------------------------------------===//

static spirv::TargetEnvAttr targetEnv(MLIRContext *context, const Profile &profile) {
  SmallVector<spirv::Capability> capabilities{spirv::Capability::Shader};
  if (profile.reads == Reads::Texels)
    capabilities.push_back(spirv::Capability::SampledBuffer);
  if (profile.hasInt64)
    capabilities.push_back(spirv::Capability::Int64);
  SmallVector<spirv::Extension> extensions{spirv::Extension::SPV_KHR_storage_buffer_storage_class};
  if (profile.storesHalves) {
    capabilities.append(
        {spirv::Capability::StorageBuffer16BitAccess, spirv::Capability::Float16, spirv::Capability::Int16});
    extensions.push_back(spirv::Extension::SPV_KHR_16bit_storage);
  }
  if (profile.storesBytes) {
    capabilities.append({spirv::Capability::StorageBuffer8BitAccess, spirv::Capability::Int8});
    extensions.push_back(spirv::Extension::SPV_KHR_8bit_storage);
  }
  if (profile.hasDots) {
    capabilities.append({spirv::Capability::DotProduct, spirv::Capability::DotProductInput4x8BitPacked});
    extensions.push_back(spirv::Extension::SPV_KHR_integer_dot_product);
  }
  if (profile.subgroup)
    capabilities.append({spirv::Capability::GroupNonUniform, spirv::Capability::GroupNonUniformShuffle});
  // MLIR knows dot products from the version that needs no extension for them.
  const spirv::Version version = profile.hasDots ? spirv::Version::V_1_6 : spirv::Version::V_1_3;
  auto triple = spirv::VerCapExtAttr::get(version, capabilities, extensions, context);
  return spirv::TargetEnvAttr::get(triple, spirv::getDefaultResourceLimits(context), spirv::ClientAPI::Vulkan,
                                   spirv::Vendor::Unknown, spirv::DeviceType::Unknown,
                                   spirv::TargetEnvAttr::kUnknownDeviceID);
}

/// The number of this invocation: they lie in rows of the grid.
static Value emitInvocation(OpBuilder &b, Location loc, const Profile &profile) {
  auto vector = VectorType::get({3}, b.getI32Type());
  auto pointer = spirv::PointerType::get(vector, spirv::StorageClass::Input);
  auto component = [&](StringRef variable, int32_t dim) -> Value {
    Value all = spirv::LoadOp::create(b, loc, spirv::AddressOfOp::create(b, loc, pointer, variable));
    return spirv::CompositeExtractOp::create(b, loc, all, ArrayRef<int32_t>{dim});
  };
  Value row = spirv::IMulOp::create(b, loc, component(kGroupCounts, 0), integer(b, loc, profile.groupSize));
  Value before = spirv::IMulOp::create(b, loc, component(kGlobalId, 1), row);
  return spirv::IAddOp::create(b, loc, before, component(kGlobalId, 0));
}

/// Which operands a kernel writes.
static SmallVector<bool> writtenOperands(func::FuncOp function) {
  SmallVector<bool> written;
  for (BlockArgument argument : function.getArguments())
    written.push_back(llvm::any_of(argument.getUsers(), [&](Operation *user) { return storedTo(user) == argument; }));
  return written;
}

void Shader::finish() {
  OpBuilder outer(function_);
  if (!bindings_.empty())
    spirv::GlobalVariableOp::create(outer, function_.getLoc(), pushConstantsType(outer.getContext(), hasSizes_),
                                    kPushConstants);
}

/// What a loop without steps carries is what it began with. MLIR's conversion stores that after each step alone.
static void keepInitialValues(func::FuncOp function) {
  function.walk([](scf::ForOp loop) {
    std::optional<int64_t> first = getConstantIntValue(loop.getLowerBound()),
                           end = getConstantIntValue(loop.getUpperBound());
    if (loop.getNumResults() == 0 || (first && end && *first < *end))
      return;
    OpBuilder b(loop);
    b.setInsertionPointAfter(loop);
    Value hasSteps =
        arith::CmpIOp::create(b, loop.getLoc(), arith::CmpIPredicate::slt, loop.getLowerBound(), loop.getUpperBound());
    for (auto [result, initial] : llvm::zip_equal(loop.getResults(), loop.getInitArgs())) {
      auto kept = arith::SelectOp::create(b, loop.getLoc(), hasSteps, result, initial);
      result.replaceAllUsesExcept(kept, kept);
    }
  });
}

/// Drivers may take (x + c) - c for x, unless they are told not to; what may be contracted is an fma already.
static void decorate(spirv::FuncOp function) {
  function.walk([](Operation *op) {
    if (isa<spirv::FAddOp, spirv::FSubOp, spirv::FMulOp, spirv::FDivOp, spirv::FNegateOp>(op))
      op->setAttr("no_contraction", UnitAttr::get(op->getContext()));
    for (StringRef wrapping : {"no_signed_wrap", "no_unsigned_wrap"}) // which version 1.3 cannot say
      op->removeAttr(wrapping);
  });
}

namespace {
struct ConvertToSpirv : PassWrapper<ConvertToSpirv, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToSpirv)
  explicit ConvertToSpirv(const Profile &profile) : profile(profile) {}
  StringRef getArgument() const override { return "convert-to-spirv"; }
  StringRef getDescription() const override { return "the work of one invocation → a shader"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<spirv::SPIRVDialect>(); }

  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(convert(function))) {
        function.emitError("has operations that shaders lack");
        return signalPassFailure();
      }
  }

private:
  spirv::FuncOp makeShader(func::FuncOp function, spirv::ModuleOp &module);
  LogicalResult convert(func::FuncOp function);
  LogicalResult convertBody(spirv::FuncOp function, Shader &shader);

  Profile profile;
};
} // namespace

/// The shader with the function's body in it, its buffers stood for by ops that say which operand each is.
spirv::FuncOp ConvertToSpirv::makeShader(func::FuncOp function, spirv::ModuleOp &module) {
  Location loc = function.getLoc();
  OpBuilder b(function);
  module = spirv::ModuleOp::create(b, loc, spirv::AddressingModel::Logical, spirv::MemoryModel::GLSL450,
                                   spirv::VerCapExtAttr(), function.getSymName());
  module->setAttr(spirv::getTargetEnvAttrName(), targetEnv(&getContext(), profile));
  const StringRef counted = function->hasAttr(kMeasures) ? kMeasures : kInvocations;
  module->setAttr(counted, function->getAttr(counted));
  b.setInsertionPointToStart(module.getBody());
  auto builtin = spirv::PointerType::get(VectorType::get({3}, b.getI32Type()), spirv::StorageClass::Input);
  spirv::GlobalVariableOp::create(b, loc, builtin, kGlobalId, spirv::BuiltIn::GlobalInvocationId);
  spirv::GlobalVariableOp::create(b, loc, builtin, kGroupCounts, spirv::BuiltIn::NumWorkgroups);
  auto shader = spirv::FuncOp::create(b, loc, "main", b.getFunctionType({}, {}));
  SmallVector<Attribute> interface{FlatSymbolRefAttr::get(&getContext(), kGlobalId),
                                   FlatSymbolRefAttr::get(&getContext(), kGroupCounts)};
  spirv::EntryPointOp::create(b, loc, spirv::ExecutionModel::GLCompute, shader, interface);
  auto groupSize = static_cast<int32_t>(profile.groupSize);
  spirv::ExecutionModeOp::create(b, loc, shader, spirv::ExecutionMode::LocalSize, ArrayRef<int32_t>{groupSize, 1, 1});

  Block *entry = shader.addEntryBlock();
  b.setInsertionPointToStart(entry);
  SmallVector<Value> arguments;
  int64_t size = kMostBindings; // the number of its push constant
  for (BlockArgument argument : function.getArguments().drop_back()) {
    if (!isa<MemRefType>(argument.getType())) {
      arguments.push_back(loadPushConstant(b, loc, size++, /*hasSizes=*/true));
      continue;
    }
    auto buffer = UnrealizedConversionCastOp::create(b, loc, argument.getType(), ValueRange());
    buffer->setAttr(kOperand, b.getI64IntegerAttr(argument.getArgNumber()));
    arguments.push_back(buffer.getResult(0));
  }
  arguments.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), emitInvocation(b, loc, profile)));
  Block &body = function.getBody().front();
  for (auto [argument, value] : llvm::zip_equal(body.getArguments(), arguments))
    argument.replaceAllUsesWith(value);
  entry->getOperations().splice(entry->end(), body.getOperations());
  return shader;
}

LogicalResult ConvertToSpirv::convertBody(spirv::FuncOp function, Shader &shader) {
  SPIRVConversionOptions options;
  options.emulateLT32BitScalarTypes = false;
  options.emulateUnsupportedFloatTypes = false;
  SPIRVTypeConverter types(targetEnv(&getContext(), profile), options);
  types.addConversion([](MemRefType type) -> std::optional<Type> { // of local arrays, and of a workgroup's
    auto array = spirv::ArrayType::get(type.getElementType(), type.getNumElements());
    const bool isShared = type.getMemorySpaceAsInt() == kGroupSpace;
    return spirv::PointerType::get(array, isShared ? spirv::StorageClass::Workgroup : spirv::StorageClass::Function);
  });
  auto convertPart = [](Type type) { return isPart(type) ? std::optional(wordOfPart(type)) : std::nullopt; };
  types.addConversion([convertPart](IntegerType type) { return convertPart(type); });
  types.addConversion([convertPart](FloatType type) { return convertPart(type); });
  types.addConversion([](VectorType type) -> std::optional<Type> {
    return isPart(type.getElementType()) ? std::optional<Type>(type.clone(wordOfPart(type.getElementType())))
                                         : std::nullopt;
  });
  ScfToSPIRVContext scf;
  RewritePatternSet patterns(&getContext());
  arith::populateArithToSPIRVPatterns(types, patterns);
  populateMathToSPIRVPatterns(types, patterns);
  populateSCFToSPIRVPatterns(types, scf, patterns);
  ub::populateUBToSPIRVConversionPatterns(types, patterns);
  populateVectorToSPIRVPatterns(types, patterns);
  patterns.add<ConvertLoad, ConvertStore, ConvertVectorLoad, ConvertVectorStore>(types, &getContext(), shader);
  patterns.add<ConvertAlloca, ConvertAnyLane, ConvertGetGlobal, ConvertPart, ConvertRemainder, ConvertReturn,
               ConvertTrunc, ConvertUniformSelect, ConvertCopySign>(types, &getContext());
  patterns.add<ConvertSignExtension<arith::ExtSIOp>, ConvertSignExtension<arith::IndexCastOp>>(types, &getContext());
  // What the capabilities allow is legal, so that of several patterns one is taken that leads there.
  std::unique_ptr<SPIRVConversionTarget> target = SPIRVConversionTarget::get(targetEnv(&getContext(), profile));
  target->addDynamicallyLegalOp<UnrealizedConversionCastOp>(
      [](UnrealizedConversionCastOp op) { return !op->hasAttr(kWords); });
  return applyFullConversion(function, *target, std::move(patterns));
}

LogicalResult ConvertToSpirv::convert(func::FuncOp function) {
  SmallVector<bool> written = writtenOperands(function);
  SmallVector<int64_t> sizes; // bytes
  for (Type type : function.getArgumentTypes())
    if (auto buffer = dyn_cast<MemRefType>(type))
      sizes.push_back(buffer.getNumElements() * buffer.getElementTypeBitWidth() / 8);
  keepInitialValues(function);
  spirv::ModuleOp module;
  spirv::FuncOp shader = makeShader(function, module);
  Shader bindings(module, shader, profile, written);
  if (failed(convertBody(shader, bindings)) || bindings.bindings().size() > kMostBindings)
    return failure();
  bindings.finish();
  decorate(shader);
  for (auto shared : llvm::make_early_inc_range(function->getParentRegion()->getOps<memref::GlobalOp>()))
    shared.erase(); // which the shader has variables for
  function.erase();
  for (auto cast : llvm::make_early_inc_range(shader.getBody().getOps<UnrealizedConversionCastOp>()))
    if (cast->use_empty())
      cast.erase();
  SmallVector<int64_t> numbers;
  for (const Binding &binding : bindings.bindings()) {
    const int64_t bytes = binding.element.getIntOrFloatBitWidth() / 8;
    numbers.append({binding.operand, static_cast<int64_t>(binding.view), bytes, sizes[binding.operand]});
  }
  module->setAttr(kBindings, DenseI64ArrayAttr::get(&getContext(), numbers));
  return success();
}

std::unique_ptr<Pass> createConvertToSpirvPass(const Profile &profile) {
  return std::make_unique<ConvertToSpirv>(profile);
}

} // namespace smelt::gpu

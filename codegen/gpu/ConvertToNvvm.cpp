// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// convert-to-nvvm: the work of one invocation → a kernel of CUDA in the LLVM dialect. Its arguments are the buffers'
// addresses; the invocation's number is that of a thread in a grid of one dim. Indices have 32 bits, which count all
// elements of a buffer: those of 64 take several instructions.

#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Passes.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace smelt::gpu {

constexpr unsigned kIndexBits = 32;

/// The number of the thread that asks, in place of the function's last argument.
static void emitInvocation(func::FuncOp function, const Profile &profile) {
  OpBuilder b(&function.getBody().front(), function.getBody().front().begin());
  Location loc = function.getLoc();
  Type word = b.getI32Type();
  Value block = NVVM::BlockIdXOp::create(b, loc, word), thread = NVVM::ThreadIdXOp::create(b, loc, word);
  Value size = arith::ConstantIntOp::create(b, loc, profile.groupSize, kIndexBits);
  auto noWrap = arith::IntegerOverflowFlags::nsw | arith::IntegerOverflowFlags::nuw;
  Value first = arith::MulIOp::create(b, loc, block, size, noWrap);
  Value number = arith::AddIOp::create(b, loc, first, thread, noWrap);
  Value index = arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  const unsigned last = function.getNumArguments() - 1;
  function.getArgument(last).replaceAllUsesWith(index);
  [[maybe_unused]] LogicalResult erased = function.eraseArgument(last);
}

/// Says of accesses that mark-aligned found how aligned they are.
static void alignAccesses(func::FuncOp function) {
  function.walk([](Operation *op) {
    if (!op->hasAttr(kAligned))
      return;
    if (auto load = dyn_cast<vector::LoadOp>(op))
      load.setAlignment(kLanes * load.getVectorType().getElementTypeBitWidth() / 8);
    else if (auto store = dyn_cast<vector::StoreOp>(op))
      store.setAlignment(kLanes * store.getVectorType().getElementTypeBitWidth() / 8);
  });
}

namespace {
/// Elements into shared memory, or so many of them and zeros.
struct ConvertAsyncCopy : ConvertOpToLLVMPattern<nvgpu::DeviceAsyncCopyOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(nvgpu::DeviceAsyncCopyOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    constexpr unsigned kGlobal = 1;
    Location loc = op.getLoc();
    MemRefType from = cast<MemRefType>(op.getSrc().getType()), to = cast<MemRefType>(op.getDst().getType());
    const int64_t bytes = from.getElementTypeBitWidth() / 8;
    Value source = getStridedElementPtr(b, loc, from, adaptor.getSrc(), adaptor.getSrcIndices());
    Value target = getStridedElementPtr(b, loc, to, adaptor.getDst(), adaptor.getDstIndices());
    source = LLVM::AddrSpaceCastOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), kGlobal), source);
    Value read;
    if (Value elements = adaptor.getSrcElements())
      read = LLVM::MulOp::create(b, loc, elements, LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(bytes)));
    const auto size = static_cast<uint32_t>(bytes * op.getDstElements().getSExtValue());
    constexpr uint32_t kAroundL1 = 16; // of fewer bytes there are no copies that bypass it
    NVVM::CpAsyncOp::create(b, loc, target, source, size,
                            size == kAroundL1 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA,
                            read);
    b.eraseOp(op);
    return success();
  }
};

/// Matrices of 8 x 8 halves: a register has two of a row, or of a column where they are transposed.
struct ConvertLdMatrix : ConvertOpToLLVMPattern<nvgpu::LdMatrixOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(nvgpu::LdMatrixOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    constexpr int kSide = 8;
    Location loc = op.getLoc();
    Value source = getStridedElementPtr(b, loc, cast<MemRefType>(op.getSrcMemref().getType()), adaptor.getSrcMemref(),
                                        adaptor.getIndices());
    const uint32_t count = op.getNumTiles();
    Type words = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(count, b.getI32Type()));
    Value loaded = NVVM::LdMatrixOp::create(
        b, loc, words, source, count, op.getTranspose() ? NVVM::MMALayout::col : NVVM::MMALayout::row,
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), kSide, kSide), NVVM::LdStMatrixEltType::B16);
    Type type = getTypeConverter()->convertType(op.getRes().getType());
    Value result = LLVM::PoisonOp::create(b, loc, type);
    for (int64_t number = 0; number < count; ++number) {
      Value word = LLVM::ExtractValueOp::create(b, loc, loaded, number);
      Value pair = LLVM::BitcastOp::create(b, loc, cast<LLVM::LLVMArrayType>(type).getElementType(), word);
      result = LLVM::InsertValueOp::create(b, loc, result, pair, number);
    }
    b.replaceOp(op, result);
    return success();
  }
};

struct ConvertToNvvm : PassWrapper<ConvertToNvvm, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToNvvm)
  explicit ConvertToNvvm(const Profile &profile) : profile(profile) {}
  StringRef getArgument() const override { return "convert-to-nvvm"; }
  StringRef getDescription() const override { return "the work of one invocation → a kernel of CUDA"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<cf::ControlFlowDialect, LLVM::LLVMDialect, NVVM::NVVMDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : module.getOps<func::FuncOp>()) {
      emitInvocation(function, profile);
      alignAccesses(function);
    }
    if (failed(lowerVectors(module)) || failed(convert(module))) {
      module.emitError("has operations that devices lack");
      return signalPassFailure();
    }
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      markKernel(function);
  }

private:
  LogicalResult lowerVectors(ModuleOp module);
  LogicalResult convert(ModuleOp module);
  void markKernel(LLVM::LLVMFuncOp function);

  Profile profile;
};
} // namespace

/// Slices and such, which the conversion has no patterns for, become extracts and inserts.
LogicalResult ConvertToNvvm::lowerVectors(ModuleOp module) {
  RewritePatternSet patterns(&getContext());
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled); // blocks stay what the conversion takes
  return applyPatternsGreedily(module, std::move(patterns), config);
}

LogicalResult ConvertToNvvm::convert(ModuleOp module) {
  LowerToLLVMOptions options(&getContext());
  options.overrideIndexBitwidth(kIndexBits);
  options.useBarePtrCallConv = true;
  LLVMTypeConverter types(&getContext(), options);
  RewritePatternSet patterns(&getContext());
  arith::populateArithToLLVMConversionPatterns(types, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(types, patterns);
  populateFinalizeMemRefToLLVMConversionPatterns(types, patterns);
  populateFuncToLLVMConversionPatterns(types, patterns);
  populateMathToLLVMConversionPatterns(types, patterns);
  populateVectorToLLVMConversionPatterns(types, patterns, /*reassociateFPReductions=*/false,
                                         /*force32BitVectorIndices=*/true);
  ub::populateUBToLLVMConversionPatterns(types, patterns);
  patterns.add<ConvertAsyncCopy, ConvertLdMatrix>(types);
  LLVMConversionTarget target(getContext());
  target.addLegalOp<ModuleOp>();
  target.addLegalDialect<NVVM::NVVMDialect>();
  return applyFullConversion(module, target, std::move(patterns));
}

void ConvertToNvvm::markKernel(LLVM::LLVMFuncOp function) {
  OpBuilder b(function);
  function.setLinkage(LLVM::Linkage::External);
  function.setSymVisibility("public");
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    b.getDenseI32ArrayAttr({static_cast<int32_t>(profile.groupSize)}));
  // Two groups to a multiprocessor leave each thread all registers there are. Without a word ptxas counts on more, and
  // spills a register here and there so that one more fits.
  constexpr int32_t kGroups = 2;
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(kGroups));
}

std::unique_ptr<Pass> createConvertToNvvmPass(const Profile &profile) {
  return std::make_unique<ConvertToNvvm>(profile);
}

} // namespace smelt::gpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// pack-elements: elements of 4 and 2 bits take a byte each inside a model, and lie packed in its inputs, outputs and
// weights, as ONNX has them. Kernels that write packed bytes write whole ones, so that no two tiles share a byte.
//   f(x: tensor<3x5xi4>)        → f(p: tensor<8xui8>) { x = unpack(p) }
//   constant : tensor<3x5xi4>   → unpack(constant : tensor<8xui8>)            when it is not one number
//   return y: tensor<3x5xi4>    → return pack(pad(reshape(y)))

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

static bool isPacked(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && graph::isPackable(tensor.getElementType());
}

/// The bytes that a tensor lies in when it is packed.
static RankedTensorType bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get({graph::packedBytes(tensor.getNumElements(), tensor.getElementType())},
                               IntegerType::get(type.getContext(), 8, IntegerType::Unsigned));
}

/// Kernels write such a constant into their code.
static bool isOneNumber(graph::ConstantOp constant) {
  auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
  return elements && elements.isSplat();
}

namespace {
struct PackElements : PassWrapper<PackElements, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PackElements)
  StringRef getArgument() const override { return "pack-elements"; }
  StringRef getDescription() const override { return "pack elements of 4 and 2 bits at the borders of the model"; }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isPrivate())
      return; // a part of the model, with no border to the outside
    for (BlockArgument argument : function.getArguments())
      if (isPacked(argument.getType()))
        packArgument(function, argument);
    for (auto constant : llvm::make_early_inc_range(function.getBody().getOps<graph::ConstantOp>()))
      if (isPacked(constant.getType()) && !isOneNumber(constant))
        packConstant(constant);
    Operation *end = function.getBody().front().getTerminator();
    for (OpOperand &result : end->getOpOperands())
      if (isPacked(result.get().getType()))
        packResult(function, result);
    function.setFunctionType(
        FunctionType::get(&getContext(), function.getBody().getArgumentTypes(), end->getOperandTypes()));
  }

private:
  static void packArgument(func::FuncOp function, BlockArgument argument) {
    Type type = argument.getType();
    OpBuilder builder(&function.getBody().front(), function.getBody().front().begin());
    auto unpack = graph::UnpackOp::create(builder, argument.getLoc(), type, argument);
    argument.setType(bytesOf(type));
    argument.replaceAllUsesExcept(unpack.getResult(), unpack);
    function.setArgAttr(argument.getArgNumber(), plan::kDeclaredType, TypeAttr::get(type));
  }

  static void packConstant(graph::ConstantOp constant) {
    std::optional<graph::HostTensor> value = graph::constantOf(constant.getResult());
    if (!value)
      return;
    graph::HostTensor bytes = graph::HostTensor::zeros(bytesOf(constant.getType()));
    std::string packed = graph::packElements(value->bytes(), value->elementType());
    llvm::copy(packed, bytes.mutableBytes().begin());
    OpBuilder builder(constant);
    Value narrow = graph::makeConstant(builder, constant.getLoc(), bytes);
    Value wide = graph::UnpackOp::create(builder, constant.getLoc(), constant.getType(), narrow);
    constant.getResult().replaceAllUsesWith(wide);
    constant.erase();
  }

  static void packResult(func::FuncOp function, OpOperand &result) {
    Value value = result.get();
    RankedTensorType type = graph::typeOf(value), bytes = bytesOf(type);
    Location loc = value.getLoc();
    OpBuilder builder(result.getOwner());
    int64_t perByte = 8 / type.getElementTypeBitWidth(),
            missing = bytes.getDimSize(0) * perByte - type.getNumElements();
    Value flat = graph::reshapeTo(builder, loc, value, {type.getNumElements()});
    if (missing > 0) {
      Value zero = graph::makeScalar(builder, loc, type.getElementType(), graph::Scalar::ofFloat(0));
      flat = graph::PadOp::create(builder, loc, flat, zero, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{missing},
                                  graph::PadMode::Constant);
    }
    result.set(graph::PackOp::create(builder, loc, flat));
    function.setResultAttr(result.getOperandNumber(), plan::kDeclaredType, TypeAttr::get(type));
  }
};
} // namespace

std::unique_ptr<Pass> plan::createPackElementsPass() { return std::make_unique<PackElements>(); }

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/FromPlan.h"
#include "dialects/Graph/Location.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/SymbolTable.h"
#include "smelt/smelt.h"

using namespace mlir;

namespace smelt::artifact {

std::optional<uint32_t> dtypeOf(Type type) {
  struct Row {
    bool matches;
    smelt_dtype dtype;
  };
  auto isSigned = [&](unsigned width) { return type.isInteger(width) && !type.isUnsignedInteger(); };
  const Row rows[] = {
      {type.isF32(), SMELT_F32},
      {type.isF16(), SMELT_F16},
      {type.isBF16(), SMELT_BF16},
      {type.isF64(), SMELT_F64},
      {isSigned(1), SMELT_BOOL},
      {isSigned(8), SMELT_I8},
      {isSigned(16), SMELT_I16},
      {isSigned(32), SMELT_I32},
      {isSigned(64), SMELT_I64},
      {type.isUnsignedInteger(8), SMELT_U8},
      {type.isUnsignedInteger(16), SMELT_U16},
      {type.isUnsignedInteger(32), SMELT_U32},
      {type.isUnsignedInteger(64), SMELT_U64},
      {isa<Float8E4M3FNType>(type), SMELT_F8E4M3FN},
      {isa<Float8E4M3FNUZType>(type), SMELT_F8E4M3FNUZ},
      {isa<Float8E5M2Type>(type), SMELT_F8E5M2},
      {isa<Float8E5M2FNUZType>(type), SMELT_F8E5M2FNUZ},
      {isa<Float8E8M0FNUType>(type), SMELT_F8E8M0},
      {isa<Float6E2M3FNType>(type), SMELT_F6E2M3},
      {isa<Float6E3M2FNType>(type), SMELT_F6E3M2},
      {isa<Float4E2M1FNType>(type), SMELT_F4E2M1},
      {isSigned(4), SMELT_I4},
      {isSigned(2), SMELT_I2},
      {type.isUnsignedInteger(4), SMELT_U4},
      {type.isUnsignedInteger(2), SMELT_U2},
  };
  const Row *row = llvm::find_if(rows, [](const Row &candidate) { return candidate.matches; });
  return row == std::end(rows) ? std::nullopt : std::optional<uint32_t>(row->dtype);
}

static llvm::Error addTensors(ArrayAttr names, ArrayAttr types, std::vector<Tensor> &tensors) {
  for (auto [name, attribute] : llvm::zip_equal(names, types)) {
    auto type = cast<RankedTensorType>(cast<TypeAttr>(attribute).getValue());
    std::optional<uint32_t> dtype = dtypeOf(type.getElementType());
    StringRef text = cast<StringAttr>(name).getValue();
    if (!dtype)
      return defect("tensor '" + text + "' has an element type that the runtime lacks");
    uint64_t bytes = graph::isPackable(type.getElementType())
                         ? graph::packedBytes(type.getNumElements(), type.getElementType())
                         : type.getNumElements() * graph::elementBytes(type.getElementType());
    tensors.push_back({text.str(), type.getShape().vec(), *dtype, bytes});
  }
  return llvm::Error::success();
}

static llvm::Error addWeights(kernel::PlanOp plan, PlannedModel &planned) {
  for (auto [attribute, offset] : llvm::zip_equal(plan.getWeights(), plan.getWeightOffsets())) {
    std::optional<graph::HostTensor> tensor = graph::HostTensor::of(cast<ElementsAttr>(attribute));
    if (!tensor)
      return defect("a weight has no bytes");
    planned.weights.push_back(*tensor);
    planned.model.weights.push_back({static_cast<uint64_t>(offset), tensor->bytes()});
  }
  return llvm::Error::success();
}

static Step stepOf(kernel::CallOp call, Operation *kernel) {
  Step step;
  step.kernel = call.getCallee().str();
  step.name = graph::sourceNames(call.getLoc());
  if (auto tiles = kernel ? kernel->getAttrOfType<IntegerAttr>("kernel.tiles") : IntegerAttr())
    step.tiles = tiles.getInt();
  for (auto [base, index, offset] : llvm::zip_equal(call.getBases(), call.getIndices(), call.getOffsets()))
    step.operands.push_back({static_cast<Base>(base), static_cast<uint32_t>(index), offset});
  return step;
}

llvm::Expected<PlannedModel> fromPlan(ModuleOp module) {
  auto plans = module.getOps<kernel::PlanOp>();
  if (plans.empty())
    return defect("there is no plan");
  kernel::PlanOp plan = *plans.begin();
  PlannedModel planned;
  Model &model = planned.model;
  model.arenaBytes = plan.getArenaBytes();
  model.weightsBytes = plan.getWeightsBytes();
  planned.liveBytes = plan.getLiveBytes();
  if (llvm::Error error = addTensors(plan.getInputNames(), plan.getInputTypes(), model.inputs))
    return std::move(error);
  if (llvm::Error error = addTensors(plan.getOutputNames(), plan.getOutputTypes(), model.outputs))
    return std::move(error);
  if (llvm::Error error = addWeights(plan, planned))
    return std::move(error);
  SymbolTable kernels(module);
  for (auto call : plan.getBody().getOps<kernel::CallOp>())
    model.steps.push_back(stepOf(call, kernels.lookup(call.getCallee())));
  return planned;
}

} // namespace smelt::artifact

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/FromPlan.h"
#include "codegen/artifact/Bounds.h"
#include "codegen/artifact/SizeProgram.h"
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

namespace {
/// Makes the parts of a model that sizes occur in.
class Conversion {
public:
  Conversion(kernel::PlanOp plan, PlannedModel &planned) : plan_(plan), planned_(planned) {}

  llvm::Error run(SymbolTable &kernels);

private:
  llvm::Error addSizes();
  llvm::Error addTensors(ArrayAttr names, ArrayAttr types, std::vector<Tensor> &tensors);
  llvm::Error setExtents(ArrayRef<graph::Extent> extents, Type element, Tensor &tensor);
  llvm::Expected<Step> stepOf(kernel::CallOp call, Operation *kernel);
  llvm::Error set(const graph::Extent &extent, int64_t &number, bool &isSize);

  kernel::PlanOp plan_;
  PlannedModel &planned_;
  SizeProgram sizes_;
};
} // namespace

static RankedTensorType tensorType(Attribute attribute) {
  return cast<RankedTensorType>(cast<TypeAttr>(attribute).getValue());
}

llvm::Error Conversion::addSizes() {
  std::optional<ArrayAttr> symbols = plan_.getSymbols();
  if (!symbols)
    return llvm::Error::success();
  std::vector<graph::Extents> inputs;
  for (auto [number, type] : llvm::enumerate(plan_.getInputTypes())) {
    inputs.push_back(graph::extentsOf(tensorType(type)));
    sizes_.addInput(number, inputs.back());
  }
  llvm::Expected<std::vector<Symbol>> named =
      symbolsOf(inputs, plan_->getParentOp()->getAttrOfType<DictionaryAttr>("graph.bounds"), sizes_);
  if (!named)
    return named.takeError();
  planned_.model.symbols = std::move(*named);
  if (llvm::Error error = sizes_.checkInputs())
    return error;
  for (auto [symbol, value] : llvm::zip_equal(*symbols, *plan_.getValues()))
    if (llvm::Error error = sizes_.define(cast<StringAttr>(symbol).getValue(), value))
      return error;
  llvm::Expected<uint32_t> arena = sizes_.sizeOf(plan_.getValues()->back());
  if (!arena)
    return arena.takeError();
  planned_.model.arenaSize = *arena;
  return llvm::Error::success();
}

llvm::Error Conversion::setExtents(ArrayRef<graph::Extent> extents, Type element, Tensor &tensor) {
  for (const graph::Extent &extent : extents)
    tensor.shape.push_back(extent.asNumber().value_or(-1));
  graph::Extent count = graph::productOf(extents), bytes = count * graph::elementBytes(element);
  if (count.isNumber()) {
    tensor.bytes = graph::isPackable(element) ? graph::packedBytes(count.number(), element) : bytes.number();
    return llvm::Error::success();
  }
  for (const graph::Extent &extent : extents) {
    llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
    if (!size)
      return size.takeError();
    tensor.extentSizes.push_back(*size);
    tensor.extents.push_back(extent.str());
  }
  return sizes_.sizeOf(bytes).takeError(); // so that the runtime finds what overflows
}

llvm::Error Conversion::addTensors(ArrayAttr names, ArrayAttr types, std::vector<Tensor> &tensors) {
  for (auto [name, attribute] : llvm::zip_equal(names, types)) {
    RankedTensorType type = tensorType(attribute);
    std::optional<uint32_t> dtype = dtypeOf(type.getElementType());
    StringRef text = cast<StringAttr>(name).getValue();
    if (!dtype)
      return defect("tensor '" + text + "' has an element type that the runtime lacks");
    Tensor tensor;
    tensor.name = text.str();
    tensor.dtype = *dtype;
    if (llvm::Error error = setExtents(graph::extentsOf(type), type.getElementType(), tensor))
      return error;
    tensors.push_back(std::move(tensor));
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

/// An extent as a number, or as which size it is.
llvm::Error Conversion::set(const graph::Extent &extent, int64_t &number, bool &isSize) {
  isSize = !extent.isNumber();
  if (!isSize) {
    number = extent.number();
    return llvm::Error::success();
  }
  llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
  if (!size)
    return size.takeError();
  number = *size;
  return llvm::Error::success();
}

llvm::Expected<Step> Conversion::stepOf(kernel::CallOp call, Operation *kernel) {
  Step step;
  step.kernel = call.getCallee().str();
  step.name = graph::sourceNames(call.getLoc());
  for (auto [base, index, offset] : llvm::zip_equal(call.getBases(), call.getIndices(), call.getOffsets())) {
    Operand &operand = step.operands.emplace_back();
    operand.base = static_cast<Base>(base);
    operand.index = static_cast<uint32_t>(index);
    if (llvm::Error error = set(offset, operand.offset, operand.offsetIsSize))
      return std::move(error);
  }
  ArrayRef<graph::Extent> given;
  if (call.getSizes())
    given = *call.getSizes();
  for (const graph::Extent &extent : given) {
    llvm::Expected<uint32_t> size = sizes_.sizeOf(extent);
    if (!size)
      return size.takeError();
    step.operands.push_back({Base::Sizes, 0, static_cast<int64_t>(*size) * static_cast<int64_t>(sizeof(int64_t))});
  }
  auto tiles = kernel ? kernel->getAttrOfType<graph::ExtentsAttr>("kernel.tiles") : graph::ExtentsAttr();
  if (!tiles)
    return step;
  // In the kernel's own names, p0, p1, …
  graph::Extent count = tiles.extents().front().substitute([&](StringRef name) {
    size_t number = 0;
    bool isKnown = name.consume_front("p") && !name.getAsInteger(10, number) && number < given.size();
    return isKnown ? given[number] : graph::Extent::tooLarge();
  });
  if (llvm::Error error = set(count, step.tiles, step.tilesIsSize))
    return std::move(error);
  return step;
}

llvm::Error Conversion::run(SymbolTable &kernels) {
  Model &model = planned_.model;
  if (llvm::Error error = addSizes())
    return error;
  if (llvm::Error error = addTensors(plan_.getInputNames(), plan_.getInputTypes(), model.inputs))
    return error;
  if (llvm::Error error = addTensors(plan_.getOutputNames(), plan_.getOutputTypes(), model.outputs))
    return error;
  for (auto call : plan_.getBody().getOps<kernel::CallOp>()) {
    llvm::Expected<Step> step = stepOf(call, kernels.lookup(call.getCallee()));
    if (!step)
      return step.takeError();
    model.steps.push_back(std::move(*step));
  }
  model.sizes = sizes_.rows();
  if (model.sizes.size() > SMELT_MAX_SIZES)
    return defect("the model has more symbolic sizes than the runtime takes");
  return llvm::Error::success();
}

llvm::Expected<PlannedModel> fromPlan(ModuleOp module) {
  auto plans = module.getOps<kernel::PlanOp>();
  if (plans.empty())
    return defect("there is no plan");
  kernel::PlanOp plan = *plans.begin();
  PlannedModel planned;
  planned.model.arenaBytes = plan.getArenaBytes();
  planned.model.weightsBytes = plan.getWeightsBytes();
  planned.liveBytes = plan.getLiveBytes();
  if (llvm::Error error = addWeights(plan, planned))
    return std::move(error);
  SymbolTable kernels(module);
  if (llvm::Error error = Conversion(plan, planned).run(kernels))
    return std::move(error);
  return planned;
}

} // namespace smelt::artifact

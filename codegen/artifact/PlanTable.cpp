// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/PlanTable.h"

#include "smelt/cuda.h"
#include "smelt/smelt.h"
#include "smelt/vulkan.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Module.h"
#include <cstddef>
#include <limits>

using namespace llvm;

namespace smelt::artifact {

// The structures below list the fields of these without any padding.
static_assert(sizeof(smelt_operand) == 16 && offsetof(smelt_operand, index) == 12);
static_assert(Step::kMostOperands == SMELT_MAX_OPERANDS);
static_assert(sizeof(smelt_step) == 56 && offsetof(smelt_step, alone) == 52);
static_assert(sizeof(smelt_tensor_info) == 56 && offsetof(smelt_tensor_info, held) == 48);
static_assert(sizeof(smelt_state) == 152 && offsetof(smelt_state, bytes) == 144);
static_assert(sizeof(smelt_size) == 24 && offsetof(smelt_size, reserved) == 20);
static_assert(sizeof(smelt_size_use) == 24 && offsetof(smelt_size_use, last) == 20);
static_assert(sizeof(smelt_model) == 160 && offsetof(smelt_model, size_uses) == 152);
static_assert(sizeof(smelt_vulkan_binding) == 24 && offsetof(smelt_vulkan_binding, reserved) == 20);
static_assert(sizeof(smelt_vulkan_kernel) == 48 && offsetof(smelt_vulkan_kernel, size_count) == 44);
static_assert(sizeof(smelt_vulkan_program) == 40 && offsetof(smelt_vulkan_program, kernels) == 32);
static_assert(DeviceInt64 == SMELT_VULKAN_INT64 && DeviceHalves == SMELT_VULKAN_HALVES &&
              DeviceBytes == SMELT_VULKAN_BYTES && DeviceDots == SMELT_VULKAN_DOTS &&
              DeviceShuffles == SMELT_VULKAN_SHUFFLES);

static_assert(sizeof(smelt_cuda_kernel) == 32 && offsetof(smelt_cuda_kernel, size_count) == 28);
static_assert(sizeof(smelt_cuda_program) == 40 && offsetof(smelt_cuda_program, kernels) == 32);

constexpr StringLiteral kDeviceSymbol = "smelt_device", kCudaSymbol = "smelt_cuda_device";

namespace {
class PlanTable {
public:
  PlanTable(Module &module)
      : module_(module), context_(module.getContext()), pointer_(PointerType::getUnqual(context_)) {}

  Error add(const Model &model, StringRef modelSymbol, StringRef weightsSymbol);

private:
  Constant *word(uint64_t value) { return ConstantInt::get(Type::getInt32Ty(context_), value); }
  Constant *wide(uint64_t value) { return ConstantInt::get(Type::getInt64Ty(context_), value); }
  Constant *fields(ArrayRef<Constant *> values) { return ConstantStruct::getAnon(context_, values); }

  GlobalVariable *table(Constant *value, StringRef name);
  Constant *array(ArrayRef<Constant *> rows, StringRef name);
  Constant *text(StringRef value);
  Constant *textOrNull(StringRef value) { return value.empty() ? ConstantPointerNull::get(pointer_) : text(value); }
  Constant *wideArray(ArrayRef<int64_t> numbers, StringRef name);
  Constant *tensor(const Tensor &tensor);
  Constant *tensors(ArrayRef<Tensor> list, StringRef name);
  Constant *states(ArrayRef<State> list);
  Constant *sizes(ArrayRef<Size> list);
  Constant *sizeUses(ArrayRef<SizeUse> list);
  SmallVector<Constant *> operands(ArrayRef<Operand> list);
  Function *kernelNamed(StringRef name, bool mayBeElsewhere);
  Expected<Constant *> step(const Model &model, const Step &step);
  Constant *deviceKernel(const DeviceKernel &kernel);
  void addDevice(const DeviceProgram &program);
  void addCuda(const CudaProgram &program);
  void addProgram(Constant *value, StringRef symbol);

  Module &module_;
  LLVMContext &context_;
  PointerType *pointer_;
  StringMap<Constant *> texts_;
};
} // namespace

GlobalVariable *PlanTable::table(Constant *value, StringRef name) {
  auto *global = new GlobalVariable(module_, value->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, value,
                                    "smelt_plan." + name);
  global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  return global;
}

/// The address of the first row; null where there is none.
Constant *PlanTable::array(ArrayRef<Constant *> rows, StringRef name) {
  if (rows.empty())
    return ConstantPointerNull::get(pointer_);
  GlobalVariable *global = table(ConstantArray::get(ArrayType::get(rows.front()->getType(), rows.size()), rows), name);
  global->setAlignment(Align(8));
  return global;
}

/// A string that ends with a zero; equal ones are one.
Constant *PlanTable::text(StringRef value) {
  Constant *&known = texts_[value];
  if (!known) {
    GlobalVariable *global = table(ConstantDataArray::getString(context_, value), "text");
    global->setAlignment(Align(1)); // strings of this alignment the linker merges
    known = global;
  }
  return known;
}

/// "batch:1..8, length": as --shape has them.
static std::string symbolsText(ArrayRef<Symbol> symbols) {
  std::string text;
  for (const Symbol &symbol : symbols) {
    const bool isBounded = symbol.most < INT64_MAX;
    text += (text.empty() ? "" : ", ") + symbol.name;
    if (symbol.least > 0 || isBounded)
      text += ":" + itostr(symbol.least) + ".." + (isBounded ? itostr(symbol.most) : "");
  }
  return text;
}

Constant *PlanTable::sizes(ArrayRef<Size> list) {
  SmallVector<Constant *> rows;
  for (const Size &size : list)
    rows.push_back(fields({wide(size.number), word(size.kind), word(size.a), word(size.b), word(0)}));
  return array(rows, "sizes");
}

Constant *PlanTable::sizeUses(ArrayRef<SizeUse> list) {
  SmallVector<Constant *> rows;
  for (const SizeUse &use : list)
    rows.push_back(fields({text(use.name), textOrNull(use.says), word(use.first), word(use.last)}));
  return array(rows, "size_uses");
}

Constant *PlanTable::wideArray(ArrayRef<int64_t> numbers, StringRef name) {
  SmallVector<Constant *> rows;
  for (int64_t number : numbers)
    rows.push_back(wide(number));
  return array(rows, name);
}

Constant *PlanTable::tensor(const Tensor &tensor) {
  SmallVector<Constant *> sizes;
  for (uint32_t size : tensor.extentSizes)
    sizes.push_back(word(size));
  return fields({text(tensor.name), wideArray(tensor.shape, "shape"), wide(tensor.bytes), word(tensor.shape.size()),
                 word(tensor.dtype), array(sizes, "extent_sizes"), textOrNull(join(tensor.extents, ", ")),
                 array(tensor.held ? operands(*tensor.held) : SmallVector<Constant *>(), "held")});
}

Constant *PlanTable::tensors(ArrayRef<Tensor> list, StringRef name) {
  return array(map_to_vector(list, [&](const Tensor &row) { return tensor(row); }), name);
}

Constant *PlanTable::states(ArrayRef<State> list) {
  SmallVector<Constant *> rows;
  for (const State &state : list)
    rows.push_back(
        fields({tensor(state.input), tensor(state.output), wideArray(state.strides, "strides"), word(state.blocks[0]),
                word(state.blocks[1]), wide(state.places[0]), wide(state.places[1]), wide(state.bytes)}));
  return array(rows, "states");
}

/// A function of the module, or one that an object beside it defines.
Function *PlanTable::kernelNamed(StringRef name, bool mayBeElsewhere) {
  Function *known = module_.getFunction(name);
  if (known && (mayBeElsewhere || !known->isDeclaration()))
    return known;
  if (!mayBeElsewhere)
    return nullptr;
  Type *wide = Type::getInt64Ty(context_);
  auto *type = FunctionType::get(Type::getVoidTy(context_), {pointer_, wide, wide}, false);
  Function *kernel = Function::Create(type, GlobalValue::ExternalLinkage, name, module_);
  kernel->setVisibility(GlobalValue::HiddenVisibility);
  return kernel;
}

SmallVector<Constant *> PlanTable::operands(ArrayRef<Operand> list) {
  SmallVector<Constant *> rows;
  for (const Operand &operand : list)
    rows.push_back(
        fields({wide(operand.offset),
                word(static_cast<uint32_t>(operand.base) | (operand.offsetIsSize ? SMELT_OFFSET_IS_SIZE : 0)),
                word(operand.index)}));
  return rows;
}

Expected<Constant *> PlanTable::step(const Model &model, const Step &step) {
  Constant *kernel = ConstantPointerNull::get(pointer_);
  if (step.kind == StepKind::Kernel || step.isShared)
    kernel = kernelNamed(step.kernel, !model.kernelObjects.empty());
  if (!kernel)
    return defect("step '" + step.name + "' calls '" + step.kernel + "', which is not defined");
  if (step.operands.size() > SMELT_MAX_OPERANDS)
    return defect("step '" + step.name + "' has " + Twine(step.operands.size()) + " operands, more than " +
                  Twine(SMELT_MAX_OPERANDS));
  return fields({kernel, array(operands(step.operands), "operands"), text(step.name), wide(step.tiles),
                 word(step.operands.size()), word(step.tilesIsSize), word(static_cast<uint32_t>(step.kind)),
                 word(step.first), word(step.last), word(step.isAlone)});
}

Constant *PlanTable::deviceKernel(const DeviceKernel &kernel) {
  SmallVector<Constant *> bindings;
  for (const DeviceBinding &binding : kernel.bindings)
    bindings.push_back(
        fields({wide(binding.bytes), word(binding.operand), word(binding.view), word(binding.elementBytes), word(0)}));
  GlobalVariable *code = table(ConstantDataArray::get(context_, kernel.code), "shader");
  code->setAlignment(Align(8));
  return fields({text(kernel.name), code, array(bindings, "bindings"), wide(kernel.code.size() * sizeof(uint32_t)),
                 wide(kernel.invocations), word(kernel.bindings.size()), word(kernel.sizes)});
}

void PlanTable::addDevice(const DeviceProgram &program) {
  SmallVector<Constant *> kernels;
  for (const DeviceKernel &kernel : program.kernels)
    kernels.push_back(deviceKernel(kernel));
  Constant *value = fields({word(SMELT_VULKAN_VERSION), word(kernels.size()), word(program.groupSize),
                            word(program.groupsX), word(program.features), word(program.subgroupSize),
                            word(program.sharedBytes), word(program.mostSteps), array(kernels, "device_kernels")});
  addProgram(value, kDeviceSymbol);
}

void PlanTable::addCuda(const CudaProgram &program) {
  SmallVector<Constant *> kernels;
  for (const CudaKernel &kernel : program.kernels) {
    std::vector<int64_t> bytes(kernel.operandBytes.begin(), kernel.operandBytes.end());
    kernels.push_back(fields({text(kernel.name), wideArray(bytes, "operand_bytes"), word(bytes.size()),
                              word(kernel.groups), word(kernel.groupSize), word(kernel.sizes)}));
  }
  addProgram(fields({word(SMELT_CUDA_VERSION), word(kernels.size()), word(program.architecture), word(0),
                     text(program.code), wide(program.code.size() + 1), array(kernels, "cuda_kernels")}),
             kCudaSymbol);
}

void PlanTable::addProgram(Constant *value, StringRef symbol) {
  auto *global =
      new GlobalVariable(module_, value->getType(), /*isConstant=*/true, GlobalValue::ExternalLinkage, value, symbol);
  global->setAlignment(Align(8));
}

Error PlanTable::add(const Model &model, StringRef modelSymbol, StringRef weightsSymbol) {
  if (model.steps.size() > std::numeric_limits<uint32_t>::max())
    return defect("the plan has too many steps");
  if (module_.getNamedValue(modelSymbol) || module_.getNamedValue(weightsSymbol))
    return defect("a kernel is named as the model is: " + modelSymbol);

  SmallVector<Constant *> rows;
  for (const Step &planned : model.steps) {
    Expected<Constant *> row = step(model, planned);
    if (!row)
      return row.takeError();
    rows.push_back(*row);
  }
  auto *weights = new GlobalVariable(module_, Type::getInt8Ty(context_), /*isConstant=*/true,
                                     GlobalValue::ExternalLinkage, nullptr, weightsSymbol);
  weights->setVisibility(GlobalValue::HiddenVisibility);
  weights->setAlignment(Align(SMELT_ALIGNMENT));

  Constant *value = fields({word(SMELT_ABI_VERSION),
                            word(model.inputs.size()),
                            word(model.outputs.size()),
                            word(model.steps.size()),
                            wide(model.cpuFeatures),
                            wide(model.arenaBytes),
                            wide(model.weightsBytes),
                            text(model.name),
                            text(model.target),
                            tensors(model.inputs, "inputs"),
                            tensors(model.outputs, "outputs"),
                            array(rows, "steps"),
                            weights,
                            sizes(model.sizes),
                            word(model.sizes.size()),
                            word(model.arenaSize),
                            textOrNull(symbolsText(model.symbols)),
                            word(model.shapeSizes),
                            word(model.blockCount),
                            states(model.states),
                            wide(model.stateBytes),
                            word(model.states.size()),
                            word(model.sizeUses.size()),
                            textOrNull(model.forms),
                            sizeUses(model.sizeUses)});
  auto *global = new GlobalVariable(module_, value->getType(), /*isConstant=*/true, GlobalValue::ExternalLinkage, value,
                                    modelSymbol);
  global->setAlignment(Align(8));
  if (model.device)
    addDevice(*model.device);
  if (model.cuda)
    addCuda(*model.cuda);
  return Error::success();
}

Error addPlanTable(const Model &model, StringRef modelSymbol, StringRef weightsSymbol, Module &module) {
  for (GlobalObject &object : module.global_objects())
    if (!object.isDeclaration()) {
      object.setVisibility(GlobalValue::DefaultVisibility); // internal symbols have no other
      object.setLinkage(GlobalValue::InternalLinkage);
      object.setComdat(nullptr);
    }
  return PlanTable(module).add(model, modelSymbol, weightsSymbol);
}

} // namespace smelt::artifact

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/CompileKernels.h"
#include "codegen/cpu/Passes.h"
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Passes.h"
#include "codegen/gpu/Ptx.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Target/TargetMachine.h"
#include <numeric>

using namespace mlir;

namespace smelt::gpu {

void buildDevicePipeline(OpPassManager &manager, const Profile &profile) {
  manager.addPass(createEmitDeviceKernelsPass(profile));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(cpu::createExpandMathPass(machineOf(profile)));
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
  if (!profile.hasNarrow) {
    manager.addPass(createUseWordsPass(profile));
    manager.addPass(createCSEPass());
  }
  manager.addPass(createMarkAlignedPass());
  manager.addPass(createCheckCapabilitiesPass(profile));
  if (profile.api == Api::Cuda) {
    manager.addPass(createSCFToControlFlowPass());
    manager.addPass(createConvertToNvvmPass(profile));
    return;
  }
  manager.addPass(createConvertToSpirvPass(profile));
  OpPassManager &shaders = manager.nest<spirv::ModuleOp>();
  shaders.addPass(createCanonicalizerPass());
  shaders.addPass(createCSEPass());
  shaders.addPass(spirv::createSPIRVUpdateVCEPass());
  shaders.addPass(createKeepToStoragePass());
}

namespace {
/// What the calls of a kernel have in common.
struct Calls {
  SmallVector<bool> aligned; // of each operand: at a multiple of a vector of its base
  bool areOfDevice = true;   // operands lie in memory that a device has
};
} // namespace

constexpr int64_t kAlignment = 16; // bytes: the most that is copied at once

static bool isOfDevice(int32_t base) {
  switch (static_cast<artifact::Base>(base)) {
  case artifact::Base::Arena:
  case artifact::Base::Weights:
  case artifact::Base::Input:
  case artifact::Base::Output:
  case artifact::Base::Block:
    return true;
  default:
    return false;
  }
}

namespace {
/// Numbers that divide extents of a plan whatever the run; of those that the plan computes, offsets in the arena are
/// multiples of its alignment.
class Divisors {
public:
  explicit Divisors(ModuleOp module) {
    module.walk([&](kernel::PlanOp plan) {
      if (plan.getSymbols() && plan.getValues()) // each of those before it
        for (auto [symbol, value] : llvm::zip(plan.getSymbols()->getAsRange<StringAttr>(), *plan.getValues()))
          known_[symbol.getValue()] = of(value);
    });
  }

  int64_t of(const graph::Extent &extent) const {
    if (extent.isNumber())
      return extent.number();
    int64_t divisor = 0;
    for (const graph::Term &term : extent.terms()) {
      int64_t product = std::gcd(term.factor, kMost);
      for (graph::Atom atom : term.atoms)
        product = std::gcd(product * std::gcd(of(atom), kMost), kMost);
      divisor = std::gcd(divisor, product);
    }
    return divisor;
  }

private:
  static constexpr int64_t kMost = 256; // no more is asked for, and products of several stay small

  int64_t of(graph::Atom atom) const {
    switch (atom.kind()) {
    case graph::Atom::Kind::Symbol: {
      auto known = known_.find(atom.symbol());
      return known == known_.end() ? 1 : known->second;
    }
    case graph::Atom::Kind::Min:
    case graph::Atom::Kind::Max:
      return std::gcd(of(atom.lhs()), of(atom.rhs()));
    default:
      return 1;
    }
  }

  llvm::StringMap<int64_t> known_;
};
} // namespace

/// The blocks of states that may begin anywhere in the arena: a window within what it is a window of.
static DenseSet<int64_t> unalignedBlocks(ModuleOp module) {
  DenseSet<int64_t> blocks;
  module.walk([&](kernel::PlanOp plan) {
    std::optional<ArrayAttr> states = plan.getStates();
    for (Attribute attribute : states ? states->getValue() : ArrayRef<Attribute>()) {
      auto state = cast<DictionaryAttr>(attribute);
      ArrayRef<int64_t> places = state.getAs<DenseI64ArrayAttr>("places");
      if (llvm::any_of(places, [](int64_t place) { return place >= 0 && place % (kLanes * kAlignment) != 0; }))
        blocks.insert_range(ArrayRef<int64_t>(state.getAs<DenseI64ArrayAttr>("blocks")));
    }
  });
  return blocks;
}

static llvm::StringMap<Calls> callsOf(ModuleOp module) {
  llvm::StringMap<Calls> calls;
  SymbolTable kernels(module);
  const DenseSet<int64_t> unaligned = unalignedBlocks(module);
  const Divisors divisors(module);
  module.walk([&](kernel::CallOp call) {
    ArrayRef<graph::Extent> offsets = call.getOffsets();
    auto [known, isNew] = calls.try_emplace(call.getCallee());
    auto &[aligned, areOfDevice] = known->second;
    if (isNew)
      aligned.assign(offsets.size(), true);
    areOfDevice &= llvm::all_of(call.getBases(), isOfDevice);
    Block &body = kernels.lookup<kernel::FuncOp>(call.getCallee()).getBody().front();
    for (auto [isAligned, offset, base, index, argument] :
         llvm::zip(aligned, offsets, call.getBases(), call.getIndices(), body.getArguments())) {
      auto type = dyn_cast<MemRefType>(argument.getType());
      const int64_t vectorBytes = type ? kLanes * graph::elementBytes(type.getElementType()) : 1;
      isAligned &= base != static_cast<int32_t>(artifact::Base::Block) || !unaligned.contains(index);
      isAligned &= type && divisors.of(offset) % std::max(vectorBytes, kAlignment) == 0;
    }
  });
  return calls;
}

/// What a device must have for a shader, as bits of artifact::DeviceFeature.
static uint32_t featuresOf(spirv::ModuleOp shader) {
  uint32_t features = 0;
  std::optional<spirv::VerCapExtAttr> triple = shader.getVceTriple();
  for (spirv::Capability capability : triple->getCapabilities())
    switch (capability) {
    case spirv::Capability::Int64:
      features |= artifact::DeviceInt64;
      break;
    case spirv::Capability::StorageBuffer16BitAccess:
      features |= artifact::DeviceHalves;
      break;
    case spirv::Capability::StorageBuffer8BitAccess:
      features |= artifact::DeviceBytes;
      break;
    case spirv::Capability::DotProductInput4x8BitPacked:
      features |= artifact::DeviceDots;
      break;
    case spirv::Capability::GroupNonUniformShuffle:
      features |= artifact::DeviceShuffles;
      break;
    default:
      break;
    }
  return features;
}

/// Bytes of the variables that a workgroup shares.
static uint32_t sharedBytesOf(spirv::ModuleOp shader) {
  int64_t bytes = 0;
  for (auto variable : shader.getOps<spirv::GlobalVariableOp>())
    if (auto type = cast<spirv::PointerType>(variable.getType());
        type.getStorageClass() == spirv::StorageClass::Workgroup)
      bytes += cast<spirv::SPIRVType>(type.getPointeeType()).getSizeInBytes().value_or(0);
  return static_cast<uint32_t>(bytes); // which check-capabilities has bounded
}

/// As many bytes as a buffer reaches over: none where it has no elements.
static graph::Extent bytesOf(MemRefType buffer) {
  graph::Extent span = 1, isThere = 1;
  for (auto [extent, stride] : llvm::zip_equal(kernel::extentsOf(buffer), kernel::stridesOf(buffer))) {
    span += (graph::Extent::max(extent, 1) - 1) * graph::Extent::max(stride, graph::Extent(0) - stride);
    if (!extent.isAtLeast(1))
      isThere *= graph::Extent::min(extent, 1);
  }
  return span * isThere * graph::elementBytes(buffer.getElementType());
}

/// What the runtime must know of a call to a kernel with sizes of its own; `counted` is its kMeasures.
static graph::Extents measuresOf(kernel::FuncOp kernel, graph::ExtentsAttr counted) {
  graph::Extents measures(counted.extents());
  for (BlockArgument argument : kernel.getBody().getArguments())
    if (auto buffer = dyn_cast<MemRefType>(argument.getType()))
      measures.push_back(bytesOf(buffer));
  return measures;
}

static uint32_t sizesOf(kernel::FuncOp kernel) { return kernel.getSizes() ? kernel.getSizes()->size() : 0; }

/// Whether calls have room for all that.
static bool fitsOperands(kernel::FuncOp kernel) {
  const size_t sizes = sizesOf(kernel), buffers = kernel.getBody().getNumArguments() - sizes;
  return !sizes || 2 * buffers + sizes + 2 <= artifact::Step::kMostOperands;
}

/// The shader of a module that has one kernel.
static std::optional<artifact::DeviceKernel> shaderOf(ModuleOp module, artifact::DeviceProgram &program) {
  auto shaders = module.getOps<spirv::ModuleOp>();
  if (shaders.empty())
    return std::nullopt;
  spirv::ModuleOp shader = *shaders.begin();
  SmallVector<uint32_t> words;
  spirv::SerializationOptions options;
  options.emitSymbolName = false;
  if (failed(spirv::serialize(shader, words, options)))
    return std::nullopt;
  artifact::DeviceKernel kernel;
  kernel.code.assign(words.begin(), words.end());
  if (auto invocations = shader->getAttrOfType<IntegerAttr>(kInvocations))
    kernel.invocations = invocations.getInt();
  ArrayRef<int64_t> bindings = shader->getAttrOfType<DenseI64ArrayAttr>(kBindings);
  for (; !bindings.empty(); bindings = bindings.drop_front(4))
    kernel.bindings.push_back({static_cast<uint32_t>(bindings[0]), static_cast<uint32_t>(bindings[1]),
                               static_cast<uint32_t>(bindings[2]), static_cast<uint64_t>(bindings[3])});
  program.features |= featuresOf(shader);
  program.sharedBytes = std::max(program.sharedBytes, sharedBytesOf(shader));
  return kernel;
}

namespace {
/// Makes one program of what the passes make of kernels.
class ProgramWriter {
public:
  explicit ProgramWriter(const Profile &profile) : profile_(profile) {}
  llvm::Error begin();
  /// Fails where a kernel has no code after all.
  llvm::Error add(kernel::FuncOp kernel, ModuleOp compiled);
  DeviceKernels result;

private:
  llvm::Error addShader(kernel::FuncOp kernel, ModuleOp compiled);
  void note(kernel::FuncOp kernel, Operation *compiled);
  llvm::Error addPtx(kernel::FuncOp kernel, ModuleOp compiled);

  const Profile &profile_;
  std::unique_ptr<llvm::TargetMachine> machine_; // of CUDA
};
} // namespace

llvm::Error ProgramWriter::begin() {
  if (profile_.api == Api::Vulkan) {
    artifact::DeviceProgram &program = result.vulkan.emplace();
    program.groupSize = profile_.groupSize;
    program.groupsX = profile_.groupsX;
    program.subgroupSize = static_cast<uint32_t>(profile_.subgroup);
    program.mostSteps =
        static_cast<uint32_t>(std::min<uint64_t>(profile_.loopSteps, std::numeric_limits<uint32_t>::max()));
    return llvm::Error::success();
  }
  result.cuda.emplace().architecture = profile_.architecture;
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = makePtxMachine(profile_);
  if (!machine)
    return machine.takeError();
  machine_ = std::move(*machine);
  return llvm::Error::success();
}

llvm::Error ProgramWriter::add(kernel::FuncOp kernel, ModuleOp compiled) {
  llvm::Error error = profile_.api == Api::Vulkan ? addShader(kernel, compiled) : addPtx(kernel, compiled);
  if (!error)
    result.names.push_back(kernel.getSymName().str());
  return error;
}

/// What calls of a kernel have to tell.
void ProgramWriter::note(kernel::FuncOp kernel, Operation *compiled) {
  if (auto counted = compiled->getAttrOfType<graph::ExtentsAttr>(kMeasures))
    result.measures[kernel.getSymName()] = measuresOf(kernel, counted);
}

llvm::Error ProgramWriter::addShader(kernel::FuncOp kernel, ModuleOp compiled) {
  std::optional<artifact::DeviceKernel> shader = shaderOf(compiled, *result.vulkan);
  if (!shader)
    return llvm::createStringError("");
  note(kernel, *compiled.getOps<spirv::ModuleOp>().begin());
  shader->name = kernel.getSymName().str();
  shader->sizes = sizesOf(kernel);
  result.vulkan->kernels.push_back(std::move(*shader));
  return llvm::Error::success();
}

llvm::Error ProgramWriter::addPtx(kernel::FuncOp kernel, ModuleOp compiled) {
  auto function = *compiled.getOps<LLVM::LLVMFuncOp>().begin();
  auto counted = function->getAttrOfType<IntegerAttr>(kInvocations);
  const uint64_t invocations = counted ? counted.getInt() : 0;
  artifact::CudaKernel made;
  made.name = kernel.getSymName().str();
  made.groupSize = profile_.groupSize;
  made.groups = static_cast<uint32_t>(llvm::divideCeil(invocations, profile_.groupSize));
  made.sizes = sizesOf(kernel);
  note(kernel, function);
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type)
      break; // its sizes
    made.operandBytes.push_back((made.sizes ? 1 : kernel::spanOf(type).value_or(0)) *
                                graph::elementBytes(type.getElementType()));
  }
  llvm::Expected<Ptx> ptx = emitPtx(compiled, *machine_);
  if (!ptx)
    return ptx.takeError();
  artifact::CudaProgram &program = *result.cuda;
  if (program.code.empty())
    program.code = ptx->head;
  program.code += ptx->body;
  program.kernels.push_back(std::move(made));
  return llvm::Error::success();
}

llvm::Expected<DeviceKernels> compileKernels(ModuleOp module, const Profile &profile) {
  ProgramWriter writer(profile);
  if (llvm::Error error = writer.begin())
    return std::move(error);
  MLIRContext *context = module.getContext();
  llvm::StringMap<Calls> calls = callsOf(module);
  PassManager passes(context);
  passes.enableVerifier(false); // costs as much as the passes; smelt-opt and the tests verify
  buildDevicePipeline(passes, profile);
  for (auto kernel : module.getOps<kernel::FuncOp>()) {
    std::vector<LeftOut> &leftOut = writer.result.leftOut;
    if (!calls[kernel.getSymName()].areOfDevice || !fitsOperands(kernel)) {
      leftOut.push_back({kernel.getSymName().str(), "its operands are none of a device"});
      continue;
    }
    std::string why;
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error && why.empty())
        why = diagnostic.str();
      return success();
    });
    OwningOpRef<ModuleOp> alone = ModuleOp::create(kernel.getLoc());
    kernel::FuncOp copy = kernel.clone();
    copy->setAttr(kAlignedOperands, DenseBoolArrayAttr::get(context, calls[kernel.getSymName()].aligned));
    alone->push_back(copy);
    if (failed(passes.run(*alone))) {
      leftOut.push_back({kernel.getSymName().str(), why});
      continue;
    }
    if (llvm::Error error = writer.add(kernel, *alone))
      leftOut.push_back({kernel.getSymName().str(), llvm::toString(std::move(error))});
  }
  return std::move(writer.result);
}

} // namespace smelt::gpu

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Artifact.h"

#include "codegen/artifact/RangeTable.h"
#include "tools/runner/Description.h"
#include "tools/runner/ElfFile.h"
#include "tools/runner/Error.h"
#include "tools/runner/host_memory.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <map>

extern "C" {
#include "runtime/core/cpu.h"
#include "runtime/core/sizes.h"
}

namespace smelt::runner {

constexpr char kSymbol[] = "smelt_model", kDeviceSymbol[] = "smelt_device", kCudaSymbol[] = "smelt_cuda_device";
constexpr uint32_t kMostTensors = 1 << 16; // more than any compiler makes; a descriptor that states more is damaged

std::string cpuFeatureNames(uint64_t features) {
  static constexpr struct {
    uint64_t bit;
    const char *name;
  } kRows[] = {{SMELT_CPU_AVX2, "avx2"},
               {SMELT_CPU_AVX512, "avx512"},
               {SMELT_CPU_AVX512_VNNI, "avx512_vnni"},
               {SMELT_CPU_AVX512_BF16, "avx512_bf16"},
               {SMELT_CPU_AVX_VNNI, "avx_vnni"},
               {SMELT_CPU_NEON, "neon"},
               {SMELT_CPU_DOTPROD, "dotprod"},
               {SMELT_CPU_I8MM, "i8mm"},
               {SMELT_CPU_BF16, "bf16"}};
  std::string names;
  for (const auto &row : kRows)
    if (features & row.bit) {
      names += (names.empty() ? "" : " ") + std::string(row.name);
      features &= ~row.bit;
    }
  return features ? names + (names.empty() ? "" : " ") + "unknown" : names;
}

std::vector<int64_t> shapeOf(const smelt_tensor_info &tensor) { return {tensor.shape, tensor.shape + tensor.rank}; }

static bool isFixed(const smelt_tensor_info &tensor) {
  return std::all_of(tensor.shape, tensor.shape + tensor.rank, [](int64_t extent) { return extent >= 0; });
}

static bool validTensors(const smelt_tensor_info *tensors, uint32_t count) {
  if (count > kMostTensors || (count > 0 && !tensors))
    return false;
  for (uint32_t i = 0; i < count; ++i) {
    const smelt_tensor_info &tensor = tensors[i];
    const auto dtype = static_cast<smelt_dtype>(tensor.dtype);
    if (!tensor.name || tensor.rank > kMostRank || (tensor.rank > 0 && !tensor.shape) || !smelt_dtype_bits(dtype))
      return false;
    if (isFixed(tensor) ? tensorBytes(dtype, shapeOf(tensor)) != tensor.bytes : !tensor.extent_sizes)
      return false;
  }
  return true;
}

static bool validSteps(const smelt_model &model) {
  if (model.step_count > 0 && !model.steps)
    return false;
  for (uint32_t i = 0; i < model.step_count; ++i)
    if ((model.steps[i].kind != SMELT_STEP_DEVICE &&
         !model.steps[i].kernel == (model.steps[i].kind == SMELT_STEP_KERNEL)) ||
        !model.steps[i].name || model.steps[i].operand_count > SMELT_MAX_OPERANDS)
      return false;
  return true;
}

void checkVersion(const std::string &path, uint32_t version) {
  if (version != SMELT_ABI_VERSION)
    throw Error(Exit::Environment, path + ": made for version " + std::to_string(version) +
                                       " of the runtime's interface, this program has version " +
                                       std::to_string(SMELT_ABI_VERSION) + "; compile the model again");
}

static bool validStates(const smelt_model &model) {
  if (model.state_count > kMostTensors || (model.state_count > 0 && !model.states))
    return false;
  for (uint32_t i = 0; i < model.state_count; ++i) {
    const smelt_state &state = model.states[i];
    if (!validTensors(&state.input, 1) || !validTensors(&state.output, 1) || state.input.rank != state.output.rank ||
        state.blocks[0] >= model.block_count || state.blocks[1] >= model.block_count)
      return false;
  }
  return true;
}

static void checkDescriptor(const std::string &path, const smelt_model &model) {
  checkVersion(path, model.abi_version);
  if (!model.name || !model.target || !validTensors(model.inputs, model.input_count) ||
      !validTensors(model.outputs, model.output_count) || !validSteps(model) || !validStates(model))
    throw Error(Exit::Malformed, path + ": not a shared artefact of Smelt: its descriptor is damaged");
}

static void checkProcessor(const Artifact &artifact) {
  const smelt_model &model = artifact.model();
  const bool hasDevice = artifact.devicePrograms().vulkan || artifact.devicePrograms().cuda;
  if (const uint64_t missing = model.cpu_features ? model.cpu_features & ~smelt_cpu_features() : 0)
    throw Error(Exit::Environment,
                artifact.source() + ": compiled for " + quoted(model.target) + ", and this processor lacks " +
                    cpuFeatureNames(missing) + "; compile the model with " +
                    (hasDevice ? "--processor beside its --target, or on a machine like this one" : "--target native"));
}

Artifact::Artifact(const std::string &path, std::string source) : path_(path), source_(std::move(source)) {
  const ElfFile file(path);
  if (!file.exportsObject(kSymbol, sizeof(smelt_model)))
    throw Error(Exit::Malformed, path + ": not a shared artefact of Smelt: it exports no smelt_model");
  // A name without a slash would be looked for among the system's libraries.
  const std::string place = path.find('/') == std::string::npos ? "./" + path : path;
  library_ = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) {
    const std::string why = dlerror();
    if (why.find("undefined symbol") != std::string::npos)
      throw Error(Exit::Environment, path + ": needs what no library here has: " + why +
                                         "; compile the model with --link and the file that has it");
    throw Error(Exit::Malformed, path + ": not a shared artefact of Smelt: " + why);
  }
  model_ = static_cast<const smelt_model *>(dlsym(library_, kSymbol));
  if (file.exportsObject(kDeviceSymbol, sizeof(smelt_vulkan_program)))
    programs_.vulkan = static_cast<const smelt_vulkan_program *>(dlsym(library_, kDeviceSymbol));
  if (file.exportsObject(kCudaSymbol, sizeof(smelt_cuda_program)))
    programs_.cuda = static_cast<const smelt_cuda_program *>(dlsym(library_, kCudaSymbol));
  try {
    checkDescriptor(path, *model_);
  } catch (...) {
    dlclose(library_);
    throw;
  }
}

Artifact::~Artifact() { dlclose(library_); }

ValueRanges Artifact::inputRanges() const {
  const std::string section =
      ElfFile(path_).section(artifact::kRangesSection, kMostTensors * sizeof(artifact::RangeRow));
  ValueRanges ranges;
  for (size_t at = 0; at + sizeof(artifact::RangeRow) <= section.size(); at += sizeof(artifact::RangeRow)) {
    artifact::RangeRow row;
    std::memcpy(&row, section.data() + at, sizeof row);
    if (row.input < model_->input_count && row.least <= row.most)
      ranges[model_->inputs[row.input].name] = {row.least, row.most};
  }
  return ranges;
}

/// The kernel of a step of a device; nothing where it is the processor's, or the program has no such.
static std::optional<std::string> deviceKernelOf(const DevicePrograms &programs, const smelt_step &step) {
  if (step.kind != SMELT_STEP_DEVICE)
    return std::nullopt;
  if (programs.cuda && step.first < programs.cuda->kernel_count)
    return programs.cuda->kernels[step.first].name;
  if (programs.vulkan && programs.vulkan->version == SMELT_VULKAN_VERSION && step.first < programs.vulkan->kernel_count)
    return programs.vulkan->kernels[step.first].name;
  return std::nullopt;
}

std::vector<std::string> Artifact::kernelNames() const {
  Dl_info info;
  if (!dladdr(model_, &info))
    return std::vector<std::string>(model_->step_count);
  const auto base = reinterpret_cast<uintptr_t>(info.dli_fbase);
  const ElfFile file(path_);
  std::map<uintptr_t, std::string> known; // many steps share a kernel
  std::vector<std::string> names;
  for (uint32_t i = 0; i < model_->step_count; ++i) {
    if (std::optional<std::string> name = deviceKernelOf(programs_, model_->steps[i])) {
      names.push_back(std::move(*name));
      continue;
    }
    const uintptr_t address = reinterpret_cast<uintptr_t>(model_->steps[i].kernel) - base;
    const auto [row, isNew] = known.try_emplace(address);
    if (isNew)
      row->second = file.functionAt(address);
    names.push_back(row->second);
  }
  return names;
}

static Exit exitOf(smelt_status status) {
  switch (status) {
  case SMELT_ERROR_THREADS:
  case SMELT_ERROR_MEMORY:
  case SMELT_ERROR_DEVICE:
    return Exit::Environment;
  case SMELT_ERROR_SHAPE:
    return Exit::Usage;
  default:
    return Exit::Defect;
  }
}

static void require(smelt_status status, const std::string &what) {
  if (status != SMELT_OK)
    throw Error(exitOf(status), what + ": " + smelt_status_string(status));
}

/// The runtime's table of an instance's extents.
static std::vector<const int64_t *> tableOf(const Shapes &shapes) {
  std::vector<const int64_t *> table;
  for (const std::vector<int64_t> &shape : shapes)
    table.push_back(shape.data());
  return table;
}

/// Why there is no size of this number, which an instance has found just now.
static std::string whyNoSize(const smelt_instance &instance, uint64_t size) {
  const smelt_model &model = *instance.model;
  if (const uint64_t length = smelt_failure(&instance, nullptr, 0)) {
    std::string text(length + 1, '\0');
    smelt_failure(&instance, text.data(), text.size());
    text.pop_back();
    return text;
  }
  const char *name = smelt_size_name(&model, size);
  return name ? "node " + quoted(name) + ": the shapes or sizes that it gets do not fit one another, or are too large"
              : std::string(smelt_status_string(SMELT_ERROR_SHAPE));
}

void Instance::bind() {
  const smelt_parallel_for parallelFor = instance_.parallel_for;
  void *arena = device_ ? device_->arena() : arena_.data();
  require(smelt_init(&instance_, &model(), arena, arenaBytes()), path());
  smelt_host_take_memory(&instance_);
  if (device_)
    device_->bind(instance_);
  smelt_set_parallel_for(&instance_, parallelFor, pool_.get());
}

/// "dim 1 ('s') is 19 in 'ids' but 5 in 'mask'"; "" where shapes fit what the inputs' dims have in common.
static std::string contradiction(const smelt_model &model, const Shapes &shapes) {
  std::map<std::string, Symbol> symbols;
  for (const std::string &text : partsOf(model.symbols ? model.symbols : ""))
    symbols.emplace(symbolOf(text).name, symbolOf(text));
  struct Place {
    int64_t extent;
    const char *input;
    size_t dim;
  };
  std::map<std::string, Place> known; // what a symbol is, and where
  for (uint32_t i = 0; i < model.input_count; ++i) {
    const smelt_tensor_info &input = model.inputs[i];
    const std::vector<std::string> words = partsOf(input.dims ? input.dims : "");
    for (size_t dim = 0; dim < std::min(words.size(), shapes[i].size()); ++dim) {
      const auto symbol = symbols.find(words[dim]);
      if (symbol == symbols.end())
        continue; // a number, or made of symbols
      const int64_t extent = shapes[i][dim];
      const Place first = known.try_emplace(words[dim], Place{extent, input.name, dim}).first->second;
      const std::string is = "dim " + std::to_string(first.dim) + " (" + quoted(words[dim]) + ") is " +
                             std::to_string(first.extent) + " in " + quoted(first.input);
      if (first.extent != extent)
        return is + " but " + (first.dim == dim ? "" : "dim " + std::to_string(dim) + " is ") + std::to_string(extent) +
               " in " + quoted(input.name);
      if (extent < symbol->second.least || extent > symbol->second.most)
        return is + ", which is not within " + symbol->second.inWords();
    }
  }
  return "";
}

std::string Instance::whyNoShapes(const Shapes &shapes, uint64_t size) const {
  if (std::string why = contradiction(model(), shapes); !why.empty())
    return why;
  std::string given;
  for (uint32_t i = 0; i < model().input_count; ++i)
    given += (i ? ", " : "") + quoted(model().inputs[i].name) + " is " + joinExtents(shapes[i]);
  return whyNoSize(instance_, size) + "; " + given;
}

void Instance::setShapes(const Shapes &shapes) {
  const std::vector<const int64_t *> table = tableOf(shapes);
  uint64_t bytes = 0;
  if (smelt_needed_bytes(&instance_, table.data(), &bytes) != SMELT_OK) {
    smelt_set_shapes(&instance_, table.data()); // leaves the sizes that say why
    throw Error(Exit::Usage, path() + ": " + whyNoShapes(shapes, bytes));
  }
  if (device_) {
    const smelt_status status = device_->setShapes(table.data());
    if (status != SMELT_OK && !device_->why().empty())
      throw Error(Exit::Environment, path() + ": " + device_->why());
    return require(status, path());
  }
  if (bytes > arenaBytes()) {
    AlignedBytes larger(bytes, path() + ": its arena");
    require(smelt_move(&instance_, larger.data(), larger.size()), path());
    arena_ = std::move(larger);
  }
  require(smelt_set_shapes(&instance_, table.data()), path());
}

Tensor Instance::stateValue(uint32_t number) const {
  const smelt_state &state = model().states[number];
  Tensor value;
  value.name = state.output.name;
  value.dtype = static_cast<smelt_dtype>(state.output.dtype);
  for (uint32_t dim = 0; dim < state.output.rank; ++dim)
    value.shape.push_back(smelt_state_extent(&instance_, number, dim));
  value.bytes = AlignedBytes(tensorBytes(value.dtype, value.shape).value_or(0), "state " + quoted(value.name));
  const auto *from = static_cast<const unsigned char *>(smelt_state_data(&instance_, number));
  if (!state.strides) {
    if (value.bytes.size())
      std::memcpy(value.bytes.data(), from, value.bytes.size());
    return value;
  }
  const size_t element = smelt_dtype_size(value.dtype);
  for (size_t at = 0; at * element < value.bytes.size(); ++at) {
    int64_t offset = 0;
    for (size_t dim = value.shape.size(), rest = at; dim-- > 0; rest /= static_cast<size_t>(value.shape[dim]))
      offset += static_cast<int64_t>(rest % static_cast<size_t>(value.shape[dim])) * state.strides[dim];
    std::memcpy(value.bytes.data() + at * element, from + static_cast<size_t>(offset) * element, element);
  }
  return value;
}

std::vector<int64_t> Instance::shapeOf(const smelt_tensor_info &tensor) const {
  std::vector<int64_t> shape;
  for (uint32_t dim = 0; dim < tensor.rank; ++dim)
    shape.push_back(smelt_tensor_extent(&instance_, &tensor, dim));
  return shape;
}

/// Of a model with symbolic inputs enough for its sizes and blocks.
static uint64_t leastArena(const smelt_model &model) {
  return std::max<uint64_t>(smelt_head_bytes(&model), model.arena_bytes);
}

/// The device, if the artefact is for one; it takes a while to open, and none where the processor is another one.
static std::unique_ptr<Device> openChecked(const Artifact &artifact) {
  checkProcessor(artifact);
  return openDevice(artifact.source(), artifact.model(), artifact.devicePrograms());
}

Instance::Instance(const Artifact &artifact, unsigned threads)
    : artifact_(artifact), device_(openChecked(artifact)),
      arena_(device_ ? 0 : leastArena(artifact.model()), artifact.source() + ": its arena"), instance_() {
  bind();
  const smelt_tensor_info *inputs = model().inputs, *end = inputs + model().input_count;
  if (needsShapes() && std::all_of(inputs, end, isFixed)) { // what is open is in the states
    Shapes shapes;
    for (const smelt_tensor_info *input = inputs; input != end; ++input)
      shapes.push_back(runner::shapeOf(*input));
    setShapes(shapes);
  }
  if (threads <= 1)
    return;
  auto pool = std::make_unique<smelt_pool>();
  require(smelt_pool_start(pool.get(), threads), std::to_string(threads) + " threads");
  pool_ = std::move(pool);
  smelt_set_parallel_for(&instance_, smelt_pool_parallel_for, pool_.get());
}

Instance::~Instance() {
  smelt_release(&instance_);
  if (pool_)
    smelt_pool_stop(pool_.get());
}

void Instance::run(const std::vector<const void *> &inputs, const std::vector<void *> &outputs) const {
  const smelt_status status =
      device_ ? device_->run(inputs.data(), outputs.data()) : smelt_run(&instance_, inputs.data(), outputs.data());
  if (status == SMELT_ERROR_SHAPE)
    throw Error(Exit::Usage, path() + ": " + whyNoSize(instance_, smelt_failed_size(&instance_)));
  if (status != SMELT_OK && device_ && !device_->why().empty())
    throw Error(Exit::Environment, path() + ": " + device_->why());
  require(status, path());
}

bool Instance::timeDevice(bool on) { return device_ && device_->setTiming(on); }

double Instance::deviceMs(uint32_t step) const { return device_->stepMs(step); }

} // namespace smelt::runner

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Shared artefacts of Smelt, loaded and run.

#ifndef SMELT_TOOLS_RUNNER_ARTIFACT_H
#define SMELT_TOOLS_RUNNER_ARTIFACT_H

#include "smelt/smelt.h"
#include "smelt/threads.h"
#include "tools/runner/Device.h"
#include "tools/runner/Tensor.h"

#include <map>
#include <memory>

namespace smelt::runner {

/// What the integers of an input may be, both included; by the input's name.
struct ValueRange {
  int64_t least, most;
};
using ValueRanges = std::map<std::string, ValueRange>;

/// A shared object that exports `smelt_model`. It is looked at before it is loaded, and then loaded whatever it does:
/// an artefact is a program, and to be trusted like one.
class Artifact {
public:
  /// Throws Malformed for what is no artefact, Environment for one of another machine or another runtime. `source`,
  /// where the artefact is one that no user knows of: what messages about its runs name instead.
  explicit Artifact(const std::string &path, std::string source = "");
  Artifact(Artifact &&) = delete;
  Artifact &operator=(Artifact &&) = delete;
  ~Artifact();

  const std::string &path() const { return path_; }
  const std::string &source() const { return source_.empty() ? path_ : source_; }
  const smelt_model &model() const { return *model_; }
  /// What steps of a device run.
  const DevicePrograms &devicePrograms() const { return programs_; }
  /// Names of the kernels of all steps, in their order; "" where the file does not say.
  std::vector<std::string> kernelNames() const;
  /// Of the inputs that have a range, read from the file anew.
  ValueRanges inputRanges() const;

private:
  std::string path_, source_;
  void *library_ = nullptr;
  const smelt_model *model_ = nullptr;
  DevicePrograms programs_;
};

/// The most dims of a tensor: more than any compiler makes.
constexpr uint32_t kMostRank = 64;

/// Throws Environment unless an artefact of this SMELT_ABI_VERSION can be read.
void checkVersion(const std::string &path, uint32_t version);

/// "avx512 avx512_vnni": the instruction sets of smelt_model.cpu_features.
std::string cpuFeatureNames(uint64_t features);

/// Extents of each input, in the order of the model's descriptor.
using Shapes = std::vector<std::vector<int64_t>>;

/// An artefact with an arena and threads of its own. The artefact must outlive it.
class Instance {
public:
  /// `threads` from 1 to SMELT_MAX_THREADS; 1 starts none. Throws Environment where the processor lacks an instruction
  /// set that the artefact needs, or the machine memory, or the device that it was compiled for.
  explicit Instance(const Artifact &artifact, unsigned threads = 1);
  Instance(Instance &&) = delete;
  Instance &operator=(Instance &&) = delete;
  ~Instance();

  /// Fits it to inputs of these shapes: to be called before a run where dims are symbolic, and only there. Throws Usage
  /// where they contradict one another.
  void setShapes(const Shapes &shapes);
  bool needsShapes() const { return !instance_.has_shapes; }

  /// What messages call it.
  const std::string &path() const { return artifact_.source(); }
  const smelt_model &model() const { return artifact_.model(); }
  ValueRanges inputRanges() const { return artifact_.inputRanges(); }
  smelt_instance &handle() { return instance_; }
  const smelt_instance &handle() const { return instance_; }
  /// Of a tensor of the model, with the shapes that were set.
  std::vector<int64_t> shapeOf(const smelt_tensor_info &tensor) const;
  uint64_t bytesOf(const smelt_tensor_info &tensor) const { return smelt_tensor_bytes(&instance_, &tensor); }
  uint64_t arenaBytes() const { return device_ ? device_->arenaBytes() : arena_.size(); }
  /// Whether steps run on a device.
  bool hasDevice() const { return device_ != nullptr; }
  /// Lets the device's clock tell how long its steps take, or no longer; false where there is no such clock.
  bool timeDevice(bool on);
  /// What it told of a step in the last run; negative where the step is the processor's.
  double deviceMs(uint32_t step) const;
  /// Buffers in the order of the model's descriptor, each aligned to SMELT_ALIGNMENT.
  void run(const std::vector<const void *> &inputs, const std::vector<void *> &outputs) const;
  /// Sets its states back to what they are before the first run.
  void reset() { smelt_reset(&instance_); }
  /// What a state holds after a run, under the name of the source model's output.
  Tensor stateValue(uint32_t state) const;
  /// Where an output is held whose shape the last run found; null for the others.
  const void *heldOutput(uint32_t output) const { return smelt_output(&instance_, output); }

private:
  void bind();
  std::string whyNoShapes(const Shapes &shapes, uint64_t size) const;

  const Artifact &artifact_;
  std::unique_ptr<Device> device_; // null where no step needs one; else it has the arena
  AlignedBytes arena_;
  smelt_instance instance_;
  std::unique_ptr<smelt_pool> pool_; // null for one thread
};

/// The shape of a tensor in a descriptor; -1 for a symbolic extent.
std::vector<int64_t> shapeOf(const smelt_tensor_info &tensor);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_ARTIFACT_H

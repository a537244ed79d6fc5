// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The inputs and outputs of one run.

#ifndef SMELT_TOOLS_RUNNER_BUFFERS_H
#define SMELT_TOOLS_RUNNER_BUFFERS_H

#include "tools/runner/Artifact.h"
#include "tools/runner/Npz.h"

namespace smelt::runner {

/// Memory for a run, in the order of the model's descriptor.
class Buffers {
public:
  /// Inputs from a file, save for those called as one `beside`, which are zeros. Throws Usage that names the tensor
  /// which is missing, unknown and not one of `ignored`, or of another type or shape.
  static Buffers read(Instance &instance, const NpzReader &file, const std::vector<std::string> &beside = {},
                      const std::vector<std::string> &ignored = {});
  /// Seeded inputs: floats from the standard normal distribution, integers from their range, or the least numbers of
  /// one that has no end; those without a range, and bools, 0 or 1, which indices, tokens and masks usually allow.
  /// Throws Usage where the instance lacks shapes.
  static Buffers seeded(const Instance &instance, const ValueRanges &ranges);
  /// By the ranges that the artefact says its inputs have.
  static Buffers seeded(const Instance &instance) { return seeded(instance, instance.inputRanges()); }

  void run(const Instance &instance);
  /// Write the inputs, and the states as the first run finds them, or the outputs and what the states hold, under their
  /// names in the source model.
  void writeInputs(const Instance &instance, const std::string &path) const;
  void writeOutputs(const Instance &instance, const std::string &path) const;

  const std::vector<AlignedBytes> &inputs() const { return inputs_; }
  const std::vector<AlignedBytes> &outputs() const { return outputs_; }

private:
  explicit Buffers(const Instance &instance);

  std::vector<AlignedBytes> inputs_, outputs_;
  std::vector<const void *> inputTable_;
  std::vector<void *> outputTable_;
};

/// "f32 1x3x224x224"
std::string describeType(uint32_t dtype, const std::vector<int64_t> &shape);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_BUFFERS_H

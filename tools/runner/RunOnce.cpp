// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/RunOnce.h"

#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace smelt::runner {

namespace {
struct Range {
  const unsigned char *begin = nullptr;
  size_t bytes = 0;
};

/// What is read by each step and by no later one.
class Discarding {
public:
  Discarding(const smelt_model &model, const Buffers &buffers);

  static void afterStep(void *self, const smelt_model *model, uint32_t step, int done);

private:
  std::vector<std::vector<Range>> finished_; // under the steps
};
} // namespace

/// Where each weight begins, and after it the next one; none where the run finds which a step reads.
static std::map<int64_t, Range> weightsOf(const smelt_model &model) {
  std::map<int64_t, Range> weights;
  for (uint32_t step = 0; step < model.step_count; ++step)
    for (uint32_t i = 0; i < model.steps[step].operand_count; ++i) {
      const smelt_operand &operand = model.steps[step].operands[i];
      if (operand.base == (SMELT_BASE_WEIGHTS | SMELT_OFFSET_IS_SIZE))
        return {};
      if (operand.base == SMELT_BASE_WEIGHTS)
        weights[operand.offset].begin = model.weights + operand.offset;
    }
  const unsigned char *end = model.weights + model.weights_bytes;
  for (auto weight = weights.rbegin(); weight != weights.rend(); ++weight) {
    weight->second.bytes = static_cast<size_t>(end - weight->second.begin);
    end = weight->second.begin;
  }
  return weights;
}

Discarding::Discarding(const smelt_model &model, const Buffers &buffers) : finished_(model.step_count) {
  std::map<int64_t, Range> weights = weightsOf(model);
  std::vector<bool> seen(model.input_count);
  const auto rangeOf = [&](const smelt_operand &operand) -> Range {
    if (operand.base == SMELT_BASE_WEIGHTS)
      return std::exchange(weights[operand.offset], {});
    if ((operand.base & ~SMELT_OFFSET_IS_SIZE) != SMELT_BASE_INPUT || seen[operand.index])
      return {};
    seen[operand.index] = true;
    const AlignedBytes &input = buffers.inputs()[operand.index];
    return {input.data(), input.size()};
  };
  for (uint32_t step = model.step_count; step-- > 0;)
    for (uint32_t i = 0; i < model.steps[step].operand_count; ++i)
      finished_[step].push_back(rangeOf(model.steps[step].operands[i]));
}

/// Only whole pages: what else lies on the first and the last one stays.
static void discard(const Range &range) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t before = (page - reinterpret_cast<uintptr_t>(range.begin) % page) % page;
  if (range.bytes < before + page)
    return;
  auto *first = const_cast<unsigned char *>(range.begin + before);
  madvise(first, (range.bytes - before) / page * page, MADV_DONTNEED); // a hint: where it fails, the pages stay
}

void Discarding::afterStep(void *self, const smelt_model *, uint32_t step, int done) {
  if (!done)
    return;
  for (const Range &range : static_cast<Discarding *>(self)->finished_[step])
    discard(range);
}

/// Whether a step may run twice.
static bool loops(const smelt_model &model) {
  for (uint32_t step = 0; step < model.step_count; ++step)
    if (model.steps[step].kind == SMELT_STEP_JUMP && model.steps[step].first <= step)
      return true;
  return false;
}

void runOnce(Instance &instance, Buffers &buffers) {
  if (loops(instance.model()) || instance.hasDevice()) // which has the weights in memory of its own
    return buffers.run(instance);
  Discarding discarding(*instance.handle().model, buffers);
  smelt_set_step_hook(&instance.handle(), Discarding::afterStep, &discarding);
  buffers.run(instance);
  smelt_set_step_hook(&instance.handle(), nullptr, nullptr);
}

} // namespace smelt::runner

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/StepWork.h"

#include "codegen/artifact/WorkTable.h"
#include "tools/runner/Artifact.h"
#include "tools/runner/ElfFile.h"

#include <algorithm>
#include <cstring>

extern "C" {
#include "runtime/core/sizes.h"
}

namespace smelt::runner {

using artifact::WorkHeader;
using artifact::WorkRow;

constexpr uint64_t kMostSectionBytes = 1 << 28; // more than any plan takes

/// Takes the next of a section's bytes. Returns whether there are as many.
template <typename T> static bool take(const std::string &section, size_t &at, T *to, size_t count) {
  if (count > (section.size() - at) / sizeof(T))
    return false;
  if (count > 0)
    std::memcpy(to, section.data() + at, count * sizeof(T));
  at += count * sizeof(T);
  return true;
}

/// Of what a table may compute with: numbers, and sizes before it.
static bool isValid(const smelt_size &size, size_t number) {
  if (size.kind == SMELT_SIZE_NUMBER)
    return true;
  return size.kind >= SMELT_SIZE_ADD && size.kind <= SMELT_SIZE_EQUAL && size.a < number && size.b < number;
}

WorkTable::WorkTable(const Artifact &artifact)
    : WorkTable(artifact.model(), ElfFile(artifact.path()).section(artifact::kWorkSection, kMostSectionBytes)) {}

WorkTable::WorkTable(const smelt_model &model, const std::string &section) {
  WorkHeader header;
  size_t at = 0;
  if (!take(section, at, &header, 1) || header.version != artifact::kWorkVersion ||
      header.stepCount != model.step_count || header.sizeCount > section.size() / sizeof(smelt_size) ||
      model.size_count > SMELT_MAX_SIZES)
    return;
  if (model.size_count > 0)
    sizes_.assign(model.sizes, model.sizes + model.size_count);
  sizes_.resize(model.size_count + size_t(header.sizeCount));
  if (!take(section, at, sizes_.data() + model.size_count, header.sizeCount) ||
      header.stepCount > section.size() / sizeof(WorkRow))
    return;
  for (size_t i = model.size_count; i < sizes_.size(); ++i)
    if (!isValid(sizes_[i], i))
      return;
  std::vector<WorkRow> rows(header.stepCount);
  if (take(section, at, rows.data(), rows.size()))
    rows_ = std::move(rows);
}

namespace {
/// Values of sizes, where they have one.
using Values = std::vector<std::optional<int64_t>>;
} // namespace

static Values valuesOf(const smelt_instance &instance, const std::vector<smelt_size> &sizes) {
  smelt_model model = *instance.model;
  const uint32_t known = model.size_count;
  model.sizes = sizes.data();
  model.size_count = static_cast<uint32_t>(sizes.size());
  std::vector<int64_t> numbers(sizes.size() + 1); // the last tells of failures
  if (known > 0)
    std::memcpy(numbers.data(), instance.arena, known * sizeof(int64_t));
  Values values(numbers.begin(), numbers.end() - 1);
  for (uint32_t i = known; i < sizes.size(); ++i) {
    const bool isLeaf = sizes[i].kind == SMELT_SIZE_NUMBER;
    const bool hasOperands = isLeaf || (values[sizes[i].a] && values[sizes[i].b]);
    if (hasOperands && smelt_compute_sizes(&model, {}, numbers.data(), i, i + 1) == SMELT_OK)
      values[i] = numbers[i];
    else
      values[i] = std::nullopt;
  }
  return values;
}

static std::optional<int64_t> decode(int64_t given, bool isSize, const Values &values) {
  if (isSize)
    return given >= 0 && static_cast<uint64_t>(given) < values.size() ? values[static_cast<size_t>(given)]
                                                                      : std::nullopt;
  return given >= 0 ? std::optional(given) : std::nullopt;
}

std::vector<std::optional<StepWork>> WorkTable::stepsOf(const smelt_instance &instance) const {
  const Values values = valuesOf(instance, sizes_);
  std::vector<std::optional<StepWork>> steps;
  for (const WorkRow &row : rows_) {
    const auto operations = decode(row.operations, row.flags & WorkRow::kOperationsIsSize, values);
    const auto bytes = decode(row.bytes, row.flags & WorkRow::kBytesIsSize, values);
    const auto weightBytes = decode(row.weightBytes, row.flags & WorkRow::kWeightBytesIsSize, values);
    if (operations && bytes && weightBytes)
      steps.push_back(StepWork{static_cast<double>(*operations), static_cast<double>(*bytes),
                               static_cast<double>(*weightBytes), (row.flags & WorkRow::kIsFewer) != 0, row.together});
    else
      steps.emplace_back();
  }
  return steps;
}

} // namespace smelt::runner

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Buffers.h"

#include "tools/runner/Description.h"
#include "tools/runner/Error.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace smelt::runner {

std::string describeType(uint32_t dtype, const std::vector<int64_t> &shape) {
  return std::string(dtypeName(dtype)) + " " + joinExtents(shape);
}

static std::vector<AlignedBytes> allocate(const Instance &instance, const smelt_tensor_info *tensors, uint32_t count) {
  std::vector<AlignedBytes> buffers;
  for (uint32_t i = 0; i < count; ++i)
    buffers.emplace_back(tensors[i].held ? 0 : instance.bytesOf(tensors[i]), "tensor " + quoted(tensors[i].name));
  return buffers;
}

Buffers::Buffers(const Instance &instance)
    : inputs_(allocate(instance, instance.model().inputs, instance.model().input_count)),
      outputs_(allocate(instance, instance.model().outputs, instance.model().output_count)) {
  for (const AlignedBytes &input : inputs_)
    inputTable_.push_back(input.data());
  for (const AlignedBytes &output : outputs_)
    outputTable_.push_back(output.data());
}

// ------------------------------------------------------------------------------------------------------- from a file

static const smelt_tensor_info *findInput(const smelt_model &model, const std::string &name) {
  for (uint32_t i = 0; i < model.input_count; ++i)
    if (name == model.inputs[i].name)
      return &model.inputs[i];
  return nullptr;
}

static std::string inputNames(const smelt_model &model) {
  std::string names;
  for (uint32_t i = 0; i < model.input_count; ++i)
    names += (i ? ", " : "") + quoted(model.inputs[i].name);
  return names.empty() ? "the model has no inputs" : "the model's inputs are " + names;
}

/// Whether a shape is the declared one, save for what is symbolic there.
static bool fits(const std::vector<int64_t> &given, const smelt_tensor_info &wanted) {
  const std::vector<int64_t> declared = shapeOf(wanted);
  const auto fits = [](int64_t extent, int64_t symbolic) { return symbolic < 0 || extent == symbolic; };
  return std::equal(given.begin(), given.end(), declared.begin(), declared.end(), fits);
}

/// "f32 batchx3x224x224"
static std::string describeWanted(const smelt_tensor_info &wanted) {
  if (!wanted.dims)
    return describeType(wanted.dtype, shapeOf(wanted));
  std::string shape;
  for (const std::string &extent : partsOf(wanted.dims))
    shape += (shape.empty() ? "" : "x") + extent;
  return std::string(dtypeName(wanted.dtype)) + " " + shape;
}

/// "'ids' (i64 batchxlength)": those whose dims are open.
static std::string openInputs(const smelt_model &model) {
  std::string open;
  for (uint32_t i = 0; i < model.input_count; ++i)
    if (model.inputs[i].dims)
      open += (open.empty() ? "" : ", ") + quoted(model.inputs[i].name) + " (" + describeWanted(model.inputs[i]) + ")";
  return open;
}

/// What is wrong with a file's array for an input, null where it has none; nothing where it fits.
static std::string wrongOf(const smelt_tensor_info &wanted, const NpzEntry *entry) {
  const std::string name = "input " + quoted(wanted.name), type = describeWanted(wanted);
  if (!entry)
    return name + " is missing; the model wants " + type;
  if (!canHold(entry->header.dtype, static_cast<smelt_dtype>(wanted.dtype)) || !fits(entry->header.shape, wanted))
    return name + " is " + describeType(entry->header.dtype, entry->header.shape) + ", the model wants " + type;
  return "";
}

static bool isBeside(const smelt_tensor_info &input, const std::vector<std::string> &beside) {
  return std::find(beside.begin(), beside.end(), input.name) != beside.end();
}

/// What a .npy file holds has no name, and so can only be the one input that a model has.
static void checkOnly(const smelt_model &model, const NpzReader &file, const std::vector<std::string> &beside) {
  const auto count = std::count_if(model.inputs, model.inputs + model.input_count,
                                   [&](const smelt_tensor_info &input) { return !isBeside(input, beside); });
  if (file.only() && count != 1)
    throw Error(Exit::Usage, file.path() + ": is one array, and " + inputNames(model) +
                                 "; give a .npz file with one for each of them");
}

Buffers Buffers::read(Instance &instance, const NpzReader &file, const std::vector<std::string> &beside,
                      const std::vector<std::string> &ignored) {
  const smelt_model &model = instance.model();
  checkOnly(model, file, beside);
  std::string wrong; // all of it at once
  const auto add = [&](const std::string &what) { wrong += (wrong.empty() || what.empty() ? "" : "; ") + what; };
  for (const NpzEntry &entry : file.entries())
    if (!file.only() && !findInput(model, entry.name) &&
        std::find(ignored.begin(), ignored.end(), entry.name) == ignored.end())
      add("no input is called " + quoted(entry.name) + "; " + inputNames(model) + "; leave this array out" +
          (ignored.empty() ? "" : ", or call it " + quoted(ignored.front()) + " if it tells what is right"));
  std::vector<const NpzEntry *> entries; // all are checked before memory is used
  Shapes shapes;
  for (uint32_t i = 0; i < model.input_count; ++i) {
    const smelt_tensor_info &input = model.inputs[i];
    const bool isGiven = !isBeside(input, beside);
    entries.push_back(!isGiven ? nullptr : file.only() ? file.only() : file.find(input.name));
    if (isGiven)
      add(wrongOf(input, entries.back()));
    shapes.push_back(entries.back() ? entries.back()->header.shape : shapeOf(input));
  }
  if (!wrong.empty())
    throw Error(Exit::Usage, file.path() + ": " + wrong);
  if (model.size_count) // where no dim is symbolic, nothing comes of it
    try {
      instance.setShapes(shapes);
    } catch (const Error &error) {
      throw Error(error.code(), file.path() + ": does not fit " + error.what());
    }
  Buffers buffers(instance);
  for (size_t i = 0; i < entries.size(); ++i)
    if (entries[i])
      file.readAs(*entries[i], static_cast<smelt_dtype>(model.inputs[i].dtype), buffers.inputs_[i].data());
    else if (buffers.inputs_[i].size())
      std::memset(buffers.inputs_[i].data(), 0, buffers.inputs_[i].size());
  return buffers;
}

// ------------------------------------------------------------------------------------------------------------ seeded

namespace {
/// SplitMix64: the same numbers everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  /// From the standard normal distribution, as the sum of twelve uniform numbers less six: never beyond ±6, and without
  /// functions of a library that differ between systems.
  float normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i)
      sum += static_cast<double>(bits() >> 11) * 0x1p-53;
    return static_cast<float>(sum);
  }

private:
  uint64_t state_;
};
} // namespace

/// The bits of a small number in bf16, and in f16 by moving the exponent's bias; both cut off.
static uint16_t bf16Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}
static uint16_t f16Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const int exponent = static_cast<int>(bits >> 23 & 255) - 127 + 15;
  const uint32_t sign = bits >> 16 & 0x8000;
  return static_cast<uint16_t>(exponent <= 0 ? sign
                                             : sign | static_cast<uint32_t>(exponent) << 10 | (bits >> 13 & 1023));
}

static void writeElement(unsigned char *to, smelt_dtype dtype, Random &random) {
  const auto put = [to](auto value) { std::memcpy(to, &value, sizeof value); };
  switch (dtype) {
  case SMELT_F32:
    return put(random.normal());
  case SMELT_F64:
    return put(static_cast<double>(random.normal()));
  case SMELT_F16:
    return put(f16Bits(random.normal()));
  case SMELT_BF16:
    return put(bf16Bits(random.normal()));
  default: // 0 or 1, whose other bytes are zero
    std::memset(to, 0, std::max<size_t>(smelt_dtype_size(dtype), 1));
    *to = random.bits() & 1;
  }
}

/// Little-endian, as many bytes as the element has: what a smaller type cannot hold is no number of a range of its.
static void writeFrom(const ValueRange &range, unsigned char *to, smelt_dtype dtype, Random &random) {
  constexpr uint64_t kWidest = 1 << 16; // a wider one has no end that the model was made for
  const uint64_t width = static_cast<uint64_t>(range.most) - static_cast<uint64_t>(range.least);
  const uint64_t value = static_cast<uint64_t>(range.least) + random.bits() % (width < kWidest ? width + 1 : 2);
  std::memcpy(to, &value, smelt_dtype_size(dtype));
}

Buffers Buffers::seeded(const Instance &instance, const ValueRanges &ranges) {
  const smelt_model &model = instance.model();
  if (instance.needsShapes())
    throw Error(Exit::Usage, instance.path() + ": dims of its inputs are open: " + openInputs(model) +
                                 "; give arrays with --inputs, or compile the model with --shape");
  Buffers buffers(instance);
  for (uint32_t i = 0; i < model.input_count; ++i) {
    Random random(i + 1);
    const auto dtype = static_cast<smelt_dtype>(model.inputs[i].dtype);
    const uint64_t step = std::max<uint64_t>(smelt_dtype_size(dtype), 1); // a byte that holds several elements
    const auto range = smelt_dtype_size(dtype) ? ranges.find(model.inputs[i].name) : ranges.end();
    for (uint64_t at = 0; at < buffers.inputs_[i].size(); at += step)
      if (range != ranges.end())
        writeFrom(range->second, buffers.inputs_[i].data() + at, dtype, random);
      else
        writeElement(buffers.inputs_[i].data() + at, dtype, random);
  }
  return buffers;
}

// --------------------------------------------------------------------------------------------------------------- run

void Buffers::run(const Instance &instance) {
  instance.run(inputTable_, outputTable_);
  for (uint32_t i = 0; i < outputs_.size(); ++i) {
    const void *held = instance.heldOutput(i);
    if (!held)
      continue;
    const smelt_tensor_info &output = instance.model().outputs[i];
    outputs_[i] = AlignedBytes(instance.bytesOf(output), "tensor " + quoted(output.name));
    outputTable_[i] = outputs_[i].data();
    if (outputs_[i].size())
      std::memcpy(outputs_[i].data(), held, outputs_[i].size());
  }
}

static void write(const Instance &instance, const smelt_tensor_info *tensors, const std::vector<AlignedBytes> &buffers,
                  NpzWriter &writer) {
  for (size_t i = 0; i < buffers.size(); ++i)
    writer.add(tensors[i].name, static_cast<smelt_dtype>(tensors[i].dtype), instance.shapeOf(tensors[i]),
               buffers[i].data());
}

void Buffers::writeInputs(const Instance &instance, const std::string &path) const {
  NpzWriter writer(path);
  write(instance, instance.model().inputs, inputs_, writer);
  for (uint32_t i = 0; i < instance.model().state_count; ++i) {
    const smelt_tensor_info &input = instance.model().states[i].input;
    const AlignedBytes zeros(instance.bytesOf(input), "state " + quoted(input.name));
    if (zeros.size())
      std::memset(zeros.data(), 0, zeros.size());
    writer.add(input.name, static_cast<smelt_dtype>(input.dtype), instance.shapeOf(input), zeros.data());
  }
  writer.commit();
}

void Buffers::writeOutputs(const Instance &instance, const std::string &path) const {
  NpzWriter writer(path);
  write(instance, instance.model().outputs, outputs_, writer);
  for (uint32_t i = 0; i < instance.model().state_count; ++i) {
    const Tensor state = instance.stateValue(i);
    writer.add(state.name, state.dtype, state.shape, state.bytes.data());
  }
  writer.commit();
}

} // namespace smelt::runner

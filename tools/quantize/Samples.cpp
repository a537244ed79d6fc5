// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Samples.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Compare.h"
#include "tools/runner/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <set>

namespace smelt::quantize {

llvm::Expected<std::vector<std::string>> samplesOf(const std::string &path) {
  if (!llvm::sys::fs::is_directory(path))
    return std::vector<std::string>{path};
  std::set<std::string> files;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator entry(path, code), end; !code && entry != end; entry.increment(code))
    if (llvm::sys::path::extension(entry->path()) == ".npz")
      files.insert(entry->path());
  if (code)
    return driver::toolError(driver::kEnvironment, "--calibration " + path + ": " + code.message());
  if (files.empty())
    return driver::toolError(driver::kUsage, "--calibration " + path + ": there is no .npz file in this folder");
  return std::vector<std::string>(files.begin(), files.end());
}

std::vector<std::string> someOf(const std::vector<std::string> &samples, size_t most) {
  std::vector<std::string> some;
  const size_t count = std::min(samples.size(), most);
  for (size_t i = 0; i < count; ++i)
    some.push_back(samples[i * samples.size() / count]);
  return some;
}

static bool takesShapes(runner::Instance &instance, const runner::Shapes &shapes) {
  try {
    instance.setShapes(shapes);
    return true;
  } catch (const runner::Error &) {
    return false;
  }
}

/// Sizes for the open dims of a model of which nobody gave any.
static void chooseShapes(runner::Instance &instance) {
  constexpr int64_t kBatch = 1;
  const smelt_model &model = instance.model();
  // What fits depends on the model: sequences, images whose sides are halved a few times, whatever takes one element.
  for (int64_t size : {64, 224, 16, 1}) {
    runner::Shapes shapes;
    for (uint32_t i = 0; i < model.input_count; ++i) {
      std::vector<int64_t> shape = runner::shapeOf(model.inputs[i]);
      for (size_t dim = 0; dim < shape.size(); ++dim)
        if (shape[dim] < 0)
          shape[dim] = dim == 0 && shape.size() > 1 ? kBatch : size;
      shapes.push_back(shape);
    }
    if (takesShapes(instance, shapes))
      return;
  }
  throw runner::Error(runner::Exit::Usage, "its inputs have open dims, and no sizes were found for them; give inputs "
                                           "with --calibration");
}

/// What is no number would make all ranges that it reaches meaningless. Infinities are what masks are made of.
static void refuseNan(const runner::Instance &instance, const runner::Buffers &buffers, const std::string &sample) {
  const smelt_model &model = instance.model();
  for (uint32_t i = 0; i < model.input_count; ++i) {
    const smelt_tensor_info &info = model.inputs[i];
    const runner::TensorView view{static_cast<smelt_dtype>(info.dtype), instance.shapeOf(info),
                                  buffers.inputs()[i].data()};
    if (!view.isFloat())
      continue;
    for (uint64_t at = 0, count = view.count(); at < count; ++at)
      if (std::isnan(view.at(at)))
        throw runner::Error(runner::Exit::Usage, sample + ": input " + runner::quoted(info.name) +
                                                     " has NaN at element " + std::to_string(at) +
                                                     ", which tells nothing about a model; leave this sample out");
  }
}

runner::Buffers inputsOf(runner::Instance &instance, const std::string &sample,
                         const std::vector<std::string> &beside) {
  if (!sample.empty()) {
    runner::Buffers buffers = runner::Buffers::read(instance, runner::NpzReader(sample), beside);
    refuseNan(instance, buffers, sample);
    return buffers;
  }
  if (instance.needsShapes())
    chooseShapes(instance);
  return runner::Buffers::seeded(instance);
}

} // namespace smelt::quantize

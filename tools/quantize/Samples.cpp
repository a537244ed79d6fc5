// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Samples.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/Preprocessing.h"
#include "tools/runner/Compare.h"
#include "tools/runner/Error.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <set>

namespace smelt::quantize {

namespace {
/// What a path holds, by name and in order.
struct Files {
  std::vector<std::string> arrays, images;
};
} // namespace

static llvm::Expected<Files> filesOf(const std::string &path) {
  std::set<std::string> names{path};
  if (llvm::sys::fs::is_directory(path)) {
    names.clear();
    std::error_code code;
    for (llvm::sys::fs::directory_iterator entry(path, code), end; !code && entry != end; entry.increment(code))
      names.insert(entry->path());
    if (code)
      return driver::toolError(driver::kEnvironment, "--calibration " + path + ": " + code.message());
  }
  Files files;
  for (const std::string &name : names) {
    const llvm::StringRef ending = llvm::sys::path::extension(name);
    if (isImageName(name))
      files.images.push_back(name);
    else if (ending == ".npz" || ending == ".npy")
      files.arrays.push_back(name);
  }
  return files;
}

llvm::Expected<std::vector<std::string>> samplesOf(const std::string &path) {
  if (!llvm::sys::fs::is_directory(path) && !isImageName(path))
    return std::vector<std::string>{path};
  llvm::Expected<Files> files = filesOf(path);
  if (!files)
    return files.takeError();
  if (!files->images.empty())
    return driver::toolError(driver::kUsage, files->images.front() +
                                                 ": is an image; --calibration-preprocess says how it becomes the "
                                                 "model's input, as resize=256,crop=224,scale=1/255");
  if (files->arrays.empty())
    return driver::toolError(driver::kUsage,
                             "--calibration " + path + ": there is no .npz or .npy file and no image in this folder");
  return std::move(files->arrays);
}

llvm::Error prepareImages(const std::string &path, const std::string &preprocessing, const std::string &folder) {
  llvm::Expected<Preprocessing> how = Preprocessing::parse(preprocessing);
  if (!how)
    return how.takeError();
  llvm::Expected<Files> files = filesOf(path);
  if (!files)
    return files.takeError();
  if (files->images.empty())
    return driver::toolError(driver::kUsage,
                             "--calibration " + path + ": there is no PNG or JPEG for --calibration-preprocess");
  if (!files->arrays.empty())
    return driver::toolError(driver::kUsage, "--calibration " + path +
                                                 ": has arrays beside images; give them in a folder of their own");
  return how->prepare(files->images, folder);
}

/// What a sample is called: that of an array made from an image is the image.
static std::string nameOf(const std::string &sample) {
  llvm::SmallString<128> path(sample);
  llvm::sys::path::replace_extension(path, "name");
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> file = llvm::MemoryBuffer::getFile(path);
  return llvm::sys::path::extension(sample) == ".npy" && file ? (*file)->getBuffer().str() : sample;
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

static runner::Buffers readInputs(runner::Instance &instance, const std::string &sample,
                                  const std::vector<std::string> &beside) {
  try {
    runner::Buffers buffers = runner::Buffers::read(instance, runner::NpzReader(sample), beside);
    refuseNan(instance, buffers, sample);
    return buffers;
  } catch (const runner::Error &error) {
    const std::string message = error.what(), name = nameOf(sample);
    if (name == sample || message.compare(0, sample.size(), sample) != 0)
      throw;
    throw runner::Error(error.code(), name + message.substr(sample.size()));
  }
}

runner::Buffers inputsOf(runner::Instance &instance, const std::string &sample,
                         const std::vector<std::string> &beside) {
  if (!sample.empty())
    return readInputs(instance, sample, beside);
  if (instance.needsShapes())
    chooseShapes(instance);
  return runner::Buffers::seeded(instance);
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Samples.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/Preprocessing.h"
#include "tools/runner/Compare.h"
#include "tools/runner/Error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>
#include <map>
#include <set>

namespace smelt::quantize {

constexpr const char *kCalibration = "calibration", *kEvaluation = "evaluation"; // folders that smelt profile takes

namespace {
/// What a path holds, by name and in order; `others` are images of forms that nobody reads.
struct Files {
  std::vector<std::string> arrays, images, others;
};
} // namespace

static bool isUnreadImage(llvm::StringRef ending) {
  return llvm::is_contained({".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".avif", ".jxl", ".ppm"},
                            ending.lower());
}

/// The folder in which the samples are: that for calibration, where there is one for evaluation as well.
static std::string folderOf(const std::string &path) {
  llvm::SmallString<128> calibration(path), evaluation(path);
  llvm::sys::path::append(calibration, kCalibration);
  llvm::sys::path::append(evaluation, kEvaluation);
  const bool isSplit = llvm::sys::fs::is_directory(calibration) && llvm::sys::fs::is_directory(evaluation);
  return isSplit ? calibration.str().str() : path;
}

static llvm::Expected<Files> filesOf(const std::string &path) {
  std::set<std::string> names{path};
  if (llvm::sys::fs::is_directory(path)) {
    names.clear();
    std::error_code code;
    for (llvm::sys::fs::directory_iterator entry(folderOf(path), code), end; !code && entry != end;
         entry.increment(code))
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
    else if (isUnreadImage(ending))
      files.others.push_back(name);
  }
  return files;
}

/// ": a.webp is neither PNG nor JPEG; convert it"
static std::string inWords(llvm::ArrayRef<std::string> others) {
  if (others.empty())
    return "";
  const std::string more = others.size() > 1 ? " and " + std::to_string(others.size() - 1) + " more" : "";
  return llvm::sys::path::filename(others.front()).str() + more +
         (others.size() > 1 ? " are neither PNG nor JPEG; convert them" : " is neither PNG nor JPEG; convert it");
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
                             "--calibration " + folderOf(path) + ": " +
                                 (files->others.empty() ? "there is no .npz or .npy file and no image in this folder"
                                                        : inWords(files->others)));
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
    return driver::toolError(driver::kUsage, "--calibration " + path +
                                                 ": there is no PNG or JPEG for --calibration-preprocess" +
                                                 (files->others.empty() ? "" : "; ") + inWords(files->others));
  if (!files->arrays.empty())
    return driver::toolError(driver::kUsage, "--calibration " + path +
                                                 ": has arrays beside images; give them in a folder of their own");
  if (!files->others.empty())
    llvm::errs() << "smelt: warning: --calibration " << path << ": " << inWords(files->others)
                 << "; the samples are without\n";
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
    runner::Buffers buffers = runner::Buffers::read(instance, runner::NpzReader(sample), beside, {"labels", "label"});
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

// ----------------------------------------------------------------------------------------------- what never varies

namespace {
/// What an array is like in the samples looked at so far.
struct Seen {
  runner::Tensor first; // as the first sample has it
  bool isSame = true;   // in all of them
};
} // namespace

static bool areEqual(const runner::Tensor &a, const runner::Tensor &b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.bytes.size() == b.bytes.size() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

/// Whether all elements are one number, as the bytes of the first tell.
static bool isOneNumber(const runner::Tensor &tensor) {
  const size_t bytes = smelt_dtype_bits(tensor.dtype) / 8;
  if (bytes == 0 || tensor.bytes.size() <= bytes)
    return false;
  return std::memcmp(tensor.bytes.data(), tensor.bytes.data() + bytes, tensor.bytes.size() - bytes) == 0;
}

/// Floats are what ranges are found of; masks and kinds of tokens are often the same in all samples, and so is a single
/// number, as a rate or a threshold.
static bool shouldVary(const runner::Tensor &tensor) {
  const bool isFloat = tensor.dtype >= SMELT_F32 && tensor.dtype <= SMELT_F64;
  return isFloat && tensor.bytes.size() > smelt_dtype_bits(tensor.dtype) / 8;
}

static std::map<std::string, Seen> lookAt(const std::vector<std::string> &samples) {
  std::map<std::string, Seen> seen;
  for (size_t i = 0; i < samples.size(); ++i) {
    const runner::NpzReader file(samples[i]);
    for (const runner::NpzEntry &entry : file.entries()) {
      auto found = seen.find(entry.name);
      if (i == 0)
        seen[entry.name].first = file.read(entry);
      else if (found != seen.end() && found->second.isSame)
        found->second.isSame = areEqual(found->second.first, file.read(entry));
    }
    if (llvm::none_of(seen, [](const auto &each) { return each.second.isSame; }))
      break;
  }
  return seen;
}

std::string whatNeverVaries(const std::vector<std::string> &samples) {
  if (samples.empty() || samples.front().empty())
    return "";
  const std::map<std::string, Seen> seen = lookAt(samples);
  const bool areAllEqual =
      samples.size() > 1 && llvm::all_of(seen, [](const auto &each) { return each.second.isSame; });
  std::string names, numbers;
  for (const auto &[name, each] : seen) {
    const std::string called = name.empty() ? "the input" : "input " + runner::quoted(name);
    if (!each.isSame || !shouldVary(each.first))
      continue;
    if (isOneNumber(each.first))
      numbers += (numbers.empty() ? "" : ", ") + called;
    else if (samples.size() > 1)
      names += (names.empty() ? "" : ", ") + called;
  }
  const std::string advice =
      "; ranges that are found on this fit nothing else: give samples as the model sees them in use";
  if (!numbers.empty())
    return numbers + ": one number throughout, in " +
           (samples.size() == 1 ? "the only sample" : "all " + std::to_string(samples.size()) + " samples") + advice;
  if (areAllEqual && !seen.empty())
    return "all " + std::to_string(samples.size()) + " samples are equal" + (names.empty() ? "" : ": " + names) +
           advice;
  return names.empty() ? "" : names + ": the same in all " + std::to_string(samples.size()) + " samples" + advice;
}

} // namespace smelt::quantize

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/CompileFlags.h"
#include "codegen/cpu/Target.h"
#include "codegen/gpu/Profile.h"
#include "passes/plan/Passes.h"
#include "smelt/threads.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/Histogram.h"
#include "tools/quantize/Samples.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

namespace smelt {

constexpr int64_t kMostStrips = 1024; // more are calls without work

void CompileFlags::addSignature(CLI::App &command) {
  command
      .add_option("--signature", options.import.signature,
                  "which entry point of a file that has several: the key of a .tflite file's signature, whose names "
                  "inputs and outputs then have, by default the first subgraph; or the name of a model in a .pt2 "
                  "archive. smelt inspect lists them")
      ->check(CLI::Validator([](const std::string &name) { return name.empty() ? "the name is empty" : ""; }, ""));
}

void CompileFlags::addShape(CLI::App &command) {
  command
      .add_option(
          "--shape", shapes,
          "INPUT=1x3x224x224: fixes an input's extents, which stay open where the file leaves them so: the "
          "artefact then serves every size. May be repeated. Instead of a number, ? leaves an extent open, 1..8 "
          "within bounds; a name, NAME or NAME:1..8, says that those are equal which have it. Names that hold "
          "an x need commas between extents. [2x3, 4x3] are the tensors of a sequence, none is an optional input that "
          "is "
          "absent")
      ->allow_extra_args(false);
}

void CompileFlags::addState(CLI::App &command) {
  command
      .add_option(
          "--state", states,
          "INPUT=OUTPUT: the output of a run is the input of the next, and stays in the instance; zeros at first, "
          "nothing where its dims are open. May be repeated")
      ->allow_extra_args(false);
}

void CompileFlags::addCustom(CLI::App &command) {
  command
      .add_option("--custom", custom,
                  "a file that declares custom operators and the C functions that compute them, one a line; see "
                  "docs/custom-operators.md. May be repeated")
      ->allow_extra_args(false)
      ->check(checkName);
}

void CompileFlags::addTo(CLI::App &command) {
  command.add_option("MODEL", options.model, "an .onnx, .tflite or .pt2 file, or .mlir of the graph dialect")
      ->required();
  command
      .add_option("--target", options.target,
                  "processor to compile for: " + cpu::targetNames() + "; or a kind of device: " + gpu::profileNames() +
                      "; behind vulkan: what its device has besides, as in vulkan:f16,subgroup=32, and other devices "
                      "are refused when the model is opened: " +
                      gpu::profileOptions())
      ->capture_default_str();
  addSignature(command);
  addShape(command);
  addState(command);
  addCustom(command);
  command
      .add_option("--link", options.libraries,
                  "an object file, archive or shared library that has functions of custom operators: a shared artefact "
                  "is linked with it. May be repeated")
      ->allow_extra_args(false)
      ->check(checkName);
  command
      .add_option(
          "--precision", precision,
          "f32: as the model has it; bf16 and f16 trade accuracy: operands of products are rounded to these, and "
          "summed up in f32; tf32: the same on CUDA's tensor cores, from sm_80 on, and f32 in memory; int8: products "
          "by weights are computed in integers, by ranges found with --calibration, "
          "and in bf16 or f32 where the outputs suffer most; "
          "int8-dynamic: the same without data, by ranges that the run finds; int8-weights and int4-weights: matrices "
          "are "
          "kept in so many bits, and all is computed in f32. Or FILE.json, that says so for each layer: "
          "{\"default\": \"int8\", \"layers\": {\"/Conv_3\": \"f32\"}}; --save-precisions writes one that needs no "
          "calibration")
      ->capture_default_str();
  command.add_option("--calibration", calibration,
                     "a .npz file of inputs, or a .npy file where there is one, or a folder of such files or of "
                     "images: what ranges are found on for integers, and "
                     "what weights are rounded by, and what the error of a lower precision is measured on; by "
                     "default seeded inputs: give your own for real use");
  command.add_option("--calibration-preprocess", preprocessing,
                     "how images (PNG, JPEG) of --calibration become the model's input: "
                     "resize=256,crop=224x224,color=rgb,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,"
                     "layout=nchw,type=f32; each may be left out");
  method_ = command
                .add_option("--calibration-method", method,
                            "how ranges of int8 are chosen: " + std::string(quantize::rangeMethodNames()) +
                                "; auto tries several")
                ->capture_default_str();
  command
      .add_option("--threads", options.threads, "threads that compile; 0: one for each core. The output is the same")
      ->check(CLI::Range(0, SMELT_MAX_THREADS))
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--optimize-for",
          [this](const std::string &goal) {
            options.strips = goal == "memory" ? plan::kStripsForMemory : plan::kStripsForSpeed;
          },
          "speed: the smallest arena for which neither one thread nor two take longer; memory: one thread does not, "
          "and weights that "
          "are numbers of f16 or bf16 stay in these")
      ->check(CLI::IsMember({"speed", "memory"}))
      ->default_str("speed");
  command
      .add_option("--strips", options.strips,
                  "layers that follow one another are computed in so many strips of rows, 1 for none; 0: in as many as "
                  "need a smaller arena and no more time. Results are the same")
      ->check(CLI::Range(int64_t(0), kMostStrips))
      ->capture_default_str();
  command
      .add_option("--cache", options.cache,
                  "a folder, made where it is missing, for the code of kernels: what an earlier compile left there is "
                  "not compiled again. The output is the same. The folder holds 1 GB at most")
      ->check(checkName);
  command.add_option("--dump-after", options.dumpAfter, "print the IR after this pass, or after import, on stderr");
}

constexpr llvm::StringLiteral kShapeForms =
    "INPUT=1x3x224x224, of which each may be a number, ? (as the file has it), 1..8 (any of these), a name that dims "
    "of "
    "one size share, or NAME:1..8; names that hold an x need commas: INPUT=batch,max_len. INPUT=[2x3, (4,3)] are the "
    "tensors of a sequence, () a scalar among them, INPUT=none is an optional input that is absent";

/// "1..8", "1.."
static bool parseBounds(llvm::StringRef text, frontend::GivenDim &dim) {
  auto [least, most] = text.split("..");
  return text.contains("..") && !least.getAsInteger(10, dim.least) && dim.least >= 0 &&
         (most.empty() || (!most.getAsInteger(10, dim.most) && dim.most >= dim.least));
}

static bool isName(llvm::StringRef text) {
  return !text.empty() && !llvm::isDigit(text.front()) &&
         llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// "3", "?", "1..8", "batch", "batch:1..8"; nothing where it is none of them.
static std::optional<frontend::GivenDim> parseDim(llvm::StringRef text) {
  frontend::GivenDim dim;
  int64_t number = 0;
  if (!text.getAsInteger(10, number))
    return number >= 0 ? std::optional<frontend::GivenDim>(number) : std::nullopt;
  if (text == "?" || parseBounds(text, dim))
    return dim;
  auto [name, bounds] = text.split(':');
  dim.symbol = name.str();
  bool isValid = isName(name) && (!text.contains(':') || parseBounds(bounds, dim));
  return isValid ? std::optional(dim) : std::nullopt;
}

using GivenDims = std::vector<frontend::GivenDim>;

/// "1x3x224x224", "batch,max_len", "" for a scalar; nothing where it is none of them.
static std::optional<GivenDims> parseDims(llvm::StringRef text) {
  GivenDims dims;
  llvm::SmallVector<llvm::StringRef> words;
  if (!text.empty())
    text.split(words, text.contains(',') ? ',' : 'x');
  for (llvm::StringRef word : words) {
    std::optional<frontend::GivenDim> dim = parseDim(word);
    if (!dim)
      return std::nullopt;
    dims.push_back(*dim);
  }
  return dims;
}

/// "2x3, (4,3), ()", "": the tensors of a sequence; commas in parentheses separate extents.
static std::optional<std::vector<GivenDims>> parseTensors(llvm::StringRef text) {
  std::vector<GivenDims> tensors;
  for (llvm::StringRef left = text.trim(); !left.empty();) {
    const bool isClosed = left.consume_front("(");
    const size_t end = left.find(isClosed ? ')' : ',');
    const llvm::StringRef word = left.substr(0, end).trim();
    std::optional<GivenDims> dims = parseDims(word);
    if (!dims || (isClosed ? end == llvm::StringRef::npos : word.empty()))
      return std::nullopt;
    tensors.push_back(std::move(*dims));
    left = left.substr(end).drop_front(isClosed ? 1 : 0).ltrim();
    if (left.consume_front(",") == left.empty()) // a comma, and more behind it; or neither
      return std::nullopt;
    left = left.ltrim();
  }
  return tensors;
}

/// "8 is more than 1" of "8..1x512"; "" where no bounds are the wrong way round.
static std::string reversedBounds(llvm::StringRef list) {
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString(list, words, "x,:()[] ");
  for (llvm::StringRef word : words) {
    auto [least, most] = word.split("..");
    int64_t from = 0, to = 0;
    if (!least.getAsInteger(10, from) && !most.getAsInteger(10, to) && from > to)
      return (least + " is more than " + most).str();
  }
  return "";
}

/// "image=1x3x224x224" → the extents; the name may hold anything but the last "=".
static llvm::Error parseShape(llvm::StringRef text, frontend::ImportOptions &options) {
  auto [name, list] = text.rsplit('=');
  const std::string key = name.str();
  bool isValid = text.contains('=') && !name.empty();
  const bool isKnown = options.shapes.count(key) || options.sequences.count(key) || options.absent.count(key);
  if (list == "none") {
    options.absent.insert(key);
  } else if (list.consume_front("[")) {
    std::optional<std::vector<GivenDims>> tensors;
    if (list.consume_back("]"))
      tensors = parseTensors(list);
    isValid &= tensors.has_value();
    options.sequences[key] = std::move(tensors).value_or(std::vector<GivenDims>());
  } else {
    std::optional<GivenDims> dims = parseDims(list);
    isValid &= dims.has_value();
    options.shapes[key] = std::move(dims).value_or(GivenDims());
  }
  if (const std::string why = isValid ? "" : reversedBounds(text.rsplit('=').second); !why.empty())
    return driver::toolError(driver::kUsage, "--shape " + text + ": " + why + "; bounds are written least..most");
  if (!isValid)
    return driver::toolError(driver::kUsage, "--shape " + text + ": wanted " + kShapeForms);
  if (isKnown)
    return driver::toolError(driver::kUsage, "--shape: '" + name + "' is given twice");
  return llvm::Error::success();
}

/// "past=present" → what is fed back; names may hold "=" but for the first.
static llvm::Error parseState(llvm::StringRef text, driver::CompileOptions &options) {
  auto [input, output] = text.split('=');
  if (input.empty() || output.empty())
    return driver::toolError(driver::kUsage, "--state " + text + ": wanted INPUT=OUTPUT");
  options.states.emplace_back(input.str(), output.str());
  return llvm::Error::success();
}

llvm::Error CompileFlags::parse() {
  for (const std::string &path : custom)
    if (llvm::Error error = frontend::readCustomOperators(path, options.import.custom))
      return error;
  for (const std::string &text : states)
    if (llvm::Error error = parseState(text, options))
      return error;
  for (const std::string &text : shapes)
    if (llvm::Error error = parseShape(text, options.import))
      return error;
  return parsePrecision();
}

/// Whether what --precision is given is no name.
static bool isFile(llvm::StringRef precision) {
  return precision.ends_with(".json") || llvm::sys::fs::exists(precision);
}

llvm::Error CompileFlags::parsePrecision() {
  options.tf32 = precision == "tf32"; // the graph is as in f32
  std::optional<quantize::Precision> known = quantize::precisionOf(options.tf32 ? "f32" : precision);
  if (!known && isFile(precision)) {
    llvm::Expected<quantize::ConfigurationFile> file = quantize::ConfigurationFile::read(precision);
    if (!file)
      return file.takeError();
    known = file->passes();
    configuration = std::move(*file);
  }
  if (!known)
    return driver::toolError(driver::kUsage, "--precision: no precision '" + precision + "'; there are " +
                                                 quantize::precisionNames() + ", tf32, and files that end in .json");
  options.precision = *known;
  if (!calibration.empty() && options.precision == quantize::Precision::F32 && !configuration)
    return driver::toolError(driver::kUsage, "--calibration is not looked at with --precision " +
                                                 std::string(options.tf32 ? "tf32" : "f32") +
                                                 ", which has no ranges and no error to measure from samples; leave "
                                                 "it out");
  if (quantize::rangeMethodsOf(method).empty())
    return driver::toolError(driver::kUsage, "--calibration-method: no method '" + method + "'; there are " +
                                                 std::string(quantize::rangeMethodNames()));
  if (method_ && method_->count() > 0 && options.precision != quantize::Precision::Int8 && !configuration)
    return driver::toolError(driver::kUsage, "--calibration-method goes with --precision int8, the one that has ranges "
                                             "from samples");
  return parseCalibration();
}

/// Images become arrays here, once.
llvm::Error CompileFlags::parseCalibration() {
  samples = calibration;
  if (preprocessing.empty())
    return llvm::Error::success();
  if (calibration.empty())
    return driver::toolError(driver::kUsage, "--calibration-preprocess goes with images of --calibration");
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  prepared_ = std::make_shared<TemporaryFolder>(std::move(*folder));
  samples = prepared_->file("");
  return quantize::prepareImages(calibration, preprocessing, samples);
}

} // namespace smelt

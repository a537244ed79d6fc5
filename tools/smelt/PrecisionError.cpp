// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/PrecisionError.h"
#include "tools/driver/Errors.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/Parallel.h"
#include "tools/quantize/Samples.h"
#include "tools/runner/Buffers.h"
#include "tools/runner/Compare.h"
#include "tools/runner/Error.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using smelt::driver::OutputError;
using smelt::driver::PrecisionReport;

namespace smelt {

namespace {
/// Both forms of a model.
class Measurement {
public:
  Measurement(const std::string &exact, const std::string &lowered) : exact_(exact), lowered_(lowered) {}

  /// One run each, on the arrays of every file, or on seeded inputs where there is none.
  void run(const std::vector<std::string> &files, unsigned threads) {
    std::vector<std::vector<OutputError>> found(files.size());
    quantize::inParallel(files.size(), threads, [&](size_t i) { found[i] = errorsOn(files[i]); });
    for (const std::vector<OutputError> &errors : found)
      for (const OutputError &error : errors)
        add(error);
  }

  std::vector<OutputError> errors() const {
    std::vector<OutputError> all;
    for (uint32_t i = 0; i < exact_.model().output_count; ++i)
      if (auto found = errors_.find(exact_.model().outputs[i].name); found != errors_.end())
        all.push_back(found->second);
    return all;
  }

  /// Of seeded inputs whose dims are open.
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes() const { return shapes_; }

private:
  std::vector<OutputError> errorsOn(const std::string &file) {
    runner::Instance exact(exact_), lowered(lowered_);
    runner::Buffers want = quantize::inputsOf(exact, file), got = quantize::inputsOf(lowered, file);
    if (file.empty())
      keepShapes(exact);
    want.run(exact);
    got.run(lowered);
    std::vector<OutputError> errors;
    for (uint32_t i = 0; i < exact.model().output_count; ++i)
      errors.push_back(errorOf(exact.model().outputs[i].name, viewOf(lowered, got, i), viewOf(exact, want, i)));
    return errors;
  }
  void keepShapes(const runner::Instance &instance) {
    const smelt_model &model = instance.model();
    for (uint32_t i = 0; i < model.input_count; ++i)
      if (model.inputs[i].dims)
        shapes_.emplace_back(model.inputs[i].name, instance.shapeOf(model.inputs[i]));
  }
  static runner::TensorView viewOf(const runner::Instance &instance, const runner::Buffers &buffers, uint32_t output) {
    const smelt_tensor_info &info = instance.model().outputs[output];
    return {static_cast<smelt_dtype>(info.dtype), instance.shapeOf(info), buffers.outputs()[output].data()};
  }
  /// Shapes that depend on data may differ: then all of it does.
  static OutputError errorOf(const std::string &name, const runner::TensorView &got, const runner::TensorView &want) {
    OutputError error{name};
    error.elements = want.count();
    if (got.shape != want.shape) {
      error.differing = want.count();
      error.maxAbs = error.maxRelative = runner::largest(want);
      error.cosine = 0;
      return error;
    }
    const runner::Difference apart = runner::difference(got, want);
    error.maxAbs = apart.maxAbs;
    error.maxRelative = apart.maxRelative;
    error.cosine = apart.cosine;
    error.differing = apart.differing;
    return error;
  }
  void add(const OutputError &more) {
    OutputError &error = errors_.try_emplace(more.name, OutputError{more.name}).first->second;
    error.elements += more.elements;
    error.maxAbs = std::max(error.maxAbs, more.maxAbs);
    error.maxRelative = std::max(error.maxRelative, more.maxRelative);
    error.cosine = std::min(error.cosine, more.cosine);
    error.differing += more.differing;
  }

  runner::Artifact exact_, lowered_;
  std::map<std::string, OutputError> errors_;
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes_;
};
} // namespace

/// The model for this machine; in its own precision with the marks that options put on its graph.
static llvm::Error compileHere(const driver::CompileOptions &options, quantize::Precision precision,
                               std::string output) {
  driver::CompileOptions here = driver::forThisMachine(options, precision, std::move(output));
  if (precision == options.precision)
    here.afterLayout = options.afterLayout;
  driver::CompileReport report;
  return driver::compile(here, report);
}

static std::string oneLine(llvm::Error error) { return driver::explain(std::move(error)).message; }

llvm::Expected<PrecisionReport> measurePrecision(const driver::CompileOptions &options,
                                                 const std::string &calibration) {
  PrecisionReport report{calibration.empty() ? "seeded" : calibration, {}, "", {}};
  llvm::Expected<std::vector<std::string>> files = quantize::samplesOf(calibration);
  if (!files)
    return files.takeError();
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  const std::string exact = folder->file("exact.so"), lowered = folder->file("lowered.so");
  for (const auto &[precision, path] :
       {std::pair(quantize::Precision::F32, exact), std::pair(options.precision, lowered)})
    if (llvm::Error error = compileHere(options, precision, path)) {
      report.failure = oneLine(std::move(error));
      return report;
    }
  try {
    Measurement measurement(exact, lowered);
    measurement.run(*files, quantize::threadsOf(options));
    report.outputs = measurement.errors();
    report.shapes = measurement.shapes();
  } catch (const runner::Error &error) {
    if (!calibration.empty()) // the user's mistake, in all likelihood
      throw;
    report.failure = error.what();
  }
  return report;
}

/// "seeded inputs x=1x64x512", or a path.
static std::string inputsInWords(const PrecisionReport &report) {
  constexpr size_t kMost = 4; // a cache has dozens
  if (report.inputs != "seeded")
    return report.inputs;
  std::string text = "seeded inputs";
  for (size_t i = 0; i < std::min(report.shapes.size(), kMost); ++i)
    text += (i ? ", " : " ") + report.shapes[i].first + "=" + runner::joinExtents(report.shapes[i].second);
  return text + (report.shapes.size() > kMost ? ", …" : "");
}

std::string inWords(const PrecisionReport &report, llvm::StringRef precision) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << precision << " against f32";
  if (!report.failure.empty()) {
    os << ": the error was not measured: " << report.failure;
    return text;
  }
  os << " on " << inputsInWords(report) << ": ";
  auto worst = llvm::max_element(
      report.outputs, [](const OutputError &a, const OutputError &b) { return a.maxRelative < b.maxRelative; });
  if (worst == report.outputs.end()) {
    os << "no outputs";
    return text;
  }
  os << "output " << runner::quoted(worst->name) << " was off by "
     << llvm::format("%.2g %% of its largest value at most, cosine %.6f", worst->maxRelative * 100, worst->cosine);
  if (report.outputs.size() > 1)
    os << ", and none of the " << report.outputs.size() << " was by more";
  return text;
}

} // namespace smelt

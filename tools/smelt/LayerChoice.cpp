// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/LayerChoice.h"
#include "codegen/cpu/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/Calibrate.h"
#include "tools/quantize/ConfigurationFile.h"
#include "tools/quantize/Mixture.h"
#include "tools/quantize/ProductRounding.h"
#include "tools/quantize/Samples.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>
#include <optional>

using smelt::quantize::Configuration;
using smelt::quantize::Precision;

namespace smelt {

Precision fallbackOf(const CompileFlags &flags) {
  const std::optional<cpu::Target> target = cpu::findTarget(flags.options.target);
  return target && target->dots & kernel::kBf16Dots ? Precision::BF16 : Precision::F32;
}

/// After calibration, which refuses samples that are wrong.
llvm::Error warnOfSamples(const CompileFlags &flags) {
  llvm::Expected<std::vector<std::string>> samples = quantize::samplesOf(flags.samples);
  if (!samples)
    return samples.takeError();
  if (const std::string why = quantize::whatNeverVaries(*samples); !why.empty())
    llvm::errs() << "smelt: warning: --calibration " << flags.calibration << ": " << why << "\n";
  return llvm::Error::success();
}

/// All layers stay as `candidates` have them.
static quantize::Budget anyDistance() { return {std::numeric_limits<double>::infinity(), 0}; }

void LayerChoice::shareKernels(driver::CompileOptions &options) const {
  if (kernels_ && options.cache.empty())
    options.cache = kernels_->file("kernels");
}

/// Layers of int8, from data.
llvm::Error LayerChoice::find(const CompileFlags &flags, bool keepsWorst) {
  llvm::Expected<TemporaryFolder> kernels = TemporaryFolder::create();
  if (!kernels)
    return kernels.takeError();
  kernels_.emplace(std::move(*kernels));
  driver::CompileOptions options = flags.options;
  shareKernels(options);
  if (flags.calibration.empty())
    llvm::errs() << "smelt: ranges come from seeded inputs: give --calibration for real use\n";
  llvm::Expected<std::vector<std::string>> samples = quantize::samplesOf(flags.samples);
  if (!samples)
    return samples.takeError();
  llvm::Expected<std::vector<quantize::Calibrated>> found =
      quantize::calibrate(options, *samples, quantize::rangeMethodsOf(flags.method));
  if (!found)
    return found.takeError();
  constexpr size_t kMany = 8; // with fewer, ranges depend on which samples were taken
  if (!flags.calibration.empty() && samples->size() < kMany)
    llvm::errs() << "smelt: warning: --calibration " << flags.calibration << ": "
                 << (samples->size() == 1 ? "one sample" : std::to_string(samples->size()) + " samples")
                 << "; what it lacks may lie out of the ranges that are found, and a hundred samples are better\n";
  if (llvm::Error error = warnOfSamples(flags))
    return error;
  if (flags.configuration)
    for (quantize::Calibrated &candidate : *found)
      for (Configuration *each : {&candidate.layers, &candidate.half}) {
        Configuration completed = layers_;
        quantize::ConfigurationFile::complete(completed, *each);
        *each = std::move(completed);
      }
  const quantize::Budget budget = keepsWorst ? quantize::Budget() : anyDistance();
  llvm::Expected<Configuration> chosen =
      quantize::chooseMixture(budget, nameOf(fallbackOf(flags)).str(), options, *samples, std::move(*found));
  if (!chosen)
    return chosen.takeError();
  layers_ = std::move(*chosen);
  return flags.calibration.empty() ? llvm::Error::success() : quantize::roundProducts(options, *samples, layers_);
}

/// Layers as a file says, with ranges from data where it has none.
llvm::Error LayerChoice::fit(const CompileFlags &flags) {
  const quantize::ConfigurationFile &file = *flags.configuration;
  isMixed_ = !file.onlyPrecision();
  if (llvm::Error error = driver::lookAtGraph(flags.options, [&](mlir::ModuleOp module) -> llvm::Error {
        llvm::Expected<Configuration> fitted = file.fit(module);
        if (!fitted)
          return fitted.takeError();
        layers_ = std::move(*fitted);
        return llvm::Error::success();
      }))
    return error;
  const std::string unknown = quantize::ConfigurationFile::unknownRanges(layers_);
  if (unknown.empty())
    return llvm::Error::success();
  if (flags.calibration.empty())
    return driver::toolError(driver::kUsage, file.path() + ": has no range for " + unknown +
                                                 "; give inputs to find them on with --calibration");
  return find(flags, /*keepsWorst=*/false);
}

/// Layers all in one precision.
llvm::Error LayerChoice::list(const CompileFlags &flags) {
  return driver::lookAtGraph(flags.options, [&](mlir::ModuleOp module) {
    for (const quantize::WeightedProduct &product : quantize::weightedProducts(module)) {
      quantize::Layer layer;
      layer.node = product.name();
      layer.precision = nameOf(flags.options.precision).str();
      layer.multiplyAdds = product.multiplyAdds();
      layers_.layers.push_back(std::move(layer));
    }
    return llvm::Error::success();
  });
}

/// Layers of int8-dynamic need no data; what there is evens out their channels and rounds their weights.
llvm::Error LayerChoice::findDynamic(const CompileFlags &flags) {
  llvm::Expected<std::vector<std::string>> samples = quantize::samplesOf(flags.samples);
  if (!samples)
    return samples.takeError();
  llvm::Expected<std::vector<quantize::Calibrated>> found =
      quantize::calibrate(flags.options, *samples, quantize::RangeMethod::Dynamic);
  if (!found)
    return found.takeError();
  if (llvm::Error error = warnOfSamples(flags))
    return error;
  layers_ = std::move(found->front().layers);
  isMixed_ = true;
  return quantize::roundProducts(flags.options, *samples, layers_);
}

llvm::Error LayerChoice::choose(const CompileFlags &flags) {
  if (flags.configuration)
    return fit(flags);
  if (flags.options.precision == Precision::Int8Dynamic && !flags.calibration.empty())
    return findDynamic(flags);
  isMixed_ = flags.options.precision == Precision::Int8;
  return isMixed_ ? find(flags, /*keepsWorst=*/true) : list(flags);
}

llvm::Error LayerChoice::lowerAll(const CompileFlags &flags) {
  if (flags.configuration || flags.options.precision == Precision::Int8Dynamic)
    return choose(flags);
  isMixed_ = flags.options.precision == Precision::Int8;
  return isMixed_ ? find(flags, /*keepsWorst=*/false) : list(flags);
}

llvm::Error LayerChoice::explainNone(const CompileFlags &flags) {
  return driver::lookAtGraph(flags.options, [&](mlir::ModuleOp module) {
    if (quantize::weightedProducts(module).empty())
      layers_.whyNone = quantize::whyNoProducts(module);
    return llvm::Error::success();
  });
}

void LayerChoice::applyTo(driver::CompileOptions &options) const {
  if (isMixed_)
    options.afterLayout = [this](mlir::ModuleOp module) { return quantize::mark(module, layers_); };
  shareKernels(options);
}

std::string fileOf(const CompileFlags &flags, const Configuration &layers) {
  const Precision standard = flags.configuration ? flags.configuration->standard() : flags.options.precision;
  return quantize::toJson(layers, llvm::sys::path::filename(flags.options.model).str(), standard);
}

} // namespace smelt

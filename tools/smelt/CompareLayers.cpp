// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/CompareLayers.h"
#include "codegen/artifact/OutputFile.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/LayerErrors.h"
#include "tools/quantize/Samples.h"
#include "tools/runner/Error.h"
#include "tools/smelt/LayerChoice.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <nlohmann/json.hpp>

using nlohmann::ordered_json;
using smelt::quantize::Configuration;
using smelt::quantize::LayerErrors;

namespace smelt {

namespace {
/// What --keep asks for.
struct Keep {
  size_t layers = 0;
  std::optional<double> budget; // of the outputs' error
};
} // namespace

static llvm::Expected<Keep> parseKeep(llvm::StringRef text) {
  Keep keep;
  llvm::StringRef number = text;
  double share = 0;
  if (text.empty() || !text.getAsInteger(10, keep.layers))
    return keep;
  if (number.consume_back("%") && !number.getAsDouble(share) && share >= 0 && share <= 100) {
    keep.budget = share / 100;
    return keep;
  }
  return driver::toolError(driver::kUsage,
                           "--keep " + text + ": wanted a number of layers, or how far the outputs may be off: 1%");
}

/// The precision that layers are kept in.
static llvm::Expected<std::string> parseKeepIn(const CompileFlags &flags, llvm::StringRef name) {
  if (name.empty())
    return nameOf(flags.options.precision == quantize::Precision::Int8 ? fallbackOf(flags) : quantize::Precision::F32)
        .str();
  for (llvm::StringRef known : {"f32", "bf16", "f16"})
    if (name == known)
      return known.str();
  return driver::toolError(driver::kUsage, "--keep-in " + name + ": wanted f32, bf16 or f16");
}

/// Lowered layers, the worst first, then the others.
static std::vector<size_t> rowsOf(const LayerErrors &errors, const Configuration &layers) {
  std::vector<size_t> rows = errors.worstFirst(layers);
  for (size_t i = 0; i < layers.layers.size(); ++i)
    if (!llvm::is_contained(rows, i))
      rows.push_back(i);
  return rows;
}

static void printTable(const LayerErrors &errors, const Configuration &layers, size_t kept) {
  double all = 0;
  for (const quantize::Layer &layer : layers.layers)
    all += static_cast<double>(layer.multiplyAdds);
  llvm::outs() << llvm::format("with all layers lowered, outputs are off by %.3g %% of those in f32\n\n",
                               errors.all * 100)
               << "  adds alone    received   passed on   multiply-adds  precision  layer\n";
  const std::vector<size_t> rows = rowsOf(errors, layers);
  for (size_t row = 0; row < rows.size(); ++row) {
    const quantize::Layer &layer = layers.layers[rows[row]];
    const quantize::LayerError &error = errors.layers[rows[row]];
    llvm::outs() << llvm::format("%10.3g %% %9.3g %% %9.3g %% %13.2f %%  ", error.alone * 100, error.received * 100,
                                 error.passedOn * 100,
                                 static_cast<double>(layer.multiplyAdds) / std::max(all, 1.0) * 100)
                 << llvm::format("%-9s  ", layer.precision.c_str()) << runner::quoted(layer.node)
                 << (row < kept ? "  kept" : "") << "\n";
  }
}

static void printJson(const LayerErrors &errors, const Configuration &layers, size_t kept, const std::string &keepIn) {
  ordered_json list = ordered_json::array();
  const std::vector<size_t> rows = rowsOf(errors, layers);
  for (size_t row = 0; row < rows.size(); ++row) {
    const quantize::Layer &layer = layers.layers[rows[row]];
    const quantize::LayerError &error = errors.layers[rows[row]];
    list.push_back({{"index", rows[row]},
                    {"name", layer.node},
                    {"precision", layer.precision},
                    {"multiply_adds", layer.multiplyAdds},
                    {"alone", error.alone},
                    {"received", error.received},
                    {"passed_on", error.passedOn},
                    {"kept", row < kept}});
  }
  const ordered_json result = {{"all_lowered", errors.all}, {"keep_in", keepIn}, {"layers", list}};
  llvm::outs() << result.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n";
}

llvm::Error CompareLayers::run(const CompileFlags &flags) const {
  llvm::Expected<Keep> asked = parseKeep(keep);
  if (!asked)
    return asked.takeError();
  llvm::Expected<std::string> kept = parseKeepIn(flags, keepIn);
  if (!kept)
    return kept.takeError();
  std::optional<artifact::OutputFile> file; // before work that would be for nothing
  if (!output.empty()) {
    llvm::Expected<artifact::OutputFile> created = artifact::OutputFile::create(output);
    if (!created)
      return created.takeError();
    file.emplace(std::move(*created));
  }
  LayerChoice choice;
  if (llvm::Error error = choice.lowerAll(flags))
    return error;
  llvm::Expected<std::vector<std::string>> samples = quantize::samplesOf(flags.samples);
  if (!samples)
    return samples.takeError();
  Configuration layers = choice.layers();
  llvm::Expected<LayerErrors> errors = quantize::measureLayers(flags.options, layers, *samples);
  if (!errors)
    return errors.takeError();
  const std::vector<size_t> order = errors->worstFirst(layers);
  size_t count = std::min(asked->layers, order.size());
  if (asked->budget) {
    double distance = 0;
    llvm::Expected<size_t> fewest =
        quantize::fewestToKeep(flags.options, layers, *samples, order, *asked->budget, distance);
    if (!fewest)
      return fewest.takeError();
    count = *fewest;
    llvm::errs() << llvm::format("smelt: with %zu of %zu layers kept, outputs are off by %.3g %%\n", count,
                                 order.size(), distance * 100);
  }
  json ? printJson(*errors, layers, count, *kept) : printTable(*errors, layers, count);
  if (!file)
    return llvm::Error::success();
  for (size_t i = 0; i < count; ++i)
    layers.layers[order[i]].precision = *kept;
  file->stream() << fileOf(flags, layers);
  return file->commit();
}

} // namespace smelt

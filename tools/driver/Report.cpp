// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Compile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

namespace smelt::driver {

static double total(const CompileReport &report) {
  double sum = 0;
  for (const auto &[name, milliseconds] : report.stages)
    sum += milliseconds;
  return sum;
}

static nlohmann::ordered_json toJson(const PrecisionReport &report) {
  nlohmann::ordered_json json, outputs = nlohmann::ordered_json::array();
  json["inputs"] = report.inputs;
  for (const auto &[name, shape] : report.shapes)
    json["shapes"][name] = shape;
  if (!report.failure.empty())
    json["failure"] = report.failure;
  for (const OutputError &output : report.outputs)
    outputs.push_back({{"name", output.name},
                       {"max_abs", output.maxAbs},
                       {"max_relative", output.maxRelative},
                       {"cosine", output.cosine},
                       {"differing", output.differing},
                       {"elements", output.elements}});
  json["outputs"] = outputs;
  return json;
}

/// The layers, and the share of multiply-adds that each precision has.
static nlohmann::ordered_json toJson(const std::vector<LayerPrecision> &layers) {
  nlohmann::ordered_json json, all = nlohmann::ordered_json::array();
  std::map<std::string, double> shares;
  double sum = 0;
  for (const LayerPrecision &layer : layers) {
    shares[layer.precision] += static_cast<double>(layer.multiplyAdds);
    sum += static_cast<double>(layer.multiplyAdds);
    all.push_back({{"node", layer.node}, {"precision", layer.precision}, {"multiply_adds", layer.multiplyAdds}});
  }
  for (auto &[precision, share] : shares)
    share /= std::max(sum, 1.0);
  json["multiply_adds_share"] = shares;
  json["layers"] = all;
  return json;
}

static nlohmann::ordered_json toJson(const DeviceReport &report) {
  nlohmann::ordered_json json, leftOut = nlohmann::ordered_json::array();
  json["steps"] = report.steps;
  json["processor_steps"] = report.processorSteps;
  json["copies"] = report.copies;
  json["copied_bytes"] = report.copiedBytes;
  for (const auto &[kernel, why] : report.leftOut)
    leftOut.push_back({{"kernel", kernel}, {"why", why}});
  json["processor_kernels"] = leftOut;
  return json;
}

std::string toJson(const CompileOptions &options, const CompileReport &report) {
  nlohmann::ordered_json json, stages;
  for (const auto &[name, milliseconds] : report.stages)
    stages[name] = milliseconds;
  json["model"] = options.model;
  json["target"] = options.target;
  json["precision"] = report.configuration.empty() ? quantize::nameOf(options.precision).str() : "mixed";
  if (!report.configuration.empty())
    json["configuration"] = report.configuration;
  if (report.precision)
    json["error"] = toJson(*report.precision);
  if (report.weightsForFewBits > 0)
    json["few_bits"] = {{"matrices", report.weightsForFewBits}, {"taken", report.weightsInFewBits}};
  if (!report.layers.empty())
    json["mixture"] = toJson(report.layers);
  json["sizes"] = {{"code", report.sizes.code + report.sizes.constants},
                   {"weights", report.sizes.weights},
                   {"arena", report.arenaBytes},
                   {"arena_lower_bound", report.arenaLowerBound}};
  if (report.device)
    json["device"] = toJson(*report.device);
  json["kernels"] = report.kernels;
  json["kernels_cached"] = report.kernelsCached;
  json["steps"] = report.steps;
  json["operators"] = report.operators;
  json["stages_ms"] = stages;
  json["total_ms"] = total(report);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string timingTable(const CompileReport &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const auto &[name, milliseconds] : report.stages)
    os << llvm::format("%10.1f ms  ", milliseconds) << name << "\n";
  os << llvm::format("%10.1f ms  in all\n", total(report));
  return text;
}

} // namespace smelt::driver

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt bench: how long a run takes, and each of its layers.
#include "tools/runner/Buffers.h"
#include "tools/runner/CommandLine.h"
#include "tools/runner/Error.h"
#include "tools/smelt/Launcher.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <numeric>
#include <unistd.h>

namespace smelt {

namespace {

// A median of fewer says little.
constexpr size_t kFewestRuns = 5, kFewestLayerRuns = 3;
constexpr size_t kMostRuns = 1 << 17; // samples take memory
constexpr size_t kMostLayerSamples = 1 << 22;
constexpr double kWarmUpShare = 0.1; // of the time asked for
constexpr double kLayerShare = 0.5;  // in addition to it
constexpr size_t kLayersShown = 20;

struct Options {
  std::string artifact, inputs;
  unsigned threads = 1;
  double seconds = 2;
  bool json = false;
};

struct Layer {
  std::string name, kernel;
  double medianMs = 0, share = 0; // of the sum of all layers
};

struct Figures {
  double loadMs = 0, medianMs = 0, minMs = 0, cpuMsPerRun = 0;
  uint64_t arenaBytes = 0; // for the inputs at hand
  size_t runs = 0;
  std::vector<Layer> layers;
};

double milliseconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

double now() { return milliseconds(CLOCK_MONOTONIC); }

double median(std::vector<double> &samples) {
  const auto middle = samples.begin() + static_cast<ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return samples.empty() ? 0 : *middle;
}

/// Samples of each step, from the runtime's hook.
struct StepTimes {
  double start = 0;
  std::vector<std::vector<double>> samples;

  static void hook(void *user, const smelt_model *, uint32_t step, int done) {
    auto *times = static_cast<StepTimes *>(user);
    if (done)
      times->samples[step].push_back(now() - times->start);
    else
      times->start = now();
  }
};

/// Every run is the first one: else states would grow from run to run.
void runFirst(runner::Buffers &buffers, runner::Instance &instance) {
  instance.reset();
  buffers.run(instance);
}

void warmUp(runner::Buffers &buffers, runner::Instance &instance, double seconds) {
  const double end = now() + seconds * 1e3 * kWarmUpShare;
  do
    runFirst(buffers, instance);
  while (now() < end);
}

void measureRuns(runner::Buffers &buffers, runner::Instance &instance, double seconds, Figures &figures) {
  std::vector<double> samples;
  const double begin = now(), cpuBegin = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
  for (double start = begin, end = 0; samples.size() < kFewestRuns || end < begin + seconds * 1e3; start = end) {
    runFirst(buffers, instance);
    end = now();
    samples.push_back(end - start);
    if (samples.size() == kMostRuns)
      break;
  }
  figures.runs = samples.size();
  figures.cpuMsPerRun = (milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpuBegin) / static_cast<double>(figures.runs);
  figures.minMs = *std::min_element(samples.begin(), samples.end());
  figures.medianMs = median(samples);
}

/// In runs of their own: the hook takes time too.
void measureLayers(runner::Buffers &buffers, runner::Instance &instance, const runner::Artifact &artifact,
                   double seconds, Figures &figures) {
  const smelt_model &model = artifact.model();
  StepTimes times;
  times.samples.resize(model.step_count);
  smelt_set_step_hook(&instance.handle(), StepTimes::hook, &times);
  const double end = now() + seconds * 1e3 * kLayerShare;
  for (size_t run = 0; run < kFewestLayerRuns || now() < end; ++run) {
    runFirst(buffers, instance);
    if ((run + 1) * model.step_count > kMostLayerSamples)
      break;
  }
  smelt_set_step_hook(&instance.handle(), nullptr, nullptr);

  const std::vector<std::string> kernels = artifact.kernelNames();
  for (uint32_t i = 0; i < model.step_count; ++i)
    figures.layers.push_back({model.steps[i].name, kernels[i], median(times.samples[i]), 0});
  const double sum = std::accumulate(figures.layers.begin(), figures.layers.end(), 0.0,
                                     [](double total, const Layer &layer) { return total + layer.medianMs; });
  for (Layer &layer : figures.layers)
    layer.share = sum > 0 ? layer.medianMs / sum : 0;
}

// --------------------------------------------------------------------------------------------------------- printing

/// A string of JSON. Bytes that are not ASCII stay: names are UTF-8.
std::string jsonString(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04x", c);
    out += escape;
  }
  return out + "\"";
}

void printJson(const Options &options, const Figures &figures) {
  std::printf("{\"median_ms\": %.6f, \"min_ms\": %.6f, \"cpu_ms_per_run\": %.6f, \"runs\": %zu, \"threads\": %u, ",
              figures.medianMs, figures.minMs, figures.cpuMsPerRun, figures.runs, options.threads);
  std::printf("\"arena_bytes\": %llu, \"load_ms\": %.6f, \"layers\": [",
              static_cast<unsigned long long>(figures.arenaBytes), figures.loadMs);
  for (size_t i = 0; i < figures.layers.size(); ++i) {
    const Layer &layer = figures.layers[i];
    std::printf("%s{\"name\": %s, \"kernel\": %s, \"median_ms\": %.6f, \"share\": %.6f}", i ? ", " : "",
                jsonString(layer.name).c_str(), jsonString(layer.kernel).c_str(), layer.medianMs, layer.share);
  }
  std::printf("]}\n");
}

void printTable(const Options &options, const smelt_model &model, const Figures &figures) {
  std::printf("%s: median %.4g ms, least %.4g ms, processor time %.4g ms a run; %zu runs on %u thread%s\n",
              options.artifact.c_str(), figures.medianMs, figures.minMs, figures.cpuMsPerRun, figures.runs,
              options.threads, options.threads == 1 ? "" : "s");
  std::printf("arena %.4g MB, weights %.4g MB, ready after %.3g ms\n\n", static_cast<double>(figures.arenaBytes) * 1e-6,
              static_cast<double>(model.weights_bytes) * 1e-6, figures.loadMs);
  std::vector<const Layer *> slowestFirst;
  for (const Layer &layer : figures.layers)
    slowestFirst.push_back(&layer);
  std::sort(slowestFirst.begin(), slowestFirst.end(), [](const Layer *a, const Layer *b) {
    return a->medianMs != b->medianMs ? a->medianMs > b->medianMs : a < b; // else in the order of their run
  });
  std::printf("      ms   share  layer, kernel\n");
  double rest = 0;
  for (size_t i = 0; i < figures.layers.size(); ++i) {
    const Layer &layer = *slowestFirst[i];
    if (i < kLayersShown)
      std::printf("%8.4f  %5.1f%%  %s  %s\n", layer.medianMs, layer.share * 100, runner::quoted(layer.name, 80).c_str(),
                  layer.kernel.c_str());
    else
      rest += layer.medianMs;
  }
  if (figures.layers.size() > kLayersShown)
    std::printf("%8.4f          in %zu others; --json lists them all\n", rest, figures.layers.size() - kLayersShown);
}

bool parse(const std::vector<std::string> &arguments, Options &options) {
  runner::CommandLine line("smelt bench", "Measures the latency of a shared artefact, in total and by layer.");
  line.addPositional("ARTIFACT", "what smelt compile wrote", options.artifact);
  line.addText("--inputs", "IN.npz",
               "arrays under the names of the model's inputs; by default seeded ones: floats from "
               "the normal distribution, integers 0 or 1",
               options.inputs);
  line.addOption("--threads", "N", "threads that compute, 1 by default",
                 [&](const std::string &text) { options.threads = runner::parseThreads(text); });
  line.addOption("--seconds", "S", "how long to measure, 2 by default; the layers take half of it more",
                 [&](const std::string &text) { options.seconds = runner::parseSeconds(text); });
  line.addFlag("--json", "print JSON: times in milliseconds, layers in the order of their run", options.json);
  return line.parse(arguments);
}

} // namespace

int benchCommand(const std::vector<std::string> &arguments) {
  Options options;
  if (!parse(arguments, options))
    return 0;
  Figures figures;
  const double start = now();
  const runner::Artifact artifact(options.artifact);
  runner::Instance instance(artifact, options.threads);
  figures.loadMs = now() - start;

  auto buffers = options.inputs.empty() ? runner::Buffers::seeded(instance)
                                        : runner::Buffers::read(instance, runner::NpzReader(options.inputs));
  const bool terminal = isatty(STDERR_FILENO);
  if (terminal)
    std::fprintf(stderr, "measuring for %.1f s", options.seconds * (1 + kWarmUpShare + kLayerShare));
  warmUp(buffers, instance, options.seconds);
  figures.arenaBytes = instance.arenaBytes();
  measureRuns(buffers, instance, options.seconds, figures);
  measureLayers(buffers, instance, artifact, options.seconds, figures);
  if (terminal)
    std::fprintf(stderr, "\r\033[K");
  options.json ? printJson(options, figures) : printTable(options, artifact.model(), figures);
  return 0;
}

} // namespace smelt

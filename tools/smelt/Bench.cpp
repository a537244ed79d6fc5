// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt bench: how long a run takes, and each of its layers.
#include "tools/runner/Buffers.h"
#include "tools/runner/CommandLine.h"
#include "tools/smelt/BenchReport.h"
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

struct Options {
  std::string artifact, inputs;
  unsigned threads = 1;
  double seconds = 2;
  bool json = false, layers = false, noPeaks = false;
};

using Layer = BenchFigures::Layer;

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
  size_t runs = 0; // before this one
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

void measureRuns(runner::Buffers &buffers, runner::Instance &instance, double seconds, BenchFigures &figures) {
  std::vector<double> samples;
  const double begin = now(), cpuBegin = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
  double start = begin;
  while (samples.size() < kMostRuns && (samples.size() < kFewestRuns || start < begin + seconds * 1e3)) {
    runFirst(buffers, instance);
    const double end = now();
    samples.push_back(end - start);
    start = end;
  }
  figures.runs = samples.size();
  figures.cpuMsPerRun = (milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpuBegin) / static_cast<double>(figures.runs);
  figures.minMs = *std::min_element(samples.begin(), samples.end());
  figures.medianMs = median(samples);
}

/// What the device's own clock says of its steps, instead of how long the processor waited for the first of several.
void takeDeviceTimes(const runner::Instance &instance, StepTimes &times) {
  for (uint32_t step = 0; step < times.samples.size(); ++step)
    if (const double ms = instance.deviceMs(step); ms >= 0) {
      times.samples[step].resize(times.runs);
      times.samples[step].push_back(ms);
    }
}

/// In runs of their own: the hook takes time too.
void measureLayers(runner::Buffers &buffers, runner::Instance &instance, const runner::Artifact &artifact,
                   double seconds, BenchFigures &figures) {
  const smelt_model &model = artifact.model();
  StepTimes times;
  times.samples.resize(model.step_count);
  smelt_set_step_hook(&instance.handle(), StepTimes::hook, &times);
  const bool isTimedByDevice = instance.timeDevice(true);
  const double end = now() + seconds * 1e3 * kLayerShare;
  for (; times.runs < kFewestLayerRuns || now() < end; ++times.runs) {
    runFirst(buffers, instance);
    if (isTimedByDevice)
      takeDeviceTimes(instance, times);
    if ((times.runs + 1) * model.step_count > kMostLayerSamples)
      break;
  }
  instance.timeDevice(false);
  smelt_set_step_hook(&instance.handle(), nullptr, nullptr);

  const std::vector<std::string> kernels = artifact.kernelNames();
  for (uint32_t i = 0; i < model.step_count; ++i) {
    std::vector<double> &samples = times.samples[i];
    const double least = samples.empty() ? 0 : *std::min_element(samples.begin(), samples.end());
    figures.layers.push_back({model.steps[i].name, kernels[i], median(samples), least, 0, {}, {}});
  }
  const double sum = std::accumulate(figures.layers.begin(), figures.layers.end(), 0.0,
                                     [](double total, const Layer &layer) { return total + layer.medianMs; });
  for (Layer &layer : figures.layers)
    layer.share = sum > 0 ? layer.medianMs / sum : 0;
}

/// What each layer has to do, and how long that takes at least on this machine.
void measureBounds(const runner::Instance &instance, const runner::Artifact &artifact, BenchFigures &figures) {
  const runner::WorkTable table(artifact);
  if (!table.isKnown())
    return;
  figures.peaks = runner::measurePeaks(figures.threads);
  const auto steps = table.stepsOf(instance.handle());
  const auto touched = static_cast<double>(figures.weightsBytes + figures.arenaBytes);
  for (size_t i = 0; i < steps.size(); ++i) {
    figures.layers[i].work = steps[i];
    if (steps[i])
      figures.layers[i].bound = runner::boundOf(*steps[i], *figures.peaks, touched);
  }
}

bool parse(const std::vector<std::string> &arguments, Options &options) {
  runner::CommandLine line(
      "smelt bench", "Measures the latency of a shared artefact, in total and by layer, and compares each layer with "
                     "what this machine can do: multiply-adds and bytes a second, measured as well.\n\nIn the table, "
                     "bound is what takes longer at these peaks, a layer's operations (compute) or the bytes that it "
                     "reads and writes (memory); reached, that time as a share of the layer's own; ms lost, the "
                     "difference: what a perfect kernel would save.");
  line.addPositional("ARTIFACT", "what smelt compile wrote", options.artifact);
  line.addText(
      "--inputs", "IN.npz",
      "arrays under the names of the model's inputs, needed where dims are open; by default seeded ones: floats from "
      "the normal distribution, integers from the range that the model states, or 0 or 1",
      options.inputs);
  line.addOption("--threads", "N", "threads that compute, 1 by default",
                 [&](const std::string &text) { options.threads = runner::parseThreads(text); });
  line.addOption("--seconds", "S", "how long to measure, 2 by default; the layers take half of it more",
                 [&](const std::string &text) { options.seconds = runner::parseSeconds(text); });
  line.addFlag("--layers", "list all layers, in the order of their run", options.layers);
  line.addFlag("--no-peaks", "do not measure what this machine can do, a second, nor compare with it", options.noPeaks);
  line.addFlag("--json", "print JSON: times in milliseconds, layers in the order of their run", options.json);
  return line.parse(arguments);
}

} // namespace

int benchCommand(const std::vector<std::string> &arguments) {
  Options options;
  if (!parse(arguments, options))
    return 0;
  BenchFigures figures;
  figures.artifact = options.artifact;
  figures.threads = options.threads;
  const double start = now();
  const runner::Artifact artifact(options.artifact);
  runner::Instance instance(artifact, options.threads);
  figures.loadMs = now() - start;
  figures.weightsBytes = artifact.model().weights_bytes;

  auto buffers = options.inputs.empty() ? runner::Buffers::seeded(instance)
                                        : runner::Buffers::read(instance, runner::NpzReader(options.inputs));
  const bool terminal = isatty(STDERR_FILENO);
  if (terminal)
    std::fprintf(stderr, "measuring for %.1f s", options.seconds * (1 + kWarmUpShare + kLayerShare));
  warmUp(buffers, instance, options.seconds);
  figures.arenaBytes = instance.arenaBytes();
  measureRuns(buffers, instance, options.seconds, figures);
  measureLayers(buffers, instance, artifact, options.seconds, figures);
  figures.wantsPeaks = !options.noPeaks;
  if (figures.wantsPeaks)
    measureBounds(instance, artifact, figures);
  if (terminal)
    std::fprintf(stderr, "\r\033[K");
  const std::string text = options.json ? benchJson(figures) : benchTable(figures, options.layers);
  std::fputs(text.c_str(), stdout);
  return 0;
}

} // namespace smelt

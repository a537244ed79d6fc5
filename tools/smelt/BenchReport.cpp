// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/BenchReport.h"

#include "tools/runner/Error.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <numeric>
#include <tuple>

namespace smelt {

using Layer = BenchFigures::Layer;

constexpr size_t kRowsShown = 16, kLosersShown = 10;
constexpr size_t kKernelWidth = 40, kNameWidth = 26;

__attribute__((format(printf, 1, 2))) static std::string format(const char *pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

// ------------------------------------------------------------------------------------------------------------ JSON

/// A string of JSON. Bytes that are not ASCII stay: names are UTF-8.
static std::string jsonString(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += static_cast<unsigned char>(c) >= 0x20 ? std::string(1, c) : format("\\u%04x", c);
  }
  return out + "\"";
}

static double gigaPerSecond(double count, double ms) { return ms > 0 ? count / ms * 1e-6 : 0; }

static std::string jsonOf(const Layer &layer) {
  std::string text =
      "{\"name\": " + jsonString(layer.name) + ", \"kernel\": " + jsonString(layer.kernel) +
      format(", \"median_ms\": %.6f, \"min_ms\": %.6f, \"share\": %.6f", layer.medianMs, layer.minMs, layer.share);
  if (layer.work) {
    text += format(", \"flop\": %.0f, \"bytes\": %.0f, \"weight_bytes\": %.0f, \"direct_count\": %s",
                   layer.work->operations, layer.work->bytes, layer.work->weightBytes,
                   layer.work->isFewer ? "true" : "false");
    text += format(", \"gflops\": %.3f, \"gb_per_s\": %.3f, \"bound\": \"%s\", \"bound_ms\": %.6f, \"of_bound\": %.4f",
                   gigaPerSecond(layer.work->operations, layer.minMs), gigaPerSecond(layer.work->bytes, layer.minMs),
                   layer.bound.isCompute() ? "compute" : "memory", layer.bound.ms(),
                   layer.minMs > 0 ? layer.bound.ms() / layer.minMs : 0);
  }
  return text + "}";
}

static std::string jsonOf(const runner::MachinePeaks &peaks) {
  std::string text =
      format("{\"gflops\": %.2f, \"gflops_bf16\": %.2f, \"gops_int8\": %.2f, \"vector_bits\": %u, \"threads\": %u, "
             "\"read_gb_per_s\": {",
             peaks.gigaflops, peaks.gigaflopsBf16, peaks.gigaopsInt8, peaks.vectorBits, peaks.threads);
  for (const auto &level : peaks.levels)
    text += format("%s\"%s\": %.2f", &level == peaks.levels.data() ? "" : ", ", level.name, level.gigabytesPerSecond);
  return text + format("}, \"huge_pages_gb_per_s\": %.2f}", peaks.hugePagesGigabytesPerSecond);
}

std::string benchJson(const BenchFigures &figures) {
  std::string text =
      format("{\"median_ms\": %.6f, \"min_ms\": %.6f, \"cpu_ms_per_run\": %.6f, \"runs\": %zu, \"threads\": %u, ",
             figures.medianMs, figures.minMs, figures.cpuMsPerRun, figures.runs, figures.threads);
  text += format("\"arena_bytes\": %llu, \"weights_bytes\": %llu, \"load_ms\": %.6f, ",
                 static_cast<unsigned long long>(figures.arenaBytes),
                 static_cast<unsigned long long>(figures.weightsBytes), figures.loadMs);
  if (figures.peaks)
    text += "\"peaks\": " + jsonOf(*figures.peaks) +
            format(", \"memory_is_doubtful\": %s, ", doubtOf(figures) ? "true" : "false");
  text += "\"layers\": [";
  for (size_t i = 0; i < figures.layers.size(); ++i)
    text += (i ? ", " : "") + jsonOf(figures.layers[i]);
  return text + "]}\n";
}

// ------------------------------------------------------------------------------------------------------------ table

namespace {
/// Layers that do the same work with the same kernel.
struct Row {
  Layer layer; // the first; its times are those of all together
  size_t count = 1;

  double boundMs() const { return layer.bound.ms() * static_cast<double>(count); }
  double lostMs() const { return layer.minMs - boundMs(); }
};
} // namespace

static std::vector<Row> rowsOf(const std::vector<Layer> &layers, bool singly) {
  std::vector<Row> rows;
  std::map<std::tuple<std::string, double, double>, size_t> known;
  for (const Layer &layer : layers) {
    const runner::StepWork work = layer.work.value_or(runner::StepWork{});
    const auto key = std::make_tuple(layer.kernel.empty() ? layer.name : layer.kernel, work.operations, work.bytes);
    const auto [at, isNew] = known.try_emplace(key, rows.size());
    if (singly || isNew) {
      rows.push_back({layer, 1});
      continue;
    }
    Row &row = rows[at->second];
    row.layer.minMs += layer.minMs;
    ++row.count;
  }
  return rows;
}

static std::string cut(const std::string &text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

static std::string nameOf(const Row &row) {
  return format("%-*s  ", static_cast<int>(kKernelWidth), cut(row.layer.kernel, kKernelWidth).c_str()) +
         runner::quoted(row.layer.name, kNameWidth);
}

static std::string heading(bool hasRoofline) {
  const char *figures = hasRoofline ? "  GFLOP/s    GB/s  bound    reached  ms lost" : "";
  return format("%8s  %6s  %5s%s  %-*s  %s\n", "ms", "share", "times", figures, static_cast<int>(kKernelWidth),
                "kernel", "layer, or the first of them");
}

static std::string lineOf(const Row &row, double sum, bool hasRoofline) {
  const Layer &layer = row.layer;
  const double ms = layer.minMs, share = sum > 0 ? 100 * ms / sum : 0;
  std::string text = format("%8.4f  %5.1f%%  %5zu", ms, share, row.count);
  if (hasRoofline && layer.work) {
    const auto count = static_cast<double>(row.count);
    text += format("  %7.1f%s %6.1f  %-7s  %5.1f%%  %7.4f", gigaPerSecond(layer.work->operations * count, ms),
                   layer.work->isFewer ? "*" : " ", gigaPerSecond(layer.work->bytes * count, ms),
                   layer.bound.isCompute() ? "compute" : "memory", ms > 0 ? 100 * row.boundMs() / ms : 0, row.lostMs());
  } else if (hasRoofline) {
    text += format("  %7s  %6s  %-7s  %6s  %7s", "-", "-", "-", "-", "-");
  }
  return text + "  " + nameOf(row) + "\n";
}

static double sumOf(const std::vector<Row> &rows) {
  return std::accumulate(rows.begin(), rows.end(), 0.0,
                         [](double sum, const Row &row) { return sum + row.layer.minMs; });
}

/// The first rows in falling order of what `valueOf` tells, and the sum of the others.
static std::string largest(const std::vector<Row> &rows, size_t shown, bool hasRoofline,
                           double (*valueOf)(const Row &)) {
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::make_tuple(-valueOf(rows[a]), a) < std::make_tuple(-valueOf(rows[b]), b);
  });
  std::string text = heading(hasRoofline);
  const double sum = sumOf(rows);
  double rest = 0;
  for (size_t i = 0; i < order.size(); ++i)
    if (i < shown)
      text += lineOf(rows[order[i]], sum, hasRoofline);
    else
      rest += rows[order[i]].layer.minMs;
  if (rows.size() > shown)
    text += format("%8.4f  in %zu other rows\n", rest, rows.size() - shown);
  return text;
}

static std::string inOrder(const std::vector<Row> &rows, bool hasRoofline) {
  std::string text = heading(hasRoofline);
  const double sum = sumOf(rows);
  for (const Row &row : rows)
    text += lineOf(row, sum, hasRoofline);
  return text;
}

static std::string peaksText(const BenchFigures &figures) {
  const runner::MachinePeaks &peaks = *figures.peaks;
  const auto hasDots = [&](unsigned together) {
    return std::any_of(figures.layers.begin(), figures.layers.end(),
                       [&](const Layer &layer) { return layer.work && layer.work->together == together; });
  };
  std::string text = format("this machine's peak on %u thread%s: %.1f GFLOP/s (f32, %u-bit vectors)", peaks.threads,
                            peaks.threads == 1 ? "" : "s", peaks.gigaflops, peaks.vectorBits);
  if (hasDots(2))
    text += format(", %.1f (dots of bf16)", peaks.gigaflopsBf16);
  if (hasDots(4))
    text += format(", %.1f (dots of 8-bit integers)", peaks.gigaopsInt8);
  text += "; reads";
  for (const auto &level : peaks.levels)
    text +=
        format("%s %.1f GB/s from %s", &level == peaks.levels.data() ? "" : ",", level.gigabytesPerSecond, level.name);
  double operations = 0, bytes = 0, bound = 0, sum = 0;
  for (const Layer &layer : figures.layers) {
    const runner::StepWork work = layer.work.value_or(runner::StepWork{});
    operations += work.operations;
    bytes += work.bytes;
    bound += layer.bound.ms();
    sum += layer.minMs;
  }
  return text +
         format("\nthe whole model: %.4g GFLOP, %.4g MB; %.1f GFLOP/s; layers take %.4g ms, at their bounds %.4g ms "
                "(%.0f%%)\n",
                operations * 1e-9, bytes * 1e-6, gigaPerSecond(operations, figures.minMs), sum, bound,
                sum > 0 ? 100 * bound / sum : 0);
}

std::optional<std::string> doubtOf(const BenchFigures &figures) {
  if (!figures.peaks)
    return std::nullopt;
  if (std::optional<std::string> doubt = figures.peaks->doubt())
    return doubt;
  for (const Layer &layer : figures.layers)
    if (layer.work && layer.bound.isBeatenBy(layer.minMs, *layer.work))
      return format("a layer moved %.1f GB/s, more than was measured", gigaPerSecond(layer.work->bytes, layer.minMs));
  return std::nullopt;
}

/// What the machine can do, or why that is not told.
static std::string peaksOrWhyNone(const BenchFigures &figures) {
  if (figures.peaks) {
    const std::optional<std::string> doubt = doubtOf(figures);
    return peaksText(figures) + (doubt ? "the machine was busy while its memory was measured (" + *doubt +
                                             "): bounds of memory are not to be trusted\n"
                                       : "");
  }
  if (!figures.wantsPeaks)
    return "peaks not measured (--no-peaks): no bounds\n";
  return figures.layers.empty() ? "the model has no layers: no bounds\n"
                                : "the artefact does not say what its layers have to do: no bounds\n";
}

static std::string summary(const BenchFigures &figures) {
  std::string text = figures.artifact +
                     format(": median %.4g ms, least %.4g ms, processor time %.4g ms a run; %zu runs on %u thread%s\n",
                            figures.medianMs, figures.minMs, figures.cpuMsPerRun, figures.runs, figures.threads,
                            figures.threads == 1 ? "" : "s");
  return text + format("arena %.4g MB, weights %.4g MB, ready after %.3g ms\n",
                       static_cast<double>(figures.arenaBytes) * 1e-6, static_cast<double>(figures.weightsBytes) * 1e-6,
                       figures.loadMs);
}

std::string benchTable(const BenchFigures &figures, bool singly) {
  const bool hasRoofline = figures.peaks.has_value();
  std::string text = summary(figures);
  text += peaksOrWhyNone(figures);
  if (figures.layers.empty())
    return text;
  const std::vector<Row> rows = rowsOf(figures.layers, singly);
  text += "layers: the least time of each, as the peaks are the best of many turns\n";
  if (hasRoofline)
    text +=
        "bound: what takes longer at the peaks, operations or bytes; reached: that time of the layer's; ms lost: the "
        "difference\n";
  if (singly)
    return text + "\nall layers, in the order of the run:\n" + inOrder(rows, hasRoofline);
  text += "\nslowest, equal kernels in one row (--layers lists all, --json all there is):\n" +
          largest(rows, kRowsShown, hasRoofline, [](const Row &row) { return row.layer.minMs; });
  if (!hasRoofline)
    return text;
  text += "\nfurthest from what the machine can do:\n" +
          largest(rows, kLosersShown, true, [](const Row &row) { return row.lostMs(); });
  const bool anyFewer = std::any_of(figures.layers.begin(), figures.layers.end(),
                                    [](const Layer &layer) { return layer.work && layer.work->isFewer; });
  if (anyFewer)
    text +=
        "* operations of the direct convolution: Winograd's algorithm makes do with fewer, and may exceed its bound\n";
  return text;
}

} // namespace smelt

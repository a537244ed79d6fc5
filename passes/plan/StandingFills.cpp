// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/StandingFills.h"
#include <map>

using namespace mlir;

namespace smelt::plan {

namespace {
/// Bytes [first, last).
struct Run {
  int64_t first = 0, last = 0;
};

/// Which bytes of a place hold what a fill has written.
class Standing {
public:
  /// Nothing is known of these bytes from now on.
  void forget(Run run) {
    auto at = runs_.upper_bound(run.first);
    if (at != runs_.begin() && std::prev(at)->second.last > run.first)
      --at;
    while (at != runs_.end() && at->first < run.last) {
      auto [first, held] = *at;
      at = runs_.erase(at);
      if (first < run.first)
        runs_[first] = {run.first, held.value};
      if (held.last > run.last)
        at = std::next(runs_.insert_or_assign(run.last, Held{held.last, held.value}).first);
    }
  }
  void fill(Run run, Attribute value) {
    forget(run);
    runs_[run.first] = {run.last, value};
  }
  bool holds(Run run, Attribute value) const {
    while (run.first < run.last) {
      auto at = runs_.upper_bound(run.first);
      if (at == runs_.begin() || (--at)->second.last <= run.first || at->second.value != value)
        return false;
      run.first = at->second.last;
    }
    return true;
  }

private:
  struct Held {
    int64_t last = 0;
    Attribute value;
  };
  std::map<int64_t, Held> runs_; // by their first bytes; no two overlap
};
} // namespace

/// The bytes of a view, as runs of those that lie side by side; nothing where these are too many, or open.
static std::optional<SmallVector<Run>> runsOf(const View &view, Type type) {
  constexpr int64_t kMostRuns = 1 << 14;
  auto tensor = cast<RankedTensorType>(type);
  std::optional<int64_t> offset = view.offset.asNumber();
  if (!offset || !tensor.hasStaticShape() || view.strides.size() != tensor.getShape().size())
    return std::nullopt;
  SmallVector<std::pair<int64_t, int64_t>> dims; // stride and extent
  for (auto [stride, extent] : llvm::zip_equal(view.strides, tensor.getShape())) {
    if (!stride.isNumber() || stride.number() < 0)
      return std::nullopt;
    if (extent != 1)
      dims.push_back({stride.number(), extent});
  }
  llvm::sort(dims);
  int64_t bytes = graph::elementBytes(tensor.getElementType()), length = 1;
  size_t outer = 0;
  for (; outer < dims.size() && dims[outer].first == length; ++outer)
    length *= dims[outer].second;
  SmallVector<Run> runs{{*offset * bytes, (*offset + length) * bytes}};
  for (auto [stride, extent] : ArrayRef(dims).drop_front(outer)) {
    const size_t count = runs.size();
    if (static_cast<int64_t>(count) * extent > kMostRuns)
      return std::nullopt;
    for (int64_t index = 1; index < extent; ++index)
      for (size_t run = 0; run < count; ++run)
        runs.push_back({runs[run].first + index * stride * bytes, runs[run].last + index * stride * bytes});
  }
  return runs;
}

/// What a step writes that does nothing but fill, for each of its results; else nothing.
static std::optional<SmallVector<Attribute>> filledWith(const Step &step) {
  auto dispatch = dyn_cast<kernel::DispatchOp>(step.op);
  if (!dispatch || !dispatch.getInputs().empty() || step.scratch)
    return std::nullopt;
  SmallVector<Attribute> values;
  for (Value yielded : dispatch.getBody().front().getTerminator()->getOperands()) {
    auto broadcast = yielded.getDefiningOp<graph::BroadcastOp>();
    auto constant = broadcast ? broadcast.getInput().getDefiningOp<graph::ConstantOp>() : graph::ConstantOp();
    if (!constant || graph::typeOf(constant.getResult()).getNumElements() != 1)
      return std::nullopt;
    values.push_back(constant.getValue());
  }
  return values;
}

/// Notes what a step writes; whether all of that stood there before.
static bool run(const Step &step, ArrayRef<int> places, llvm::DenseMap<int, Standing> &standing) {
  std::optional<SmallVector<Attribute>> values = filledWith(step);
  bool stands = values.has_value();
  for (auto [number, result] : llvm::enumerate(step.op->getResults())) {
    const View &view = step.views[step.op->getNumOperands() + number];
    Standing &place = standing[places[view.buffer]];
    std::optional<SmallVector<Run>> runs = runsOf(view, result.getType());
    if (!runs) {
      place = Standing();
      stands = false;
      continue;
    }
    for (const Run &run : *runs) {
      stands &= values && place.holds(run, (*values)[number]);
      values ? place.fill(run, (*values)[number]) : place.forget(run);
    }
  }
  return stands;
}

bool dropStandingFills(Placement &placement, ArrayRef<int> places) {
  llvm::DenseMap<int, Standing> standing;
  size_t before = placement.steps().size();
  llvm::erase_if(placement.steps(), [&](const Step &step) { return run(step, places, standing); });
  return placement.steps().size() < before;
}

} // namespace smelt::plan

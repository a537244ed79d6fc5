// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/Windows.h"

using llvm::Twine;

namespace smelt::frontend::onnx {

/// A list of `count` numbers from `least` on; all `fallback` where the node does not give it.
static Integers readList(NodeReader &node, llvm::StringRef name, size_t count, int64_t least, int64_t fallback) {
  Integers values = node.integers(name).value_or(Integers(count, fallback));
  if (values.size() != count || llvm::any_of(values, [&](int64_t value) { return value < least; }))
    malformed(name + " " + inWords(values) + " should be " + Twine(count) + " numbers from " + Twine(least) + " on");
  return values;
}

Windows readWindows(NodeReader &node, Integers kernel) {
  Windows windows;
  size_t dims = kernel.size();
  windows.kernel = std::move(kernel);
  if (llvm::any_of(windows.kernel, [](int64_t extent) { return extent < 1; }))
    malformed("has a kernel of dims " + inWords(windows.kernel));
  windows.strides = readList(node, "strides", dims, 1, 1);
  windows.dilations = readList(node, "dilations", dims, 1, 1);
  Integers pads = readList(node, "pads", 2 * dims, 0, 0);
  windows.autoPad = node.choice<AutoPad>("auto_pad", "NOTSET",
                                         {{"NOTSET", AutoPad::NotSet},
                                          {"SAME_UPPER", AutoPad::SameUpper},
                                          {"SAME_LOWER", AutoPad::SameLower},
                                          {"VALID", AutoPad::Valid}});
  if (windows.autoPad != AutoPad::NotSet)
    pads.assign(2 * dims, 0);
  windows.low.assign(pads.begin(), pads.begin() + dims);
  windows.high.assign(pads.begin() + dims, pads.end());
  for (size_t dim = 0; dim < dims; ++dim)
    checkedAdd(checkedAdd(windows.low[dim], windows.high[dim]), windows.reach(dim));
  return windows;
}

void resolveAutoPad(Windows &windows, llvm::ArrayRef<int64_t> spatial) {
  if (windows.autoPad == AutoPad::NotSet || windows.autoPad == AutoPad::Valid)
    return;
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    int64_t extent = spatial[dim], stride = windows.strides[dim];
    int64_t count = extent == 0 ? 0 : (extent - 1) / stride + 1;
    int64_t needed = checkedAdd(checkedMul(std::max<int64_t>(count - 1, 0), stride), windows.reach(dim));
    int64_t total = std::max<int64_t>(needed - extent, 0);
    windows.low[dim] = windows.autoPad == AutoPad::SameUpper ? total / 2 : total - total / 2;
    windows.high[dim] = total - windows.low[dim];
  }
}

Integers kernelOf(NodeReader &node, Value input, Value filter) {
  if (rankOf(input) < 3 || rankOf(filter) != rankOf(input))
    malformed("needs an input of three dims or more and a filter of as many, not " + inWords(shapeOf(input)) + " and " +
              inWords(shapeOf(filter)));
  Integers kernel(shapeOf(filter).drop_front(2));
  if (auto stated = node.integers("kernel_shape"); stated && *stated != kernel)
    malformed("kernel_shape is " + inWords(*stated) + ", but its filter has " + inWords(kernel));
  return kernel;
}

int64_t groupsOf(NodeReader &node, Value input, Value filter) {
  int64_t groups = node.integer("group", 1), channels = shapeOf(input)[1];
  if (groups < 1 || channels % groups != 0)
    malformed("has " + Twine(groups) + " groups of " + Twine(channels) + " channels");
  if (shapeOf(filter)[1] != channels / groups || shapeOf(filter)[0] % groups != 0)
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " does not fit " + Twine(channels) + " channels in " +
              Twine(groups) + " groups");
  return groups;
}

} // namespace smelt::frontend::onnx

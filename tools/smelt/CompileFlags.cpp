// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt/CompileFlags.h"
#include "codegen/cpu/Target.h"
#include "tools/driver/Errors.h"
#include "llvm/ADT/StringRef.h"

namespace smelt {

void CompileFlags::addShape(CLI::App &command) {
  command
      .add_option(
          "--shape", shapes,
          "INPUT=1x3x224x224: fixes an input's extents; needed where the file leaves them open; may be repeated")
      ->allow_extra_args(false);
}

void CompileFlags::addTo(CLI::App &command) {
  command.add_option("MODEL", options.model, "an .onnx file, or .mlir of the graph dialect")->required();
  command.add_option("--target", options.target, "processor to compile for: " + cpu::targetNames())
      ->capture_default_str();
  addShape(command);
  command
      .add_option("--precision", precision,
                  "f32: as the model has it; those that trade accuracy (bf16, f16, int8, …) are not there yet")
      ->capture_default_str();
  command.add_option("--calibration", calibration,
                     "inputs that --precision int8 will choose its scales by; not there yet");
  command
      .add_option("--threads", options.threads, "threads that compile; 0: one for each core. The output is the same")
      ->capture_default_str();
  command.add_flag("--symbolic", options.import.symbolic,
                   "keep dims that neither the file nor --shape fixes: the artefact serves every size (under way)");
  command.add_option("--dump-after", options.dumpAfter, "print the IR after this pass, or after import, on stderr");
}

/// "image=1x3x224x224" → the extents; the name may hold anything but the last "=".
static llvm::Error parseShape(llvm::StringRef text, frontend::ImportOptions &options) {
  auto [name, list] = text.rsplit('=');
  std::vector<int64_t> extents;
  llvm::SmallVector<llvm::StringRef> words;
  if (!list.empty()) // "x=" is a scalar
    list.split(words, 'x');
  bool valid = text.contains('=') && !name.empty();
  for (llvm::StringRef word : words) {
    int64_t extent = 0;
    valid &= !word.getAsInteger(10, extent) && extent >= 0;
    extents.push_back(extent);
  }
  if (!valid)
    return driver::toolError(driver::kUsage, "--shape " + text + ": wanted INPUT=1x3x224x224");
  if (!options.shapes.emplace(name.str(), extents).second)
    return driver::toolError(driver::kUsage, "--shape: '" + name + "' is given twice");
  return llvm::Error::success();
}

llvm::Error CompileFlags::parse() {
  for (const std::string &text : shapes)
    if (llvm::Error error = parseShape(text, options.import))
      return error;
  constexpr llvm::StringLiteral kLater[] = {"bf16", "f16", "int8", "int8-dynamic", "int8-weights", "int4-weights"};
  if (llvm::is_contained(kLater, precision))
    return driver::toolError(driver::kUnsupported, "--precision " + precision + " is not there yet; use f32");
  if (precision != "f32")
    return driver::toolError(driver::kUsage, "--precision: no precision '" + precision + "'; there is f32");
  if (!calibration.empty())
    return driver::toolError(driver::kUsage, "--calibration goes with --precision int8");
  return llvm::Error::success();
}

} // namespace smelt

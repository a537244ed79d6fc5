// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_COMPILEFLAGS_H
#define SMELT_TOOLS_SMELT_COMPILEFLAGS_H

#include "tools/driver/Compile.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/ConfigurationFile.h"
#include <CLI/App.hpp>
#include <memory>

namespace smelt {

/// What every command that compiles takes: MODEL, --signature, --target, --shape, --state, --custom, --link,
/// --precision,
/// --calibration, --calibration-preprocess, --calibration-method, --threads, --cache, --dump-after.
struct CompileFlags {
  driver::CompileOptions options;
  std::vector<std::string> shapes, states, custom;
  std::string precision = "f32", calibration, preprocessing, method = "auto";
  std::string samples; // what `calibration` names, or a folder with arrays made of its images
  std::optional<quantize::ConfigurationFile> configuration; // where `precision` names a file

  void addTo(CLI::App &command);
  /// The check of an option that names a file: it may not be empty.
  static std::string checkName(const std::string &name) { return name.empty() ? "the name of the file is empty" : ""; }
  /// --signature alone, --shape alone, --state alone, --custom alone.
  void addSignature(CLI::App &command);
  void addShape(CLI::App &command);
  void addState(CLI::App &command);
  void addCustom(CLI::App &command);
  /// Fills `options` from the texts; fails with a ToolError that says which flag is wrong. Where --precision names a
  /// file, `options.precision` is what passes have to know of it: that of all layers, or int8 where they are marked.
  llvm::Error parse();

private:
  llvm::Error parsePrecision();
  llvm::Error parseCalibration();

  CLI::Option *method_ = nullptr;             // of `method`
  std::shared_ptr<TemporaryFolder> prepared_; // the folder of `samples`
};

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_COMPILEFLAGS_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A configuration as a file of JSON, which a person may write as well:
//   {"default": "int8", "layers": {"/Conv_3": "f32", "/Gemm": {"precision": "int8", "range": [-1, 2.5]}}}
// docs/quantization.md says what each key means.

#ifndef SMELT_TOOLS_QUANTIZE_CONFIGURATIONFILE_H
#define SMELT_TOOLS_QUANTIZE_CONFIGURATIONFILE_H

#include "tools/quantize/Configuration.h"
#include <optional>
#include <set>

namespace smelt::quantize {

/// What a file says, before it meets a model.
class ConfigurationFile {
public:
  /// Fails with a ToolError where the file is no configuration, and says what is wrong where. Throws runner::Error
  /// where it cannot be read.
  static llvm::Expected<ConfigurationFile> read(const std::string &path);

  /// The precision of all layers, and of all else, where there is but one, and compiling for it needs no marks.
  std::optional<Precision> onlyPrecision() const;
  /// That of the compilation whose passes do as layers are marked.
  Precision passes() const;

  /// The layers of a model's graph (that driver::buildGraphStages made), as the file says. Fails with a usage error
  /// where the file names layers that the model lacks, or has other numbers of channels.
  llvm::Expected<Configuration> fit(mlir::ModuleOp module) const;

  /// The layers of `configuration` that `found`, by data, has ranges for and the file has not get them.
  static void complete(Configuration &configuration, const Configuration &found);
  /// The names of those that need a range and have none, in words; empty where there are none.
  static std::string unknownRanges(const Configuration &configuration);

  const std::string &path() const { return path_; }
  /// What layers are in that the file does not name.
  Precision standard() const { return *precisionOf(standard_); }

private:
  struct Entry {
    std::string precision;      // empty: the default
    std::optional<Range> range; // the others count only beside it
    std::vector<float> smoothing, means;
    std::string rounding;
    bool isDynamic = false;
  };
  /// What belongs to one name: for all layers of that name alike, or for each of them in turn.
  struct Named {
    std::string name;
    std::vector<Entry> entries;
    bool isList = false;
  };
  friend class ConfigurationReader;

  /// All precisions that it speaks of.
  std::set<std::string> names() const;
  std::vector<const Entry *> entriesOf(const std::vector<std::string> &layers, std::string &why) const;

  std::string path_, standard_ = "f32", rest_;
  std::vector<Named> layers_;
};

/// The text of a file that compiles a model as `configuration` says, without data. `standard` is what layers are in
/// that the file does not name: none of this model.
std::string toJson(const Configuration &configuration, const std::string &model, Precision standard);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_CONFIGURATIONFILE_H

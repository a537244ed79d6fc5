// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_COMPILE_H
#define SMELT_TOOLS_DRIVER_COMPILE_H

#include "codegen/artifact/Artifact.h"
#include "frontends/common/Import.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace smelt::driver {

enum class Emit { Shared, Static, Object, Mlir, Llvm, Asm };

struct CompileOptions {
  std::string model;  // a path; a .mlir file holds the graph dialect
  std::string output; // a path, a stem for Emit::Static; "-" is stdout for the forms that are text
  Emit emit = Emit::Shared;
  std::string report; // a path that the caller will write; no other file may be meant by it
  std::string target = "native";
  frontend::ImportOptions import;
  std::vector<std::pair<std::string, std::string>> states; // an input, and the output that it is in the next run
  std::vector<std::string> libraries; // paths: object files that define the functions of custom operators
  unsigned threads = 0;               // that compile; 0: as many as there are cores. The output does not depend on it
  std::string cache;     // a folder of kernels compiled before; empty: none. The output does not depend on it
  std::string dumpAfter; // a pass, or "import": its IR goes to stderr
  std::function<void(mlir::ModuleOp)> afterImport; // changes the imported module; may be null
};

/// What a compilation did.
struct CompileReport {
  artifact::Sizes sizes;
  uint64_t arenaBytes = 0;
  uint64_t arenaLowerBound = 0;
  uint64_t kernels = 0;       // distinct ones
  uint64_t kernelsCached = 0; // those of them that a cache had
  uint64_t steps = 0;
  std::map<std::string, int64_t> operators;           // of the graph as imported
  std::vector<std::pair<std::string, double>> stages; // name, milliseconds, in order
};

/// The graph of a model as the options say: read from its file, then changed by `afterImport`. Errors are ImportError
/// or ToolError.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importGraph(const CompileOptions &options,
                                                              mlir::MLIRContext &context);

/// Compiles a model as the options say. Errors are ImportError, WriteError or ToolError; nothing is left of the output
/// then.
llvm::Error compile(const CompileOptions &options, CompileReport &report);

/// The report as JSON.
std::string toJson(const CompileOptions &options, const CompileReport &report);
/// The stages' times as a table for a person.
std::string timingTable(const CompileReport &report);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_COMPILE_H

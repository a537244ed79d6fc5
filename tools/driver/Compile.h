// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_COMPILE_H
#define SMELT_TOOLS_DRIVER_COMPILE_H

#include "codegen/artifact/Artifact.h"
#include "frontends/common/Import.h"
#include "passes/quantize/Passes.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <map>
#include <optional>
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
  std::string processor; // beside a target that is a device; empty: the one that compiles
  quantize::Precision precision = quantize::Precision::F32;
  bool tf32 = false; // beside F32: products by tensor cores of CUDA, of operands that these round
  frontend::ImportOptions import;
  std::vector<std::pair<std::string, std::string>> states; // an input, and the output that it is in the next run
  std::vector<std::string> libraries; // paths: object files that define the functions of custom operators
  unsigned threads = 0;               // that compile; 0: as many as there are cores. The output does not depend on it
  std::string cache;     // a folder of kernels compiled before; empty: none. The output does not depend on it
  int64_t strips = 0;    // of plan::createSplitRowsPass. Results do not depend on it
  std::string dumpAfter; // a pass, or "import": its IR goes to stderr
  // Change the module as imported, and the graph that buildGraphStages makes of it; may be null.
  std::function<void(mlir::ModuleOp)> afterImport;
  std::function<llvm::Error(mlir::ModuleOp)> afterLayout;
  unsigned narrow = 0; // what a processor rounds products to beside what its own are worth it for: kernel::Narrow
};

/// How far one output of a model in a lower precision is from the same in f32.
struct OutputError {
  std::string name;
  double maxAbs = 0;
  double maxRelative = 0; // maxAbs over the largest value
  double cosine = 1;
  uint64_t differing = 0; // of `elements`
  uint64_t elements = 0;
};

/// The error that a lower precision was measured to have, the largest over all inputs.
struct PrecisionReport {
  std::string inputs; // what they were: "seeded", or a path
  std::vector<OutputError> outputs;
  std::string failure; // why there is none
  // Of seeded inputs whose dims the model leaves open: their names, and the shapes that were taken.
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes = {};
};

/// What a product by constant weights is computed in.
struct LayerPrecision {
  std::string node; // of the source
  std::string precision;
  int64_t multiplyAdds = 0; // of an inference
};

/// What of a model a device computes, and what the processor.
struct DeviceReport {
  uint64_t steps = 0, processorSteps = 0;
  uint64_t copies = 0, copiedBytes = 0; // between them, inputs and outputs included, where memory is not shared
  std::vector<std::pair<std::string, std::string>> leftOut; // kernels of the processor, and why
};

/// What a compilation did.
struct CompileReport {
  artifact::Sizes sizes;
  uint64_t arenaBytes = 0;
  uint64_t arenaLowerBound = 0;
  uint64_t kernels = 0;       // distinct ones
  uint64_t kernelsCached = 0; // those of them that a cache had
  uint64_t steps = 0;
  uint64_t weightsInFewBits = 0;            // matrices and tables in 4 or 8 bits, that are computed with in f32
  uint64_t weightsForFewBits = 0;           // all that were to be so
  std::map<std::string, int64_t> operators; // of the graph as imported
  std::vector<std::pair<std::string, double>> stages; // name, milliseconds, in order
  // Of a lower precision than f32, for the caller to fill.
  std::optional<PrecisionReport> precision;
  std::vector<LayerPrecision> layers;
  std::string configuration; // the file that says so; empty: none
  std::optional<DeviceReport> device;
};

/// The graph of a model as the options say: read from its file, then changed by `afterImport`. Errors are ImportError
/// or ToolError.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importGraph(const CompileOptions &options,
                                                              mlir::MLIRContext &context);

/// Compiles a model as the options say. Errors are ImportError, WriteError or ToolError; nothing is left of the output
/// then.
llvm::Error compile(const CompileOptions &options, CompileReport &report);

/// The files that a compilation writes, without its report; "-" is stdout.
std::vector<std::string> outputsOf(const CompileOptions &options);

/// Options that compile the same model in a precision for the machine at hand, to a shared artefact that is run at
/// once: without a report, IR on stderr, or marks on the graph.
CompileOptions forThisMachine(CompileOptions options, quantize::Precision precision, std::string output);

/// Calls `look` with the graph of a model as `afterLayout` gets it, and compiles nothing.
llvm::Error lookAtGraph(const CompileOptions &options, std::function<llvm::Error(mlir::ModuleOp)> look);

/// The report as JSON.
std::string toJson(const CompileOptions &options, const CompileReport &report);
/// The stages' times as a table for a person.
std::string timingTable(const CompileReport &report);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_COMPILE_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_CONFIGURATION_H
#define SMELT_TOOLS_QUANTIZE_CONFIGURATION_H

#include "tools/driver/Compile.h"
#include "tools/quantize/Histogram.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace smelt::quantize {

/// What one product by constant weights is computed in, and how its input is written in 8 bits.
struct Layer : driver::LayerPrecision {
  int64_t weights = 0;          // how many, where that is known
  Range range;                  // of its input, divided by `smoothing`
  bool isRangeGiven = false;    // by a file
  std::vector<float> smoothing; // of each channel of the input; none: 1
  std::vector<float> means;     // of each channel of the input, divided so; none: not known
  std::string rounding;         // which weights are not rounded to nearest (RoundingSteps.h); none: all are
  bool isDynamic = false; // the range is found in each run, of each row or image; `range` says whether some are below 0
};

/// All such products of a model, in the order in which they are computed.
struct Configuration {
  std::vector<Layer> layers;
  std::vector<driver::LayerPrecision> inParts; // products that run in a loop or under a condition, and stay in f32
  std::string whyNone;                         // there are no layers; empty: there are some, or nobody looked
  std::string rest; // what all other products, and tables, are in; empty: as a compilation does by itself
};

/// The products that a configuration says nothing of.
std::vector<driver::LayerPrecision> layersInParts(mlir::ModuleOp module);

/// "int8: 48 of 50 layers; 1.2 % of multiply-adds in f32: '/Conv_0', '/classifier/Gemm'"
std::string inWords(const Configuration &configuration);

/// Marks the products of a graph (that driver::buildGraphStages made) as a configuration of the same model says.
llvm::Error mark(mlir::ModuleOp module, const Configuration &configuration);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_CONFIGURATION_H

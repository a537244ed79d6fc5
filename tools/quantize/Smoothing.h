// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_SMOOTHING_H
#define SMELT_TOOLS_QUANTIZE_SMOOTHING_H

#include "passes/quantize/Weights.h"
#include "tools/quantize/Statistics.h"

namespace smelt::quantize {

/// How the input of some products is written in 8 bits.
struct Scaling {
  Range range;
  std::vector<float> factors; // what its channels are divided by first; none: nothing
  double noise = 0;           // that is expected: squared, relative to the results' squares, over all products
};

/// The scaling of the least expected error in the results of all `products`, which read one tensor, in samples that
/// were not seen: noise of rounding is taken as uniform and independent, and what channels reach beyond what was seen
/// of them as Tails has it. With RangeMethod::Expected the range reaches so far beyond that neither clamping nor
/// rounding costs more than it must; where there are factors, all methods but MinMax do so. Factors are tried that
/// leave more or less of the unevenness of channels to the weights (Xiao et al., "SmoothQuant", 2023); none are taken
/// where they gain little.
Scaling chooseScaling(llvm::ArrayRef<WeightedProduct> products, const Statistics &statistics, RangeMethod method);

/// The same where each part of the tensor, a row or an image, gets a range of its own in each run; the scaling's range
/// is that of all. Where parts are not known, the noise is infinite.
Scaling chooseDynamicScaling(llvm::ArrayRef<WeightedProduct> products, const Statistics &statistics);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_SMOOTHING_H

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_MIXTURE_H
#define SMELT_TOOLS_QUANTIZE_MIXTURE_H

#include "tools/quantize/Calibrate.h"

namespace smelt::quantize {

/// What is asked of a mixture.
struct Budget {
  double distance = 0.01;         // DecisionDistance::relative
  double mostMultiplyAdds = 0.15; // that may be left in more digits, of all
  // Nearer than this, only layers go back that are worth their time: each with this many times as large a part of the
  // squared distance as of the multiply-adds, which cost about 4 times as much in more digits.
  double tolerable = 0.1, worth = 6;
  // Of multiply-adds and of weights, what is left so wherever there is something to gain: it costs next to nothing.
  double freeMultiplyAdds = 0.01, freeWeights = 0.15;
};

/// Of several configurations of a model's layers, the one whose outputs are nearest to those in f32; each is judged by
/// what ranges that half of the samples made do on the other half, and has those of all of them in the end. Where that
/// is not near enough, the layers that add most to the distance take their ranges from whichever configuration suits
/// each best, also from those that find them in each run; then layers go back to `fallback`, a precision that counts as
/// exact here, those first that add most for each multiply-add, until the distance is in the budget, or no layer is
/// worth its time any more, or the multiply-adds are spent. Throws runner::Error.
llvm::Expected<Configuration> chooseMixture(const Budget &budget, const std::string &fallback,
                                            const driver::CompileOptions &options,
                                            const std::vector<std::string> &samples,
                                            std::vector<Calibrated> candidates);

/// How many layers, taken in `order`, are worth their time: each has `worth` times as large a part of the squared
/// distance that those before it leave as it has of all `costs`. `alone` is the distance that each layer makes alone.
size_t worthwhile(llvm::ArrayRef<double> alone, llvm::ArrayRef<double> costs, llvm::ArrayRef<size_t> order,
                  double worth);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_MIXTURE_H

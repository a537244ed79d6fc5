// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_PASSES_H
#define SMELT_PASSES_QUANTIZE_PASSES_H

#include "dialects/Kernel/Machine.h"
#include "llvm/ADT/StringRef.h"
#include <atomic>
#include <memory>
#include <optional>
#include <string>

namespace mlir {
class Pass;
} // namespace mlir

namespace smelt::quantize {

/// What products are made of. Anything but F32 trades accuracy, and is only done when asked for.
enum class Precision { F32, BF16, F16, Int8, Int8Dynamic, Int8Weights, Int4Weights };
/// "bf16"
llvm::StringRef nameOf(Precision precision);
/// Nothing for a text that names none.
std::optional<Precision> precisionOf(llvm::StringRef name);
/// All of them, for messages: "f32, bf16, …".
std::string precisionNames();

/// Attributes of a product by constant weights: what it is computed in, a name of Precision; the least and the largest
/// number of its input; what each channel of the input is divided by before, and its weights multiplied by; the mean of
/// each channel then; whether the range is found anew in each run; and which weights are rounded away from the nearest
/// integers (RoundingSteps.h).
inline constexpr llvm::StringLiteral kPrecision = "graph.precision", kRange = "graph.range",
                                     kSmoothing = "graph.smoothing", kMeans = "graph.means", kDynamic = "graph.dynamic",
                                     kRounding = "graph.rounding";

/// Operands of products in f32 → operands of a narrower float, sums in f32. With F32, only those of ops that are marked
/// so. Before the passes that choose kernels.
std::unique_ptr<mlir::Pass> createLowerPrecisionPass(Precision precision = Precision::BF16,
                                                     const kernel::Machine &machine = {});
/// Products marked int8 → products of integers of 8 bits, scaled back to f32.
std::unique_ptr<mlir::Pass> createQuantizeProductsPass();
/// Products by constant weights → products of integers of 8 bits, by ranges that the run finds.
std::unique_ptr<mlir::Pass> createQuantizeDynamicallyPass();
/// Matrices that a model has in few bits → such codes, where products and gathers read them. Before fold-constants.
std::unique_ptr<mlir::Pass> createKeepCodesPass();
/// Constants in f32 of which each is a number of a narrower float → that. `all`: whatever the time, which may be a
/// tenth longer.
std::unique_ptr<mlir::Pass> createKeepNarrowFloatsPass(const kernel::Machine &machine = {}, bool all = false);
/// Of the matrices and tables that were to be in few bits: how many are, and all.
struct RoundedWeights {
  std::atomic<uint64_t> taken{0}, all{0};
};
/// Constant matrices of products, and tables → codes of 4 or 8 bits, computed with in f32. With any other precision
/// than those two, only those of ops that are marked so. Adds to `count`, which may be null and must outlive the pass.
std::unique_ptr<mlir::Pass> createQuantizeWeightsPass(Precision products = Precision::Int4Weights,
                                                      Precision tables = Precision::Int4Weights,
                                                      RoundedWeights *count = nullptr);
/// Roundings to a narrower type → to before what only moves elements, where kernels that compute them can do it.
std::unique_ptr<mlir::Pass> createHoistCastsPass();
/// Large tensors that products read rounded → rounded for elementwise work as well.
std::unique_ptr<mlir::Pass> createShareRoundingsPass();
/// Functions whose results are rounded to 8 bits at once → marked `graph.coarse`, where fewer digits do not show.
std::unique_ptr<mlir::Pass> createCoarsenFunctionsPass();

/// Moves of dequantised elements → moves of integers of 8 bits, exactly; quantising again in the same way → nothing.
/// Before unscale-products.
std::unique_ptr<mlir::Pass> createSinkDequantisationPass();
/// Products of dequantised operands → products of their integers, scaled. Before narrow-products.
std::unique_ptr<mlir::Pass> createUnscaleProductsPass();
/// Products of operands that are widened from 8 bits → wide products of those, exactly. Before all passes but
/// fold-constants.
std::unique_ptr<mlir::Pass> createNarrowProductsPass();
/// Left operands of products of 8 bits → what the target's dot instructions multiply, exactly.
std::unique_ptr<mlir::Pass> createSuitProductsPass(const kernel::Machine &machine = {});
/// Rounding, adding a zero point and saturating to 8 bits → one op. Before the passes that choose kernels.
std::unique_ptr<mlir::Pass> createFuseQuantisationPass();

void registerQuantizePasses();

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_PASSES_H

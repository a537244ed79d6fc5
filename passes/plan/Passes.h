// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_PASSES_H
#define SMELT_PASSES_PLAN_PASSES_H

#include "dialects/Kernel/Machine.h"
#include "llvm/ADT/StringRef.h"
#include <memory>

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace smelt::plan {

/// Transposed convolutions → convolutions, one for each phase of the result's rows. Before the passes on convolutions.
std::unique_ptr<mlir::Pass> createSplitConvTransposePass();
/// Convolutions with fewer result channels than lanes: neighbouring columns become channels.
std::unique_ptr<mlir::Pass> createFoldColumnsPass(const kernel::Machine &machine = {});
/// Convolutions that pad one tensor differently → parts of one padded tensor. Before pack-contractions.
std::unique_ptr<mlir::Pass> createSharePaddingPass();
/// 3x3 convolutions → kernel.winograd, where the target gains. Before pack-contractions.
std::unique_ptr<mlir::Pass> createChooseWinogradPass(const kernel::Machine &machine = {});
/// matmul, conv → kernel.contract over packed panels; padding becomes graph.pad.
std::unique_ptr<mlir::Pass> createPackContractionsPass(const kernel::Machine &machine = {});
/// Products of few results and a long K → a batch of products of parts of K, and its sum, for devices. Before
/// pack-contractions.
std::unique_ptr<mlir::Pass> createSplitProductsPass(const kernel::Machine &machine = {});
/// Products by constants with few tiles and a long K → sums of products of parts of K, for devices whose groups share
/// tiles. After pack-contractions.
std::unique_ptr<mlir::Pass> createSplitKPass(const kernel::Machine &machine = {});
/// Inputs, outputs and constants of elements of 4 and 2 bits → bytes that hold several, and ops that unpack and pack.
std::unique_ptr<mlir::Pass> createPackElementsPass();
/// The attribute of an argument or result of a function that holds the type it has for whoever runs the model.
constexpr llvm::StringLiteral kDeclaredType = "graph.declared_type";
/// Averages of whole images → means, for devices.
std::unique_ptr<mlir::Pass> createReduceWholePoolsPass();
/// Reductions of much to little, and normalisations of few long rows → reductions of parts, and of their results, for
/// devices. After pack-contractions, before form-dispatches.
std::unique_ptr<mlir::Pass> createSplitReductionsPass();
/// Running sums of few long lines → running sums of parts, and what is before each, for devices.
std::unique_ptr<mlir::Pass> createSplitScansPass();
/// Maxima of few large windows → of their rows, and of these, for devices.
std::unique_ptr<mlir::Pass> createSeparatePoolsPass();
/// Roots and the elementwise work that follows them → kernel.dispatch.
std::unique_ptr<mlir::Pass> createFormDispatchesPass(const kernel::Machine &machine = {});
constexpr int64_t kStripsForSpeed = 0, kStripsForMemory = -1;
/// Neighbouring dispatches in strips of rows, where that needs less memory and no more time; or all that can be, in so
/// many `strips`, of which 1 are none. For speed, neither one thread nor two take longer; for memory, one does not.
/// After form-dispatches.
std::unique_ptr<mlir::Pass> createSplitRowsPass(const kernel::Machine &machine = {}, int64_t strips = 0);
/// Dispatches and views → kernel.func with strided buffers, and a kernel.plan of calls over one arena.
std::unique_ptr<mlir::Pass> createPlaceBuffersPass(const kernel::Machine &machine = {});
/// Merges neighbouring dims of elementwise kernels, so that their inner loops are long.
std::unique_ptr<mlir::Pass> createCollapseDimsPass();
/// Makes the symbolic sizes of a kernel arguments of it.
std::unique_ptr<mlir::Pass> createParametriseKernelsPass();
/// Gives equal kernels one function.
std::unique_ptr<mlir::Pass> createDeduplicateKernelsPass();

/// From pack-elements on, in order; `strips` are split-rows'.
void buildPlanPipeline(mlir::OpPassManager &manager, const kernel::Machine &machine, int64_t strips = 0);
void registerPlanPasses();

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_PASSES_H

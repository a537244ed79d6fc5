// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products that run in a loop or under a condition: what they are, and how many multiply-adds they take.

#include "dialects/Kernel/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/quantize/Weights.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;

namespace smelt::quantize {

static int64_t times(int64_t a, int64_t b) {
  int64_t product = 0;
  return llvm::MulOverflow(a, b, product) ? std::numeric_limits<int64_t>::max() : product;
}

static int64_t roundsOf(graph::WhileOp loop) {
  ArrayRef<graph::Extent> most = loop.getMost();
  return most.empty() || most.front().isTooLarge() ? 1 : kernel::typicalLength(most.front());
}

namespace {
class Parts {
public:
  explicit Parts(ModuleOp module) : module_(module) {}

  /// What a function runs, `runs` times; products of its own count where `isPart`.
  void add(func::FuncOp function, int64_t runs, bool isPart, int depth);
  std::vector<PartProduct> take() { return std::move(found_); }

private:
  ModuleOp module_;
  std::vector<PartProduct> found_;
};
} // namespace

void Parts::add(func::FuncOp function, int64_t runs, bool isPart, int depth) { // NOLINT(misc-no-recursion): kMostDepth
  constexpr int kMostDepth = 32;                                               // of loops in one another
  constexpr size_t kMostProducts = 1 << 16;
  if (!function || depth > kMostDepth)
    return;
  function.walk([&](Operation *op) { // NOLINT(misc-no-recursion)
    if (found_.size() >= kMostProducts)
      return;
    auto part = [&](StringRef name, int64_t rounds) { // NOLINT(misc-no-recursion)
      add(module_.lookupSymbol<func::FuncOp>(name), times(runs, rounds), true, depth + 1);
    };
    if (auto branches = dyn_cast<graph::IfOp>(op)) {
      part(branches.getFirst(), 1);
      part(branches.getSecond(), 1);
    } else if (auto loop = dyn_cast<graph::WhileOp>(op)) {
      part(loop.getBody(), roundsOf(loop));
    } else if (std::optional<WeightedProduct> product = isPart ? WeightedProduct::of(op) : std::nullopt) {
      found_.push_back({product->name(), times(product->multiplyAdds(), runs)});
    }
  });
}

std::vector<PartProduct> productsInParts(ModuleOp module) {
  Parts parts(module);
  parts.add(module.lookupSymbol<func::FuncOp>("main"), 1, /*isPart=*/false, /*depth=*/0);
  return parts.take();
}

} // namespace smelt::quantize

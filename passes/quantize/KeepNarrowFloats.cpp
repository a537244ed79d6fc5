// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// keep-narrow-floats: constants in f32 of which each is a number of f16, or of bf16, stay in that: half the bytes, and
// the same results, since all is computed in f32 as before. Files that have weights in f16 are read as such constants.
//   matmul(x, w)   →   matmul(x, f16(w)) {wide}        so conv, where few rows of results read all weights once
//   gather(w, i)   →   cast(gather(f16(w), i))
// Products of many rows, and those of weights that stay in the second cache from one run to the next, are bound by
// arithmetic, of which widening weights is a part: theirs stay narrow where memory counts more (`all`). One row of
// 1024 x 1024 weights took half the time, one of 256 x 256 in the cache 1.1 times, convolutions of models 1.12 times.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Products.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace smelt;

/// Whether a number of f32, as bits, is one of a format with `exponentBits`, without subnormal ones of that, and
/// `mantissaBits`. NaN is not: its payload would not come back.
static bool fits(uint32_t bits, int exponentBits, int mantissaBits) {
  constexpr int kMantissa = 23, kBias = 127;
  const int exponent = static_cast<int>(bits >> kMantissa & 0xff) - kBias, most = (1 << (exponentBits - 1)) - 1;
  if ((bits & 0x7fffffff) == 0)
    return true;
  const int lost = kMantissa - mantissaBits + std::max(0, 1 - most - exponent); // of a subnormal one, more
  return exponent <= most && lost <= kMantissa && (bits & ((uint32_t(1) << lost) - 1)) == 0;
}

/// The narrower float that has all of a constant's numbers; null where there is none.
static FloatType narrowTypeOf(Value value) {
  constexpr int64_t kLeastNumbers = 1 << 12; // fewer save nothing that counts
  std::optional<graph::HostTensor> constant = graph::constantOf(value);
  if (!constant || !constant->elementType().isF32() || constant->size() < kLeastNumbers)
    return nullptr;
  ArrayRef<uint32_t> numbers = constant->as<uint32_t>();
  MLIRContext *context = value.getContext();
  if (llvm::all_of(numbers, [](uint32_t bits) { return fits(bits, 5, 10); }))
    return Float16Type::get(context);
  if (llvm::all_of(numbers, [](uint32_t bits) { return fits(bits, 8, 7); }))
    return BFloat16Type::get(context);
  return nullptr;
}

/// Whether all weights are read for a few rows of results, a batch being one.
static bool hasFewRows(Operation *op) {
  constexpr int64_t kFewRows = 8;
  graph::Extents extents = graph::extentsOf(op->getResult(0));
  int64_t rows = 1;
  for (const graph::Extent &extent : ArrayRef(extents).drop_back())
    rows = llvm::SaturatingMultiply<uint64_t>(rows, kernel::typicalBatch(extent));
  return rows <= kFewRows;
}

namespace {
struct KeepNarrowFloats : PassWrapper<KeepNarrowFloats, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KeepNarrowFloats)
  KeepNarrowFloats(const kernel::Machine &machine, bool all) {
    cacheBytes_ = machine.secondCacheBytes;
    all_ = all;
  }
  KeepNarrowFloats(const KeepNarrowFloats &other) : PassWrapper(other) {} // a copy has options of its own
  StringRef getArgument() const override { return "keep-narrow-floats"; }
  StringRef getDescription() const override { return "constants of which each is a number of f16 or bf16 → these"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    narrowed_.clear();
    SmallVector<Operation *> ops;
    uint64_t bytes = 0;
    getOperation().walk([&](Operation *op) {
      ops.push_back(op);
      if (isa<graph::ConstantOp>(op))
        bytes += graph::typeOf(op->getResult(0)).getNumElements() * sizeof(float);
    });
    staysInCache_ = bytes <= cacheBytes_;
    for (Operation *op : ops) {
      auto conv = dyn_cast<graph::ConvOp>(op);
      if (auto gather = dyn_cast<graph::GatherOp>(op)) {
        if (Value table = narrowed(rewriter, gather.getData()))
          quantize::gatherFrom(rewriter, gather, table);
      } else if (auto product = dyn_cast<graph::MatMulOp>(op)) {
        keepWeights(rewriter, product);
      } else if (conv && !quantize::isDepthwise(conv)) {
        keepWeights(rewriter, conv);
      }
    }
  }

private:
  /// A constant in the narrower float that has all of its numbers; null where there is none. Each is looked at once.
  Value narrowed(RewriterBase &rewriter, Value constant) {
    auto [known, isNew] = narrowed_.try_emplace(constant);
    if (FloatType type = isNew ? narrowTypeOf(constant) : nullptr) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointAfterValue(constant);
      known->second = graph::CastOp::create(rewriter, constant.getLoc(), constant, type);
    }
    return known->second;
  }

  template <typename Op> void keepWeights(RewriterBase &rewriter, Op op) {
    if (!graph::typeOf(op->getOperand(0)).getElementType().isF32() || (!all_ && (staysInCache_ || !hasFewRows(op))))
      return;
    if (Value weights = narrowed(rewriter, op->getOperand(1)))
      rewriter.modifyOpInPlace(op, [&] {
        op->setOperand(1, weights);
        op.setWide(true);
      });
  }

  Option<unsigned> cacheBytes_{*this, "cache-bytes", llvm::cl::desc("of a core's second cache"),
                               llvm::cl::init(kernel::Machine().secondCacheBytes)};
  Option<bool> all_{*this, "all", llvm::cl::desc("of all products"), llvm::cl::init(false)};
  bool staysInCache_ = false; // what the model reads of constants
  DenseMap<Value, Value> narrowed_;
};
} // namespace

std::unique_ptr<Pass> quantize::createKeepNarrowFloatsPass(const kernel::Machine &machine, bool all) {
  return std::make_unique<KeepNarrowFloats>(machine, all);
}

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Copies.h"
#include "codegen/artifact/FromPlan.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace smelt::gpu {

namespace {

enum Side : unsigned { kProcessor = 1, kDevice = 2 };

/// Bytes [first, last) of a base, and who has them as they were written last.
struct Stretch {
  int32_t base, index;
  int64_t first, last;
  unsigned sides;

  bool overlaps(const Stretch &other) const {
    return base == other.base && index == other.index && first < other.last && other.first < last;
  }
};

class Counter {
public:
  void write(const Stretch &written) {
    std::vector<Stretch> rest;
    for (const Stretch &known : known_) {
      if (!known.overlaps(written)) {
        rest.push_back(known);
        continue;
      }
      if (known.first < written.first)
        rest.push_back({known.base, known.index, known.first, written.first, known.sides});
      if (written.last < known.last)
        rest.push_back({known.base, known.index, written.last, known.last, known.sides});
    }
    rest.push_back(written);
    known_ = std::move(rest);
  }

  /// Whoever reads gets all that was written together.
  void read(const Stretch &wanted) {
    for (Stretch &known : known_)
      if (known.overlaps(wanted) && !(known.sides & wanted.sides)) {
        known.sides |= wanted.sides;
        ++copies.count;
        copies.bytes += known.last - known.first;
      }
  }

  Copies copies;

private:
  std::vector<Stretch> known_;
};

} // namespace

static int64_t bytesOf(RankedTensorType type) {
  return graph::elementCount(type.getShape()).value_or(0) * graph::elementBytes(type.getElementType());
}

/// From an operand's offset on, as far as its strides reach.
static int64_t bytesOf(MemRefType type) {
  return kernel::spanOf(type).value_or(0) * graph::elementBytes(type.getElementType());
}

static void countCall(kernel::CallOp call, kernel::FuncOp kernel, Counter &counter) {
  const unsigned side = kernel->hasAttr(artifact::kDeviceKernel) ? kDevice : kProcessor;
  std::vector<Stretch> written;
  for (auto [base, index, offset, argument] :
       llvm::zip(call.getBases(), call.getIndices(), call.getOffsets(), kernel.getBody().getArguments())) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !offset.isNumber())
      continue;
    Stretch stretch{base, index, offset.number(), offset.number() + bytesOf(type), side};
    const bool isWritten =
        llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<kernel::StoreOp>(user); });
    if (isWritten)
      written.push_back(stretch);
    else
      counter.read(stretch);
  }
  for (const Stretch &stretch : written)
    counter.write(stretch);
}

Copies countCopies(ModuleOp module) {
  constexpr int32_t kInput = static_cast<int32_t>(artifact::Base::Input),
                    kOutput = static_cast<int32_t>(artifact::Base::Output);
  auto plans = module.getOps<kernel::PlanOp>();
  if (plans.empty())
    return {};
  kernel::PlanOp plan = *plans.begin();
  SymbolTable kernels(module);
  Counter counter;
  auto typeOf = [](Attribute type) { return cast<RankedTensorType>(cast<TypeAttr>(type).getValue()); };
  for (auto [number, type] : llvm::enumerate(plan.getInputTypes()))
    counter.write({kInput, static_cast<int32_t>(number), 0, bytesOf(typeOf(type)), kProcessor});
  for (auto call : plan.getBody().front().getOps<kernel::CallOp>())
    if (auto kernel = kernels.lookup<kernel::FuncOp>(call.getCallee()))
      countCall(call, kernel, counter);
  for (auto [number, type] : llvm::enumerate(plan.getOutputTypes()))
    counter.read({kOutput, static_cast<int32_t>(number), 0, bytesOf(typeOf(type)), kProcessor});
  return counter.copies;
}

} // namespace smelt::gpu

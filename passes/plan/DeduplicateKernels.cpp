// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// deduplicate-kernels: calls of equal kernels (same body, shapes and strides, whatever their source nodes) share one
// function, which is named after what it computes: contract_add_relu_1x56x56x64_f32.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace smelt;

/// The kernel's text without its name and locations.
static std::string keyOf(kernel::FuncOp function) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  OpPrintingFlags flags;
  flags.printGenericOpForm().useLocalScope();
  function.setSymName("kernel");
  function.getOperation()->print(stream, flags);
  return key;
}

/// Operators, then the first result's shape and type.
static std::string describe(kernel::FuncOp function) {
  constexpr unsigned kMostOperators = 4; // longer names help nobody
  std::string name;
  llvm::raw_string_ostream stream(name);
  unsigned operators = 0;
  for (Operation &op : function.getBody().front())
    if (!isa<kernel::LoadOp, kernel::StoreOp, graph::ConstantOp>(op) && operators++ < kMostOperators)
      stream << op.getName().stripDialect() << "_";
  if (operators == 0)
    stream << "copy_";
  for (Operation &op : function.getBody().front())
    if (auto store = dyn_cast<kernel::StoreOp>(op)) {
      RankedTensorType type = graph::typeOf(store.getValue());
      llvm::interleave(
          type.getShape(), stream,
          [&](int64_t extent) { ShapedType::isDynamic(extent) ? stream << 'n' : stream << extent; }, "x");
      stream << (type.getRank() ? "_" : "") << type.getElementType();
      break;
    }
  return name;
}

namespace {
struct DeduplicateKernels : PassWrapper<DeduplicateKernels, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DeduplicateKernels)
  StringRef getArgument() const override { return "deduplicate-kernels"; }
  StringRef getDescription() const override { return "give equal kernels one function"; }

  void runOnOperation() override {
    llvm::StringMap<StringAttr> nameOfKey, renamed;
    llvm::StringMap<int> uses;
    SmallVector<kernel::FuncOp> functions(getOperation()->getRegion(0).getOps<kernel::FuncOp>());
    for (kernel::FuncOp function : functions) {
      std::string oldName = function.getSymName().str();
      auto [entry, isNew] = nameOfKey.try_emplace(keyOf(function));
      if (isNew) {
        std::string name = describe(function);
        if (int number = uses[name]++)
          name += "_" + std::to_string(number + 1);
        entry->second = StringAttr::get(&getContext(), name);
        function.setSymNameAttr(entry->second);
      } else {
        function.erase();
      }
      renamed[oldName] = entry->second;
    }
    getOperation()->walk(
        [&](kernel::CallOp call) { call.setCalleeAttr(FlatSymbolRefAttr::get(renamed.lookup(call.getCallee()))); });
  }
};
} // namespace

std::unique_ptr<Pass> plan::createDeduplicateKernelsPass() { return std::make_unique<DeduplicateKernels>(); }

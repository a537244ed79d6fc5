// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// parametrise-kernels: a kernel's symbolic sizes become arguments of its own, so that kernels that differ only in which
// dims they run over are equal.
//   kernel.func @k(memref<batch x 384>)  call @k(a)   →   kernel.func @k(memref<p0 x 384>, p0)  call @k(a) sizes
//   "batch"

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;
using graph::Extent;
using graph::Extents;

namespace {

class Parametrise {
public:
  explicit Parametrise(kernel::FuncOp function) : function_(function) {}
  /// The sizes that the kernel's arguments stand for.
  Extents run();

private:
  Extents renamed(ArrayRef<Extent> extents);
  Type renamed(Type type);
  /// p0, p1, …, with a '$' where it may be negative: what is known of an expression depends on that.
  std::string parameter(size_t number) const {
    return (graph::mayBeNegative(symbols_[number]) ? "$p" : "p") + std::to_string(number);
  }

  kernel::FuncOp function_;
  SmallVector<std::string> symbols_; // in the order in which they are met
};

} // namespace

Extents Parametrise::renamed(ArrayRef<Extent> extents) {
  Extents result;
  for (const Extent &extent : extents)
    result.push_back(extent.substitute([&](StringRef symbol) {
      auto *known = llvm::find(symbols_, symbol);
      size_t number = known - symbols_.begin();
      if (known == symbols_.end())
        symbols_.push_back(symbol.str());
      return Extent::symbol(function_.getContext(), parameter(number));
    }));
  return result;
}

Type Parametrise::renamed(Type type) {
  if (auto buffer = dyn_cast<MemRefType>(type)) {
    Extents extents = renamed(kernel::extentsOf(buffer));
    return kernel::bufferType(extents, renamed(kernel::stridesOf(buffer)), buffer.getElementType());
  }
  auto tensor = cast<RankedTensorType>(type);
  return graph::tensorOf(renamed(graph::extentsOf(tensor)), tensor.getElementType());
}

Extents Parametrise::run() {
  Block &body = function_.getBody().front();
  for (BlockArgument argument : body.getArguments())
    argument.setType(renamed(argument.getType()));
  for (Operation &op : body) {
    for (Value result : op.getResults())
      result.setType(renamed(result.getType()));
    for (NamedAttribute attribute : op.getAttrs())
      if (auto extents = dyn_cast<graph::ExtentsAttr>(attribute.getValue()))
        op.setAttr(attribute.getName(), graph::ExtentsAttr::get(op.getContext(), renamed(extents.extents())));
  }
  if (symbols_.empty())
    return {};
  Builder builder(function_.getContext());
  SmallVector<Attribute> names;
  Extents sizes;
  for (auto [number, symbol] : llvm::enumerate(symbols_)) {
    names.push_back(builder.getStringAttr(parameter(number)));
    sizes.push_back(Extent::symbol(function_.getContext(), symbol));
    body.addArgument(builder.getIndexType(), function_.getLoc());
  }
  function_.setSizesAttr(builder.getArrayAttr(names));
  return sizes;
}

namespace {
struct ParametriseKernels : PassWrapper<ParametriseKernels, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ParametriseKernels)
  StringRef getArgument() const override { return "parametrise-kernels"; }
  StringRef getDescription() const override { return "make symbolic sizes arguments of the kernels"; }

  void runOnOperation() override {
    llvm::StringMap<Extents> sizes;
    for (auto function : getOperation()->getRegion(0).getOps<kernel::FuncOp>())
      if (Extents found = Parametrise(function).run(); !found.empty())
        sizes[function.getSymName()] = found;
    getOperation()->walk([&](kernel::CallOp call) {
      if (auto found = sizes.find(call.getCallee()); found != sizes.end())
        call.setSizesAttr(graph::ExtentsAttr::get(&getContext(), found->second));
    });
  }
};
} // namespace

std::unique_ptr<Pass> plan::createParametriseKernelsPass() { return std::make_unique<ParametriseKernels>(); }

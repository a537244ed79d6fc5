// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Outputs.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace smelt::driver {

void addOutputs(ModuleOp module, ArrayRef<Output> outputs) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return;
  Builder builder(module.getContext());
  Operation *end = main.getBody().front().getTerminator();
  SmallVector<Type> types(main.getResultTypes());
  SmallVector<DictionaryAttr> attributes;
  for (unsigned i = 0; i < types.size(); ++i)
    attributes.push_back(DictionaryAttr::get(module.getContext(), main.getResultAttrs(i)));
  for (const auto &[name, value] : outputs) {
    end->insertOperands(end->getNumOperands(), value);
    types.push_back(value.getType());
    attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr("graph.name", builder.getStringAttr(name))));
  }
  main.setFunctionType(FunctionType::get(module.getContext(), main.getArgumentTypes(), types));
  main.setAllResultAttrs(attributes);
}

} // namespace smelt::driver

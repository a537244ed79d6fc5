// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Main.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/Unused.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace smelt::frontend {

void finishMain(func::FuncOp main, const Results &results, OpBuilder &builder) {
  // A sequence of nothing, or an optional that is absent, is an output of no tensors.
  if (results.empty() && !main->getParentOp()->hasAttr("graph.forms"))
    malformed("has no outputs, and nothing that stays from run to run: it computes nothing");
  auto values = llvm::map_to_vector(results, [](const auto &result) { return result.second; });
  auto types = llvm::map_to_vector(results, [](const auto &result) { return result.second.getType(); });
  func::ReturnOp::create(builder, main.getLoc(), values);
  main.setType(builder.getFunctionType(main.getBody().front().getArgumentTypes(), types));
  for (auto [position, result] : llvm::enumerate(results))
    main.setResultAttr(static_cast<unsigned>(position), "graph.name", builder.getStringAttr(result.first));
  eraseUnused(main->getParentOfType<ModuleOp>());
}

} // namespace smelt::frontend

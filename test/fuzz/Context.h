// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TEST_FUZZ_CONTEXT_H
#define SMELT_TEST_FUZZ_CONTEXT_H

#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace smelt::fuzz {

/// A context for one execution. To make one takes longer than to use it, so that it serves some executions before the
/// next is made, which bounds what gathers in it.
template <typename Make> mlir::MLIRContext &contextFrom(Make make) {
  constexpr unsigned kUses = 200;
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned uses = 0;
  if (uses++ % kUses == 0) {
    context.reset();
    context = make();
  }
  return *context;
}

} // namespace smelt::fuzz

#endif // SMELT_TEST_FUZZ_CONTEXT_H

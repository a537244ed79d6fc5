// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel has to do at least, however it does it: `smelt bench` compares that with what the machine can do.

#ifndef SMELT_DIALECTS_KERNEL_WORK_H
#define SMELT_DIALECTS_KERNEL_WORK_H

#include "dialects/Kernel/Kernel.h"

namespace smelt::kernel {

struct Work {
  /// A multiply-add is 2, an element of elementwise work 1 whatever its function, and moving elements none.
  graph::Extent operations;
  /// Whether some of them are a convolution's that Winograd's algorithm computes with fewer.
  bool isFewer = false;
  /// How many neighbours each of the instructions multiplies that the products are made of: 1 but for narrow elements.
  int64_t together = 1;
  /// Of each buffer, in the order of the kernel's arguments, what must be read or written, once: of a table that is
  /// gathered from, no more than is gathered.
  graph::Extents bytes;
};

/// Of one op, as in `Work`.
graph::Extent operationsOf(mlir::Operation *op);
int64_t togetherOf(ContractOp contract);

/// In the kernel's own symbols.
Work workOf(FuncOp kernel);

/// An extent of a call's kernel, whose own symbols are p0, p1, …, in the symbols of whoever calls it.
graph::Extent inCaller(const graph::Extent &extent, CallOp call);

} // namespace smelt::kernel

#endif // SMELT_DIALECTS_KERNEL_WORK_H

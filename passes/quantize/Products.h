// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_PRODUCTS_H
#define SMELT_PASSES_QUANTIZE_PRODUCTS_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/PatternMatch.h"

namespace smelt::quantize {

/// The right operand of a product, seen as the columns that it sums over: `summed` dims from `first` on.
class Columns {
public:
  Columns(llvm::ArrayRef<int64_t> shape, int64_t first, int64_t summed);

  int64_t count() const { return outer_ * inner_; }
  int64_t extent() const { return extent_; }
  /// The operand's, with dims of 1 for those that are summed over.
  llvm::ArrayRef<int64_t> shape() const { return shape_; }

  /// Calls visit(element, column) for each element, in order.
  template <typename Visit> void forEach(Visit visit) const {
    int64_t element = 0;
    for (int64_t outer = 0; outer < outer_; ++outer)
      for (int64_t row = 0; row < extent_; ++row)
        for (int64_t inner = 0; inner < inner_; ++inner)
          visit(element++, outer * inner_ + inner);
  }

private:
  llvm::SmallVector<int64_t> shape_;
  int64_t outer_ = 1, extent_ = 1, inner_ = 1;
};

/// Whether each channel of a convolution's result comes from one channel of its input, of several.
bool isDepthwise(graph::ConvOp conv);

/// gather(w, i)   →   cast(gather(table, i)), where the table is w in another type.
void gatherFrom(mlir::RewriterBase &rewriter, graph::GatherOp op, mlir::Value table);

/// The sum of each column of a tensor of i8, in i32.
graph::HostTensor sumsOf(const graph::HostTensor &tensor, const Columns &columns);

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_PRODUCTS_H

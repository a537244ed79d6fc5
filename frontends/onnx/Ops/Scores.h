// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the models of ai.onnx.ml have in common: scores of classes or targets [n, k], and what is made of them.

#ifndef SMELT_FRONTENDS_ONNX_OPS_SCORES_H
#define SMELT_FRONTENDS_ONNX_OPS_SCORES_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

using Numbers64 = llvm::SmallVector<double>;

/// An attribute of floats; none where the node has none.
Numbers64 numbersOf(NodeReader &node, llvm::StringRef name);

enum class PostTransform { None, Softmax, Logistic, SoftmaxZero, Probit };

/// The attribute post_transform, as text.
PostTransform postTransformOf(NodeReader &node);
Value transformed(GraphBuilder &builder, Value scores, PostTransform how);

/// Rows of features [n, f] as floats, f32 or f64; a list of them is one row. f must be known.
Value featureRows(NodeReader &node, Value x);

/// The labels of classes: numbers, or text, of which only the count is known.
struct ClassLabels {
  std::optional<Integers> numbers;
  int64_t count = 0;
};
ClassLabels classLabels(NodeReader &node, llvm::StringRef numbersName);
/// labels[positions [n]]; null for text, which no tensor holds.
Value labelsAt(GraphBuilder &builder, const ClassLabels &labels, Value positions);
/// The positions [n] of the largest scores [n, k].
Value largestOf(GraphBuilder &builder, Value scores);

/// Numbers as a constant of one dim.
Value listOf(GraphBuilder &builder, llvm::ArrayRef<double> numbers, mlir::Type elementType);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_SCORES_H

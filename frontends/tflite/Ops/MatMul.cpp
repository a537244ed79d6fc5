// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Activations.h"
#include "frontends/tflite/Ops/Products.h"
#include "frontends/tflite/Ops/Quantization.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

/// The dims of the result: those of the input, or all but the last as one.
static Extents resultShape(Value input, const Extent &columns, const Extent &rows, bool keepsDims) {
  Extents shape = extentsOf(input);
  if (keepsDims && !shape.empty() && shape.back() == columns) {
    shape.back() = rows;
    return shape;
  }
  const Extent all = elementsOf(shape);
  if (all.isNumber() && columns.isNumber())
    return {dividedBy(all, columns.number()), rows};
  if (!shape.empty() && mayEqual(shape.back(), columns))
    return {elementsOf(ArrayRef(shape).drop_back()), rows};
  unsupported("takes " + inWords(shape) + " as rows of " + columns.str() + "; give the shape with --shape");
}

// FULLY_CONNECTED: activation(x · wᵀ + b), of weights [outputs, inputs]
static Values fullyConnected(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::FullyConnectedOptions>();
  if (options.weights_format() != 0)
    unsupported("has shuffled weights; convert the model with the default format");
  std::optional<IntegerProduct> product = integerProduct(node);
  Value input = product ? centred(b, node.input(0), product->input) : node.real(0);
  Value weights = product ? centred(b, node.input(1), product->weights) : node.real(1);
  if (rankOf(weights) != 2)
    malformed("needs weights of two dims, not " + inWords(extentsOf(weights)));
  const Extent rows = extentsOf(weights)[0], columns = extentsOf(weights)[1];
  if (columns == Extent(0))
    malformed("has weights without elements");
  const Extents shape = resultShape(input, columns, rows, options.keep_num_dims());
  const Extent count = elementsOf(ArrayRef(shape).drop_back());
  Value sums = b.matMul(b.reshape(input, {count, columns}), b.transpose(weights, {1, 0}));
  const int8_t activation = options.fused_activation_function();
  if (product)
    return {b.reshape(product->finish(node, sums, 1, activation), shape)};
  if (Value bias = node.optionalReal(2))
    sums = b.make<graph::AddOp>(sums, b.expect(b.flat(bias), rows, "a bias"));
  return {activated(node, b.reshape(sums, shape), activation)};
}

/// Whether integers are multiplied as they are, and sums of 32 bits are the result.
static bool yieldsSums(OperatorReader &node) {
  if (node.outputQuantisation(0) || !node.outputType(0).isInteger(32))
    return false;
  return llvm::all_of(ArrayRef<unsigned>{0, 1}, [&](unsigned index) {
    std::optional<Quantisation> how = node.quantisation(index);
    return elementOf(node.input(index)).isInteger(8) && (!how || (!how->isPerAxis() && how->zeroPoint() == 0));
  });
}

static Values batchMatMul(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::BatchMatMulOptions>();
  const bool isSums = yieldsSums(node);
  auto operand = [&](unsigned index, bool isTransposed) {
    Value value = isSums ? b.cast(node.input(index), b.builder().getI32Type()) : node.real(index);
    const int64_t rank = rankOf(value);
    if (rank < 2)
      malformed("needs operands of two dims or more, not " + inWords(extentsOf(value)));
    return isTransposed ? b.moveDim(value, rank - 1, rank - 2) : value;
  };
  return {b.matMul(operand(0, options.adj_x()), operand(1, options.adj_y()))};
}

static constexpr Operator kOperators[] = {
    {"BATCH_MATMUL", batchMatMul},
    {"FULLY_CONNECTED", fullyConnected},
};

ArrayRef<Operator> matMulOperators() { return kOperators; }

} // namespace smelt::frontend::tflite

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPERATORS_H
#define SMELT_FRONTENDS_PT2_OPERATORS_H

#include "frontends/pt2/NodeReader.h"

namespace smelt::frontend::pt2 {

/// What imports a node: its results in the order of its outputs; null ones where Smelt does not compute an output. Most
/// operators know tensors only.
class Import {
public:
  constexpr Import(Value (*value)(NodeReader &node)) : value_(value) {}
  constexpr Import(Values (*values)(NodeReader &node)) : values_(values) {}
  constexpr Import(Things (*things)(NodeReader &node)) : things_(things) {}

  Things operator()(NodeReader &node) const {
    if (value_)
      return {Thing(value_(node))};
    if (things_)
      return things_(node);
    Things things;
    for (Value value : values_(node))
      things.push_back(value);
    return things;
  }

private:
  Value (*value_)(NodeReader &node) = nullptr;
  Values (*values_)(NodeReader &node) = nullptr;
  Things (*things_)(NodeReader &node) = nullptr;
};

/// One overload of an operator. Its form that changes an operand in place, add_ beside add, needs no row.
struct Operator {
  llvm::StringLiteral name; // "aten.conv2d.default"
  Import import;
};

/// What an operator makes of complex operands.
struct ComplexForm {
  enum class Kind {
    Own,     // what a function of its own computes
    Parts,   // the same of real parts and of imaginary parts: what moves, adds and sums up numbers
    Product, // a product of its operands: the sums of products of their parts
  };
  llvm::StringLiteral name;
  Kind kind;
  std::optional<Import> own;
};
/// In Ops/Complex.cpp.
llvm::ArrayRef<ComplexForm> complexForms();

// The operators of each family, in Ops/<Family>.cpp.
llvm::ArrayRef<Operator> activationOperators();
llvm::ArrayRef<Operator> antialiasOperators();
llvm::ArrayRef<Operator> assertionOperators();
llvm::ArrayRef<Operator> attentionOperators();
llvm::ArrayRef<Operator> bagOperators();
llvm::ArrayRef<Operator> binaryOperators();
llvm::ArrayRef<Operator> cellOperators();
llvm::ArrayRef<Operator> columnOperators();
llvm::ArrayRef<Operator> compositeOperators();
llvm::ArrayRef<Operator> controlOperators();
llvm::ArrayRef<Operator> convolutionOperators();
llvm::ArrayRef<Operator> creationOperators();
llvm::ArrayRef<Operator> indexingOperators();
llvm::ArrayRef<Operator> linalgOperators();
llvm::ArrayRef<Operator> linearOperators();
llvm::ArrayRef<Operator> lossOperators();
llvm::ArrayRef<Operator> normalizationOperators();
llvm::ArrayRef<Operator> poolingOperators();
llvm::ArrayRef<Operator> quantizationOperators();
llvm::ArrayRef<Operator> rankingOperators();
llvm::ArrayRef<Operator> recurrentOperators();
llvm::ArrayRef<Operator> reductionOperators();
llvm::ArrayRef<Operator> resizeOperators();
llvm::ArrayRef<Operator> scatteringOperators();
llvm::ArrayRef<Operator> seriesOperators();
llvm::ArrayRef<Operator> shiftOperators();
llvm::ArrayRef<Operator> sizeOperators();
llvm::ArrayRef<Operator> sortingOperators();
llvm::ArrayRef<Operator> spectralOperators();
llvm::ArrayRef<Operator> specialOperators();
llvm::ArrayRef<Operator> stackingOperators();
llvm::ArrayRef<Operator> stridedOperators();
llvm::ArrayRef<Operator> unaryOperators();
llvm::ArrayRef<Operator> viewOperators();
llvm::ArrayRef<Operator> visionOperators();

/// All operators, by name.
class OperatorTable {
public:
  OperatorTable();

  struct Found {
    const Import *import = nullptr;       // null where nothing imports it
    const ComplexForm *complex = nullptr; // null where it takes no complex numbers
    const Schema *schema = nullptr;       // null where torch has none
    bool isInPlace = false;               // its first argument becomes the result
  };
  Found find(llvm::StringRef name) const;
  /// The names of all overloads.
  llvm::SmallVector<llvm::StringRef> names() const;

private:
  llvm::StringMap<Import> byName_;
  llvm::StringMap<const ComplexForm *> complex_;
  Schemas schemas_;
};

constexpr llvm::StringLiteral kTrainingNorm =
    "normalises by the statistics of a batch; export the module after module.eval()";
constexpr llvm::StringLiteral kTrainingDropout =
    "drops elements, as in training; export the module after module.eval()";
/// Why an operator that is in no table is refused.
llvm::StringRef reasonToRefuse(llvm::StringRef name);

/// The type that PyTorch computes in for operands of several types: tensors with dims come before scalars, and floats
/// before integers before bools (torch/csrc: at::result_type).
Type promotedType(llvm::ArrayRef<Value> tensors, llvm::ArrayRef<Number> numbers, mlir::MLIRContext *context);
/// The element type, or f32 for integers: what sin and mean make.
Type floatOf(Type type);
/// A number as a scalar of a type.
Value scalarOf(GraphBuilder &builder, const Number &number, Type type);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPERATORS_H

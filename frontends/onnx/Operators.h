// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPERATORS_H
#define SMELT_FRONTENDS_ONNX_OPERATORS_H

#include "frontends/common/CustomOperators.h"
#include "frontends/onnx/NodeReader.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::frontend::onnx {

/// What imports a node: its results in the order of its outputs; fewer, or null ones, where Smelt does not compute an
/// output. Most operators know tensors only.
class Import {
public:
  constexpr Import(Values (*values)(NodeReader &node)) : values_(values) {}
  constexpr Import(Items (*items)(NodeReader &node)) : items_(items) {}

  Items operator()(NodeReader &node) const {
    if (items_)
      return items_(node);
    Values values = values_(node);
    return {values.begin(), values.end()};
  }

private:
  Values (*values_)(NodeReader &node) = nullptr;
  Items (*items_)(NodeReader &node) = nullptr;
};

/// One operator from a version on, up to the next row of the same name.
struct Operator {
  llvm::StringLiteral name;
  int64_t since; // the oldest version that means the same
  Import import;
  llvm::StringLiteral domain = "";
  int64_t readsAs = 0; // of another domain: the version of ai.onnx whose operator it is; 0 where that knows it not
  llvm::StringLiteral note = ""; // where ONNX's text, its reference and ONNX Runtime say different things
};

// The operators of each family, in Ops/<Family>.cpp.
llvm::ArrayRef<Operator> activationOperators();
llvm::ArrayRef<Operator> attentionOperators();
llvm::ArrayRef<Operator> castOperators();
llvm::ArrayRef<Operator> constantOperators();
llvm::ArrayRef<Operator> contribOperators();
llvm::ArrayRef<Operator> contribAttentionOperators();
llvm::ArrayRef<Operator> contribExpertOperators();
llvm::ArrayRef<Operator> contribGateOperators();
llvm::ArrayRef<Operator> contribQuantizationOperators();
llvm::ArrayRef<Operator> contribSpatialOperators();
llvm::ArrayRef<Operator> controlOperators();
llvm::ArrayRef<Operator> convolutionOperators();
llvm::ArrayRef<Operator> dataOperators();
llvm::ArrayRef<Operator> detectionOperators();
llvm::ArrayRef<Operator> einsumOperators();
llvm::ArrayRef<Operator> elementwiseOperators();
llvm::ArrayRef<Operator> experimentalOperators();
llvm::ArrayRef<Operator> featureOperators();
llvm::ArrayRef<Operator> indexingOperators();
llvm::ArrayRef<Operator> linearOperators();
llvm::ArrayRef<Operator> linearAttentionOperators();
llvm::ArrayRef<Operator> lossOperators();
llvm::ArrayRef<Operator> matMulOperators();
llvm::ArrayRef<Operator> normalizationOperators();
llvm::ArrayRef<Operator> optionalOperators();
llvm::ArrayRef<Operator> poolingOperators();
llvm::ArrayRef<Operator> quantizationOperators();
llvm::ArrayRef<Operator> randomOperators();
llvm::ArrayRef<Operator> recurrentOperators();
llvm::ArrayRef<Operator> reductionOperators();
llvm::ArrayRef<Operator> resizeOperators();
llvm::ArrayRef<Operator> shapeOperators();
llvm::ArrayRef<Operator> signalOperators();
llvm::ArrayRef<Operator> selectionOperators();
llvm::ArrayRef<Operator> sequenceOperators();
llvm::ArrayRef<Operator> spatialOperators();
llvm::ArrayRef<Operator> supportVectorOperators();
llvm::ArrayRef<Operator> textOperators();
llvm::ArrayRef<Operator> treeOperators();

/// Operators that native code cannot hold at a reasonable size, or that have no place in a model that is compiled.
struct ExcludedOperator {
  llvm::StringLiteral domain, name;
  llvm::StringLiteral reason; // and what to do instead
};
llvm::ArrayRef<ExcludedOperator> excludedOperators();
/// Why an operator is excluded; empty where it is not.
llvm::StringRef exclusionOf(llvm::StringRef domain, llvm::StringRef name);

/// The results of a node whose operator is the user's own.
Values importCustom(NodeReader &node, const CustomOperator &declared);

/// All operators, by name.
class OperatorTable {
public:
  explicit OperatorTable(const CustomOperators &custom = {});
  /// The user's own of this name; null where there is none.
  const CustomOperator *findCustom(llvm::StringRef domain, llvm::StringRef name) const;
  /// What imports an operator as it is in a version of its domain; null where nothing does.
  const Operator *find(llvm::StringRef domain, llvm::StringRef name, int64_t version) const;
  /// Every operator with its oldest row, by domain, then name.
  llvm::SmallVector<const Operator *> oldest() const;

private:
  llvm::StringMap<llvm::SmallVector<const Operator *, 1>> byName_;
  CustomOperators custom_;
};

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPERATORS_H

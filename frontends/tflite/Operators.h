// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPERATORS_H
#define SMELT_FRONTENDS_TFLITE_OPERATORS_H

#include "frontends/common/CustomOperators.h"
#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

constexpr int32_t kCustom = 32; // BuiltinOperator.CUSTOM

/// "CONV_2D" of a BuiltinOperator; "operator 999" of one that there is not.
std::string builtinName(int32_t code);

/// Those of all, imported or not.
llvm::ArrayRef<llvm::StringLiteral> builtinNames();

/// One operator and what imports it: a row of a family's table.
struct Operator {
  llvm::StringLiteral name; // the schema's, or that of a custom operator
  Values (*import)(OperatorReader &node);
  bool isCustom = false; // not built in, but one that others run as well
};

// The families of Ops/, each a table.
llvm::ArrayRef<Operator> activationOperators();
llvm::ArrayRef<Operator> arithmeticOperators();
llvm::ArrayRef<Operator> controlOperators();
llvm::ArrayRef<Operator> convolutionOperators();
llvm::ArrayRef<Operator> detectionOperators();
llvm::ArrayRef<Operator> indexingOperators();
llvm::ArrayRef<Operator> matMulOperators();
llvm::ArrayRef<Operator> normalizationOperators();
llvm::ArrayRef<Operator> poolingOperators();
llvm::ArrayRef<Operator> quantizationOperators();
llvm::ArrayRef<Operator> randomOperators();
llvm::ArrayRef<Operator> recurrentOperators();
llvm::ArrayRef<Operator> reductionOperators();
llvm::ArrayRef<Operator> resizeOperators();
llvm::ArrayRef<Operator> selectionOperators();
llvm::ArrayRef<Operator> shapeOperators();
llvm::ArrayRef<Operator> sliceOperators();
llvm::ArrayRef<Operator> spatialOperators();
llvm::ArrayRef<Operator> spectralOperators();

/// All operators, by name.
class OperatorTable {
public:
  explicit OperatorTable(const CustomOperators &custom = {});
  /// The user's own of this name; null where there is none.
  const CustomOperator *findCustom(const Opcode &opcode) const;
  /// What imports an operator; null where nothing does.
  const Operator *find(const Opcode &opcode) const;
  /// Every operator, by name.
  std::vector<const Operator *> all() const;

private:
  llvm::StringMap<const Operator *> builtin_, others_;
  CustomOperators custom_;
};

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPERATORS_H

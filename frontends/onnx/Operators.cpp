// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

using llvm::StringRef;

namespace smelt::frontend::onnx {

constexpr llvm::ArrayRef<Operator> (*kFamilies[])() = {
    activationOperators, attentionOperators,     constantOperators,    controlOperators,      convolutionOperators,
    dataOperators,       einsumOperators,        elementwiseOperators, indexingOperators,     lossOperators,
    matMulOperators,     normalizationOperators, poolingOperators,     quantizationOperators, reductionOperators,
    resizeOperators,     shapeOperators,         signalOperators,      spatialOperators,
};

OperatorTable::OperatorTable() {
  for (auto family : kFamilies)
    for (const Operator &row : family())
      byName_[row.name].push_back(&row);
}

const Operator *OperatorTable::find(StringRef domain, StringRef name, int64_t version) const {
  auto rows = byName_.find(name);
  const Operator *found = nullptr;
  if (rows == byName_.end())
    return found;
  for (const Operator *row : rows->second)
    if (row->domain == domain && row->since <= version && (!found || row->since > found->since))
      found = row;
  return found;
}

} // namespace smelt::frontend::onnx

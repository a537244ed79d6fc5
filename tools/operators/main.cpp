// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// smelt-operators: prints docs/operators.md, from the table that the importer itself uses.
#include "frontends/onnx/Model.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace smelt::frontend::onnx;

int main() {
  llvm::raw_ostream &os = llvm::outs();
  const llvm::SmallVector<const Operator *> operators = OperatorTable().oldest();
  os << "<!-- Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. "
        "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception -->\n\n"
        "# ONNX operators\n\n"
     << "What the frontend imports: " << operators.size() << " operators, of opsets " << kOldestOpset << " to "
     << kNewestOpset
     << ". Where only some attributes or element types are supported, `smelt inspect MODEL` says so node by node.\n"
        "Written by `build/bin/smelt-operators > docs/operators.md`; a test compares.\n\n"
        "An initializer that is an input of the graph, too, is a constant: no run gives another value for it.\n\n"
        "Random operators give the same numbers in every run and on every target: element i is Philox 4x32-10 (Salmon "
        "et al., 2011) of i under a key, the\n"
        "bits of the attribute `seed`; without it, a hash of the name of the node's output.\n\n"
        "Element types, with the names that messages have for them: ";
  llvm::ListSeparator comma;
  for (const auto &[onnxName, name] : supportedElementTypes())
    os << comma << onnxName << " `" << name << "`";
  os << ".\nThose of 8 bits and less that are neither INT8, UINT8 nor BOOL are moved, cast, quantised and dequantised; "
        "no operator computes with "
        "them.\n\n"
        "| operator | opsets |\n|---|---|\n";
  for (const Operator *row : operators) {
    os << "| " << row->domain << (row->domain.empty() ? "" : ".") << row->name << " | " << row->since << "–";
    if (row->domain.empty())
      os << kNewestOpset;
    os << " |\n";
  }
  os << "\nWhere the operator's text, ONNX's reference and tests, and ONNX Runtime say different things:\n\n";
  for (const Operator *row : operators)
    if (!row->note.empty())
      os << "- " << row->name << ": " << row->note << "\n";
  os << "\nNot imported, and why:\n\n";
  for (const ExcludedOperator &row : excludedOperators())
    os << "- " << row.domain << (row.domain.empty() ? "" : ".") << row.name << ": " << row.reason << ".\n";
  return 0;
}

// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// smelt-operators: prints docs/operators.md, from the tables that the importers themselves use.
#include "frontends/onnx/Model.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include "frontends/pt2/Operators.h"
#include "frontends/tflite/Operators.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace frontend = smelt::frontend;

using Names = std::vector<std::string>;

/// Names between backquotes, in lines of a page's width.
static void printNames(llvm::raw_ostream &os, const Names &names) {
  constexpr size_t kWidth = 150;
  size_t width = 0;
  for (const std::string &name : names) {
    const bool isFirst = width == 0, breaks = width + name.size() + 4 > kWidth;
    os << (isFirst ? "" : breaks ? ",\n" : ", ") << "`" << name << "`";
    width = (breaks ? 0 : width) + name.size() + 4;
  }
  os << "\n";
}

static void printHead(llvm::raw_ostream &os) {
  os << "<!-- Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. "
        "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception -->\n\n"
        "# Operators\n\n"
        "What the frontends import of [ONNX](#onnx), [TensorFlow Lite](#tensorflow-lite) and [PyTorch](#pytorch). "
        "Where "
        "only some attributes or element types are supported, `smelt inspect MODEL` says so node by node.\n"
        "Written by `build/bin/smelt-operators > docs/operators.md`; a test compares.\n\n"
        "Random operators give the same numbers in every run and on every target: element i is Philox 4x32-10 (Salmon "
        "et al., 2011) of i under a key, which the seed is that the\n"
        "file states. Without one it is, of ONNX, a hash of the name of the node's output; of TensorFlow Lite, the "
        "number "
        "of the operator's output.\n\n";
}

static void printOnnx(llvm::raw_ostream &os) {
  const llvm::SmallVector<const frontend::onnx::Operator *> operators = frontend::onnx::OperatorTable().oldest();
  os << "## ONNX\n\n"
     << operators.size() << " operators, of opsets " << frontend::onnx::kOldestOpset << " to "
     << frontend::onnx::kNewestOpset
     << ".\n\n"
        "An initializer that is an input of the graph, too, is a constant: no run gives another value for it.\n\n"
        "Element types, with the names that messages have for them: ";
  llvm::ListSeparator comma;
  for (const auto &[onnxName, name] : frontend::onnx::supportedElementTypes())
    os << comma << onnxName << " `" << name << "`";
  os << ".\nThose of 8 bits and less that are neither INT8, UINT8 nor BOOL are moved, cast, quantised and dequantised; "
        "no operator computes with "
        "them.\n\n"
        "| operator | opsets |\n|---|---|\n";
  for (const frontend::onnx::Operator *row : operators) {
    os << "| " << row->domain << (row->domain.empty() ? "" : ".") << row->name << " | " << row->since << "–";
    if (row->domain.empty())
      os << frontend::onnx::kNewestOpset;
    os << " |\n";
  }
  os << "\nWhere the operator's text, ONNX's reference and tests, and ONNX Runtime say different things:\n\n";
  for (const frontend::onnx::Operator *row : operators)
    if (!row->note.empty())
      os << "- " << row->name << ": " << row->note << "\n";
  os << "\nNot imported, and why:\n\n";
  for (const frontend::onnx::ExcludedOperator &row : frontend::onnx::excludedOperators())
    os << "- " << row.domain << (row.domain.empty() ? "" : ".") << row.name << ": " << row.reason << ".\n";
}

static void printTflite(llvm::raw_ostream &os) {
  Names builtin, custom, missing;
  const frontend::tflite::OperatorTable table;
  for (const frontend::tflite::Operator *row : table.all())
    (row->isCustom ? custom : builtin).push_back(row->name.str());
  for (llvm::StringRef name : frontend::tflite::builtinNames())
    if (!llvm::is_contained(builtin, name))
      missing.push_back(name.str());
  llvm::sort(missing);
  os << "\n## TensorFlow Lite\n\n" << builtin.size() << " built-in operators, in all versions:\n\n";
  printNames(os, builtin);
  os << "\nCustom operators that are known by name (others are declared with `--custom`):\n\n";
  printNames(os, custom);
  os << "\nNot imported: those of text and of tables with text, StableHLO's own but for composites, and what stands "
        "for no "
        "operator.\n\n";
  printNames(os, missing);
}

static void printPt2(llvm::raw_ostream &os) {
  Names names;
  const frontend::pt2::OperatorTable table; // which has the names
  for (llvm::StringRef name : table.names())
    names.push_back(name.str());
  llvm::sort(names);
  os << "\n## PyTorch\n\n"
     << names.size()
     << " overloads, as exported programs name them. The form of one that changes its operand, `add_` beside `add`, is "
        "imported as well.\n\n";
  printNames(os, names);
}

int main() {
  llvm::raw_ostream &os = llvm::outs();
  printHead(os);
  printOnnx(os);
  printTflite(os);
  printPt2(os);
  return 0;
}

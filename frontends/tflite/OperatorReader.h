// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPERATORREADER_H
#define SMELT_FRONTENDS_TFLITE_OPERATORREADER_H

#include "frontends/common/Fourier.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "frontends/tflite/Schema.h"
#include "frontends/tflite/Tensors.h"
#include "llvm/ADT/SmallSet.h"

namespace smelt::frontend::tflite {

class Importer;
struct Frame;

using mlir::Value;
using Values = llvm::SmallVector<Value>;
using Integers = llvm::SmallVector<int64_t>;

/// What the import of one operator sees of it. Everything it asks for is checked, and refused in a message that names
/// the operator; inputs that it does not ask for are refused as well, so that nothing is silently ignored.
///
/// Quantised tensors: `input` is the integers, `real` what they stand for. A result may be either: floats become the
/// integers that the output is declared to hold, so that one function is the import of an operator for all types.
class OperatorReader {
public:
  OperatorReader(Importer &importer, Frame &frame, size_t index);

  GraphBuilder &builder() const;
  mlir::MLIRContext *context() const;

  // Inputs. Indices count from 0; those behind the last, and tensors -1, are absent.
  unsigned inputCount() const { return static_cast<unsigned>(numbersOf(op_.inputs()).size()); }
  unsigned outputCount() const { return static_cast<unsigned>(numbersOf(op_.outputs()).size()); }
  bool hasInput(unsigned index) const { return inputTensor(index) >= 0; }
  Value input(unsigned index);
  /// Null where it is absent.
  Value optionalInput(unsigned index) { return hasInput(index) ? input(index) : (skip(index), Value()); }
  /// The same of what a quantised tensor stands for, f32; others are as they are.
  Value real(unsigned index);
  Value optionalReal(unsigned index) { return hasInput(index) ? real(index) : (skip(index), Value()); }
  /// Complex numbers, which no other function takes.
  bool isComplex(unsigned index) const;
  /// Both parts of complex numbers, which lie along a new first dim.
  ComplexValue complexInput(unsigned index);
  /// For operators that move elements: integers where they stand for the same in output 0, else what they stand for.
  Value moved(unsigned index);
  /// The value of an input that has to be known now.
  graph::HostTensor constantInput(unsigned index);
  /// Its elements; it is a list or a scalar of integers.
  Integers integersInput(unsigned index);
  /// The same where they may be symbolic, or what the run finds.
  graph::Extents extentsInput(unsigned index, GraphBuilder::Sign sign = GraphBuilder::Sign::Any);
  int64_t integerInput(unsigned index);
  /// Counts an input as asked for that says nothing to Smelt.
  void skip(unsigned index) { read_.insert(index); }

  std::optional<Quantisation> quantisation(unsigned input) const;
  std::optional<Quantisation> outputQuantisation(unsigned output) const;
  /// The declared element type of an output.
  mlir::Type outputType(unsigned output) const;
  /// Its declared dims, -1 where they are open.
  Integers outputDims(unsigned output) const;
  int32_t inputTensor(unsigned index) const;
  int32_t outputTensor(unsigned index) const;
  const schema::Tensor &tensor(int32_t index) const;

  /// The operator's options; their defaults where it states none.
  template <typename T> const T &options() const {
    if (op_.builtin_options_type() == 0 || !op_.builtin_options())
      return *reinterpret_cast<const T *>(emptyTable());
    if (op_.builtin_options_type() != optionsTag<T>())
      malformed("has options of another operator");
    const T *found = model().as<T>(op_.builtin_options());
    if (!found)
      malformed("has options that are no sound table");
    return *found;
  }
  /// Those of STABLEHLO_COMPOSITE, which are in another union.
  const schema::StableHLOCompositeOptions &compositeOptions() const;
  /// Those of a custom operator, as bytes.
  llvm::ArrayRef<char> customOptions() const { return model().customOptions(op_); }

  Importer &importer() const { return importer_; }
  Frame &frame() const { return frame_; }
  const Model &model() const;

  /// What subgraph `graph` makes of these inputs.
  Values call(int64_t graph, llvm::ArrayRef<Value> inputs);

  /// Refuses what has not been asked for.
  void checkAllRead() const;

private:
  static const uint8_t *emptyTable();
  /// "input 1 'axes'"
  std::string inputText(unsigned index) const;

  Importer &importer_;
  Frame &frame_;
  const schema::Operator &op_;
  llvm::SmallSet<unsigned, 8> read_;
};

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPERATORREADER_H

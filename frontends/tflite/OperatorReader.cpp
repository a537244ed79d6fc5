// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/OperatorReader.h"
#include "frontends/common/Lists.h"
#include "frontends/tflite/Importer.h"
#include "frontends/tflite/Ops/Quantization.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

OperatorReader::OperatorReader(Importer &importer, Frame &frame, size_t index)
    : importer_(importer), frame_(frame), op_(*frame.graph.operators()->Get(static_cast<unsigned>(index))) {}

GraphBuilder &OperatorReader::builder() const { return importer_.builder(); }
MLIRContext *OperatorReader::context() const { return importer_.context(); }
const Model &OperatorReader::model() const { return importer_.model(); }

int32_t OperatorReader::inputTensor(unsigned index) const {
  ArrayRef<int32_t> inputs = numbersOf(op_.inputs());
  return index < inputs.size() ? inputs[index] : -1;
}

int32_t OperatorReader::outputTensor(unsigned index) const {
  ArrayRef<int32_t> outputs = numbersOf(op_.outputs());
  if (index >= outputs.size())
    malformed("lacks its output " + Twine(index));
  return outputs[index];
}

const schema::Tensor &OperatorReader::tensor(int32_t index) const {
  return *frame_.graph.tensors()->Get(static_cast<unsigned>(index));
}

Value OperatorReader::input(unsigned index) {
  read_.insert(index);
  if (!hasInput(index))
    malformed("lacks its input " + Twine(index));
  return importer_.lookup(frame_, inputTensor(index));
}

bool OperatorReader::isComplex(unsigned index) const {
  return hasInput(index) && tensor(inputTensor(index)).type() == kComplex64;
}

ComplexValue OperatorReader::complexInput(unsigned index) {
  read_.insert(index);
  if (!isComplex(index))
    malformed("takes complex numbers as its input " + Twine(index));
  Value both = importer_.lookup(frame_, inputTensor(index), /*mayBeComplex=*/true);
  const graph::Extents shape(ArrayRef<graph::Extent>(extentsOf(both)).drop_front());
  auto part = [&](int64_t at) { return builder().reshape(builder().sliceDim(both, 0, at, 1), shape); };
  return {part(0), part(1)};
}

std::optional<Quantisation> OperatorReader::quantisation(unsigned index) const {
  return hasInput(index) ? quantisationOf(tensor(inputTensor(index))) : std::nullopt;
}

std::optional<Quantisation> OperatorReader::outputQuantisation(unsigned index) const {
  return quantisationOf(tensor(outputTensor(index)));
}

Type OperatorReader::outputType(unsigned index) const {
  return elementTypeOf(tensor(outputTensor(index)).type(), context(), "its output " + Twine(index));
}

Integers OperatorReader::outputDims(unsigned index) const { return declaredDims(tensor(outputTensor(index))); }

Value OperatorReader::real(unsigned index) {
  Value value = input(index);
  std::optional<Quantisation> how =
      isa<IntegerType>(elementOf(value)) ? quantisation(index) : std::optional<Quantisation>();
  return how ? dequantised(importer_, value, *how) : value;
}

Value OperatorReader::moved(unsigned index) {
  std::optional<Quantisation> from = quantisation(index), to = outputQuantisation(0);
  const bool isSame = from.has_value() == to.has_value() && (!from || *from == *to);
  return isSame ? input(index) : real(index);
}

std::string OperatorReader::inputText(unsigned index) const {
  return "input " + std::to_string(index) + " '" + printable(nameOf(frame_.graph, inputTensor(index))) + "'";
}

graph::HostTensor OperatorReader::constantInput(unsigned index) {
  return constantOperand(input(index), inputText(index));
}

Integers OperatorReader::integersInput(unsigned index) { return integersOperand(input(index), inputText(index)); }

int64_t OperatorReader::integerInput(unsigned index) {
  Integers numbers = integersInput(index);
  if (numbers.size() != 1)
    malformed("input " + Twine(index) + " should be one integer, not " + Twine(numbers.size()));
  return numbers.front();
}

graph::Extents OperatorReader::extentsInput(unsigned index, GraphBuilder::Sign sign) {
  return extentsOperand(builder(), input(index), sign, inputText(index));
}

Values OperatorReader::call(int64_t graph, ArrayRef<Value> inputs) {
  return importer_.inlineGraph(graph, {Values(inputs), Handles()}, frame_, /*isPart=*/false).values;
}

const schema::StableHLOCompositeOptions &OperatorReader::compositeOptions() const {
  const auto *found = op_.builtin_options_2_type() == kCompositeTag && op_.builtin_options_2()
                          ? model().as<schema::StableHLOCompositeOptions>(op_.builtin_options_2())
                          : nullptr;
  if (!found)
    malformed("has no options, or such of another operator");
  return *found;
}

/// A table that states nothing: its vtable, of two sizes, and the distance back to it.
const uint8_t *OperatorReader::emptyTable() {
  alignas(8) static const uint8_t bytes[] = {4, 0, 4, 0, 4, 0, 0, 0};
  return bytes + 4;
}

void OperatorReader::checkAllRead() const {
  for (unsigned index = 0; index < inputCount(); ++index)
    if (hasInput(index) && !read_.contains(index))
      malformed("has an input " + Twine(index) + " that its operator does not take");
}

} // namespace smelt::frontend::tflite

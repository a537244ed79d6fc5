// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_NODEREADER_H
#define SMELT_FRONTENDS_ONNX_NODEREADER_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Item.h"
#include "frontends/common/Refusal.h"
#include "frontends/onnx/Model.h"
#include "frontends/onnx/Tensors.h"
#include "llvm/ADT/SmallSet.h"
#include <optional>

namespace smelt::frontend::onnx {

class Importer;
struct Frame;

using mlir::Value;
using Values = llvm::SmallVector<Value>;
using Integers = llvm::SmallVector<int64_t>;

/// Which element types an operand may have.
enum Elements : unsigned {
  Floats = 1,
  SignedIntegers = 2,
  UnsignedIntegers = 4,
  Bools = 8,
  Float8s = 16,        // all but f8E8M0FNU
  Scales = 32,         // f8E8M0FNU
  SmallFloats = 64,    // of 6 and 4 bits
  SmallIntegers = 128, // of 4 and 2 bits
  AnyInteger = SignedIntegers | UnsignedIntegers,
  Numbers = Floats | AnyInteger,
  /// See dialects/Graph/StoredTypes.h.
  StoredTypes = Float8s | Scales | SmallFloats | SmallIntegers,
  AnyElement = Numbers | Bools | StoredTypes
};

/// What the import of one operator sees of a node. Everything it asks for is checked, and refused in a message that
/// names the node; what it does not ask for is refused as well, so that nothing in a model is silently ignored.
class NodeReader {
public:
  NodeReader(Importer &importer, const NodeProto &node, const Frame &frame);

  /// The version of the node's domain.
  int64_t opset() const { return opset_; }
  /// For an operator that is one of ai.onnx in another domain.
  void readAs(int64_t opset) { opset_ = opset; }
  llvm::StringRef operatorName() const { return node_.op_type(); }
  GraphBuilder &builder() const;

  // Operands. Indices count from 0; trailing ones may be absent, others have empty names.
  unsigned inputCount() const { return node_.input_size(); }
  unsigned outputCount() const { return node_.output_size(); }
  bool hasInput(unsigned index) const;
  bool hasOutput(unsigned index) const;
  /// Empty where it is absent.
  llvm::StringRef outputName(unsigned index) const {
    return hasOutput(index) ? llvm::StringRef(node_.output(static_cast<int>(index))) : "";
  }
  Value input(unsigned index, unsigned elements = AnyElement);
  /// Null where it is absent.
  Value optionalInput(unsigned index, unsigned elements = AnyElement);
  /// An operand that need not be a tensor; nothing where it has no name.
  std::optional<Item> item(unsigned index);
  /// One that is a sequence; it stays while the node is imported.
  const Sequence &sequence(unsigned index);
  /// All of them, at least one.
  Values allInputs(unsigned elements = AnyElement);
  /// The value of an operand that has to be known now.
  graph::HostTensor constantInput(unsigned index);
  std::optional<graph::HostTensor> optionalConstant(unsigned index);
  /// Its elements; it is a list or a scalar of integers.
  Integers integersInput(unsigned index);
  std::optional<Integers> optionalIntegers(unsigned index);
  /// The same where they may be symbolic, or what the run finds.
  graph::Extents extentsInput(unsigned index, GraphBuilder::Sign sign = GraphBuilder::Sign::Any);
  std::optional<graph::Extents> optionalExtents(unsigned index, GraphBuilder::Sign sign = GraphBuilder::Sign::Any);

  // Attributes. Those without a fallback must be there.
  bool has(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, std::optional<int64_t> fallback = std::nullopt);
  bool flag(llvm::StringRef name, bool fallback) { return integer(name, fallback) != 0; }
  double number(llvm::StringRef name, std::optional<double> fallback = std::nullopt);
  std::string text(llvm::StringRef name, std::optional<llvm::StringRef> fallback = std::nullopt);
  std::optional<Integers> integers(llvm::StringRef name);
  std::optional<llvm::SmallVector<double>> numbers(llvm::StringRef name);
  std::optional<llvm::SmallVector<std::string>> texts(llvm::StringRef name);
  std::optional<Tensor> tensor(llvm::StringRef name);
  /// Such an attribute as a constant's value, sparse or not; null where there is none.
  mlir::ElementsAttr tensorValue(llvm::StringRef name);
  mlir::ElementsAttr sparseTensorValue(llvm::StringRef name);
  const GraphProto &graph(llvm::StringRef name);
  /// Reads an attribute that says nothing to Smelt.
  void ignore(llvm::StringRef name) { has(name); }
  /// The value that a text attribute stands for.
  template <typename T, size_t N>
  T choice(llvm::StringRef name, llvm::StringRef fallback, const std::pair<llvm::StringLiteral, T> (&values)[N]) {
    std::string chosen = text(name, fallback);
    for (const auto &[spelling, value] : values)
      if (spelling == chosen)
        return value;
    malformed("attribute '" + name + "' is '" + printable(chosen) + "', which it cannot be");
  }

  /// Integers that are an attribute, and an input from a version on.
  std::optional<graph::Extents> extentsOf(llvm::StringRef attribute, unsigned input, int64_t inputSince,
                                          GraphBuilder::Sign sign = GraphBuilder::Sign::Any);

  /// The values of a subgraph, imported in place. What such a subgraph makes is no sequence.
  Values inlineGraph(const GraphProto &graph, llvm::ArrayRef<Value> inputs);
  /// The same where values need not be tensors. `round` tells copies of the subgraph apart: it is part of its nodes'
  /// names, and they count as those of functions do.
  Items inlineItems(const GraphProto &graph, llvm::ArrayRef<Item> inputs, std::optional<int64_t> round = std::nullopt);

  /// An attribute as the node, or the call of the function that it is part of, gives it; null where neither does.
  const AttributeProto *attribute(llvm::StringRef name);

  /// Refuses what has not been asked for.
  void checkAllRead() const;

private:
  const Item *find(unsigned index);
  const std::string &inputName(unsigned index) const { return node_.input(static_cast<int>(index)); }
  const AttributeProto *attribute(llvm::StringRef name, AttributeProto::AttributeType type);
  [[noreturn]] void lacks(llvm::StringRef attribute) const;

  Importer &importer_;
  const NodeProto &node_;
  const Frame &frame_;
  int64_t opset_ = 1;
  llvm::SmallSet<unsigned, 8> readInputs_;
  llvm::SmallVector<bool, 8> readAttributes_;
};

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_NODEREADER_H

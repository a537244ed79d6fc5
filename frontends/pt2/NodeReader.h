// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_NODEREADER_H
#define SMELT_FRONTENDS_PT2_NODEREADER_H

#include "frontends/common/Fourier.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "frontends/pt2/Autocast.h"
#include "frontends/pt2/Json.h"
#include "frontends/pt2/Schemas.h"
#include "llvm/ADT/StringSet.h"

namespace smelt::frontend::pt2 {

class Importer;
struct Frame;

using mlir::Type;
using mlir::Value;
using Values = llvm::SmallVector<Value>;
using Integers = llvm::SmallVector<int64_t>;
using graph::Extent, graph::Extents;

/// What a name of a graph stands for: a tensor, or a size. A SymFloat is a tensor of rank 0 in f64, a SymBool an extent
/// of 1 or 0. Complex numbers are two tensors.
struct Thing {
  Thing() = default;
  Thing(Value tensor) : tensor(tensor) {}
  Thing(const ComplexValue &complex) : tensor(complex.real), imaginary(complex.imaginary) {}
  Thing(Extent size) : size(std::move(size)) {}

  bool isLost() const { return !tensor && !size; } // a refused node should have made it

  Value tensor;
  Value imaginary; // null but of complex numbers, whose real parts are the tensor
  std::optional<Extent> size;
};
using Things = llvm::SmallVector<Thing>;

/// A number that an argument states: an integer, a float or a bool, or a size or number that the run finds.
struct Number {
  enum class Kind { Bool, Integer, Float } kind;
  double value = 0;           // where it is known
  std::optional<Extent> size; // an integer
  Value tensor;               // a float of rank 0 that is not known

  bool isFloat() const { return kind == Kind::Float; }
};

/// What the import of one operator sees of a node. Arguments have torch's names, in the order of the schema; those that
/// the file leaves out have their defaults. Everything that is asked for is checked, and what is not asked for is
/// refused where it is not the default, so that nothing in a model is silently ignored.
class NodeReader {
public:
  NodeReader(Importer &importer, Frame &frame, const llvm::json::Object &node, llvm::StringRef name,
             const Schema *schema);

  GraphBuilder &builder() const;
  mlir::MLIRContext *context() const { return builder().builder().getContext(); }
  llvm::StringRef operatorName() const { return operatorName_; }

  /// The names of the arguments that the file states, in its order.
  llvm::ArrayRef<std::string> givenNames() const { return givenNames_; }
  /// Whether the operator has an argument of this name.
  bool hasArgument(llvm::StringRef name) const { return schema_ && schema_->find(name); }
  /// Whether an argument is there, and not None.
  bool has(llvm::StringRef name);
  bool isTensor(llvm::StringRef name);
  Value tensor(llvm::StringRef name);
  Value optionalTensor(llvm::StringRef name);
  Values tensors(llvm::StringRef name);
  /// Null where one is None.
  Values optionalTensors(llvm::StringRef name);
  int64_t integer(llvm::StringRef name);
  std::optional<int64_t> optionalInteger(llvm::StringRef name);
  Extent extent(llvm::StringRef name);
  std::optional<Extent> optionalExtent(llvm::StringRef name);
  Integers integers(llvm::StringRef name);
  /// The same, one value for each of `count` dims: a single one stands for all, none for `fallback`.
  Integers integers(llvm::StringRef name, size_t count, llvm::ArrayRef<int64_t> fallback = {});
  std::optional<Integers> optionalIntegers(llvm::StringRef name);
  Extents extents(llvm::StringRef name);
  std::optional<Extents> optionalExtents(llvm::StringRef name);
  double number(llvm::StringRef name);
  std::optional<double> optionalNumber(llvm::StringRef name);
  std::optional<llvm::SmallVector<double>> optionalNumbers(llvm::StringRef name);
  /// A Scalar, which may be of any kind.
  std::optional<Number> scalar(llvm::StringRef name);
  bool flag(llvm::StringRef name);
  std::string text(llvm::StringRef name);
  std::optional<std::string> optionalText(llvm::StringRef name);
  std::optional<Type> optionalType(llvm::StringRef name);
  /// An axis counted from the front; of a scalar, 0.
  int64_t axis(llvm::StringRef name, Value of);
  // Complex operands are refused by all of the above, unless the reader is told which part of them to take for them.

  /// Arguments, or members of lists that are such, that are complex numbers, in their order.
  llvm::SmallVector<const llvm::json::Value *> complexOperands();
  /// Whether the file says that the node's first result is complex; nothing where it says nothing of it.
  std::optional<bool> statesComplex();
  /// From here on, operands are their real, or their imaginary parts: those of reals are 0.
  void takeParts(bool imaginary);
  /// From here on, these operands are their imaginary parts, and other complex ones their real parts.
  void takeImaginary(llvm::ArrayRef<const llvm::json::Value *> operands);
  /// A tensor or a number, as complex numbers; `type` is that of numbers.
  ComplexValue complex(llvm::StringRef name, Type type = {});

  /// From here on, scalars are lines of one element.
  void takeScalarsAsLines() { scalarsAsLines_ = true; }

  /// Reads an argument that says nothing to Smelt.
  void ignore(llvm::StringRef name) { read_.insert(name); }

  /// Arguments by place, of operators without a schema: _operator.add, torch.ops.higher_order.cond.
  size_t positionalCount() const { return positional_.size(); }
  Thing thingAt(size_t place);
  std::optional<Extent> sizeAt(size_t place);
  bool isGraph(size_t place) const;
  const llvm::json::Object &graphAt(size_t place);
  /// The operator that an argument names: "aten._linalg_check_errors.default".
  std::string operatorAt(size_t place);
  std::string textAt(size_t place);
  bool flagAt(size_t place);
  /// Null where it is None.
  Type typeAt(size_t place);
  /// Where the first element of a tensor lies in its storage.
  Extent storageOffset(llvm::StringRef name);
  Values tensorsAt(size_t place);
  Things thingsAt(size_t place);

  /// What a text calls by the file's symbols, "u0 <= 3": each that is known by now once, with its name.
  llvm::SmallVector<std::pair<std::string, Extent>> symbolsIn(llvm::StringRef text) const;

  /// What a subgraph makes of inputs, imported in place.
  Things inlineGraph(const llvm::json::Object &graph, llvm::ArrayRef<Thing> inputs);
  /// The same within a region of torch.autocast.
  Things inlineGraph(const llvm::json::Object &graph, llvm::ArrayRef<Thing> inputs, const Autocast &autocast);
  /// The region that the node lies in.
  const Autocast &autocastRegion() const;

  /// The dtype that the file says the node's first result has; nothing where it says none.
  std::optional<Type> statedType();
  /// Whether the file says that a tensor's elements lie in row-major order.
  bool isRowMajor(llvm::StringRef name);
  /// How many tensors the node makes.
  size_t resultCount() const;

  /// Refuses what has not been asked for.
  void checkAllRead() const;

private:
  /// An argument as the file or the schema states it; null where neither does.
  const llvm::json::Value *find(llvm::StringRef name);
  Union argument(llvm::StringRef name);
  std::optional<Union> optionalArgument(llvm::StringRef name);
  Value lookupTensor(const llvm::json::Value &value, llvm::StringRef name = "");
  Thing lookupThing(const llvm::json::Value &value);
  const llvm::json::Object *statedOf(llvm::StringRef name);
  std::optional<int64_t> statedDtype();
  const llvm::json::Value *valueAt(size_t place, llvm::StringRef kind) const;
  Type autocastType();
  Value castInRegion(Value tensor);
  bool takesImaginary(const llvm::json::Value &operand) const;
  Type partType(int64_t dtype);
  Extent sizeOf(const llvm::json::Value &value);
  Extent sizeOf(Union value, llvm::StringRef name);
  [[noreturn]] void refuseKind(llvm::StringRef name, Union given, llvm::StringRef wanted) const;

  Importer &importer_;
  Frame &frame_;
  const llvm::json::Object &node_;
  std::string operatorName_;
  const Schema *schema_;
  llvm::StringMap<const llvm::json::Value *> given_;
  llvm::SmallVector<std::string> givenNames_;
  llvm::SmallVector<const llvm::json::Value *> positional_;
  llvm::StringSet<> read_;
  enum class Parts { None, Real, Imaginary, Chosen } parts_ = Parts::None; // of complex operands
  bool scalarsAsLines_ = false;
  llvm::SmallPtrSet<const llvm::json::Value *, 4> imaginary_; // Chosen: only asked, never walked
};

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_NODEREADER_H

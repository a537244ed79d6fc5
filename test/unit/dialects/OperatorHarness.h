// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tests of graph operators. A function of graph ops, as MLIR text, is computed twice: op by op by the reference
// (graph::evaluateOp), and by the machine code that the plan passes and the CPU's code generator make of it.
//
//   Operator op("func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> { … }");
//   EXPECT_EQ(op.evaluate({tensor(op.inputType(0), {1, 2, 3})})[0], …);     values computed by hand, or by ONNX
//   op.expectCompiledMatches(op.randomInputs(), Tolerance::ofBits());       code agrees with the reference

#ifndef SMELT_TEST_UNIT_DIALECTS_OPERATORHARNESS_H
#define SMELT_TEST_UNIT_DIALECTS_OPERATORHARNESS_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace smelt::test {

using Tensors = llvm::SmallVector<graph::HostTensor>;

/// How far a result may lie from the reference: |a - b| <= absolute + relative · |b|. NaN equals NaN.
struct Tolerance {
  double absolute = 0;
  double relative = 0;

  static Tolerance ofBits() { return {}; }
  static Tolerance ofFloat() { return {1e-6, 1e-5}; }
};

/// What random integers are drawn from: [low, high). Floats are normal.
struct Range {
  int64_t low = -100;
  int64_t high = 100;
};

/// A tensor of these elements, in row-major order, each rounded to the element type. The count must fit.
graph::HostTensor tensor(mlir::RankedTensorType type, llvm::ArrayRef<double> elements);
/// The same seed gives the same elements.
graph::HostTensor randomTensor(mlir::RankedTensorType type, unsigned seed, Range range = {});
/// All elements as doubles.
std::vector<double> numbers(const graph::HostTensor &tensor);

/// Which ops share a kernel: as the passes choose, or all of the function's, which must be elementwise and indexed
/// ones. The passes make concat, pad and the like places in memory where they can; so their code is tested.
enum class Fusion { Planned, Whole };

/// One function of graph ops.
class Operator {
public:
  /// `text` is a module, or one func.func. Fails the test when it does not parse; then isValid() is false.
  explicit Operator(llvm::StringRef text);
  ~Operator();
  Operator(const Operator &) = delete;
  Operator &operator=(const Operator &) = delete;

  bool isValid() const { return static_cast<bool>(module_); }
  mlir::ModuleOp module() { return *module_; }
  mlir::RankedTensorType inputType(unsigned index);

  /// One tensor for each argument; integers are of `range`.
  Tensors randomInputs(Range range = {}, unsigned seed = 1);
  /// The reference, op by op. Empty, and a failed test, when an op has no evaluation.
  Tensors evaluate(llvm::ArrayRef<graph::HostTensor> inputs);
  /// Compiles for a target of this machine and runs every step of the plan. Empty, and a failed test, when there is no
  /// code for it. A read beyond any buffer's end is a fault: the page that follows is not mapped.
  Tensors compileAndRun(llvm::ArrayRef<graph::HostTensor> inputs, llvm::StringRef target = "native",
                        Fusion fusion = Fusion::Planned);
  /// The same with all that split-rows can split in so many strips of rows.
  Tensors runInStrips(llvm::ArrayRef<graph::HostTensor> inputs, int64_t strips);
  /// Whether the code generator has code for this function; diagnostics are swallowed.
  bool compiles(llvm::StringRef target = "native");
  /// compileAndRun, for each target that this machine can run, against evaluate.
  void expectCompiledMatches(llvm::ArrayRef<graph::HostTensor> inputs, Tolerance tolerance = Tolerance::ofBits(),
                             Fusion fusion = Fusion::Planned);

  /// Targets that this machine can run, the one with the longest vectors first.
  static std::vector<std::string> runnableTargets();

private:
  std::unique_ptr<mlir::MLIRContext> context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

/// A function of one op, whose operands are the function's arguments: oneOp("graph.concat", "{axis = 0 : i64}",
/// {"tensor<1xf32>", "tensor<2xf32>"}, "tensor<3xf32>").
std::string oneOp(llvm::StringRef name, llvm::StringRef attributes, llvm::ArrayRef<llvm::StringRef> operands,
                  llvm::StringRef result);

/// Expects that a function of one result yields `expected` for these elements of its arguments, by the reference and by
/// its code, alone and in one kernel.
void expectValues(llvm::StringRef text, llvm::ArrayRef<std::vector<double>> inputs, llvm::ArrayRef<double> expected,
                  Tolerance tolerance = Tolerance::ofBits());
/// Expects that code agrees with the reference on random inputs, alone and in one kernel.
void expectCodeMatches(llvm::StringRef text, Range range = {}, Tolerance tolerance = Tolerance::ofBits());

/// The diagnostic that reading `text` gives; empty when it is well formed.
std::string diagnosticOf(llvm::StringRef text);

/// `type` spelt as MLIR does, such as "tensor<2x3xf32>".
std::string spelling(mlir::Type type);

} // namespace smelt::test

#endif // SMELT_TEST_UNIT_DIALECTS_OPERATORHARNESS_H

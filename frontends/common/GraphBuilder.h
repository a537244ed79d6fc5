// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_GRAPHBUILDER_H
#define SMELT_FRONTENDS_COMMON_GRAPHBUILDER_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/SymbolRanges.h"
#include "mlir/IR/Diagnostics.h"

namespace smelt::frontend {

constexpr size_t kMostDims = 64; // of a tensor; NumPy ends there, too

/// The type of a tensor whose dims come from a file or an option. Refuses too many dims, negative ones, products that
/// overflow and more than kMostTensorBytes.
mlir::RankedTensorType checkedType(llvm::ArrayRef<graph::Extent> dims, mlir::Type elementType);
template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
mlir::RankedTensorType checkedType(const Numbers &dims, mlir::Type elementType) {
  return checkedType(llvm::ArrayRef<graph::Extent>(graph::toExtents(dims)), elementType);
}

/// Builds graph ops of operands and attributes that need not fit: an op that its type inference or verifier refuses
/// becomes a Refusal (malformed, in the op's words). Ops on constants are evaluated on the spot where that is cheap, so
/// that shapes which a model computes are constants when they are asked for.
class GraphBuilder {
public:
  explicit GraphBuilder(mlir::MLIRContext *context);

  mlir::OpBuilder &builder() { return builder_; }
  /// Of the ops that follow.
  void setLocation(mlir::Location location) { location_ = location; }
  mlir::Location location() const { return location_; }

  /// An op of one result whose type follows from its operands and attributes.
  template <typename Op, typename... Args> mlir::Value make(Args &&...args) {
    return makeAs<Op>(placeholder_, std::forward<Args>(args)...);
  }
  /// An op of one result, of this type.
  template <typename Op, typename... Args> mlir::Value makeAs(mlir::Type type, Args &&...args) {
    return finish(Op::create(builder_, location_, type, std::forward<Args>(args)...)).front();
  }
  /// An op of several results.
  template <typename Op, typename... Args>
  llvm::SmallVector<mlir::Value> makeMany(mlir::TypeRange types, Args &&...args) {
    return finish(Op::create(builder_, location_, types, std::forward<Args>(args)...));
  }

  /// A constant that the import computed. Refuses when those take too much memory together.
  mlir::Value constant(const graph::HostTensor &tensor);
  /// Refuses where all that was counted takes too much memory.
  void countComputed(int64_t bytes);
  /// How many parts of the model that may never run are around what is built now (Parts.h).
  unsigned &partDepth() { return partDepth_; }
  mlir::Value constant(mlir::ElementsAttr value) { return graph::ConstantOp::create(builder_, location_, value); }
  /// A rank-0 constant.
  mlir::Value scalar(mlir::Type elementType, graph::Scalar value) {
    return graph::makeScalar(builder_, location_, elementType, value);
  }
  mlir::Value scalar(mlir::Type elementType, double value) {
    return scalar(elementType, graph::Scalar::ofFloat(value));
  }
  /// A rank-0 constant of another value's element type.
  mlir::Value scalarLike(mlir::Value like, double value) { return scalar(graph::typeOf(like).getElementType(), value); }
  /// The least number of that element type, which no maximum notices.
  mlir::Value leastLike(mlir::Value like);
  /// An extent as an i64 of rank 0.
  mlir::Value number(const graph::Extent &extent);
  /// first, first + 1, … along a dim, in i64.
  mlir::Value countAlong(llvm::ArrayRef<graph::Extent> shape, int64_t dim, const graph::Extent &first = 0);
  mlir::Value integers(llvm::ArrayRef<int64_t> values) { return graph::makeIntegers(builder_, location_, values); }

  // These yield the operand itself where they would change nothing.
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<graph::Extent> shape);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);
  /// Takes a dim out, and puts it in at place `to` among the others.
  mlir::Value moveDim(mlir::Value value, int64_t from, int64_t to);
  /// All elements along one dim.
  mlir::Value flat(mlir::Value value);
  mlir::Value broadcast(mlir::Value value, llvm::ArrayRef<graph::Extent> shape);
  template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
  mlir::Value reshape(mlir::Value value, const Numbers &shape) {
    return reshape(value, llvm::ArrayRef<graph::Extent>(graph::toExtents(shape)));
  }
  template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
  mlir::Value broadcast(mlir::Value value, const Numbers &shape) {
    return broadcast(value, llvm::ArrayRef<graph::Extent>(graph::toExtents(shape)));
  }
  /// Each dim so many times, one behind the other: [a, b] → [1, a, 1, b] → [r, a, s, b] → [r a, s b]. As many counts
  /// as dims.
  mlir::Value repeat(mlir::Value value, llvm::ArrayRef<graph::Extent> counts);
  mlir::Value cast(mlir::Value value, mlir::Type elementType);
  /// What `compute` makes of floats, for integers too: of them as f64, cast back.
  mlir::Value throughFloat(mlir::Value value, llvm::function_ref<mlir::Value(mlir::Value)> compute) {
    mlir::Type given = graph::typeOf(value).getElementType();
    return llvm::isa<mlir::FloatType>(given) ? compute(value)
                                             : cast(compute(cast(value, builder_.getF64Type())), given);
  }
  /// NumPy's matmul: an operand of one dim gets a second one, which the result then lacks.
  mlir::Value matMul(mlir::Value lhs, mlir::Value rhs);
  /// The same value with another extent of a dim, which the run compares. Numbers stay what they are.
  mlir::Value withDim(mlir::Value value, int64_t dim, const graph::Extent &extent);
  /// The same value with these leading dims, but those that are known to be others.
  mlir::Value withShape(mlir::Value value, llvm::ArrayRef<graph::Extent> shape);
  /// The value with all of these dims; refuses one that has others, and says what it is.
  mlir::Value expect(mlir::Value value, llvm::ArrayRef<graph::Extent> shape, llvm::StringRef what);
  /// The same value with the last of these dims, but those that are 1 or known to be others: what broadcasts to a
  /// shape.
  mlir::Value alignedTo(mlir::Value value, llvm::ArrayRef<graph::Extent> shape);
  /// Side by side along a dim. Others that only the run tells apart are compared by it.
  mlir::Value concat(llvm::ArrayRef<mlir::Value> values, int64_t dim);
  /// The same along a new dim.
  mlir::Value stack(llvm::ArrayRef<mlir::Value> values, int64_t dim);
  /// `before` and `after` times a number of rank 0 at the ends of a dim.
  mlir::Value padDim(mlir::Value value, int64_t dim, const graph::Extent &before, const graph::Extent &after,
                     mlir::Value number);
  /// Elements [start, start + extent) of one dim.
  mlir::Value sliceDim(mlir::Value value, int64_t dim, const graph::Extent &start, const graph::Extent &extent);
  /// The same in reverse order.
  mlir::Value reverseDim(mlir::Value value, int64_t dim, const graph::Extent &start, const graph::Extent &extent);
  /// All of some dims in reverse order.
  mlir::Value reverse(mlir::Value value, llvm::ArrayRef<int64_t> dims);
  /// Without a dim of 1.
  mlir::Value dropDim(mlir::Value value, int64_t dim);
  /// i1 [rows, columns]: whether an element's column is its row and `offset` more.
  mlir::Value isOnDiagonal(const graph::Extent &rows, const graph::Extent &columns, int64_t offset = 0);
  /// What a small tensor of integers holds, in row-major order: where it is not known now, symbols of what the run
  /// finds.
  enum class Sign { NotNegative, Any };
  graph::Extents sizesFrom(mlir::Value value, Sign sign = Sign::Any) { return sizesFrom(value, sign, 0); }
  /// What sizesFrom has found so far.
  llvm::DenseMap<mlir::Value, graph::Extents> &sizes() { return sizes_; }
  /// A name of a symbol, or of a function, that is none so far.
  std::string newSymbol(Sign sign) { return (sign == Sign::Any ? "$s" : "%s") + std::to_string(symbolCount_++); }
  std::string nextPartName() { return "part_" + std::to_string(partCount_++); }
  /// The one number that a tensor of an integer holds, which lies in [0, most].
  graph::Extent countFrom(mlir::Value value, const graph::Extent &most);
  /// What symbols lie between.
  graph::SymbolRanges &ranges() { return ranges_; }
  const graph::SymbolRanges &ranges() const { return ranges_; }
  /// A symbol that stands for an expression, so that what is made of it stays short. The run fails where it is negative
  /// and should not be.
  graph::Extent named(const graph::Extent &extent, Sign sign = Sign::Any);
  /// Extents as integers: a constant, or graph.sizes where one is symbolic.
  mlir::Value sizes(llvm::ArrayRef<graph::Extent> extents, mlir::RankedTensorType type);

private:
  llvm::SmallVector<mlir::Value> finish(mlir::Operation *op);
  void inferTypes(mlir::Operation *op);
  void check(mlir::Operation *op);
  bool evaluate(mlir::Operation *op, llvm::SmallVectorImpl<mlir::Value> &results);
  [[noreturn]] void refuse(mlir::Operation *op);
  graph::Extents sizesFrom(mlir::Value value, Sign sign, unsigned depth);
  graph::Extents bind(mlir::Value value, Sign sign, const graph::Extent &most = graph::Extent::tooLarge());

  mlir::OpBuilder builder_;
  mlir::Location location_;
  mlir::Type placeholder_;
  std::string diagnostic_; // the last
  mlir::ScopedDiagnosticHandler handler_;
  int64_t foldedElements_ = 0, computedBytes_ = 0;
  llvm::DenseMap<mlir::Value, graph::Extents> sizes_; // what sizesFrom found
  graph::SymbolRanges ranges_;
  unsigned partDepth_ = 0;
  unsigned symbolCount_ = 0, partCount_ = 0;
};

/// Shorthands for what importers ask of values. shapeOf refuses symbolic dims.
llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
using graph::extentsOf;
inline int64_t rankOf(mlir::Value value) { return graph::typeOf(value).getRank(); }
inline mlir::Type elementOf(mlir::Value value) { return graph::typeOf(value).getElementType(); }

/// `axis` counted from the front; refuses one outside [-rank, rank).
int64_t normalAxis(int64_t axis, int64_t rank);
/// The same of each, sorted; refuses one that occurs twice.
llvm::SmallVector<int64_t> normalAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

/// Arithmetic on numbers from a file; refuses what overflows.
int64_t checkedAdd(int64_t a, int64_t b);
int64_t checkedSub(int64_t a, int64_t b);
int64_t checkedMul(int64_t a, int64_t b);

/// A dim that must be known now.
int64_t fixedDim(mlir::Value value, int64_t dim);
/// extent / divisor; refuses what leaves a rest, and what is not known not to.
graph::Extent dividedBy(const graph::Extent &extent, int64_t divisor);
/// Whether there is one element, as far as is known.
inline bool isSingle(mlir::Value value) { return graph::productOf(graph::extentsOf(value)) == graph::Extent(1); }
/// The product of extents; refuses one that is too large.
graph::Extent elementsOf(llvm::ArrayRef<graph::Extent> extents);

/// Which of two extents that must be equal says more.
const graph::Extent &simplerOf(const graph::Extent &a, const graph::Extent &b);
/// Whether two extents may be equal, for the run to find out.
bool mayEqual(const graph::Extent &a, const graph::Extent &b);

/// The integers that a small tensor is known to hold, symbolic or not, in row-major order.
std::optional<graph::Extents> knownExtents(mlir::Value value);

/// "[1, 3, 224, 224]"
std::string inWords(llvm::ArrayRef<int64_t> numbers);
std::string inWords(llvm::ArrayRef<graph::Extent> extents);
/// "f32"
std::string inWords(mlir::Type type);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_GRAPHBUILDER_H
